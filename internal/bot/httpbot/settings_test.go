package httpbot

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"indaba/internal/core"
)

func TestTokens(t *testing.T) {
	token, entry := NewToken()
	s := Settings{APITokens: []string{"written by hand", entry, ""}}
	for given, want := range map[string]bool{token: true, "written by hand": true, "": false, entry: false,
		strings.TrimPrefix(entry, tokenHash): false, token + " ": false, "written by": false} {
		if s.Admits(given) != want {
			t.Errorf("%q is let in: %v", given, !want)
		}
	}
	if (Settings{}).Admits(token) || (Settings{APITokens: []string{hashed("")}}).Admits("") {
		t.Error("nobody must come in")
	}
	if strings.Contains(entry, token) || TokenName(entry) != TokenName(token) || len(TokenName(entry)) != 8 {
		t.Errorf("token %s is kept as %s and called %s", token, entry, TokenName(entry))
	}
}

func TestEditing(t *testing.T) {
	s := DefaultSettings()
	for _, change := range [][2]string{{"streaming", "true"}, {"push_message_url", "https://u:p@example.org/in"},
		{"push_event_url", "http://example.org:81/"}, {"metric_store", "shop"}, {"ignore_messages", "true"},
		{"ignore_events", "true"}, {"content_length_limit", "0"}} {
		if err := s.Set(change[0], change[1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Check(); err != nil {
		t.Error(err)
	}
	limit := 0
	want := Settings{Type: Streaming, PushMessageURL: "https://u:p@example.org/in", PushEventURL: "http://example.org:81/",
		MetricStore: "shop", IgnoreMessages: true, IgnoreEvents: true, ContentLimit: &limit}
	if !reflect.DeepEqual(s, want) {
		t.Errorf("got %+v", s)
	}
	for _, setting := range s.List() {
		if strings.Contains(setting.Redacted(), ":p@") {
			t.Errorf("%s shows its password: %s", setting.Name, setting.Redacted())
		}
		// What List says is what Set takes.
		if err := s.Set(setting.Name, setting.Value); err != nil || !reflect.DeepEqual(s, want) {
			t.Errorf("%s set to what it was: %+v, %v", setting.Name, s, err)
		}
	}
	values, err := s.Values()
	if err != nil || values[NoStreaming] != nil || values[Streaming] == nil {
		t.Fatalf("got %v, %v", values, err)
	}
	if read, err := ReadSettings(map[string]string{Streaming: *values[Streaming]}); err != nil || !reflect.DeepEqual(read, want) {
		t.Errorf("read back: %+v, %v", read, err)
	}
	if _, there := values[NoStreaming]; !there {
		t.Error("the settings of the other type stay")
	}
	for _, name := range SettingNames() {
		if err := s.Set(name, ""); err != nil {
			t.Error(err)
		}
	}
	if !reflect.DeepEqual(s, DefaultSettings()) {
		t.Errorf("unset: %+v", s)
	}
	for _, change := range [][2]string{{"streaming", "yes"}, {"ignore_events", "1"}, {"content_length_limit", "many"},
		{"content_length_limit", "99999999999999999999"}, {"push_url", "http://x/"}, {"api_tokens", "secret"}, {"", ""}} {
		if err := s.Set(change[0], change[1]); core.KindOf(err) != core.Invalid || !strings.Contains(err.Error(), change[0]) {
			t.Errorf("%q: %v", change, err)
		}
	}
	if err := s.Set("push_mesage_url", ""); err == nil || !strings.Contains(err.Error(), "did you mean push_message_url?") {
		t.Errorf("misspelt: %v", err)
	}
}

func TestCheckOfSettings(t *testing.T) {
	for text, want := range map[string]string{
		`{}`: "",
		`{"push_message_url": null, "content_length_limit": null}`:    "",
		`{"push_message_url": "example.org/hunter2"}`:                 "push_message_url:",
		`{"push_message_url": "ftp://u:hunter2@example.org/"}`:        "push_message_url:",
		`{"push_event_url": "http:///hunter2"}`:                       "push_event_url:",
		`{"push_event_url": "http://u:hunter2%@x/"}`:                  "push_event_url:",
		`{"metric_store": "with space"}`:                              "metric_store:",
		`{"metric_store": ""}`:                                        "",
		`{"content_length_limit": -1}`:                                "content_length_limit:",
		`{"push_event_url": "https://example.org", "api_tokens": []}`: "",
	} {
		s, err := ReadSettings(map[string]string{NoStreaming: text})
		if err != nil {
			t.Fatal(err)
		}
		err = s.Check()
		if (err == nil) != (want == "") || err != nil && (!strings.HasPrefix(err.Error(), want) || core.KindOf(err) != core.Invalid) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("a secret is told: %v", err)
		}
	}
	if (Settings{Type: "http", MetricStore: "default"}).Check() == nil {
		t.Error("a type that does not exist passes")
	}
	if text, err := json.Marshal(DefaultSettings()); err != nil || strings.Contains(string(text), `""`) {
		t.Errorf("%s, %v: URLs that are not set are left out", text, err)
	}
}
