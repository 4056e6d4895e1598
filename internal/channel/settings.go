package channel

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"indaba/internal/core"
)

// Masked stands for the value of a secret setting in answers, forms and logs.
const Masked = "********"

// Open checks the settings, fills in defaults and makes the adapter, with a client of its own on the connections of
// c.HTTP. A core.Invalid error names every setting that does not fit. It does not use the network.
func (t Type) Open(c Config) (Adapter, error) {
	settings, err := t.Check(c.Settings)
	if err != nil {
		return nil, err
	}
	c.Settings = settings
	if c.HTTP == nil {
		c.HTTP = NewClient(nil)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	c.HTTP = c.HTTP.ForChannel(t, settings)
	c.HTTP.now = c.Now
	return t.New(c)
}

// DeliverySettings returns the settings that every adapter with a Send has: timeout, rate and max_attempts
// (docs/spec/channels.md 0).
func DeliverySettings() []Setting {
	return []Setting{
		{Name: "timeout", Title: "Timeout", Kind: Duration, Default: "10s",
			Help: "How long to wait for the provider's answer to one request."},
		{Name: "rate", Title: "Messages per second", Kind: Number,
			Help: "Empty for the provider's usual limit, 0 for none."},
		{Name: "max_attempts", Title: "Attempts", Kind: Number, Default: "6",
			Help: "How often to try before a message is failed."},
		{Name: "resend_unknown", Title: "Resend when in doubt", Kind: Choice, Default: "never", Choices: []string{"never", "once"},
			Help: "What to do with a message that may have arrived and that the provider says nothing about: leave it " +
				"in state unknown, or send it once more and risk that it arrives twice."},
	}
}

// Check returns the given settings with defaults filled in. Values are trimmed of space around them, and empty ones are
// as good as missing. It reports everything that is wrong at once, as one core.Invalid error.
func (t Type) Check(given map[string]string) (map[string]string, error) {
	var problems []string
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if !slices.ContainsFunc(t.Settings, func(s Setting) bool { return s.Name == name }) {
			problems = append(problems, fmt.Sprintf("unknown setting %q%s", name, t.suggest(name)))
		}
	}
	filled := make(map[string]string, len(t.Settings))
	for _, s := range t.Settings {
		value := strings.TrimSpace(given[s.Name])
		if value == "" {
			value = s.Default
		}
		if problem := s.problem(value); problem != "" {
			problems = append(problems, s.Name+" "+problem)
		}
		filled[s.Name] = value
	}
	if len(problems) > 0 {
		return nil, core.Errorf(core.Invalid, "%s channel: %s", t.Name, strings.Join(problems, "; "))
	}
	return filled, nil
}

// Redacted returns the settings with the values of secret ones, and of names that the type does not know, masked.
func (t Type) Redacted(settings map[string]string) map[string]string {
	shown := make(map[string]string, len(settings))
	for name, value := range settings {
		i := slices.IndexFunc(t.Settings, func(s Setting) bool { return s.Name == name })
		if value != "" && (i < 0 || t.Settings[i].Secret) {
			value = Masked
		}
		shown[name] = value
	}
	return shown
}

// problem says what is wrong with a value, or nothing. It never shows the value of a secret.
func (s Setting) problem(value string) string {
	shown := strconv.Quote(value)
	if s.Secret {
		shown = "the value"
	}
	switch {
	case value == "" && s.Required:
		return "is required"
	case value == "":
		return ""
	case s.Secret && value == Masked:
		return "is the mask that stands for a secret: give the secret itself"
	}
	switch s.Kind {
	case URL:
		if u, err := url.Parse(value); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return "must be an absolute http or https URL, not " + shown
		}
	case Number:
		if n, err := strconv.ParseFloat(value, 64); err != nil || !(n >= 0 && n <= 1e9) {
			return "must be a number from 0 to 1000000000, not " + shown
		}
	case Bool:
		if value != "true" && value != "false" {
			return "must be true or false, not " + shown
		}
	case Duration:
		if d, err := time.ParseDuration(value); err != nil || d <= 0 {
			return "must be a time such as 10s or 1m30s, not " + shown
		}
	case Choice:
		if !slices.Contains(s.Choices, value) {
			return "must be one of " + strings.Join(s.Choices, ", ") + ", not " + shown
		}
	case JSON:
		var object map[string]any
		if json.Unmarshal([]byte(value), &object) != nil || object == nil {
			return "must be a JSON object, not " + shown
		}
	}
	return ""
}

// suggest names the known setting nearest to an unknown one, when one is near enough to be meant.
func (t Type) suggest(name string) string {
	known := make([]string, len(t.Settings))
	for i, s := range t.Settings {
		known[i] = s.Name
	}
	best := core.Nearest(name, known)
	if best == "" {
		return ""
	}
	return ", did you mean " + strconv.Quote(best) + "?"
}

// Duration returns a checked Duration setting, and 0 when it is empty.
func (c Config) Duration(name string) time.Duration {
	d, _ := time.ParseDuration(c.Settings[name]) // Check refused what does not parse
	return d
}

// Number returns a checked Number setting, and 0 when it is empty.
func (c Config) Number(name string) float64 {
	n, _ := strconv.ParseFloat(c.Settings[name], 64) // Check refused what does not parse
	return n
}

// Bool returns a checked Bool setting, and false when it is empty.
func (c Config) Bool(name string) bool { return c.Settings[name] == "true" }

// Base returns a checked URL setting without slashes at its end.
func (c Config) Base(name string) string { return strings.TrimRight(c.Settings[name], "/") }
