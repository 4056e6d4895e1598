package httpbot

import (
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"strings"

	"indaba/internal/core"
	"indaba/internal/metric"
)

// The types of HTTP API conversations, which are also the configuration keys of their settings.
const (
	Streaming   = "http_api"          // may also be read as a stream
	NoStreaming = "http_api_nostream" // pushes only
)

const defaultStore = "default" // for metrics

// Settings are what the operator says about a conversation: a JSON object under the configuration key that is the
// conversation's type (docs/spec/vumi-http.md 9.1). Members that are absent or null have their zero value.
type Settings struct {
	Type           string   `json:"-"`                          // Streaming or NoStreaming
	APITokens      []string `json:"api_tokens"`                 // as the operator wrote them, or as [NewToken] keeps them
	PushMessageURL string   `json:"push_message_url,omitempty"` // may hold user:password@
	PushEventURL   string   `json:"push_event_url,omitempty"`
	MetricStore    string   `json:"metric_store"` // "default" when not given
	IgnoreMessages bool     `json:"ignore_messages"`
	IgnoreEvents   bool     `json:"ignore_events"`
	ContentLimit   *int     `json:"content_length_limit"` // characters; nil is no limit
}

// DefaultSettings are those of a conversation of which nothing was said.
func DefaultSettings() Settings { return Settings{Type: NoStreaming, MetricStore: defaultStore} }

// ReadSettings reads the settings out of a bot's configuration. With both keys set the one of the streaming type counts;
// with none the conversation pushes nothing and has no token. What is no such object is [core.Invalid].
func ReadSettings(config map[string]string) (Settings, error) {
	s := DefaultSettings()
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
		s.MetricStore = defaultStore
	}
	return s, nil
}

// Streaming reports whether the application may read messages and events as streams.
func (s Settings) Streaming() bool { return s.Type == Streaming }

// tokenHash begins an entry of APITokens that is the hash of a token: nobody who reads the configuration learns the token.
const tokenHash = "sha256:"

// NewToken returns a fresh API token, and the entry of APITokens that lets it in.
func NewToken() (token, entry string) {
	token = core.NewSecret()
	return token, hashed(token)
}

func hashed(token string) string {
	return tokenHash + hex.EncodeToString(core.HashSecret(token))
}

// Admits reports whether a token is one of the conversation's. An entry that is a hash is no token itself.
func (s Settings) Admits(token string) bool {
	known, hash := 0, hashed(token)
	for _, entry := range s.APITokens {
		given := token
		if strings.HasPrefix(entry, tokenHash) {
			given = hash
		}
		known |= subtle.ConstantTimeCompare([]byte(entry), []byte(given))
	}
	return known == 1 && token != ""
}

// TokenName returns a name for an entry of APITokens that may be shown: eight digits of the token's hash.
func TokenName(entry string) string {
	if !strings.HasPrefix(entry, tokenHash) {
		entry = hashed(entry)
	}
	digits := strings.TrimPrefix(entry, tokenHash)
	return digits[:min(8, len(digits))]
}

// Check reports the first setting that makes no sense, as core.Invalid with its name.
func (s Settings) Check() error {
	if s.Type != Streaming && s.Type != NoStreaming {
		return core.Errorf(core.Invalid, "type: %q is none: use %s or %s", s.Type, Streaming, NoStreaming)
	}
	for _, u := range []struct{ name, text string }{
		{"push_message_url", s.PushMessageURL}, {"push_event_url", s.PushEventURL},
	} {
		if u.text == "" {
			continue
		}
		// The text is never quoted, and neither is the parser's error: both may hold the password.
		parsed, err := url.Parse(u.text)
		if err != nil || parsed.Scheme != "http" && parsed.Scheme != "https" || parsed.Hostname() == "" {
			return core.Errorf(core.Invalid, "%s: is no address to push to: write https://HOST/PATH, with USER:PASSWORD@ before "+
				"the host if the application asks for them", u.name)
		}
	}
	if !metric.IsPlainName(s.MetricStore) {
		return core.Errorf(core.Invalid, "metric_store: %q is no name of a store: begin with a letter, and use letters, digits "+
			"and . _ - up to 101 characters", s.MetricStore)
	}
	if s.ContentLimit != nil && *s.ContentLimit < 0 {
		return core.Errorf(core.Invalid, "content_length_limit: is %d: must be 0 or more, or left out for no limit", *s.ContentLimit)
	}
	return nil
}

// Values returns the configuration values that keep the settings, for [bot.Store.SetConfig]: those of the other type are
// removed.
func (s Settings) Values() (map[string]*string, error) {
	text, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	other := Streaming
	if s.Streaming() {
		other = NoStreaming
	}
	return map[string]*string{s.Type: new(string(text)), other: nil}, nil
}

// url returns where pushes of a kind go; empty when nowhere.
func (s Settings) url(kind Kind) string {
	if kind == Events {
		return s.PushEventURL
	}
	return s.PushMessageURL
}
