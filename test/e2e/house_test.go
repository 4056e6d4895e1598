// Package e2e tests the whole server over HTTP: providers and people outside, bots inside, and nothing of the server
// looked at but what an operator can see. It is tests only.
package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"indaba/internal/app"
	"indaba/internal/bot"
	"indaba/internal/bot/bundle"
	"indaba/internal/config"
	"indaba/internal/core"
	"indaba/internal/db/dbtest"
	"indaba/internal/gateway"
	"indaba/internal/message"
	"indaba/internal/routing"
	"indaba/test/fake"
	"indaba/test/fake/africastalking"
	"indaba/test/fake/custom"
	"indaba/test/fake/twilio"
)

// patience is how long a test waits for what must happen.
const patience = 20 * time.Second

// echo answers each message with what it said.
const echo = `
api.on_inbound_message = function (command) {
  var m = command.msg;
  if (m.session_event === 'close') { return api.done(); }
  api.request('outbound.reply_to', {content: 'you said ' + m.content, in_reply_to: m.message_id, continue_session: true},
    function () { api.done(); });
};`

// house is a whole server in this process.
type house struct {
	*app.App
	t       *testing.T
	account string
}

// settings returns the settings of a server on a database of dbtest, with limits that hostile bots meet soon.
func settings(database string) *config.Config {
	c := config.Default()
	c.Listen, c.SecretKey = "127.0.0.1:0", strings.Repeat("5e", 32)
	c.Data = filepath.Dir(database)
	if strings.HasPrefix(database, "postgres") {
		c.Database = database
	}
	c.Bot.CPU, c.Bot.Wall, c.Bot.Memory = 300*time.Millisecond, 3*time.Second, 32<<20
	return c
}

// open starts a server on an empty database, with an account. It is stopped when the test ends.
func open(t *testing.T, c *config.Config) *house {
	t.Helper()
	h := start(t, c)
	owner, err := h.Accounts.Create(t.Context(), "house", "")
	if err != nil {
		t.Fatal(err)
	}
	h.account = owner.Key
	return h
}

func start(t *testing.T, c *config.Config) *house {
	t.Helper()
	a, err := app.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(errors.Join(err, a.Close()))
	}
	h := &house{App: a, t: t}
	t.Cleanup(h.stop)
	return h
}

// stop stops the server in order, once.
func (h *house) stop() {
	if h.App == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := h.Stop(ctx); err != nil {
		h.t.Errorf("stop: %v", err)
	}
	h.App = nil
}

// each runs a test on a server of its own for each engine.
func each(t *testing.T, test func(t *testing.T, h *house)) {
	dbtest.EachURL(t, func(t *testing.T, database string) {
		if !strings.HasPrefix(database, "postgres") {
			test(t, open(t, settings(database)))
			return
		}
		c := settings(database)
		c.Data = t.TempDir()
		test(t, open(t, c))
	})
}

// bot makes and deploys a bot and returns its key.
func (h *house) bot(name, script string, values map[string]string) string {
	h.t.Helper()
	b, err := h.Bots.Create(h.t.Context(), h.account, name, bot.Sandbox)
	if err != nil {
		h.t.Fatal(err)
	}
	h.deploy(b.Key, script, values)
	return b.Key
}

func (h *house) deploy(key, script string, values map[string]string) {
	h.t.Helper()
	program, err := bundle.FromScript(script, "app.js", bundle.Settings{Config: values}, "", bundle.Options{})
	if err == nil {
		_, err = h.Bots.Deploy(h.t.Context(), h.account, key, program)
	}
	if err != nil {
		h.t.Fatal(err)
	}
}

// channel connects a provider and routes what comes in to a bot, both ways; without a bot it leads nowhere.
func (h *house) channel(kind, address, bot string, values map[string]string) *gateway.Channel {
	h.t.Helper()
	c := &gateway.Channel{Account: h.account, Type: kind, Name: fmt.Sprint(kind, " of ", bot), Address: address, Settings: values}
	if err := h.Channels.Create(h.t.Context(), c); err != nil {
		h.t.Fatal(err)
	}
	if bot == "" {
		return c
	}
	outside := routing.Endpoint{Kind: routing.Channel, Key: c.Key, Name: routing.Default}
	inside := routing.Endpoint{Kind: routing.Bot, Key: bot, Name: routing.Default}
	if err := h.Routes.Link(h.t.Context(), h.account, routing.Entry{Source: outside, Target: inside}); err != nil {
		h.t.Fatal(err)
	}
	return c
}

