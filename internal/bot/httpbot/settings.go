package httpbot

import (
	"encoding/json"

	"indaba/internal/core"
)

// The types of HTTP API conversations, which are also the configuration keys of their settings.
const (
	Streaming   = "http_api"          // may also be read as a stream
	NoStreaming = "http_api_nostream" // pushes only
)

// Settings are what the operator says about a conversation: a JSON object under the configuration key that is the
// conversation's type (docs/spec/vumi-http.md 9.1). Members that are absent or null have their zero value.
type Settings struct {
	Type           string   `json:"-"` // Streaming or NoStreaming
	APITokens      []string `json:"api_tokens"`
	PushMessageURL string   `json:"push_message_url"` // may hold user:password@
	PushEventURL   string   `json:"push_event_url"`
	MetricStore    string   `json:"metric_store"` // "default" when not given
	IgnoreMessages bool     `json:"ignore_messages"`
	IgnoreEvents   bool     `json:"ignore_events"`
	ContentLimit   *int     `json:"content_length_limit"` // characters; nil is no limit
}

// ReadSettings reads the settings out of a bot's configuration. With both keys set the one of the streaming type counts;
// with none the conversation pushes nothing and has no token. What is no such object is [core.Invalid].
func ReadSettings(config map[string]string) (Settings, error) {
	s := Settings{Type: NoStreaming, MetricStore: "default"}
	text, ok := config[Streaming]
	if ok {
		s.Type = Streaming
	} else if text, ok = config[NoStreaming]; !ok {
		return s, nil
	}
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		// The parser's words may hold a piece of the text, and that a secret.
		return Settings{Type: s.Type}, core.Errorf(core.Invalid, "the configuration value %s cannot be read: it must be a "+
			"JSON object with the members that the documentation of HTTP API conversations lists", s.Type)
	}
	if s.MetricStore == "" {
		s.MetricStore = "default"
	}
	return s, nil
}

// Streaming reports whether the application may read messages and events as streams.
func (s Settings) Streaming() bool { return s.Type == Streaming }

// url returns where pushes of a kind go; empty when nowhere.
func (s Settings) url(kind Kind) string {
	if kind == Events {
		return s.PushEventURL
	}
	return s.PushMessageURL
}
