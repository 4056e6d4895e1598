package sandbox

import (
	"encoding/json"
	"testing"

	"indaba/internal/bot"
	"indaba/internal/core"
)

// What scripts are told, to the letter (docs/spec/vumi-sandbox.md 5).
func TestInboundCommands(t *testing.T) {
	w := newWorld(t)
	r := &runner{deps: w.deps}
	message := func(change func(*core.Message)) *bot.Turn {
		turn := w.turn("1")
		turn.Message.ID = "m1"
		if change != nil {
			change(turn.Message)
		}
		return turn
	}
	event := func(e core.Event) *bot.Turn {
		turn := w.turn("")
		e.ID, e.MessageID, e.At = "e1", "m1", w.clock.now()
		turn.Message = &core.Message{ID: "m1", Direction: core.Outbound, Endpoint: "sms"}
		turn.Event = &e
		return turn
	}
	const (
		goOf      = `{"conversation_key":"` + testBot + `","conversation_type":"jsbox","user_account":"` + testAccount + `"}`
		headOf    = `{"cmd":"inbound-message","msg":{"message_type":"user_message","message_version":"20110921","message_id":"m1","timestamp":"2026-03-04 05:06:07.000089",`
		ussd      = `"to_addr":"*120*1#","to_addr_type":null,"from_addr":"+27831234567","from_addr_type":null,`
		transport = `"transport_name":"c0000000000000000000000000000001",`
		eventHead = `{"cmd":"inbound-event","msg":{"message_type":"event","message_version":"20110921","event_id":"e1",`
		eventTail = `"timestamp":"2026-03-04 05:06:07.000089",` + transport + `"transport_metadata":{},"helper_metadata":{"go":` + goOf + `},"routing_metadata":{"endpoint_name":"sms"}}}`
	)
	for name, c := range map[string]struct {
		turn *bot.Turn
		want string
	}{
		"ussd": {message(nil), headOf + ussd + `"content":"1","session_event":"new","in_reply_to":null,"group":null,"provider":null,` + transport +
			`"transport_type":"ussd","transport_metadata":{},"helper_metadata":{"delivery_class":"ussd","go":` + goOf + `,"optout":{"optout":false}},"routing_metadata":{"endpoint_name":"default"}}}`},
		"sms with everything": {message(func(m *core.Message) {
			m.Content, m.SessionEvent, m.TransportType, m.Group, m.Provider, m.InReplyTo = nil, core.SessionNone, "smpp", "g", "mtn", "m0"
			m.TransportMetadata, m.HelperMetadata = json.RawMessage(`{"a":[1]}`), json.RawMessage(`{"go":"forged","x":{"y":1}}`)
		}), headOf + ussd + `"content":null,"session_event":null,"in_reply_to":"m0","group":"g","provider":"mtn",` + transport +
			`"transport_type":"smpp","transport_metadata":{"a":[1]},"helper_metadata":{"delivery_class":"sms","go":` + goOf + `,"optout":{"optout":false},"x":{"y":1}},"routing_metadata":{"endpoint_name":"default"}}}`},
		"ack": {event(core.Event{Type: core.Ack, SentMessageID: "p9"}),
			eventHead + `"event_type":"ack","user_message_id":"m1","sent_message_id":"p9",` + eventTail},
		"nack": {event(core.Event{Type: core.Nack, Reason: "no route"}),
			eventHead + `"event_type":"nack","user_message_id":"m1","nack_reason":"no route",` + eventTail},
		"delivery report": {event(core.Event{Type: core.DeliveryReport, Delivery: core.DeliveryFailed}),
			eventHead + `"event_type":"delivery_report","user_message_id":"m1","delivery_status":"failed",` + eventTail},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := r.command(c.turn)
			if err != nil || got.text != c.want {
				t.Errorf("%v, got\n%s\nwant\n%s", err, got.text, c.want)
			}
		})
	}
	if _, err := r.command(&bot.Turn{Bot: w.bot()}); err == nil {
		t.Error("a turn for nothing has a command")
	}
}

func TestDeliveryClasses(t *testing.T) {
	w := newWorld(t)
	r := &runner{deps: w.deps}
	for transport, class := range map[string]string{
		"sms": "sms", "smpp": "sms", "ussd": "ussd", "twitter": "twitter", "xmpp": "gtalk", "mxit": "mxit", "wechat": "wechat",
		"irc": "sms", "telnet": "sms", "": "sms", "http_api": "sms",
	} {
		turn := w.turn("")
		turn.Message.TransportType = transport
		command, err := r.command(turn)
		var helper struct {
			Class string `json:"delivery_class"`
		}
		if err != nil || json.Unmarshal(command.helper, &helper) != nil || helper.Class != class {
			t.Errorf("%q: got class %q (%v), want %q", transport, helper.Class, err, class)
		}
	}
}

func TestWantsEvents(t *testing.T) {
	for config, want := range map[string]bool{
		`{"process_events": true}`: true, `{"process_events": false}`: false, `{"process_events": "true"}`: false, `{}`: false,
		`[]`: false, `null`: false, ``: false, `{`: false,
	} {
		if got := new(runner).Wants(map[string]string{"config": config}); got != want {
			t.Errorf("config %q: got %v, want %v", config, got, want)
		}
	}
}