func serve(t *testing.T, handler http.Handler) string {
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	t.Cleanup(server.CloseClientConnections) // first: a request that hangs would hold up the end
	return server.URL
}

func merged(sets ...map[string]string) map[string]string {
	all := map[string]string{"timeout": "700ms", "rate": "0"}
	for _, set := range sets {
		for k, v := range set {
			all[k] = v
		}
	}
	return all
}

func (h *house) custom(bot string, values map[string]string) (*gateway.Channel, *custom.Provider) {
	peer := custom.New("a shared secret", "")
	c := h.channel("custom", "", bot, merged(map[string]string{"base_url": serve(h.t, peer.Handler()), "secret": peer.Secret}, values))
	peer.Webhook = h.URL() + "/channels/" + c.Key
	return c, peer
}

func (h *house) twilio(bot string, values map[string]string) (*gateway.Channel, *twilio.Provider) {
	peer := twilio.New("AC1", "token", "")
	c := h.channel("sms/twilio", peer.Number, bot, merged(map[string]string{"base_url": serve(h.t, peer.Handler()),
		"account_sid": peer.AccountSID, "auth_token": peer.AuthToken}, values))
	peer.Webhook = h.URL() + "/channels/" + c.Key
	return c, peer
}

func (h *house) ussd(bot string, values map[string]string) *africastalking.Gateway {
	all := map[string]string{"path_secret": "walled"}
	for k, v := range values {
		all[k] = v
	}
	c := h.channel("ussd/africastalking", "*384*1#", bot, all)
	url := h.URL() + "/channels/" + c.Key + "/walled"
	return &africastalking.Gateway{Callback: url, Events: url, ServiceCode: "*384*1#"}
}

// say delivers a message to a custom channel, which must take it.
func say(t *testing.T, peer *custom.Provider, id, from, text string) {
	t.Helper()
	if reply, err := peer.Say(t.Context(), custom.Inbound{ID: id, From: from, Text: text}); err != nil || reply.Status != 200 {
		t.Fatalf("%s was answered %+v %v", id, reply, err)
	}
}

// taken waits until a provider has n messages.
func taken(t *testing.T, desk *fake.Desk, n int) []fake.Message {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	all, err := desk.WaitAccepted(ctx, n)
	if err != nil {
		t.Fatalf("the provider has %d messages, want %d: %+v", len(all), n, all)
	}
	return all
}

// eventually waits until look finds what it wants.
func eventually(t *testing.T, what string, look func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !look(); time.Sleep(5 * time.Millisecond) { // nobody tells a reader of a table
		if time.Now().After(end) {
			t.Fatalf("it did not happen that %s", what)
		}
	}
}

// status waits until the newest message to an address has a status.
func (h *house) status(to string, want core.Status) *core.Message {
	h.t.Helper()
	var found *core.Message
	eventually(h.t, fmt.Sprintf("the message to %s became %s", to, want), func() bool {
		all, err := h.Messages.Recent(h.t.Context(), h.account, to, 10)
		if err != nil {
			h.t.Fatal(err)
		}
		for _, m := range all {
			if m.Direction == core.Outbound {
				found = m
				return m.Status == want
			}
		}
		return false
	})
	return found
}

// logged waits until a bot's log has a line with a text in it.
func (h *house) logged(bot, text string) {
	h.t.Helper()
	eventually(h.t, fmt.Sprintf("the bot logged %q", text), func() bool {
		lines, _, err := h.Bots.Log(h.t.Context(), bot, 100, 0)
		if err != nil {
			h.t.Fatal(err)
		}
		for _, line := range lines {
			if strings.Contains(line.Text, text) {
				return true
			}
		}
		return false
	})
}

// parked waits until the server has n parked mails.
func (h *house) parked(n int) (all []message.Parked) {
	h.t.Helper()
	eventually(h.t, fmt.Sprint("parked mails were ", n), func() bool {
		var err error
		if all, err = h.Messages.Mailbox.Parked(h.t.Context(), h.account, 100); err != nil {
			h.t.Fatal(err)
		}
		return len(all) == n
	})
	return all
}
