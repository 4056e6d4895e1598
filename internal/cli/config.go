package cli

import (
	"io"
	"strings"
)

type configCommand struct{}

// Run prints the settings and fails if they make no sense.
func (*configCommand) Run(i *invocation) error {
	problem := i.config.Check()
	var text strings.Builder
	if err := i.config.Print(&text, i.sources); err != nil {
		return err
	}
	err := i.print(settingsView(text.String(), problem), func(w io.Writer) error {
		_, err := io.WriteString(w, text.String())
		return err
	})
	if err != nil {
		return err
	}
	return problem
}

// settingsView is the printed settings as an object, with what is wrong with them. Hidden values stay hidden.
func settingsView(printed string, problem error) any {
	type setting struct {
		Value  string `json:"value"`
		Origin string `json:"origin"`
	}
	settings := map[string]setting{}
	for line := range strings.Lines(printed) {
		end := strings.LastIndex(line, " # ")
		name, value, _ := strings.Cut(strings.TrimPrefix(line[:max(end, 0)], "# "), ": ")
		settings[name] = setting{value, strings.TrimSpace(line[end+3:])}
	}
	problems := []string{}
	if problem != nil {
		problems = strings.Split(problem.Error(), "\n")
	}
	return map[string]any{"settings": settings, "problems": problems}
}

// defaulted reports whether nobody gave a setting.
func (i *invocation) defaulted(setting string) bool { return i.sources.Origin(setting) == "default" }
