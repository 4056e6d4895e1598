package httpbot

import (
	"context"
	"encoding/json"
	"maps"
	"reflect"
	"strings"
	"testing"

	"indaba/internal/bot"
	"indaba/internal/bot/bundle"
	"indaba/internal/bot/js"
	"indaba/internal/core"
	"indaba/internal/db"
	"indaba/internal/db/dbtest"
)

// tags are what channels are called.
type tags map[string][2]string

func (t tags) Tag(_ context.Context, _, channel string) (pool, tag string, found bool, err error) {
	name, found := t[channel]
	return name[0], name[1], found, nil
}

// turn runs a turn of the conversation for a message, or for an event about it.
func (w *world) turn(m *core.Message, e *core.Event) bot.Result {
	w.t.Helper()
	load := Loader(Deps{Queue: w.queue, Now: w.now,
		Tags: tags{"c0000000000000000000000000000001": {"ussd_pool", "*120*1#"}}})
	r, err := load(w.bot, bot.Version{}, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	defer r.Close()
	result, err := r.Run(w.t.Context(), &bot.Turn{Bot: w.bot, Message: m, Event: e, Channel: m.Channel, Address: m.Address()})
	if err != nil || result.Outcome != js.Done {
		w.t.Fatalf("%+v, %v", result, err)
	}
	if result.Commit != nil {
		if err := w.db.Tx(w.t.Context(), result.Commit); err != nil {
			w.t.Fatal(err)
		}
	}
	return result
}

func same(t *testing.T, got, want string) {
	t.Helper()
	var g, w any
	if err := json.Unmarshal([]byte(got), &g); err != nil {
		t.Fatalf("%v: %s", err, got)
	}
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(g, w) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestPushedMessage(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		w.configure(NoStreaming, map[string]any{"push_message_url": w.app.url})
		m := w.inbound("Molo \u0416 \U0001F44B")
		w.turn(m, nil)
		w.turn(m, nil) // as when an operator lets it be handled again
		w.round()
		if w.app.count() != 1 {
			t.Fatalf("%d requests", w.app.count())
		}
		same(t, w.app.got[0].body, `{"message_type": "user_message", "message_version": "20110921", "message_id": "`+m.ID+`",
			"timestamp": "2026-03-04 05:06:07.000089", "in_reply_to": null, "session_event": "new", "content": "Molo \u0416 \ud83d\udc4b",
			"to_addr": "*120*1#", "from_addr": "+27831234567", "to_addr_type": null, "from_addr_type": null, "group": null,
			"provider": "mtn", "transport_name": "c0000000000000000000000000000001", "transport_type": "ussd",
			"transport_metadata": {"a": 1}, "routing_metadata": {"endpoint_name": "default"},
			"helper_metadata": {"x": {"y": 2}, "tag": {"tag": ["ussd_pool", "*120*1#"]}, "optout": {"optout": false},
			"go": {"user_account": "`+w.account+`", "conversation_type": "http_api_nostream", "conversation_key": "`+w.bot.Key+`"}}}`)
	})
}

func TestPushedEvents(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	w.configure(Streaming, map[string]any{"push_event_url": w.app.url})
	m := &core.Message{ID: core.NewMessageID(w.now()), Direction: core.Outbound, To: "+1", Bot: w.bot.Key, Endpoint: "default"}
	for _, test := range []struct {
		event core.Event
		more  string
	}{
		{core.Event{Type: core.Ack, SentMessageID: "x1"}, `"sent_message_id": "x1"`},
		{core.Event{Type: core.Nack, Reason: "no route"}, `"nack_reason": "no route"`},
		{core.Event{Type: core.Nack}, `"nack_reason": ""`},
		{core.Event{Type: core.DeliveryReport, Delivery: core.DeliveryDelivered}, `"delivery_status": "delivered"`},
	} {
		test.event.ID, test.event.MessageID, test.event.At = core.NewKey(), m.ID, w.now()
		if result := w.turn(m, &test.event); result.RepliesLater {
			t.Error("an event is to be answered")
		}
		w.round()
		same(t, w.app.got[len(w.app.got)-1].body, `{"message_type": "event", "message_version": "20110921", `+test.more+`,
			"event_id": "`+test.event.ID+`", "event_type": "`+string(test.event.Type)+`", "user_message_id": "`+m.ID+`",
			"timestamp": "2026-03-04 05:06:07.000089", "routing_metadata": {"endpoint_name": "default"}, "helper_metadata": {"go":
			{"user_account": "`+w.account+`", "conversation_type": "http_api", "conversation_key": "`+w.bot.Key+`"}}}`)
	}
	if w.app.count() != 4 {
		t.Errorf("%d requests, want 4", w.app.count())
	}
}

