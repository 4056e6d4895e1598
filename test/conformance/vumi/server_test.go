// Package vumi checks, over HTTP alone, that a server keeps docs/spec/vumi-http.md. It starts one, or takes the one that
// INDABA_CONFORMANCE_URL names (up to and without /contacts/): then INDABA_CONFORMANCE_TOKEN is a token for everything in
// an account that is there for this, INDABA_CONFORMANCE_OTHER_TOKEN one of another account, and
// INDABA_CONFORMANCE_NARROW_TOKEN one of the first account that may do nothing that is done here. Cases that need a token
// which is not given are left out.
package vumi_test

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"indaba/internal/account"
	"indaba/internal/api/vumi"
	"indaba/internal/app"
	"indaba/internal/bot"
	"indaba/internal/bot/bundle"
	"indaba/internal/config"
	"indaba/internal/gateway"
	"indaba/internal/routing"
)

// server is what the suite runs against.
type server struct {
	url    string            // of the API, without a slash at its end
	tokens map[string]string // by the words that cases use: main, other, narrow
	given  map[string]string // values for cases
	pushed chan push         // to the application of a conversation
	http   *http.Client
}

// target returns the server to check.
func target(t *testing.T) *server {
	t.Helper()
	s := &server{tokens: map[string]string{"bad": "ind_0000", "empty": ""}, given: map[string]string{}, http: &http.Client{
		Timeout:       time.Minute,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	t.Cleanup(s.http.CloseIdleConnections)
	if s.url = strings.TrimRight(os.Getenv("INDABA_CONFORMANCE_URL"), "/"); s.url != "" {
		for word, name := range map[string]string{
			"main": "TOKEN", "other": "OTHER_TOKEN", "narrow": "NARROW_TOKEN",
		} {
			if token := os.Getenv("INDABA_CONFORMANCE_" + name); token != "" {
				s.tokens[word] = token
			}
		}
		if s.tokens["main"] == "" {
			t.Fatal("INDABA_CONFORMANCE_TOKEN is not set")
		}
		return s
	}
	s.start(t)
	return s
}

// start runs a server with two accounts, of which the first has something of everything.
func (s *server) start(t *testing.T) {
	t.Helper()
	c := config.Default()
	c.Data, c.Listen = t.TempDir(), "127.0.0.1:0"
	c.Egress.AllowHosts = []string{"127.0.0.1"} // where applications of conversations are
	a, err := app.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := a.Stop(ctx); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	s.url = a.URL() + strings.TrimSuffix(vumi.Prefix, "/")
	first, second := newAccount(t, a), newAccount(t, a)
	s.tokens["main"] = newToken(t, a, first, account.ScopeContacts, account.ScopeMetrics, account.ScopeOptouts, account.ScopeAccount)
	s.tokens["narrow"] = newToken(t, a, first, account.ScopeMessages)
	s.tokens["other"] = newToken(t, a, second, account.ScopeAdmin)
	furnish(t, a, first)
	s.converse(t, a, first)
}

func newAccount(t *testing.T, a *app.App) string {
	t.Helper()
	made, err := a.Accounts.Create(t.Context(), "conformance", "")
	if err != nil {
		t.Fatal(err)
	}
	return made.Key
}

func newToken(t *testing.T, a *app.App, key string, scopes ...string) string {
	t.Helper()
	secret, _, err := a.Accounts.CreateToken(t.Context(), account.TokenSpec{Account: key, Name: "conformance", Scopes: scopes})
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

// furnish gives an account two channels, two bots and a router, and links some of them.
func furnish(t *testing.T, a *app.App, key string) {
	t.Helper()
	var channels []string
	for _, address := range []string{"*120*8864#", "+27820001001"} {
		c := &gateway.Channel{Account: key, Type: "simulator", Name: "line " + address, Address: address,
			Settings: map[string]string{"secret": "for the simulator"}}
		if err := a.Channels.Create(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		channels = append(channels, c.Key)
	}
	var bots []*bot.Bot
	for _, name := range []string{"Kliniek \u0416 \U0001F44B", "Ander"} {
		b, err := a.Bots.Create(t.Context(), key, name, bot.Sandbox)
		if err != nil {
			t.Fatal(err)
		}
		bots = append(bots, b)
	}
	settings := bundle.Settings{Name: "kliniek", Config: map[string]string{"config": `{"endpoints": {"sms": {"delivery_class": "sms"}}}`}}
	program, err := bundle.FromScript("api.on_unknown_command = function() { this.done(); };", "app.js", settings, "", bundle.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Bots.Deploy(t.Context(), key, bots[0].Key, program); err != nil {
		t.Fatal(err)
	}
	r := &routing.Router{Account: key, Type: routing.Keyword, Name: "words",
		Config: routing.RouterConfig{Keywords: map[string]string{"hulp": "help"}}}
	if err := a.Routes.CreateRouter(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	ends := []routing.Endpoint{
		{Kind: routing.Channel, Key: channels[0], Name: "default"}, {Kind: routing.Bot, Key: bots[0].Key, Name: "default"},
	}
	if err := a.Routes.Link(t.Context(), key, routing.Entry{Source: ends[0], Target: ends[1]},
		routing.Entry{Source: ends[1], Target: ends[0]}); err != nil {
		t.Fatal(err)
	}
}

// unique returns letters and digits that nobody used before.
func unique() string {
	var b [6]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// number returns a telephone number that nobody used before.
func number() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	digits := fmt.Sprintf("%020d", uint64(b[0])<<56|uint64(b[1])<<48|uint64(b[2])<<40|uint64(b[3])<<32|
		uint64(b[4])<<24|uint64(b[5])<<16|uint64(b[6])<<8|uint64(b[7]))
	return "+27" + digits[8:]
}
