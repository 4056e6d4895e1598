package sandbox

import (
	"encoding/json"
	"strings"
	"testing"

	"indaba/internal/bot"
	"indaba/internal/bot/bundle"
	"indaba/internal/core"
)

const goOfTest = `{"conversation_key":"` + testBot + `","conversation_type":"jsbox","user_account":"` + testAccount + `"}`

// sent returns what a turn of commands sends.
func (w *world) sent(turn *bot.Turn, commands ...string) []bot.Send {
	w.t.Helper()
	for i := range commands {
		commands[i] = strings.ReplaceAll(commands[i], "ID", turn.Message.ID)
	}
	replies, result := w.ask(turn, commands...)
	for i, reply := range replies {
		if asJSON(w.t, reply) != ok {
			w.t.Errorf("%s: got %v", commands[i], reply)
		}
	}
	return result.Sends
}

func TestReplies(t *testing.T) {
	w := newWorld(t, func(w *world) { w.deps.HelperMetadata = []string{"voice", "go"} })
	hello, group := "hello", "#chat"
	turn := w.turn("")
	turn.Message.Group = group
	turn.Message.HelperMetadata = json.RawMessage(`{"tag":{"tag":["pool","t1"]}}`)
	metadata := `{"delivery_class":"ussd","go":` + goOfTest + `,"optout":{"optout":false},"tag":{"tag":["pool","t1"]}}`
	got := w.sent(turn,
		`{"cmd":"outbound.reply_to","content":"hello","in_reply_to":"ID"}`,
		`{"cmd":"outbound.reply_to","content":"hello","in_reply_to":"ID","continue_session":false}`,
		`{"cmd":"outbound.reply_to","content":null,"in_reply_to":"ID","helper_metadata":{"voice":{"wait_for":"#"}}}`,
		`{"cmd":"outbound.reply_to_group","content":"hello","in_reply_to":"ID"}`)
	want := []bot.Send{
		{Reply: true, Content: &hello, HelperMetadata: json.RawMessage(metadata)},
		{Reply: true, Content: &hello, SessionEvent: core.SessionClose, HelperMetadata: json.RawMessage(metadata)},
		{Reply: true, HelperMetadata: json.RawMessage(strings.TrimSuffix(metadata, "}") + `,"voice":{"wait_for":"#"}}`)},
		{Reply: true, ToGroup: true, Content: &hello, HelperMetadata: json.RawMessage(metadata)},
	}
	if asJSON(t, got) != asJSON(t, want) {
		t.Errorf("got %s\nwant %s", asJSON(t, got), asJSON(t, want))
	}
	turn.Message.Group = ""
	if got := w.sent(turn, `{"cmd":"outbound.reply_to_group","content":"hello","in_reply_to":"ID"}`); got[0].ToGroup {
		t.Error("a reply to the group of a message without one goes to a group")
	}
	for bad, reason := range map[string]string{
		`{"voice":{},"hat":1}`: "'helper_metadata' may only contain the following keys: go, voice",
		`"voice"`:              "'helper_metadata' must be object or null.",
		`[]`:                   "'helper_metadata' must be object or null.",
	} {
		replies, result := w.ask(turn, `{"cmd":"outbound.reply_to","content":"a","in_reply_to":"`+turn.Message.ID+`","helper_metadata":`+bad+`}`)
		if asJSON(t, replies[0]) != failed(t, reason) || len(result.Sends) != 0 {
			t.Errorf("%s: got %v, %v", bad, replies[0], result.Sends)
		}
	}
}

func TestSends(t *testing.T) {
	w := newWorld(t)
	turn := w.turn("")
	turn.Config["config"] = `{"name":"test","endpoints":{"sms":{"delivery_class":"sms"},"x:y":{}},"sms_tag":["pool","t1"]}`
	hello := "hello"
	got := w.sent(turn,
		`{"cmd":"outbound.send_to","to_addr":"+1","content":"hello"}`,
		`{"cmd":"outbound.send_to_endpoint","to_addr":"+1","content":"hello","endpoint":"sms"}`,
		`{"cmd":"outbound.send_to_endpoint","to_addr":"+1","content":null,"endpoint":"pool:t1"}`,
		`{"cmd":"outbound.send_to_tag","to_addr":"+1","content":"hello","tagpool":"pool","tag":"t1"}`,
		`{"cmd":"outbound.send_to_tag","to_addr":"+1","content":"hello","tagpool":"x","tag":"y"}`)
	metadata := json.RawMessage(`{"go":` + goOfTest + `}`)
	want := []bot.Send{
		{Endpoint: "default", To: "+1", Content: &hello, HelperMetadata: metadata},
		{Endpoint: "sms", To: "+1", Content: &hello, HelperMetadata: metadata},
		{Endpoint: "pool:t1", To: "+1", HelperMetadata: metadata},
		{Endpoint: "pool:t1", To: "+1", Content: &hello, HelperMetadata: metadata},
		{Endpoint: "x:y", To: "+1", Content: &hello, HelperMetadata: metadata},
	}
	if asJSON(t, got) != asJSON(t, want) {
		t.Errorf("got %s\nwant %s", asJSON(t, got), asJSON(t, want))
	}
}

// The reply to a push trigger begins a session on the default endpoint.
func TestPushTrigger(t *testing.T) {
	w := newWorld(t)
	r := w.load(`api.on_inbound_message = function (command) {
		var msg = command.msg;
		api.request('log.info', {msg: JSON.stringify(msg)}, function () {
			api.request('outbound.reply_to', {content: 'Hi', in_reply_to: msg.message_id}, function () { api.done(); });
		});
	};`, bundle.Settings{})
	turn := &bot.Turn{Bot: w.bot(), Trigger: true, Channel: "c1", Address: "+278", Config: map[string]string{}}
	result := w.run(r, turn)
	hi := "Hi"
	want := []bot.Send{{Endpoint: "default", To: "+278", Content: &hi, SessionEvent: core.SessionNew,
		HelperMetadata: json.RawMessage(`{"go":` + goOfTest + `}`)}}
	if asJSON(t, result.Sends) != asJSON(t, want) {
		t.Errorf("got %s\nwant %s", asJSON(t, result.Sends), asJSON(t, want))
	}
	const message = `{"message_type":"user_message","message_version":"20110921","message_id":"K","timestamp":"T","to_addr":null,` +
		`"to_addr_type":null,"from_addr":"+278","from_addr_type":null,"content":null,"session_event":null,"in_reply_to":null,` +
		`"group":null,"provider":null,"transport_name":null,"transport_type":null,"transport_metadata":{},` +
		`"helper_metadata":{"go":{"conversation_key":"K","conversation_type":"jsbox","user_account":"A"}},` +
		`"routing_metadata":{},"inbound_push_trigger":true}`
	if got := simplify(result.Log[0].Text); got != message {
		t.Errorf("the script sees\n%s\nwant\n%s", got, message)
	}
	again, differences, err := r.Replay(t.Context(), turn, result.Record)
	if err != nil || len(differences) > 0 || asJSON(t, again.Sends) != asJSON(t, want) {
		t.Errorf("the replay sends %v, differs in %v: %v", again.Sends, differences, err)
	}
}