func TestWhereATurnLeads(t *testing.T) {
	url := map[string]any{"push_message_url": "http://example.org/"}
	with := func(more map[string]any) map[string]any {
		all := maps.Clone(url)
		maps.Copy(all, more)
		return all
	}
	for _, test := range []struct {
		name, kind string
		settings   map[string]any
		state      State  // 0: nothing is queued
		log        string // a part of it
	}{
		{"pushed", NoStreaming, url, Waiting, ""},
		{"a URL wins over streams", Streaming, url, Waiting, ""},
		{"held", Streaming, map[string]any{}, Held, ""},
		{"null is no URL", Streaming, map[string]any{"push_message_url": nil}, Held, ""},
		{"dropped", NoStreaming, map[string]any{}, 0, "push_message_url is not set"},
		{"ignored", NoStreaming, with(map[string]any{"ignore_messages": true}), 0, ""},
		{"events ignored", NoStreaming, with(map[string]any{"ignore_events": true}), Waiting, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, dbtest.SQLite(t))
			w.configure(test.kind, test.settings)
			result := w.turn(w.inbound("x"), nil)
			for state := Waiting; state <= Dead; state++ {
				if want := map[bool]int{true: 1}[state == test.state]; w.rows(state) != want {
					t.Errorf("%d pushes in state %d, want %d", w.rows(state), state, want)
				}
			}
			if result.RepliesLater != (test.state != 0) {
				t.Errorf("replies later: %v", result.RepliesLater)
			}
			if (len(result.Log) > 0) != (test.log != "") || test.log != "" && !strings.Contains(result.Log[0].Text, test.log) {
				t.Errorf("log: %+v", result.Log)
			}
		})
	}
}

func TestNothingIsDeployed(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	program, err := bundle.FromScript("1;", "app.js", bundle.Settings{Name: "x"}, "", bundle.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.bots.Deploy(t.Context(), w.account, w.bot.Key, program); core.KindOf(err) != core.Conflict {
		t.Errorf("got %v", err)
	}
}

func TestSettings(t *testing.T) {
	for _, test := range []struct {
		config map[string]string
		wants  bool // events
		ok     bool
	}{
		{map[string]string{}, false, true},
		{map[string]string{NoStreaming: `{}`}, false, true},
		{map[string]string{NoStreaming: `{"push_event_url": "http://x/"}`}, true, true},
		{map[string]string{NoStreaming: `{"push_event_url": "http://x/", "ignore_events": true}`}, false, true},
		{map[string]string{Streaming: `{}`}, true, true},
		{map[string]string{Streaming: `{"ignore_events": true}`}, false, true},
		{map[string]string{NoStreaming: `{"api_tokens": "secret"}`}, false, false},
		{map[string]string{NoStreaming: `secret`}, false, false},
		{map[string]string{NoStreaming: ``}, false, false},
	} {
		b := &bot.Bot{Config: test.config}
		r, err := Loader(Deps{})(b, bot.Version{}, nil)
		if (err == nil) != test.ok {
			t.Errorf("%v: %v", test.config, err)
			continue
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("a secret is told: %v", err)
		}
		if err == nil && r.Wants(nil) != test.wants {
			t.Errorf("%v: wants events %v", test.config, !test.wants)
		}
	}
}
