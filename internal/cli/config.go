package cli

import (
	"io"
	"strings"

	"indaba/internal/config"
)

type configCommand struct{}

// Run prints the settings and fails if they make no sense.
func (*configCommand) Run(i *invocation) error {
	problem := i.config.Check()
	settings, err := i.config.Show(i.sources)
	if err != nil {
		return err
	}
	err = i.print(settingsView(settings, problem), func(w io.Writer) error { return i.config.Print(w, i.sources) })
	if err != nil {
		return err
	}
	return problem
}

// settingsView is the settings as an object, with what is wrong with them. Hidden values stay hidden.
func settingsView(settings []config.Shown, problem error) any {
	type setting struct {
		Value  string `json:"value"`
		Origin string `json:"origin"`
	}
	view := map[string]setting{}
	for _, one := range settings {
		view[one.Name] = setting{one.Value, one.Origin}
	}
	problems := []string{}
	if problem != nil {
		problems = strings.Split(problem.Error(), "\n")
	}
	return map[string]any{"settings": view, "problems": problems}
}

// defaulted reports whether nobody gave a setting.
func (i *invocation) defaulted(setting string) bool { return i.sources.Origin(setting) == "default" }
