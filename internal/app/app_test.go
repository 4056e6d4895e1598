package app_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"testing"
	"time"

	"indaba/internal/app"
	"indaba/internal/bot"
	"indaba/internal/bot/bundle"
	"indaba/internal/config"
	"indaba/internal/core"
	"indaba/internal/db/dbtest"
	"indaba/internal/gateway"
	"indaba/internal/routing"
	"indaba/test/fake/custom"
)

// bare answers every message with how often its sender has written, and logs each event.
const bare = `
api.on_inbound_message = function(cmd) {
  this.request('kv.incr', {key: 'n.' + cmd.msg.from_addr}, function(reply) {
    this.request('outbound.reply_to', {content: cmd.msg.content + ' ' + reply.value, in_reply_to: cmd.msg.message_id}, function() {
      this.done();
    });
  });
};
api.on_inbound_event = function(cmd) {
  this.request('log.info', {msg: cmd.msg.event_type + ' ' + cmd.msg.user_message_id}, function() { this.done(); });
};`

func settings(t *testing.T, url string) *config.Config {
	t.Helper()
	c := config.Default()
	c.Data, c.Listen = t.TempDir(), "127.0.0.1:0"
	if len(url) > 8 && url[:8] == "postgres" {
		c.Database = url
	}
	return c
}

func start(t *testing.T, c *config.Config) (a *app.App, stop func()) {
	t.Helper()
	a, err := app.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := a.Stop(ctx); err != nil {
			t.Errorf("stop: %v", err)
		}
	}
	t.Cleanup(stop)
	return a, stop
}

func deploy(t *testing.T, a *app.App, account, name, script string, config map[string]string) *bot.Bot {
	t.Helper()
	b, err := a.Bots.Create(t.Context(), account, name, bot.Sandbox)
	if err != nil {
		t.Fatal(err)
	}
	program, err := bundle.FromScript(script, "app.js", bundle.Settings{Name: name, Config: config}, "", bundle.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Bots.Deploy(t.Context(), account, b.Key, program); err != nil {
		t.Fatal(err)
	}
	return b
}

func join(t *testing.T, a *app.App, account, channel, bot string) {
	t.Helper()
	c := routing.Endpoint{Kind: routing.Channel, Key: channel, Name: routing.Default}
	b := routing.Endpoint{Kind: routing.Bot, Key: bot, Name: routing.Default}
	if err := a.Routes.Link(t.Context(), account, routing.Entry{Source: c, Target: b}, routing.Entry{Source: b, Target: c}); err != nil {
		t.Fatal(err)
	}
}

func TestMessageGoesAllTheWayAndTheServerComesBackToIt(t *testing.T) {
	dbtest.EachURL(t, func(t *testing.T, url string) {
		c := settings(t, url)
		a, stop := start(t, c)
		acc, err := a.Accounts.Create(t.Context(), "Clinic", "")
		if err != nil {
			t.Fatal(err)
		}
		peer := custom.New("s3cret", "")
		provider := httptest.NewServer(peer.Handler())
		defer provider.Close()
		ch := &gateway.Channel{Account: acc.Key, Type: "custom", Name: "peer", Address: "us",
			Settings: map[string]string{"base_url": provider.URL, "secret": "s3cret"}}
		if err := a.Channels.Create(t.Context(), ch); err != nil {
			t.Fatal(err)
		}
		b := deploy(t, a, acc.Key, "counter", bare, map[string]string{"config": `{"name":"counter","process_events":true}`})
		join(t, a, acc.Key, ch.Key, b.Key)
		say := func(id, text string) {
			peer.Webhook = a.Gateway.WebhookURL(ch.Key)
			if reply, err := peer.Say(t.Context(), custom.Inbound{ID: id, From: "ann", Text: text}); err != nil || reply.Status != 200 {
				t.Fatalf("%+v %v", reply, err)
			}
		}
		for i := range 3 {
			say(fmt.Sprint(i), "hello")
		}
		all, err := peer.WaitAccepted(t.Context(), 3)
		if err != nil || all[2].Text != "hello 3" {
			t.Fatalf("%+v %v", all, err)
		}
		stop()
		a, _ = start(t, c)
		say("4", "again")
		if all, err = peer.WaitAccepted(t.Context(), 4); err != nil || all[3].Text != "again 4" {
			t.Fatalf("%+v %v", all, err)
		}
		waitFor(t, "four acks in the log", func() bool {
			lines, _, err := a.Bots.Log(t.Context(), b.Key, 100, 0)
			if err != nil {
				t.Fatal(err)
			}
			acks := 0
			for _, line := range lines {
				if len(line.Text) > 4 && line.Text[:4] == "ack " {
					acks++
				}
			}
			return acks == 4
		})
		turns, err := a.Bots.Turns(t.Context(), b.Key, 10)
		if err != nil || len(turns) != 8 {
			t.Fatalf("%+v %v", turns, err)
		}
		for _, turn := range turns {
			_, _, diffs, err := a.Runtime.Replay(t.Context(), acc.Key, b.Key, turn.ID, 0)
			if err != nil || len(diffs) != 0 {
				t.Fatalf("replay of turn %d: %v %v", turn.ID, diffs, err)
			}
		}
	})
}

// waitFor looks until something that nothing announces has come true.
func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

func TestSecondServerIsKeptOut(t *testing.T) {
	c := settings(t, "")
	start(t, c)
	second := *c
	a, err := app.Open(t.Context(), &second)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = a.Close() }() // it was opened only
	if err := a.Start(t.Context()); core.KindOf(err) != core.Conflict {
		t.Fatalf("two servers run on one directory: %v", err)
	}
}
