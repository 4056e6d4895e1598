package vumi_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"indaba/internal/account"
	"indaba/internal/bot"
	"indaba/internal/bot/bundle"
	"indaba/internal/gateway"
	"indaba/internal/routing"
)

func (s *server) newAccount(t *testing.T) string {
	t.Helper()
	made, err := s.own.Accounts.Create(t.Context(), "conformance", "")
	if err != nil {
		t.Fatal(err)
	}
	return made.Key
}

func (s *server) newToken(t *testing.T, spec account.TokenSpec) string {
	t.Helper()
	spec.Name = "conformance"
	secret, _, err := s.own.Accounts.CreateToken(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

// furnish makes two accounts with tokens. The first has two channels, two bots and a router, some of them linked.
func (s *server) furnish(t *testing.T) {
	t.Helper()
	first, second := s.newAccount(t), s.newAccount(t)
	s.given["account"], s.given["otheraccount"] = first, second
	s.tokens["main"] = s.newToken(t, account.TokenSpec{Account: first,
		Scopes: []string{account.ScopeContacts, account.ScopeMetrics, account.ScopeOptouts, account.ScopeAccount, account.ScopeMessages}})
	s.tokens["narrow"] = s.newToken(t, account.TokenSpec{Account: first, Scopes: []string{account.ScopeMetrics}})
	s.tokens["other"] = s.newToken(t, account.TokenSpec{Account: second, Scopes: []string{account.ScopeAdmin}})
	s.given["freshaccount"] = s.newAccount(t)
	s.tokens["fresh"] = s.newToken(t, account.TokenSpec{Account: s.given["freshaccount"], Scopes: []string{account.ScopeAdmin}})
	for _, scope := range account.Scopes() {
		s.tokens[scope.Name] = s.newToken(t, account.TokenSpec{Account: first, Scopes: []string{scope.Name}})
	}
	s.given["session"] = s.logIn(t, s.newUser(t, first).Email)
	var channels []string
	for _, address := range []string{"*120*8864#", "+27820001001"} {
		channels = append(channels, s.newLine(t, first, address).Key)
	}
	var bots []string
	for _, name := range []string{"Kliniek \u0416 \U0001F44B", "Ander"} {
		b, err := s.own.Bots.Create(t.Context(), first, name, bot.Sandbox)
		if err != nil {
			t.Fatal(err)
		}
		bots = append(bots, b.Key)
	}
	s.given["jsbox"] = bots[0]
	s.tokens["bot"] = s.newToken(t, account.TokenSpec{Account: first, Scopes: []string{account.ScopeAdmin}, Bot: bots[0]})
	settings := bundle.Settings{Name: "kliniek", Config: map[string]string{"config": `{"endpoints": {"sms": {"delivery_class": "sms"}}}`}}
	program, err := bundle.FromScript("api.on_unknown_command = function() { this.done(); };", "app.js", settings, "", bundle.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.own.Bots.Deploy(t.Context(), first, bots[0], program); err != nil {
		t.Fatal(err)
	}
	r := &routing.Router{Account: first, Type: routing.Keyword, Name: "words",
		Config: routing.RouterConfig{Keywords: map[string]string{"hulp": "help"}}}
	if err := s.own.Routes.CreateRouter(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	s.given["router"] = r.Key
	s.link(t, first, channels[0], bots[0])
}

// newLine makes a simulated line.
func (s *server) newLine(t *testing.T, owner, address string) *gateway.Channel {
	t.Helper()
	c := &gateway.Channel{Account: owner, Type: "simulator", Name: "line " + address, Address: address,
		Settings: map[string]string{"secret": "line secret"}}
	if err := s.own.Channels.Create(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	return c
}

// link joins a channel and a bot, both ways.
func (s *server) link(t *testing.T, owner, channel, key string) {
	t.Helper()
	outside := routing.Endpoint{Kind: routing.Channel, Key: channel, Name: routing.Default}
	inside := routing.Endpoint{Kind: routing.Bot, Key: key, Name: routing.Default}
	if err := s.own.Routes.Link(t.Context(), owner, routing.Entry{Source: outside, Target: inside},
		routing.Entry{Source: inside, Target: outside}); err != nil {
		t.Fatal(err)
	}
}

// converse gives the first account HTTP API conversations: one of each type, one with a limit on what is sent, and one
// that pushes to an application. The streaming one stands behind a simulated line. A third account does not heed opt-outs.
func (s *server) converse(t *testing.T) {
	t.Helper()
	const secret = "a token: with a colon"
	owner := s.given["account"]
	s.given["secret"], s.given["streamsecret"], s.given["oldsecret"], s.given["store"] = secret, secret, "old", "shop"
	s.pushed = make(chan push, 100)
	application := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body) // a short body shows in the comparison
		user, password, _ := r.BasicAuth()
		s.pushed <- push{r.Method + " " + r.URL.Path, user + ":" + password, r.Header.Get("Content-Type"), body}
	}))
	t.Cleanup(application.Close)
	with := strings.Replace(application.URL, "http://", "http://me:pass@", 1)
	for name, config := range map[string][2]string{
		"conversation": {"http_api_nostream", `{"api_tokens": ["old", "` + secret + `"], "metric_store": "shop"}`},
		"limited":      {"http_api_nostream", `{"api_tokens": ["` + secret + `"], "content_length_limit": 10}`},
		"pushing":      {"http_api_nostream", `{"api_tokens": ["` + secret + `"], "push_event_url": "` + with + `/events"}`},
		"stream":       {"http_api", `{"api_tokens": ["` + secret + `"], "metric_store": "shop"}`},
	} {
		s.given[name] = s.newConversation(t, owner, name, config[0], config[1])
	}
	line := s.newLine(t, owner, "+27820009999")
	s.given["line"], s.given["linesecret"], s.given["linenumber"] = line.Key, "line secret", line.Address
	s.link(t, owner, line.Key, s.given["stream"])
	free := s.newAccount(t)
	if err := s.own.Accounts.SetFlags(t.Context(), free, account.Flags{DisableOptouts: true}); err != nil {
		t.Fatal(err)
	}
	s.tokens["free"] = s.newToken(t, account.TokenSpec{Account: free, Scopes: []string{account.ScopeOptouts}})
	s.given["freeaccount"] = free
	s.given["free"] = s.newConversation(t, free, "free", "http_api_nostream", `{"api_tokens": ["`+secret+`"]}`)
	s.given["otherstream"] = s.newConversation(t, s.given["otheraccount"], "theirs", "http_api", `{"api_tokens": ["`+secret+`"]}`)
}

// newConversation makes an HTTP API conversation and returns its key.
func (s *server) newConversation(t *testing.T, owner, name, kind, settings string) string {
	t.Helper()
	b, err := s.own.Bots.Create(t.Context(), owner, name, bot.HTTP)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.own.Bots.SetConfig(t.Context(), owner, b.Key, map[string]*string{kind: &settings}); err != nil {
		t.Fatal(err)
	}
	return b.Key
}
