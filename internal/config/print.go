package config

import (
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	"gopkg.in/yaml.v3"
)

// Print writes the settings as a settings file. With sources, each line ends in a comment that says where the value
// came from. A secret is written as a comment without its value, so what is printed may be shown to others, and
// reading it back gives the same settings but for the secrets.
func (c *Config) Print(w io.Writer, sources *Sources) error {
	var out strings.Builder
	for _, flag := range flags(c) {
		name := settingName(flag)
		if name == "config" {
			continue
		}
		line, err := printed(flag)
		if err != nil {
			return fmt.Errorf("print %s: %w", name, err)
		}
		out.WriteString(line)
		if sources != nil {
			out.WriteString(" # " + sources.Origin(name))
		}
		out.WriteByte('\n')
	}
	_, err := io.WriteString(w, out.String())
	return err
}

func printed(flag *kong.Flag) (string, error) {
	name, value := settingName(flag), flag.Target.Interface()
	text, _ := value.(string)
	switch secret := flag.Tag.Get("secret"); {
	case secret == "value" && text != "":
		return "# " + name + ": (hidden)", nil
	case secret == "url" && text != "":
		if shown := redactURL(text); shown != text {
			return "# " + name + ": " + shown, nil
		}
	}
	switch v := value.(type) {
	case time.Duration:
		value = formatDuration(v)
	case Bytes:
		value = v.String()
	case slog.Level:
		value = strings.ToLower(v.String())
	}
	var node yaml.Node
	if err := node.Encode(value); err != nil {
		return "", err
	}
	node.Style = yaml.FlowStyle
	if strings.ContainsAny(text, "\r\n") {
		node.Style = yaml.DoubleQuotedStyle // a block would run into the comment behind it
	}
	encoded, err := yaml.Marshal(&node)
	return name + ": " + strings.TrimSpace(string(encoded)), err
}

// redactURL hides the passwords of an address: the user's, and those in its query parameters.
func redactURL(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return "(hidden)"
	}
	query := u.Query()
	for parameter := range query {
		if strings.Contains(strings.ToLower(parameter), "password") {
			query.Set(parameter, "xxxxx")
			u.RawQuery = query.Encode()
		}
	}
	return u.Redacted()
}
