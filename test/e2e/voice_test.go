package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"indaba/internal/bot"
	"indaba/internal/bot/bundle"
	"indaba/internal/bot/httpbot"
	"indaba/internal/core"
	"indaba/internal/db/dbtest"
	"indaba/internal/routing"
	"indaba/test/fake"
	"indaba/test/fake/twilio"
)

const ann = "+27821234567"

// menu is a bot for a telephone: a menu, a number that ends in #, a word of farewell, and a note when the call is over.
const menu = `
function say(m, text, more) {
  api.request('outbound.reply_to', Object.assign({content: text, in_reply_to: m.message_id}, more), function () { api.done(); });
}
api.on_inbound_message = function (command) {
  var m = command.msg;
  if (m.session_event === 'close') {
    return api.request('log.info', {msg: 'call over: ' + m.transport_metadata.outcome}, function () { api.done(); });
  }
  if (m.session_event === 'new') { return say(m, 'Press 1 or 2'); }
  if (m.content === '1') { return say(m, 'Type your number', {helper_metadata: {voice: {wait_for: '#'}}}); }
  if (m.content === '2') {
    return api.request('outbound.reply_to', {content: 'First', in_reply_to: m.message_id}, function () { say(m, 'Second'); });
  }
  say(m, 'You typed ' + m.content + '. Goodbye', {continue_session: false});
};`

// onPhone runs a test on a server of its own for each engine, whose bots may say how they speak, and whose applications are
// in this process.
func onPhone(t *testing.T, test func(t *testing.T, h *house)) {
	dbtest.EachURL(t, func(t *testing.T, database string) {
		c := settings(database)
		c.Bot.HelperMetadata, c.Egress.AllowHosts = []string{"voice"}, []string{"127.0.0.1"}
		if strings.HasPrefix(database, "postgres") {
			c.Data = t.TempDir()
		}
		test(t, open(t, c))
	})
}

// voice connects a number at Twilio that people call.
func (h *house) voice(bot string, values map[string]string) *twilio.Provider {
	peer := twilio.New("AC1", "token", "")
	all := map[string]string{"base_url": serve(h.t, peer.Handler()), "account_sid": peer.AccountSID, "auth_token": peer.AuthToken,
		"budget": "10s"} // the machine may be slow
	for name, value := range values {
		all[name] = value
	}
	c := h.channel("voice/twilio", peer.Number, bot, all)
	inside := routing.Endpoint{Kind: routing.Bot, Key: bot, Name: routing.Default}
	outside := routing.Endpoint{Kind: routing.Channel, Key: c.Key, Name: routing.Default}
	if err := h.Routes.Link(h.t.Context(), h.account, routing.Entry{Source: inside, Target: outside}); err != nil {
		h.t.Fatal(err)
	}
	peer.Webhook = h.URL() + "/channels/" + c.Key
	peer.StatusWebhook = peer.Webhook + "/status"
	return peer
}

// hears checks what a person has heard since the last time.
func hears(t *testing.T, c *twilio.Call, err error, want ...string) {
	t.Helper()
	if err != nil || !slices.Equal(c.Heard, want) {
		t.Fatalf("heard %q, %v; want %q", c.Heard, err, want)
	}
	c.Heard = nil
}

// hearsInTime waits, pressing nothing, until something is said; the prompt before may be repeated meanwhile.
func hearsInTime(t *testing.T, c *twilio.Call, want string) {
	t.Helper()
	eventually(t, fmt.Sprintf("%q was said", want), func() bool {
		if !c.Open {
			t.Fatalf("the call ended with %q, want %q", c.Heard, want)
		}
		if err := c.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		return slices.Contains(c.Heard, want)
	})
	c.Heard = nil
}

