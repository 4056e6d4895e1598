package bundle

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"indaba/internal/core"
)

// Settings are a bot's settings as they came out of a manifest, with files read.
type Settings struct {
	Name          string              `json:"name"`
	Config        map[string]string   `json:"config"` // key → text; "config" is the app's configuration
	DeliveryClass string              `json:"delivery_class,omitempty"`
	Endpoints     map[string]Endpoint `json:"endpoints,omitempty"`
	AppContext    string              `json:"app_context,omitempty"` // a JavaScript expression
	NodeModules   []string            `json:"node_modules,omitempty"`
	TimeZone      string              `json:"time_zone,omitempty"`
	Limits        Limits              `json:"limits"`
	Isolation     string              `json:"isolation,omitempty"`
	Libraries     string              `json:"libraries,omitempty"` // "original", or "" for faster parts where they are known
	AllowHosts    []string            `json:"allow_hosts,omitempty"`
}

// settings reads the files that the manifest names.
func (m *Manifest) settings(folder *tree) (Settings, error) {
	s := Settings{Name: m.Name, Config: map[string]string{}, DeliveryClass: m.DeliveryClass, Endpoints: m.Endpoints,
		AppContext: strings.TrimSpace(m.AppContext), NodeModules: m.NodeModules, TimeZone: m.TimeZone, Limits: m.Limits,
		Isolation: m.Isolation, AllowHosts: m.AllowHosts}
	if m.Libraries == originalLibraries {
		s.Libraries = originalLibraries
	}
	for key, value := range m.Configs {
		text, err := configText(folder, key, value)
		if err != nil {
			return s, err
		}
		s.Config[key] = text
	}
	if len(m.Config) > 0 {
		text, err := configText(folder, "config", m.Config)
		if err != nil {
			return s, err
		}
		s.Config["config"] = text
	}
	if s.AppContext != "" && s.AppContext[0] != '{' && s.AppContext[0] != '(' {
		text, err := folder.readText(s.AppContext, maxConfigBytes)
		if err != nil {
			return s, fmt.Errorf("app_context: %w", err)
		}
		s.AppContext = strings.TrimSpace(text)
	}
	return s, nil
}

// configText returns the text of one configuration value: a file's content, or the JSON text of anything but a string.
func configText(folder *tree, key string, value json.RawMessage) (string, error) {
	var file string
	if json.Unmarshal(value, &file) == nil && string(value) != "null" {
		text, err := folder.readText(file, maxConfigBytes)
		if err != nil {
			return "", fmt.Errorf("configuration key %s: %w", key, err)
		}
		return text, nil
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, value); err != nil {
		return "", core.Errorf(core.Invalid, "configuration key %s: %v", key, err)
	}
	return compact.String(), nil
}

// completeConfig adds what the toolkit reads from the configuration to the object under "config", unless it is there
// already: name, without which every message fails, delivery_class and endpoints (docs/spec/vumi-sandbox.md 8).
func (s *Settings) completeConfig() error {
	if s.Config == nil {
		s.Config = map[string]string{}
	}
	text, given := s.Config["config"]
	members := map[string]json.RawMessage{}
	if given && json.Unmarshal([]byte(text), &members) != nil {
		return nil // text of another shape is the app's own business
	}
	add := func(key string, value any, wanted bool) error {
		if _, there := members[key]; there || !wanted {
			return nil
		}
		data, err := json.Marshal(value)
		if err != nil {
			return fmt.Errorf("encoding %s: %w", key, err)
		}
		if members == nil {
			members = map[string]json.RawMessage{}
		}
		members[key], given = data, false
		return nil
	}
	if err := errors.Join(add("name", s.Name, s.Name != ""), add("delivery_class", s.DeliveryClass, s.DeliveryClass != ""),
		add("endpoints", s.Endpoints, len(s.Endpoints) > 0)); err != nil {
		return err
	}
	if given {
		return nil // nothing was added: the author's own text stays as it is
	}
	data, err := json.Marshal(members)
	if err != nil {
		return fmt.Errorf("encoding config: %w", err)
	}
	s.Config["config"] = string(data)
	return nil
}

// appContext returns the app context to run with: the author's, or a require that knows only the listed names.
func (s *Settings) appContext() string {
	if s.AppContext != "" || len(s.NodeModules) == 0 {
		return s.AppContext
	}
	names, err := json.Marshal(s.NodeModules)
	if err != nil {
		return "" // a list of strings always encodes
	}
	return "{Buffer: Buffer, require: function (name) { return " + string(names) + ".indexOf(name) < 0 ? null : require(name); }}"
}

// answersItself says whether the app context or the allow-list has an answer of its own, such as null, for a specifier
// that nothing else answers to. Of one that the app context names it is taken that the script gets the real thing.
func (s *Settings) answersItself(specifier string) bool {
	if len(s.NodeModules) > 0 {
		return !slices.Contains(s.NodeModules, specifier)
	}
	named := strings.Contains(s.AppContext, `"`+specifier+`"`) || strings.Contains(s.AppContext, `'`+specifier+`'`)
	return s.AppContext != "" && !named
}
