package cli

import (
	"fmt"
	"io"
	"strings"

	"indaba/internal/channel"
)

// typeView is a channel type as JSON.
type typeView struct {
	Name          string        `json:"name"`
	Title         string        `json:"title"`
	Help          string        `json:"help"`
	Transport     string        `json:"transport_type"`
	DeliveryClass string        `json:"delivery_class"`
	Settings      []settingView `json:"settings"`
}

type settingView struct {
	Name     string   `json:"name"`
	Title    string   `json:"title"`
	Help     string   `json:"help"`
	Kind     string   `json:"kind"`
	Default  string   `json:"default,omitempty"`
	Choices  []string `json:"choices,omitempty"`
	Required bool     `json:"required,omitempty"`
	Secret   bool     `json:"secret,omitempty"`
}

func viewType(t channel.Type) typeView {
	view := typeView{t.Name, t.Title, t.Help, t.Transport, t.DeliveryClass, []settingView{}}
	for _, s := range t.Settings {
		view.Settings = append(view.Settings,
			settingView{s.Name, s.Title, s.Help, string(s.Kind), s.Default, s.Choices, s.Required, s.Secret})
	}
	return view
}

// writeType shows a type and its settings to people.
func writeType(w io.Writer, t channel.Type) error {
	if _, err := fmt.Fprintf(w, "%s: %s\n%s\n\n", t.Name, t.Title, t.Help); err != nil {
		return err
	}
	rows := make([][]string, len(t.Settings))
	for i, s := range t.Settings {
		rows[i] = []string{s.Name, settingNote(s), s.Help}
	}
	return writeTable(w, []string{"SETTING", "VALUE", "WHAT IT IS FOR"}, rows)
}

// settingNote says in a few words what a setting takes.
func settingNote(s channel.Setting) string {
	notes := []string{string(s.Kind)}
	if s.Kind == channel.Choice {
		notes = []string{strings.Join(s.Choices, "|")}
	}
	if s.Required {
		notes = append(notes, "required")
	}
	if s.Secret {
		notes = append(notes, "secret")
	}
	if s.Default != "" && len(s.Default) <= 20 {
		notes = append(notes, "default "+s.Default)
	}
	return strings.Join(notes, ", ")
}