func TestCallFromAPerson(t *testing.T) {
	onPhone(t, func(t *testing.T, h *house) {
		key := h.bot("menu", menu, nil)
		peer := h.voice(key, nil)
		c, err := peer.Dial(t.Context(), ann)
		hears(t, c, err, "Press 1 or 2")
		if same, err := c.Repeat(t.Context()); err != nil || !same {
			t.Errorf("the same request was answered differently: %v", err)
		}
		hears(t, c, c.Wait(t.Context()), "Press 1 or 2")
		if err := c.Press(t.Context(), "2"); err != nil || c.Heard[0] != "First" {
			t.Fatalf("heard %q, %v", c.Heard, err)
		}
		if !slices.Equal(c.Heard, []string{"First", "Second"}) { // on a slow machine the second reply may come later
			hearsInTime(t, c, "Second")
		}
		c.Heard = nil
		hears(t, c, c.Press(t.Context(), "1"), "Type your number")
		hears(t, c, c.Press(t.Context(), "12*3#"), "You typed 12*3. Goodbye")
		if c.Open {
			t.Error("the call goes on")
		}
		h.logged(key, "call over: completed")
		h.status(ann, core.Sent)

		c, err = peer.Dial(t.Context(), ann)
		hears(t, c, err, "Press 1 or 2")
		for range 2 {
			hears(t, c, c.Wait(t.Context()), "Press 1 or 2")
		}
		hears(t, c, c.Wait(t.Context())) // pressing nothing ends the call some time
		if c.Open {
			t.Error("the call of a person who says nothing goes on")
		}
	})
}

// phoneApp is an app on the toolkit, made for text, that says how a number is typed on a telephone.
const phoneApp = `
var vumigo = require('vumigo_v02');
var PhoneApp = vumigo.App.extend(function (self) {
    vumigo.App.call(self, 'start');
    self.states.add('start', function (name) {
        return new vumigo.states.ChoiceState(name, {question: 'Language?', next: 'number', choices: [
            new vumigo.states.Choice('zu', 'isiZulu'), new vumigo.states.Choice('en', 'English')]});
    });
    self.states.add('number', function (name) {
        return new vumigo.states.FreeText(name, {question: 'Type your number', next: 'end',
            helper_metadata: {voice: {wait_for: '#', speech_url: 'https://example.org/number.ogg'}}});
    });
    self.states.add('end', function (name) {
        return new vumigo.states.EndState(name, {text: 'Thank you ' + self.im.user.answers.start + ' ' + self.im.user.answers.number});
    });
});
new vumigo.InteractionMachine(api, new PhoneApp());`

// Apps on the toolkit need nothing but helper_metadata to be good on the phone: the number of a choice is a key.
func TestCallOfAToolkitApp(t *testing.T) {
	set, err := bundle.BuiltinSet()
	if err != nil {
		t.Fatal(err)
	}
	onPhone(t, func(t *testing.T, h *house) {
		b, err := h.Bots.Create(t.Context(), h.account, "phone", bot.Sandbox)
		if err != nil {
			t.Fatal(err)
		}
		settings := bundle.Settings{Name: "phone", Config: map[string]string{"config": `{"name": "phone"}`}}
		program, err := bundle.FromScript(phoneApp, "app.js", settings, "", bundle.Options{Set: set})
		if err == nil {
			_, err = h.Bots.Deploy(t.Context(), h.account, b.Key, program)
		}
		if err != nil {
			t.Fatal(err)
		}
		peer := h.voice(b.Key, nil)
		c, err := peer.Dial(t.Context(), ann)
		hears(t, c, err, "Language?\n1. isiZulu\n2. English")
		hears(t, c, c.Press(t.Context(), "2"), "https://example.org/number.ogg")
		hears(t, c, c.Press(t.Context(), "080#"), "Thank you en 080")
		if c.Open {
			t.Error("the call goes on")
		}
	})
}

// A bot that says nothing must not leave a person waiting for ever.
func TestCallThatTheBotLeavesWaiting(t *testing.T) {
	onPhone(t, func(t *testing.T, h *house) {
		key := h.bot("silent", `api.on_inbound_message = function () { api.done(); };`, nil)
		peer := h.voice(key, map[string]string{"budget": "10ms", "patience": "1s", "apology": "Sorry"})
		c, err := peer.Dial(t.Context(), ann)
		if err != nil {
			t.Fatal(err)
		}
		hearsInTime(t, c, "Sorry")
		if c.Open {
			t.Error("the call goes on")
		}
	})
}

// application is an HTTP API conversation on the phone: it is pushed messages and events, and sends by PUT.
type application struct {
	h        *house
	messages chan map[string]any
	events   chan map[string]any
	key      string
}

