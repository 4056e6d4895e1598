package crash

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"indaba/test/fake"
)

// line is a channel as its provider sees it.
type line struct {
	name    string
	channel string // key
	desk    *fake.Desk
	witness *witness
	address func(i int) string // of the person with that number
	say     func(ctx context.Context, id, from, text string) (fake.Reply, error)
	report  func(ctx context.Context, m fake.Message, status string) (fake.Reply, error) // sent, delivered or failed

	idempotent bool // the provider drops repeated requests
	resends    bool // the channel may send a message of unknown fate once more
	nameless   bool // reports name messages by the provider's id only, which the server may never have learnt

	mu       sync.Mutex
	said     map[string][]string        // by address, in order: what was acknowledged
	reported map[string]map[string]bool // by text: the statuses that were reported
	answers  map[string]string          // by text: when reports were answered
}

// acknowledged notes that a webhook was answered.
func (l *line) acknowledged(from, text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.said == nil {
		l.said = map[string][]string{}
	}
	l.said[from] = append(l.said[from], text)
}

// answered notes that the server answered a report.
func (l *line) answered(text, status string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.answers == nil {
		l.answers = map[string]string{}
	}
	l.answers[text] += time.Now().UTC().Format("05.000 ") + status + "; "
}

// claim notes, before it is sent, what a report says: the server may act on it although its answer never arrives.
func (l *line) claim(text, status string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.reported == nil {
		l.reported = map[string]map[string]bool{}
	}
	if l.reported[text] == nil {
		l.reported[text] = map[string]bool{}
	}
	l.reported[text][status] = true
}

// attempt is one request with which the server handed over a message.
type attempt struct {
	at  time.Time
	cut bool // the server cannot know what became of it, or could not if it died at the wrong moment
}

// witness stands before a provider and sees which requests it never answered, or answered in a way that tells nothing.
type witness struct {
	inner http.Handler
	text  func(body []byte) string // of the message in a request

	mu   sync.Mutex
	seen map[string][]attempt // by text
}

func (w *witness) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	begun := time.Now()
	body, err := io.ReadAll(r.Body)
	text := w.text(body)
	if err != nil {
		w.note(text, attempt{begun, true})
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	watched := &watched{ResponseWriter: out}
	w.inner.ServeHTTP(watched, r)
	senseless := strings.HasPrefix(out.Header().Get("Content-Type"), "text/html")
	w.note(text, attempt{begun, watched.taken || senseless || r.Context().Err() != nil || time.Since(begun) > maybeCut})
}

func (w *witness) note(text string, a attempt) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen[text] = append(w.seen[text], a)
}

func (w *witness) attempts(text string) []attempt {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen[text]
}

// watched is an answer whose connection may be taken over, to break it.
type watched struct {
	http.ResponseWriter
	taken bool
}

// Hijack hands the connection over. http.ResponseController finds it.
func (w *watched) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	w.taken = true
	return http.NewResponseController(w.ResponseWriter).Hijack()
}

func jsonText(body []byte) string {
	var m struct{ Text string }
	_ = json.Unmarshal(body, &m) // half a request has no text
	return m.Text
}

func formText(field string) func([]byte) string {
	return func(body []byte) string {
		form, _ := url.ParseQuery(string(body)) // half a request has no text
		return form.Get(field)
	}
}
