package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// A bot that misbehaves harms itself: its author reads why in its log, the operator finds the mail parked, a caller is
// told at once, and the bot next door goes on answering.
func TestBotsThatMisbehave(t *testing.T) {
	handler := func(body string) string { return "api.on_inbound_message = function (command) {" + body + "};" }
	reply := `api.request('outbound.reply_to', {content: 'never seen', in_reply_to: command.msg.message_id}, function () { %s });`
	cases := []struct{ name, script, reason string }{
		{"throws", handler("throw new Error('out of tea');"), "out of tea"},
		{"throws after a reply", handler(fmt.Sprintf(reply, "throw new Error('second thoughts');")), "second thoughts"},
		{"loops", handler("for (;;) {}"), "computed for more than 300ms"},
		{"recurses", handler("(function f() { f(); f(); })();"), "nested too deeply"},
		{"allocates", handler("var all = []; for (;;) { all.push('x'.repeat(1 << 20) + all.length); }"), "memory"},
		{"is never done", handler(fmt.Sprintf(reply, "")), "never called api.done()"},
		{"waits for ever", handler("setInterval(function () {}, 10);"), "took more than 3s"},
		{"asks for what is not there", handler("api.request('disk.erase', {}, function () { api.done(); });"), `"disk"`},
		{"does not parse at run time", handler("eval('(');"), "SyntaxError"},
	}
	each(t, func(t *testing.T, h *house) {
		neighbour := h.bot("neighbour", echo, nil)
		_, next := h.custom(neighbour, nil)
		for n, c := range cases {
			t.Run(c.name, func(t *testing.T) {
				h := &house{App: h.App, t: t, account: h.account}
				key := h.bot(c.name, c.script, nil)
				_, peer := h.custom(key, nil)
				gateway := h.ussd(key, map[string]string{"budget": "10s", "apology": "Sorry"})
				gateway.Limit = patience

				say(t, peer, "1", fmt.Sprint("ann", n), "hi")
				say(t, next, fmt.Sprint(n), "bob", fmt.Sprint(n))
				if all := taken(t, &next.Desk, n+1); all[n].Text != fmt.Sprint("you said ", n) {
					t.Errorf("the neighbour said %q", all[n].Text)
				}
				begun := time.Now()
				s, err := gateway.Dial(t.Context(), fmt.Sprint("+2782000000", n))
				if err != nil || s.Screen != "Sorry" || s.Open {
					t.Errorf("the caller saw %+v %v", s, err)
				}
				if took := time.Since(begun); took > 8*time.Second {
					t.Errorf("the caller waited %v, until the end of the channel's patience", took)
				}
				for _, p := range h.parked(3*n + 3)[3*n:] { // the message, the call, and its end
					if !strings.Contains(strings.ToLower(p.Reason), strings.ToLower(c.reason)) {
						t.Errorf("parked because %q, want %q", p.Reason, c.reason)
					}
				}
				h.logged(key, c.reason)
				if all := peer.Accepted(); len(all) != 0 {
					t.Errorf("a turn that came to nothing sent %+v", all)
				}
			})
		}
	})
}

// Parked mail is answered after the bot was mended.
func TestParkedMailIsTriedAgain(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		key := h.bot("mended", "api.on_inbound_message = function () { throw new Error('broken'); };", nil)
		_, peer := h.custom(key, nil)
		say(t, peer, "1", "ann", "one")
		mail := h.parked(1)[0]
		h.deploy(key, echo, nil)
		if err := h.Messages.Mailbox.Retry(t.Context(), h.account, mail.ID); err != nil {
			t.Fatal(err)
		}
		if all := taken(t, &peer.Desk, 1); all[0].Text != "you said one" {
			t.Errorf("%+v", all)
		}
		h.parked(0)
	})
}

// Several answers to one message all go out, in their order.
func TestBotThatAnswersTwice(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		_, peer := h.custom(h.bot("twice", `
			api.on_inbound_message = function (command) {
			  var left = 3;
			  for (var i = 1; i <= 3; i++) {
			    api.request('outbound.reply_to', {content: String(i), in_reply_to: command.msg.message_id},
			      function () { if (--left === 0) { api.done(); } });
			  }
			};`, nil), nil)
		say(t, peer, "1", "ann", "hi")
		for i, m := range taken(t, &peer.Desk, 3) {
			if m.Text != fmt.Sprint(i+1) {
				t.Errorf("answer %d is %q", i+1, m.Text)
			}
		}
	})
}
