package httpbot

import (
	"net/url"
	"strconv"

	"indaba/internal/core"
)

// Setting is one setting of a conversation as people read and write it. API tokens are none: see [NewToken].
type Setting struct {
	Name  string
	Value string // as text; empty when it is not set
	Help  string
}

// SettingNames returns the names that [Settings.Set] knows.
func SettingNames() (names []string) {
	for _, s := range (Settings{}).List() {
		names = append(names, s.Name)
	}
	return names
}

// List returns every setting. URLs hold their passwords: see [Redacted].
func (s Settings) List() []Setting {
	limit := ""
	if s.ContentLimit != nil {
		limit = strconv.Itoa(*s.ContentLimit)
	}
	return []Setting{
		{"streaming", strconv.FormatBool(s.Streaming()), "whether the application may read messages and events as streams"},
		{"push_message_url", s.PushMessageURL, "where messages from people are posted to"},
		{"push_event_url", s.PushEventURL, "where acks, nacks and delivery reports are posted to"},
		{"metric_store", s.MetricStore, "the store of metrics that the application fires"},
		{"ignore_messages", strconv.FormatBool(s.IgnoreMessages), "drop messages instead of pushing them"},
		{"ignore_events", strconv.FormatBool(s.IgnoreEvents), "drop events instead of pushing them"},
		{"content_length_limit", limit, "most characters of one message that the application sends"},
	}
}

// Set changes one setting by its text, as List gives it; the empty text is what it is when nobody sets it. A name that
// does not exist, or a text that cannot be read, is core.Invalid. Whether the settings make sense, Check tells.
func (s *Settings) Set(name, text string) (err error) {
	switch name {
	case "streaming":
		var streaming bool
		streaming, err = readBool(name, text)
		s.Type = NoStreaming
		if streaming {
			s.Type = Streaming
		}
	case "push_message_url":
		s.PushMessageURL = text
	case "push_event_url":
		s.PushEventURL = text
	case "metric_store":
		if s.MetricStore = text; text == "" {
			s.MetricStore = defaultStore
		}
	case "ignore_messages":
		s.IgnoreMessages, err = readBool(name, text)
	case "ignore_events":
		s.IgnoreEvents, err = readBool(name, text)
	case "content_length_limit":
		if s.ContentLimit = nil; text == "" {
			return nil
		}
		limit, parseErr := strconv.Atoi(text)
		if parseErr != nil {
			return core.Errorf(core.Invalid, "%s: %q is no number of characters", name, text)
		}
		s.ContentLimit = &limit
	default:
		hint := ""
		if near := core.Nearest(name, SettingNames()); near != "" {
			hint = "; did you mean " + near + "?"
		}
		return core.Errorf(core.Invalid, "a bot of kind http has no setting %q%s", name, hint)
	}
	return err
}

func readBool(name, text string) (bool, error) {
	switch text {
	case "true":
		return true, nil
	case "false", "":
		return false, nil
	}
	return false, core.Errorf(core.Invalid, "%s: %q is neither true nor false", name, text)
}

// Redacted returns the value of a setting without the password that it may hold.
func (s Setting) Redacted() string {
	if s.Name != "push_message_url" && s.Name != "push_event_url" {
		return s.Value
	}
	u, err := url.Parse(s.Value)
	if err != nil {
		return "(hidden)"
	}
	return u.Redacted()
}
