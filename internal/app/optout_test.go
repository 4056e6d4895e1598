package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"indaba/internal/account"
	"indaba/internal/app"
	"indaba/internal/bot"
	"indaba/internal/bot/httpbot"
	"indaba/internal/core"
	"indaba/internal/db/dbtest"
	"indaba/internal/gateway"
	"indaba/internal/routing"
	"indaba/test/fake/custom"
)

// reminder answers each message, and with "remind" also writes to its sender afresh. It logs what becomes of that.
const reminder = `
api.on_inbound_message = function(cmd) {
  var self = this;
  self.request('outbound.reply_to', {content: 'you said ' + cmd.msg.content, in_reply_to: cmd.msg.message_id}, function() {
    if (cmd.msg.content !== 'remind') { self.done(); return; }
    self.request('outbound.send_to', {content: 'a reminder', to_addr: cmd.msg.from_addr}, function() { self.done(); });
  });
};
api.on_inbound_event = function(cmd) {
  this.request('log.info', {msg: cmd.msg.event_type + ' ' + (cmd.msg.nack_reason || '')}, function() { this.done(); });
};`

// clinic is a server with one channel, whose provider is a fake, and a bot behind it.
type clinic struct {
	t       *testing.T
	app     *app.App
	account string
	channel *gateway.Channel
	peer    *custom.Provider
	said    int
	sent    int // messages that the provider must have taken
}

func openClinic(t *testing.T, url string) *clinic {
	t.Helper()
	c := &clinic{t: t}
	config := settings(t, url)
	config.Egress.AllowHosts = []string{"127.0.0.1"}
	c.app, _ = start(t, config)
	acc, err := c.app.Accounts.Create(t.Context(), "Clinic", "")
	if err != nil {
		t.Fatal(err)
	}
	c.account = acc.Key
	c.peer = custom.New("s3cret", "")
	provider := httptest.NewServer(c.peer.Handler())
	t.Cleanup(provider.Close)
	c.channel = &gateway.Channel{Account: acc.Key, Type: "custom", Name: "peer", Address: "us",
		Settings: map[string]string{"base_url": provider.URL, "secret": "s3cret", "transport_type": "sms"}}
	if err := c.app.Channels.Create(t.Context(), c.channel); err != nil {
		t.Fatal(err)
	}
	c.peer.Webhook = c.app.Gateway.WebhookURL(c.channel.Key)
	return c
}

// say lets somebody write.
func (c *clinic) say(from, text string) {
	c.t.Helper()
	c.said++
	reply, err := c.peer.Say(c.t.Context(), custom.Inbound{ID: fmt.Sprint("in", c.said), From: from, Text: text})
	if err != nil || reply.Status != http.StatusOK {
		c.t.Fatalf("%+v %v", reply, err)
	}
}

// gets waits until the provider has taken these further messages, in any order.
func (c *clinic) gets(texts ...string) {
	c.t.Helper()
	c.sent += len(texts)
	ctx, cancel := context.WithTimeout(c.t.Context(), 20*time.Second)
	defer cancel()
	all, err := c.peer.WaitAccepted(ctx, c.sent)
	if err != nil || len(all) != c.sent {
		c.t.Fatalf("%+v %v", all, err)
	}
	got := map[string]int{}
	for _, m := range all[c.sent-len(texts):] {
		got[m.Text]++
	}
	for _, text := range texts {
		if got[text]--; got[text] < 0 {
			c.t.Fatalf("%q did not come: %+v", text, all)
		}
	}
}

// logged waits for a line in the log of a bot.
func (c *clinic) logged(b *bot.Bot, text string) {
	c.t.Helper()
	waitFor(c.t, text, func() bool {
		lines, _, err := c.app.Bots.Log(c.t.Context(), b.Key, 100, 0)
		if err != nil {
			c.t.Fatal(err)
		}
		for _, line := range lines {
			if line.Text == text {
				return true
			}
		}
		return false
	})
}

// token makes an API token for opt-outs.
func (c *clinic) token() string {
	c.t.Helper()
	secret, _, err := c.app.Accounts.CreateToken(c.t.Context(), account.TokenSpec{Account: c.account, Name: "t",
		Scopes: []string{account.ScopeOptouts}})
	if err != nil {
		c.t.Fatal(err)
	}
	return secret
}

// call makes a request to the HTTP APIs and returns the answer.
func (c *clinic) call(method, path, body string, auth func(*http.Request)) (int, map[string]any) {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), method, c.app.URL()+"/api/v1/go"+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	auth(r)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }() // it was read
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(text, &fields); err != nil {
		c.t.Fatalf("%d %s", answer.StatusCode, text)
	}
	return answer.StatusCode, fields
}

