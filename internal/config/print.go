package config

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	"gopkg.in/yaml.v3"
)

// Shown is one setting as it may be shown to others.
type Shown struct {
	Name   string
	Value  string // as it stands in a settings file; what is hidden, without its secret
	Hidden bool   // whether Value is not all of it
	Origin string // see [Sources.Origin]; "" when nobody asked
}

// Show returns every setting but the name of the file. sources says where they came from; nil does not.
func (c *Config) Show(sources *Sources) ([]Shown, error) {
	var all []Shown
	for _, flag := range flags(c) {
		name := settingName(flag)
		if name == "config" {
			continue
		}
		value, hidden, err := shown(flag)
		if err != nil {
			return nil, fmt.Errorf("print %s: %w", name, err)
		}
		one := Shown{Name: name, Value: value, Hidden: hidden}
		if sources != nil {
			one.Origin = sources.Origin(name)
		}
		all = append(all, one)
	}
	return all, nil
}

// Print writes the settings as a settings file. With sources, each line ends in a comment that says where the value
// came from. A secret is written as a comment without its value, so what is printed may be shown to others, and
// reading it back gives the same settings but for the secrets.
func (c *Config) Print(w io.Writer, sources *Sources) error {
	all, err := c.Show(sources)
	if err != nil {
		return err
	}
	var out strings.Builder
	for _, one := range all {
		line := one.Name + ": " + one.Value
		if one.Hidden {
			line = "# " + line
		}
		if one.Origin != "" {
			line += " # " + one.Origin
		}
		out.WriteString(line + "\n")
	}
	_, err = io.WriteString(w, out.String())
	return err
}

// shown returns the value of a setting as a settings file has it, and whether a secret was taken out of it.
func shown(flag *kong.Flag) (text string, hidden bool, err error) {
	value := flag.Target.Interface()
	text, _ = value.(string)
	switch secret := flag.Tag.Get("secret"); {
	case secret == "value" && text != "":
		return concealed, true, nil
	case secret == "url" && text != "":
		if redacted := redactURL(text); redacted != text {
			return redacted, true, nil
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
		return "", false, err
	}
	node.Style = yaml.FlowStyle
	if strings.ContainsAny(text, "\r\n") {
		node.Style = yaml.DoubleQuotedStyle // a block would run into the comment behind it
	}
	encoded, err := yaml.Marshal(&node)
	return strings.TrimSpace(string(encoded)), false, err
}

// concealed stands for what is not shown.
const concealed = "(hidden)"

// redactURL hides the password of a database's address. Where anything else could be one, nothing is shown.
func redactURL(text string) string {
	u, ok := parseAddress(text)
	if !ok || u.Host == "" || strings.Contains(u.User.Username(), ":") {
		return concealed
	}
	for parameter := range u.Query() {
		if strings.Contains(strings.ToLower(parameter), "password") {
			return concealed
		}
	}
	return u.Redacted()
}