func (h *house) application() *application {
	a := &application{h: h, messages: make(chan map[string]any, 100), events: make(chan map[string]any, 100)}
	server := serve(h.t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var pushed map[string]any
		if err := json.NewDecoder(r.Body).Decode(&pushed); err != nil {
			h.t.Error(err)
		}
		if r.URL.Path == "/messages" {
			a.messages <- pushed
		} else {
			a.events <- pushed
		}
	}))
	b, err := h.Bots.Create(h.t.Context(), h.account, "application", bot.HTTP)
	if err != nil {
		h.t.Fatal(err)
	}
	a.key = b.Key
	settings := fmt.Sprintf(`{"api_tokens": ["secret"], "push_message_url": "%s/messages", "push_event_url": "%s/events"}`, server, server)
	if err := h.Bots.SetConfig(h.t.Context(), h.account, b.Key, map[string]*string{httpbot.NoStreaming: &settings}); err != nil {
		h.t.Fatal(err)
	}
	return a
}

// send sends as the Python client does, and returns the message's id.
func (a *application) send(fields map[string]any) string {
	a.h.t.Helper()
	body, err := json.Marshal(fields)
	if err != nil {
		a.h.t.Fatal(err)
	}
	target := a.h.URL() + "/api/v1/go/http_api_nostream/" + a.key + "/messages.json"
	r, err := http.NewRequestWithContext(a.h.t.Context(), http.MethodPut, target, bytes.NewReader(body))
	if err != nil {
		a.h.t.Fatal(err)
	}
	r.SetBasicAuth(a.h.account, "secret")
	status, text := do(a.h.t, r)
	var sent struct {
		ID string `json:"message_id"`
	}
	if err := json.Unmarshal([]byte(text), &sent); err != nil || status != 200 {
		a.h.t.Fatalf("%d %s %v", status, text, err)
	}
	return sent.ID
}

// gets returns the next push that has these members.
func gets(t *testing.T, pushes chan map[string]any, want map[string]any) map[string]any {
	t.Helper()
	select {
	case pushed := <-pushes:
		for name, value := range want {
			if pushed[name] != value {
				t.Fatalf("%s is %v, want %v: %v", name, pushed[name], value, pushed)
			}
		}
		return pushed
	case <-time.After(patience):
		t.Fatalf("nothing was pushed, want %v", want)
		return nil
	}
}

func TestCallToAPersonByTheHTTPAPI(t *testing.T) {
	onPhone(t, func(t *testing.T, h *house) {
		a := h.application()
		peer := h.voice(a.key, map[string]string{"budget": "20ms", "repeat": "1000"})
		peer.Next("500", fake.None)
		id := a.send(map[string]any{"to_addr": ann, "content": "for those who read", "session_event": "new",
			"helper_metadata": map[string]any{"voice": map[string]any{"speech_url": "https://example.org/a.ogg", "wait_for": "#"}}})
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		c, err := peer.WaitCall(ctx, 1)
		if err != nil {
			t.Fatal(err)
		}
		gets(t, a.events, map[string]any{"event_type": "ack", "user_message_id": id, "sent_message_id": c.SID})
		if err := c.Ring(t.Context()); err != nil {
			t.Fatal(err)
		}
		h.status(ann, core.Sent)
		hears(t, c, c.Answer(t.Context()), "https://example.org/a.ogg")
		gets(t, a.events, map[string]any{"event_type": "delivery_report", "user_message_id": id, "delivery_status": "delivered"})

		if err := c.Press(t.Context(), "123#"); err != nil {
			t.Fatal(err)
		}
		typed := gets(t, a.messages, map[string]any{"content": "123", "session_event": "resume", "from_addr": ann,
			"to_addr": peer.Number, "transport_type": "voice"})
		reply := a.send(map[string]any{"in_reply_to": typed["message_id"], "content": "Press a key"})
		hearsInTime(t, c, "Press a key")
		gets(t, a.events, map[string]any{"event_type": "ack", "user_message_id": reply})

		for _, key := range []string{"1", "*", "#"} { // without wait_for each key is a message
			if err := c.Press(t.Context(), key); err != nil {
				t.Fatal(err)
			}
			gets(t, a.messages, map[string]any{"content": key, "session_event": "resume"})
		}
		// What answers nothing goes into the call that there is, and nobody is called.
		a.send(map[string]any{"to_addr": ann, "content": "One more thing"})
		hearsInTime(t, c, "One more thing")
		a.send(map[string]any{"to_addr": ann, "content": "Bye", "session_event": "close"})
		hearsInTime(t, c, "Bye")
		if c.Open || len(peer.Accepted()) != 1 {
			t.Errorf("open %v, calls %+v", c.Open, peer.Accepted())
		}
		gets(t, a.messages, map[string]any{"session_event": "close", "content": nil, "from_addr": ann})

		for range 2 {
			gets(t, a.events, map[string]any{"event_type": "ack"})
		}
		late := a.send(map[string]any{"in_reply_to": typed["message_id"], "content": "too late"})
		gets(t, a.events, map[string]any{"event_type": "nack", "user_message_id": late})
	})
}