// A person opts out by a keyword: no bot hears of it, nothing but replies arrives any more, whoever sends is told, and it
// ends when the person is opted in again.
func TestOptOutFromTheKeywordToTheNackAndBack(t *testing.T) {
	dbtest.EachURL(t, func(t *testing.T, url string) {
		const ann, refusal = "+27820000001", "Recipient with msisdn +27820000001 has opted out"
		c := openClinic(t, url)
		b := deploy(t, c.app, c.account, "reminder", reminder, map[string]string{"config": `{"name":"r","process_events":true}`})
		join(t, c.app, c.account, c.channel.Key, b.Key)
		if err := c.app.Accounts.SetOptoutKeywords(t.Context(), c.account, []string{"STOP"}); err != nil {
			t.Fatal(err)
		}
		c.say(ann, "remind")
		c.gets("you said remind", "a reminder")
		c.say(ann, " stop ")
		c.gets("You have opted out")

		c.say(ann, "remind") // replies go on, the reminder does not
		c.gets("you said remind")
		c.logged(b, "nack recipient: "+refusal)

		bearer := func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+c.token()) }
		path := "/optouts/msisdn/%2B27820000001"
		status, found := c.call("GET", path, "", bearer)
		record, _ := found["opt_out"].(map[string]any)
		if status != http.StatusOK || record["message"] == nil {
			t.Fatalf("%d %v", status, found)
		}
		stop, err := c.app.Messages.Get(t.Context(), c.account, record["message"].(string))
		if err != nil || *stop.Content != " stop " || stop.Bot != "" || stop.StatusReason != "opted out by the keyword stop" {
			t.Fatalf("%+v %v", stop, err)
		}
		if status, found = c.call("DELETE", path, "", bearer); status != http.StatusOK {
			t.Fatalf("%d %v", status, found)
		}
		c.say(ann, "remind")
		c.gets("you said remind", "a reminder")
		turns, err := c.app.Bots.Turns(t.Context(), b.Key, 100)
		if err != nil {
			t.Fatal(err)
		}
		for _, turn := range turns {
			if turn.Message == stop.ID {
				t.Error("the bot got the keyword")
			}
		}

		// The account that has opt-outs disabled heeds none and knows no keyword.
		if err := c.app.Accounts.SetFlags(t.Context(), c.account, account.Flags{DisableOptouts: true}); err != nil {
			t.Fatal(err)
		}
		if _, err := c.app.Optouts.Set(t.Context(), c.account, "msisdn", ann, ""); err != nil {
			t.Fatal(err)
		}
		c.say(ann, "remind")
		c.gets("you said remind", "a reminder")
		c.say(ann, "stop")
		c.gets("you said stop")
	})
}

// An application behind the HTTP API is refused at once when it writes to somebody who has opted out, and told by a nack
// when that happens while its message waits.
func TestApplicationIsToldOfAnOptOut(t *testing.T) {
	dbtest.EachURL(t, func(t *testing.T, url string) {
		const ann, refusal = "+27820000001", "Recipient with msisdn +27820000001 has opted out"
		c := openClinic(t, url)
		events := make(chan map[string]any, 10)
		application := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			var e map[string]any
			var body bytes.Buffer
			if _, err := body.ReadFrom(r.Body); err != nil || json.Unmarshal(body.Bytes(), &e) != nil {
				t.Errorf("pushed %q: %v", body.String(), err)
			}
			events <- e
		}))
		t.Cleanup(application.Close)
		b, err := c.app.Bots.Create(t.Context(), c.account, "talk", bot.HTTP)
		if err != nil {
			t.Fatal(err)
		}
		text := `{"api_tokens": ["secret"], "push_event_url": "` + application.URL + `", "ignore_messages": true}`
		if err := c.app.Bots.SetConfig(t.Context(), c.account, b.Key, map[string]*string{httpbot.NoStreaming: &text}); err != nil {
			t.Fatal(err)
		}
		join(t, c.app, c.account, c.channel.Key, b.Key)
		send := func(to string) (int, map[string]any) {
			t.Helper()
			return c.call("PUT", "/http_api_nostream/"+b.Key+"/messages.json", `{"to_addr": "`+to+`", "content": "news"}`,
				func(r *http.Request) { r.SetBasicAuth(c.account, "secret") })
		}
		if err := c.app.Channels.SetEnabled(t.Context(), c.account, c.channel.Key, false); err != nil {
			t.Fatal(err)
		}
		status, sent := send(ann)
		if status != http.StatusOK {
			t.Fatalf("%d %v", status, sent)
		}
		if _, err := c.app.Optouts.Set(t.Context(), c.account, "msisdn", ann, ""); err != nil {
			t.Fatal(err)
		}
		if status, refused := send(ann); status != http.StatusBadRequest || refused["reason"] != refusal || refused["success"] != false {
			t.Fatalf("%d %v", status, refused)
		}
		if err := c.app.Channels.SetEnabled(t.Context(), c.account, c.channel.Key, true); err != nil {
			t.Fatal(err)
		}
		var e map[string]any
		select {
		case e = <-events:
		case <-time.After(20 * time.Second):
			t.Fatal("no event came")
		}
		if e["event_type"] != "nack" || e["user_message_id"] != sent["message_id"] || e["nack_reason"] != "recipient: "+refusal {
			t.Fatalf("%v", e)
		}
		m, err := c.app.Messages.Get(t.Context(), c.account, sent["message_id"].(string))
		if err != nil || m.Status != core.Failed || m.StatusReason != "recipient: "+refusal {
			t.Fatalf("%+v %v", m, err)
		}
		c.gets()
	})
}

