// Package channeltest runs an adapter against tables of cases: requests of its provider with what it must make of them,
// and messages with the request that the provider must see. To each table it adds the failures that every adapter must
// get right: forged, malformed, huge and misdirected webhooks, and a provider that refuses, stalls or breaks off
// (docs/spec/channels.md 0). It is for tests only.
package channeltest

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"indaba/internal/channel"
	"indaba/internal/core"
)

// WebhookURL is where channels under test are reached from outside.
const WebhookURL = "https://indaba.example/channels/0123456789abcdef0123456789abcdef"

// Suite is everything there is to test about one adapter.
type Suite struct {
	Type     channel.Type
	Settings map[string]string
	// BaseURL names the setting that is set to the address of the provider under test. Without it the adapter sends no
	// requests, and the failures of sending are left out.
	BaseURL   string
	Address   string    // of the channel
	Now       time.Time // for the adapter's clock; zero for 2026-03-01 12:00 UTC
	LastInput string    // what Config.LastInput returns

	// Sign proves that a request comes from the provider; it is called for every request but Unsigned ones. Forge makes
	// a request whose proof is wrong.
	Sign, Forge func(*channel.Request)
	Receive     []ReceiveCase
	// AnyBody says that the adapter has a use for every body, so that none is malformed.
	AnyBody bool

	// Accepts is what the provider answers when it takes a message.
	Accepts Reply
	Send    []SendCase
	// Classes are the statuses that this provider uses differently from everybody else.
	Classes map[int]channel.Class
	// StatusSuffices says that a 2xx answer means that the message was taken, whatever its body.
	StatusSuffices bool
}

// ReceiveCase is one request from the provider and what the adapter must make of it.
type ReceiveCase struct {
	Name      string
	Method    string // empty for POST
	Path      string
	Query     string
	Header    map[string]string
	Form      url.Values // the body, or
	JSON      string     // the body, or
	Body      string     // the body
	Unsigned  bool
	From      string // address of the caller; empty for 192.0.2.1
	LastInput string // in place of the suite's

	Want channel.Received
	Err  core.Kind // when not 0, the kind of error
}

// Reply is a provider's answer.
type Reply struct {
	Status int // 0 for 200
	Header map[string]string
	Body   string
}

// SendCase is one message, the request that the provider must see, its answer, and what the adapter must make of it.
type SendCase struct {
	Name     string
	Settings map[string]string // in addition to the suite's
	Message  channel.Outbound

	Method string            // empty for POST
	Path   string            // with the query
	Header map[string]string // that the request must have, among others
	Form   map[string]string // the whole form, several values of a field joined by " & ", or
	JSON   string            // the body, or
	Body   string            // the body
	None   bool              // no request may be made

	Reply   Reply // zero for the suite's Accepts
	Receipt channel.Receipt
	Err     *channel.SendError // class, wait and code are compared
}

// Run tests an adapter.
func Run(t *testing.T, s Suite) {
	s.Now = s.clock()
	t.Run("type", s.testType)
	t.Run("receive", s.testReceive)
	t.Run("send", s.testSend)
	if s.BaseURL != "" {
		t.Run("failures", s.testFailures)
	}
}

func (s *Suite) clock() time.Time {
	if s.Now.IsZero() {
		return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	}
	return s.Now
}

// Open makes the adapter of a suite, with other or further settings.
func Open(t testing.TB, s Suite, more map[string]string) channel.Adapter {
	t.Helper()
	return s.open(t, more, s.LastInput)
}

func (s *Suite) open(t testing.TB, more map[string]string, lastInput string) channel.Adapter {
	t.Helper()
	settings := maps.Clone(s.Settings)
	if s.BaseURL != "" && settings[s.BaseURL] == "" {
		settings[s.BaseURL] = "http://provider.invalid"
	}
	maps.Copy(settings, more)
	client := channel.NewClient(nil)
	t.Cleanup(client.CloseIdleConnections)
	now := s.clock()
	a, err := s.Type.Open(channel.Config{
		Key:        "0123456789abcdef0123456789abcdef",
		Address:    s.Address,
		WebhookURL: WebhookURL,
		Settings:   settings,
		HTTP:       client,
		Now:        func() time.Time { return now },
		LastInput:  func(context.Context, string) (string, error) { return lastInput, nil },
	})
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	return a
}

// testType checks what the type says about itself, and that settings which do not fit are refused by name.
func (s *Suite) testType(t *testing.T) {
	for name, text := range map[string]string{"Name": s.Type.Name, "Title": s.Type.Title, "Help": s.Type.Help,
		"Transport": s.Type.Transport, "DeliveryClass": s.Type.DeliveryClass} {
		if text == "" {
			t.Errorf("the type has no %s", name)
		}
	}
	if _, err := s.Type.Check(s.Settings); err != nil && s.BaseURL == "" {
		t.Errorf("the suite's settings: %v", err)
	}
	seen := map[string]bool{}
	for _, setting := range s.Type.Settings {
		if seen[setting.Name] || setting.Title == "" || setting.Help == "" || setting.Kind == "" {
			t.Errorf("setting %q is twice there, or lacks title, help or kind", setting.Name)
		}
		seen[setting.Name] = true
		if !setting.Required {
			continue
		}
		without := maps.Clone(s.Settings)
		delete(without, setting.Name)
		_, err := s.Type.Open(channel.Config{Settings: without})
		if core.KindOf(err) != core.Invalid || !strings.Contains(core.SafeMessage(err), setting.Name) {
			t.Errorf("without %s: %v", setting.Name, err)
		}
	}
}

// Request makes the request of a case, signed unless the case says otherwise. Fuzz targets can use it for their seeds.
func (s *Suite) Request(c ReceiveCase) *channel.Request {
	r := &channel.Request{
		Method:   c.Method,
		Path:     c.Path,
		URL:      WebhookURL,
		Header:   http.Header{},
		Body:     []byte(c.Body),
		RemoteIP: netip.MustParseAddr("192.0.2.1"),
	}
	if r.Method == "" {
		r.Method = http.MethodPost
	}
	if c.From != "" {
		r.RemoteIP = netip.MustParseAddr(c.From)
	}
	switch {
	case c.Form != nil:
		r.Body = []byte(c.Form.Encode())
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	case c.JSON != "":
		r.Body = []byte(c.JSON)
		r.Header.Set("Content-Type", "application/json")
	}
	for name, value := range c.Header {
		r.Header.Set(name, value)
	}
	if c.Path != "" {
		r.URL += "/" + c.Path
	}
	if c.Query != "" {
		r.URL += "?" + c.Query
	}
	r.Query, _ = url.ParseQuery(c.Query) // what does not parse is left out, as in a server
	if s.Sign != nil && !c.Unsigned {
		s.Sign(r)
	}
	return r
}

func show(value any) string {
	text, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err.Error()
	}
	return string(text)
}
