package e2e

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"indaba/internal/bot/httpbot"
	"indaba/internal/core"
	"indaba/test/fake/africastalking"
)

// during takes a step of a session, which waits for its screen, while something else is done.
func during(t *testing.T, step func() error, act func()) {
	t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- step() }()
	act()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}

// An application behind the HTTP API replies when the turn that has told it is over: the person waits for it.
func TestUSSDByTheHTTPAPI(t *testing.T) {
	onPhone(t, func(t *testing.T, h *house) {
		a := h.application()
		gateway := h.ussd(a.key, map[string]string{"budget": "20s"}) // the machine may be slow
		gateway.Limit = patience
		var s *africastalking.Session
		dial := func() (err error) {
			s, err = gateway.Dial(t.Context(), ann)
			return err
		}
		during(t, dial, func() {
			dialled := gets(t, a.messages, map[string]any{"content": nil, "session_event": "new", "transport_type": "ussd"})
			id := a.send(map[string]any{"in_reply_to": dialled["message_id"], "content": "1. Water", "session_event": "resume"})
			gets(t, a.events, map[string]any{"event_type": "ack", "user_message_id": id})
		})
		if s.Screen != "1. Water" || !s.Open {
			t.Fatalf("%+v", s)
		}
		during(t, func() error { return s.Reply(t.Context(), "1") }, func() {
			typed := gets(t, a.messages, map[string]any{"content": "1", "session_event": "resume"})
			a.send(map[string]any{"in_reply_to": typed["message_id"], "content": "Thank you", "session_event": "close"})
		})
		if s.Screen != "Thank you" || s.Open {
			t.Fatalf("%+v", s)
		}
		gets(t, a.messages, map[string]any{"session_event": "close"})

		// One that is stopped gets messages and no events (docs/spec/vumi-http.md 9.7), and may answer.
		if err := h.Bots.SetStopped(t.Context(), h.account, a.key, true); err != nil {
			t.Fatal(err)
		}
		during(t, dial, func() {
			dialled := gets(t, a.messages, map[string]any{"session_event": "new"})
			a.send(map[string]any{"in_reply_to": dialled["message_id"], "content": "Closed today", "session_event": "close"})
		})
		if s.Screen != "Closed today" || s.Open {
			t.Fatalf("%+v", s)
		}
	})
}

func TestUSSDReplyThatComesLateByTheHTTPAPI(t *testing.T) {
	const budget = 300 * time.Millisecond
	onPhone(t, func(t *testing.T, h *house) {
		a := h.application()
		gateway := h.ussd(a.key, map[string]string{"budget": budget.String(), "apology": "Sorry"})
		begun := time.Now()
		s, err := gateway.Dial(t.Context(), ann)
		if waited := time.Since(begun); err != nil || s.Screen != "Sorry" || s.Open || waited < budget {
			t.Fatalf("after %v: %+v %v", waited, s, err)
		}
		dialled := gets(t, a.messages, map[string]any{"session_event": "new"})
		late := a.send(map[string]any{"in_reply_to": dialled["message_id"], "content": "1. Water"})
		nack := gets(t, a.events, map[string]any{"event_type": "nack", "user_message_id": late})
		if reason, _ := nack["nack_reason"].(string); !strings.HasPrefix(reason, "late") {
			t.Errorf("%v", nack)
		}
		h.status(ann, core.Failed)
	})
}

// Nobody waits for an answer that cannot come.
func TestUSSDThatNobodyWillAnswer(t *testing.T) {
	onPhone(t, func(t *testing.T, h *house) {
		a := h.application()
		gateway := h.ussd(a.key, map[string]string{"budget": "20s", "apology": "Sorry"})
		gateway.Limit = patience
		refuses := serve(t, http.NotFoundHandler())
		settings := func(text string) func() error {
			return func() error {
				return h.Bots.SetConfig(t.Context(), h.account, a.key, map[string]*string{httpbot.NoStreaming: &text})
			}
		}
		for _, test := range []struct {
			name    string
			prepare func() error
		}{
			{"refused", settings(`{"push_message_url": "` + refuses + `"}`)},
			{"no URL", settings(`{}`)},
			{"ignored", settings(`{"push_message_url": "` + refuses + `", "ignore_messages": true}`)},
			{"archived", func() error { return h.Runtime.Archive(t.Context(), h.account, a.key) }},
		} {
			t.Run(test.name, func(t *testing.T) {
				if err := test.prepare(); err != nil {
					t.Fatal(err)
				}
				begun := time.Now()
				s, err := gateway.Dial(t.Context(), ann)
				if waited := time.Since(begun); err != nil || s.Screen != "Sorry" || waited > patience/2 {
					t.Errorf("after %v: %+v %v", waited, s, err)
				}
			})
		}
	})
}

func TestUSSDOfABotThatIsStopped(t *testing.T) {
	onPhone(t, func(t *testing.T, h *house) {
		key := h.bot("echo", echo, nil)
		gateway := h.ussd(key, map[string]string{"budget": "20s", "apology": "Sorry"})
		gateway.Limit = patience
		if err := h.Bots.SetStopped(t.Context(), h.account, key, true); err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		s, err := gateway.Dial(t.Context(), ann)
		if waited := time.Since(begun); err != nil || s.Screen != "Sorry" || waited > patience/2 {
			t.Errorf("after %v: %+v %v", waited, s, err)
		}
		h.parked(2) // what was dialled, and the session's end
	})
}