// What is stopped, archived and removed says so, on the wire of Vumi too, and what was on its way ends with a reason.
func TestBotsAndChannelsGo(t *testing.T) {
	dbtest.EachURL(t, func(t *testing.T, url string) {
		c := openClinic(t, url)
		b := deploy(t, c.app, c.account, "reminder", reminder, map[string]string{"config": `{"name":"r","process_events":true}`})
		join(t, c.app, c.account, c.channel.Key, b.Key)
		secret, _, err := c.app.Accounts.CreateToken(t.Context(), account.TokenSpec{Account: c.account, Name: "t",
			Scopes: []string{account.ScopeAccount}})
		if err != nil {
			t.Fatal(err)
		}
		table := func(list string) []any {
			t.Helper()
			_, answer := c.call("POST", "/api/", `{"id": 1, "method": "routing_table", "params": ["`+c.account+`"]}`,
				func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+secret) })
			result, _ := answer["result"].(map[string]any)
			found, ok := result[list].([]any)
			if !ok {
				t.Fatalf("%v", answer)
			}
			return found
		}
		status := func() any { return table("conversations")[0].(map[string]any)["status"] }
		if got := status(); got != "running" {
			t.Fatal(got)
		}
		if err := c.app.Bots.SetStopped(t.Context(), c.account, b.Key, true); err != nil {
			t.Fatal(err)
		}
		if got := status(); got != "stopped" {
			t.Fatal(got)
		}
		c.say("+1", "hello")
		waitFor(t, "the parked message", func() bool {
			parked, err := c.app.Messages.Mailbox.Parked(t.Context(), c.account, 10)
			return err == nil && len(parked) == 1 && strings.Contains(parked[0].Reason, "is stopped")
		})
		if err := c.app.Bots.SetStopped(t.Context(), c.account, b.Key, false); err != nil {
			t.Fatal(err)
		}
		c.say("+2", "hello")
		c.gets("you said hello")

		if err := c.app.Channels.SetSettings(t.Context(), c.account, c.channel.Key,
			map[string]string{"reply_to_unroutable_inbound": "true", "unroutable_inbound_reply": "Nobody is here."}); err != nil {
			t.Fatal(err)
		}
		if err := c.app.Runtime.Archive(t.Context(), c.account, b.Key); err != nil {
			t.Fatal(err)
		}
		if left := fmt.Sprint(table("conversations"), table("routing_entries")); left != "[] []" {
			t.Fatal(left)
		}
		c.say("+3", "hello")
		c.gets("Nobody is here.")

		// The next bot writes to somebody while the channel goes.
		next := deploy(t, c.app, c.account, "next", reminder, map[string]string{"config": `{"name":"n","process_events":true}`})
		join(t, c.app, c.account, c.channel.Key, next.Key)
		if err := c.app.Channels.SetEnabled(t.Context(), c.account, c.channel.Key, false); err != nil {
			t.Fatal(err)
		}
		if err := c.app.Runtime.Dispatch(t.Context(), &core.Message{ID: core.NewKey(), Account: c.account, Direction: core.Outbound,
			To: "+4", Bot: next.Key, Endpoint: routing.Default}); err != nil {
			t.Fatal(err)
		}
		if err := c.app.Gateway.Remove(t.Context(), c.account, c.channel.Key); err != nil {
			t.Fatal(err)
		}
		c.logged(next, "nack channel peer was removed")
		if left := fmt.Sprint(table("channels"), table("routing_entries")); left != "[] []" {
			t.Fatal(left)
		}
		c.gets()
	})
}
