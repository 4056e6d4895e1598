package twilio_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"indaba/internal/channel"
	"indaba/internal/channel/channeltest"
	"indaba/internal/channel/voice/twilio"
	"indaba/internal/core"
	provider "indaba/test/fake/twilio"
)

// line is the adapter behind a server in the place of the gateway, with a fake Twilio before it.
type line struct {
	t        *testing.T
	settings map[string]string
	peer     *provider.Provider
	hook     *httptest.Server
	heard    chan channel.Message
	answered chan bool // what the adapter has answered, whether or not anybody got it

	mu      sync.Mutex
	adapter channel.CallAdapter
	now     time.Time
}

func newLine(t *testing.T, more map[string]string) *line {
	t.Helper()
	l := &line{t: t, heard: make(chan channel.Message, 100), answered: make(chan bool, 100), now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	l.hook = httptest.NewServer(http.HandlerFunc(l.serve))
	t.Cleanup(l.hook.Close)
	l.peer = provider.New(sid, token, l.hook.URL+"/hook")
	l.peer.StatusWebhook = l.peer.Webhook + "/status"
	server := httptest.NewServer(l.peer.Handler())
	t.Cleanup(server.Close)
	l.settings = map[string]string{"account_sid": sid, "auth_token": token, "base_url": server.URL, "budget": "10s", "apology": "Sorry & bye"}
	for name, value := range more {
		l.settings[name] = value
	}
	l.restart()
	return l
}

// restart makes the adapter anew: nothing that it held in memory is left.
func (l *line) restart() {
	l.t.Helper()
	a, err := twilio.Type().Open(channel.Config{Address: us, WebhookURL: l.hook.URL + "/hook", Settings: l.settings, Now: l.clock})
	if err != nil {
		l.t.Fatal(err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.adapter = a.(channel.CallAdapter)
}

func (l *line) current() channel.CallAdapter {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.adapter
}

func (l *line) clock() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.now
}

func (l *line) pass(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.now = l.now.Add(d)
}

func (l *line) serve(w http.ResponseWriter, r *http.Request) {
	request, a := channeltest.FromHTTP(l.t, r, "/hook"), l.current()
	got, err := a.Receive(r.Context(), request)
	if err != nil {
		http.Error(w, err.Error(), http.StatusForbidden)
		return
	}
	for _, m := range got.Messages {
		l.heard <- m
	}
	if got.Answer == nil {
		answer := a.Respond(r.Context(), request, got)
		got.Answer = &answer
	}
	_, _ = w.Write(got.Answer.Body) // a caller that is gone is its own problem
	l.answered <- true
}

// says sends one message into a call, as the bot's outbox does, and returns what became of it.
func (l *line) says(ctx context.Context, m channel.Outbound) <-chan error {
	done := make(chan error, 1)
	m.To, m.From, m.Attempt = ann, us, 1
	go func() {
		_, err := l.current().Send(ctx, &m)
		done <- err
	}()
	return done
}

func code(err error) string {
	if failure, ok := errors.AsType[*channel.SendError](err); ok {
		return string(failure.Class) + " " + failure.Code
	}
	return "no failure"
}

// answers lets a bot answer the next message of a call with a text.
func (l *line) answers(m channel.Outbound) <-chan error {
	done := make(chan error, 1)
	go func() {
		m.SessionID = (<-l.heard).SessionID
		done <- <-l.says(context.Background(), m)
	}()
	return done
}

// after expects that something worked, and what was heard then.
func after(t *testing.T, c *provider.Call, err error, want ...string) {
	t.Helper()
	if err != nil || !slices.Equal(c.Heard, want) {
		t.Fatalf("heard %q, %v; want %q", c.Heard, err, want)
	}
	c.Heard = nil
}

func TestReplyIsTheAnswer(t *testing.T) {
	l := newLine(t, map[string]string{"repeat": "1"})
	first := l.answers(channel.Outbound{ID: "m1", Content: "Menu"})
	c, err := l.peer.Dial(t.Context(), ann)
	after(t, c, err, "Menu")
	if err := <-first; err != nil {
		t.Error(err)
	}
	if same, err := c.Repeat(t.Context()); err != nil || !same {
		t.Errorf("the same request got another answer: %v", err)
	}
	if again := <-l.heard; again.ExternalID != c.SID {
		t.Errorf("a redelivery is another message: %+v", again)
	}
	bye := l.answers(channel.Outbound{ID: "m2", Content: "Bye", SessionEvent: core.SessionClose})
	after(t, c, c.Press(t.Context(), "1"), "Bye")
	if err := <-bye; err != nil || c.Open {
		t.Errorf("open %v, %v", c.Open, err)
	}
	if got := code(<-l.says(t.Context(), channel.Outbound{ID: "m3", Content: "more", SessionID: c.SID})); got != "permanent call_ended" {
		t.Errorf("after the end: %s", got)
	}
}

func TestWhoPressesNothing(t *testing.T) {
	l := newLine(t, map[string]string{"repeat": "1"})
	l.answers(channel.Outbound{ID: "m1", Content: "Menu"})
	c, err := l.peer.Dial(t.Context(), ann)
	after(t, c, err, "Menu")
	l.restart() // how often is not forgotten, but the words are
	after(t, c, c.Wait(t.Context()))
	if !c.Open {
		t.Fatal("the call was ended before its time")
	}
	after(t, c, c.Wait(t.Context()))
	if c.Open {
		t.Error("the call goes on")
	}
}

func TestPatienceEnds(t *testing.T) {
	l := newLine(t, map[string]string{"budget": "1ms", "patience": "30s"})
	c, err := l.peer.Dial(t.Context(), ann)
	after(t, c, err)
	l.pass(29 * time.Second)
	after(t, c, c.Wait(t.Context()))
	if !c.Open {
		t.Fatal("the call was ended before its time")
	}
	l.restart() // since when is not forgotten
	l.pass(2 * time.Second)
	after(t, c, c.Wait(t.Context()), "Sorry & bye")
	if c.Open {
		t.Error("the call goes on")
	}
}

// What waits to be said when the call ends, when nothing is heard of the call any more, and when the server stops.
func TestWhatIsNotSaid(t *testing.T) {
	l := newLine(t, nil)
	l.answers(channel.Outbound{ID: "m1", Content: "Menu"})
	c, err := l.peer.Dial(t.Context(), ann)
	after(t, c, err, "Menu")
	waiting := l.says(t.Context(), channel.Outbound{ID: "m2", Content: "more", SessionID: c.SID})
	stopped, stop := context.WithCancel(t.Context())
	queued := l.says(stopped, channel.Outbound{ID: "m3", Content: "even more"})
	stop()
	if got := code(<-queued); got != "retry " {
		t.Errorf("the server stopped: %s", got)
	}
	if err := c.Hangup(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := code(<-waiting); got != "permanent call_ended" {
		t.Errorf("the person hung up: %s", got)
	}
	lost := newLine(t, map[string]string{"patience": "10ms"})
	lost.restart()
	unknown := lost.says(t.Context(), channel.Outbound{ID: "m4", Content: "hello?", SessionID: "CA0"})
	for {
		select {
		case err := <-unknown:
			if got := code(err); got != "permanent call_ended" {
				t.Errorf("nothing is known of the call: %s", got)
			}
			return
		case <-time.After(5 * time.Millisecond):
			lost.pass(time.Minute)
		}
	}
}

// Long texts are said one after the other, and never more than Twilio reads.
func TestManyLongTexts(t *testing.T) {
	l := newLine(t, nil)
	l.answers(channel.Outbound{ID: "m1", Content: "Menu"})
	c, err := l.peer.Dial(t.Context(), ann)
	after(t, c, err, "Menu")
	long := strings.Repeat("\U0001F44B<", 2048)
	var sent []<-chan error
	for range 8 {
		sent = append(sent, l.says(t.Context(), channel.Outbound{ID: "m", Content: long, SessionID: c.SID}))
	}
	said := 0
	for requests := 0; said < len(sent); requests++ {
		if err := c.Wait(t.Context()); err != nil || requests > 20 {
			t.Fatalf("%d said in %d requests, %v", said, requests, err)
		}
		said += countOf(c.Heard, long)
		c.Heard = nil
	}
	for _, done := range sent {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func countOf(all []string, text string) (n int) {
	for _, one := range all {
		if one == text {
			n++
		}
	}
	return n
}

// A request that Twilio has given up must not swallow what is to be said.
func TestNewestRequestGetsTheReply(t *testing.T) {
	l := newLine(t, nil)
	hung, hangUp := context.WithCancel(t.Context())
	dialled := make(chan error, 1)
	go func() {
		_, err := l.peer.Dial(hung, ann)
		dialled <- err
	}()
	m := <-l.heard
	hangUp()
	if err := <-dialled; err == nil {
		t.Error("the request was answered although it was given up")
	}
	<-l.answered
	request := func() *channel.Request {
		r := &channel.Request{Method: "POST", URL: l.hook.URL + "/hook", Header: http.Header{},
			Body: []byte(inbound("CallSid", m.SessionID).Encode())}
		sign(r, token)
		return r
	}
	answers := make(chan channel.Answer, 2)
	ask := func() {
		r := request()
		got, err := l.current().Receive(t.Context(), r)
		if err != nil {
			t.Error(err)
		}
		answers <- l.current().Respond(t.Context(), r, got)
	}
	go ask()
	go ask()
	first := <-answers // the older one is let go
	if len(first.Carries) != 0 {
		t.Errorf("the older request was given %v", first.Carries)
	}
	if err := <-l.says(t.Context(), channel.Outbound{ID: "m1", Content: "Menu", SessionID: m.SessionID}); err != nil {
		t.Error(err)
	}
	if second := <-answers; !slices.Equal(second.Carries, []string{"m1"}) || !strings.Contains(string(second.Body), "<Say>Menu</Say>") {
		t.Errorf("the newer request was given %v: %s", second.Carries, second.Body)
	}
}