// Who calls an application hears what it replies, whenever that comes.
func TestCallToAnApplication(t *testing.T) {
	onPhone(t, func(t *testing.T, h *house) {
		a := h.application()
		peer := h.voice(a.key, map[string]string{"budget": "20ms"})
		c, err := peer.Dial(t.Context(), ann)
		if err != nil {
			t.Fatal(err)
		}
		called := gets(t, a.messages, map[string]any{"session_event": "new", "content": nil, "from_addr": ann})
		a.send(map[string]any{"in_reply_to": called["message_id"], "content": "Good day", "session_event": "close"})
		hearsInTime(t, c, "Good day")
		if c.Open {
			t.Error("the call goes on")
		}
	})
}

func TestCallThatNobodyTakes(t *testing.T) {
	onPhone(t, func(t *testing.T, h *house) {
		a := h.application()
		peer := h.voice(a.key, nil)
		for n, status := range []string{"busy", "no-answer", "failed", "canceled"} {
			to := fmt.Sprint("+2782000000", n)
			id := a.send(map[string]any{"to_addr": to, "content": "hello", "session_event": "new"})
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			c, err := peer.WaitCall(ctx, n+1)
			cancel()
			if err != nil {
				t.Fatal(err)
			}
			gets(t, a.events, map[string]any{"event_type": "ack", "user_message_id": id})
			if err := c.Decline(t.Context(), status); err != nil {
				t.Fatal(err)
			}
			if m := h.status(to, core.Failed); !strings.HasPrefix(m.StatusReason, status) {
				t.Errorf("%s: %q", status, m.StatusReason)
			}
			gets(t, a.events, map[string]any{"event_type": "delivery_report", "user_message_id": id, "delivery_status": "failed"})
		}
	})
}

// A call whose request got no answer may have been placed: its first report tells.
func TestCallOfUnknownFate(t *testing.T) {
	onPhone(t, func(t *testing.T, h *house) {
		a := h.application()
		peer := h.voice(a.key, map[string]string{"timeout": "300ms"})
		peer.Next(fake.Hang)
		a.send(map[string]any{"to_addr": ann, "content": "hello", "session_event": "new"})
		c, err := peer.WaitCall(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		h.status(ann, core.Unknown)
		if err := c.Ring(t.Context()); err != nil {
			t.Fatal(err)
		}
		h.status(ann, core.Sent)
		hears(t, c, c.Answer(t.Context()), "hello")
		h.status(ann, core.Delivered)
	})
}

// The server is started anew in the middle of a call: the call goes on, and what waited to be said in it is said.
func TestCallOutlivesTheServer(t *testing.T) {
	onPhone(t, func(t *testing.T, h *house) {
		key := h.bot("menu", menu, nil)
		peer := h.voice(key, map[string]string{"repeat": "1000"})
		c, err := peer.Dial(t.Context(), ann)
		hears(t, c, err, "Press 1 or 2")
		text := "from the operator"
		m := &core.Message{ID: core.NewMessageID(time.Now()), Account: h.account, Direction: core.Outbound, To: ann, Content: &text,
			Bot: key, Endpoint: routing.Default, SessionID: c.SID, CreatedAt: time.Now()}
		if err := h.Runtime.Dispatch(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the message is waiting for the person", func() bool {
			var started bool
			if err := h.DB.Row(t.Context(), "SELECT started FROM outbox WHERE message = $1", []any{m.ID}, &started); err != nil {
				t.Fatal(err)
			}
			return started
		})
		again := *h.Config
		again.Listen = h.Addr().String()
		begun := time.Now()
		h.stop()
		if took := time.Since(begun); took > 5*time.Second {
			t.Errorf("the server stopped after %v only", took)
		}
		next := start(t, &again)
		next.account = h.account
		hearsInTime(t, c, text)
		hears(t, c, c.Press(t.Context(), "1"), "Type your number")
		next.status(ann, core.Sent)
	})
}
