package africastalking

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"indaba/test/fake"
)

// sessionLimit is how long the gateway waits for one screen (docs/spec/channels.md 12).
const sessionLimit = 5 * time.Second

// Gateway is the USSD gateway. Set its fields before use; it is safe for concurrent use then.
type Gateway struct {
	Callback    string        // where the steps of sessions are posted
	Events      string        // where the ends of sessions are posted; empty for nowhere
	ServiceCode string        // such as *384*1#
	Limit       time.Duration // for one screen; 0 for 5 s
	Hook        fake.Hook
}

// Session is one session of one person. It is not safe for concurrent use: people type one thing at a time.
type Session struct {
	ID, Phone string
	Screen    string // the text on the screen
	Open      bool   // whether the person can reply

	gateway *Gateway
	inputs  []string
	hops    int
	started time.Time
}

// Dial opens a session. What is dialled behind the service code, as in *384*1*42#, is given as inputs.
func (g *Gateway) Dial(ctx context.Context, phone string, inputs ...string) (*Session, error) {
	s := &Session{ID: "ATUid_" + randomHex(), Phone: phone, Open: true, gateway: g, inputs: inputs, started: time.Now()}
	return s, s.step(ctx)
}

// Reply types a text, which may be empty or hold stars, and waits for the next screen.
func (s *Session) Reply(ctx context.Context, text string) error {
	if !s.Open {
		return errors.New("the session is over")
	}
	s.inputs = append(s.inputs, text)
	return s.step(ctx)
}

// Repeat posts the newest step once more, as a gateway does that missed the answer.
func (s *Session) Repeat(ctx context.Context) error { return s.step(ctx) }

// Hangup ends the session from the person's side.
func (s *Session) Hangup(ctx context.Context) error {
	if !s.Open {
		return errors.New("the session is over")
	}
	return s.end(ctx, "Incomplete", "")
}

// step posts what was typed so far, and shows the answer. A session whose step fails is over.
func (s *Session) step(ctx context.Context) error {
	limit := s.gateway.Limit
	if limit == 0 {
		limit = sessionLimit
	}
	s.hops++
	stepCtx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	form := s.form()
	form.Set("text", strings.Join(s.inputs, "*"))
	reply, err := s.post(stepCtx, s.gateway.Callback, form)
	verb, text, _ := strings.Cut(reply.Body, " ")
	switch {
	case err != nil:
	case reply.Status != http.StatusOK || verb != "CON" && verb != "END":
		err = fmt.Errorf("the callback answered %d: %.200q", reply.Status, reply.Body)
	}
	if err != nil {
		s.Screen = ""
		return errors.Join(err, s.end(ctx, "Failed", err.Error()))
	}
	s.Screen = text
	if verb == "END" && s.Open {
		return s.end(ctx, "Success", "")
	}
	return nil
}

// end closes the session and posts the notice of its end.
func (s *Session) end(ctx context.Context, status, message string) error {
	s.Open = false
	if s.gateway.Events == "" {
		return nil
	}
	form := s.form()
	form.Set("status", status)
	form.Set("durationInMillis", strconv.FormatInt(time.Since(s.started).Milliseconds(), 10))
	form.Set("hopsCount", strconv.Itoa(s.hops))
	form.Set("input", strings.Join(s.inputs, "*"))
	form.Set("lastAppResponse", s.Screen)
	form.Set("errorMessage", message)
	form.Set("cost", "KES 0.0000")
	_, err := s.post(ctx, s.gateway.Events, form)
	return err
}

func (s *Session) form() url.Values {
	return url.Values{
		"sessionId":   {s.ID},
		"phoneNumber": {s.Phone},
		"serviceCode": {s.gateway.ServiceCode},
		"networkCode": {"99999"},
	}
}

func (s *Session) post(ctx context.Context, target string, form url.Values) (fake.Reply, error) {
	return postForm(ctx, s.gateway.Hook, target, form)
}
