package africastalking

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"

	"indaba/internal/channel"
	"indaba/internal/core"
)

func closes(reply *channel.Outbound) bool { return reply.SessionEvent == core.SessionClose }

// Receive takes the steps of sessions, and the notices of their ends, which are told apart by what they hold: both may
// be sent to one URL.
func (a *adapter) Receive(ctx context.Context, r *channel.Request) (channel.Received, error) {
	path, err := a.guard.Check(r)
	if err != nil {
		return channel.Received{}, err
	}
	if path != "" && path != "events" {
		return channel.Received{}, core.Errorf(core.NotFound, "the callback URL ends in a word too many")
	}
	if r.Method != http.MethodPost {
		return channel.Received{}, core.Errorf(core.Invalid, "use POST")
	}
	form, err := url.ParseQuery(string(r.Body))
	if err != nil {
		return channel.Received{}, core.Errorf(core.Invalid, "the body is not a form")
	}
	if form.Get("sessionId") == "" {
		return channel.Received{}, core.Errorf(core.Invalid, "sessionId is required")
	}
	before, err := a.lastStep(ctx, form.Get("sessionId"))
	if err != nil {
		return channel.Received{}, err
	}
	if form.Has("status") && !form.Has("text") {
		return ended(form, before)
	}
	return took(form, before)
}

// step is what a session remembers of its newest message: who talks, and all that was typed so far. It is stored as
// phone, equals sign, text, so that the first step, where nothing was typed, is not empty.
type step struct {
	phone, text string
	known       bool
}

func (a *adapter) lastStep(ctx context.Context, session string) (step, error) {
	stored, err := a.config.LastInput(ctx, session)
	if err != nil {
		return step{}, err
	}
	phone, text, known := strings.Cut(stored, "=")
	return step{phone, text, known}, nil
}

func (s step) String() string { return s.phone + "=" + s.text }

func took(form url.Values, before step) (channel.Received, error) {
	phone := channel.Phone(form.Get("phoneNumber"))
	if phone == "" || !form.Has("text") {
		return channel.Received{}, core.Errorf(core.Invalid, "phoneNumber and text are required")
	}
	now := step{phone: phone, text: form.Get("text")}
	m := channel.Message{
		// The whole text, and nothing else, is the same when the gateway repeats a step and new in the next one.
		ExternalID:   form.Get("sessionId") + ":" + digest(now.text),
		From:         phone,
		To:           form.Get("serviceCode"),
		SessionID:    form.Get("sessionId"),
		SessionEvent: core.SessionResume,
		Continuation: now.String(),
		Provider:     form.Get("networkCode"),
	}
	if !before.known || now.text == "" {
		m.SessionEvent = core.SessionNew
	}
	if input, typed := lastInput(before, now.text); typed {
		m.Content = &input
	}
	return channel.Received{Messages: []channel.Message{m}}, nil
}

// lastInput returns what was typed last. Inputs come joined by stars, and people may type stars too: what was there
// before tells where the last one begins. In a session that begins with a text it was dialled behind the service code.
func lastInput(before step, text string) (input string, typed bool) {
	switch {
	case text == "":
		return "", false
	case !before.known, before.text == "":
		return text, true
	}
	if rest, ok := strings.CutPrefix(text, before.text+"*"); ok {
		return rest, true
	}
	// A repeated step, or one that the gateway rewrote: the last star is the best guess.
	return text[strings.LastIndexByte(text, '*')+1:], true
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:8])
}

// ended makes the close of a session from the notice of its end.
func ended(form url.Values, before step) (channel.Received, error) {
	phone := channel.Phone(form.Get("phoneNumber"))
	if phone == "" {
		phone = before.phone
	}
	answer := &channel.Answer{ContentType: "text/plain"}
	if phone == "" {
		// Nobody has said anything in this session, so that nobody needs to hear of its end.
		return channel.Received{Answer: answer}, nil
	}
	return channel.Received{
		Messages: []channel.Message{{
			ExternalID:   form.Get("sessionId") + ":end",
			From:         phone,
			To:           form.Get("serviceCode"),
			SessionID:    form.Get("sessionId"),
			SessionEvent: core.SessionClose,
			Continuation: step{phone: phone, text: before.text}.String(),
			Provider:     form.Get("networkCode"),
			Metadata:     outcome(form),
		}},
		Answer:    answer,
		Duplicate: answer,
	}, nil
}

// outcome says how a session ended: completed when it ended with our END, abandoned when the person or the network left
// before, failed when the gateway says so.
func outcome(form url.Values) map[string]any {
	found := map[string]any{"outcome": "abandoned"}
	switch {
	case strings.EqualFold(form.Get("status"), "failed"):
		found["outcome"] = "failed"
	case strings.EqualFold(form.Get("status"), "success"), strings.HasPrefix(form.Get("lastAppResponse"), "END"):
		found["outcome"] = "completed"
	}
	for _, name := range []string{"status", "errorMessage", "durationInMillis", "hopsCount", "cost"} {
		if form.Get(name) != "" {
			found[name] = form.Get(name)
		}
	}
	return found
}
