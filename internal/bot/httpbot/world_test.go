package httpbot

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"indaba/internal/account"
	"indaba/internal/bot"
	"indaba/internal/core"
	"indaba/internal/db"
	"indaba/internal/egress"
	"indaba/internal/message"
)

// world is the server around one conversation, with a clock that tests move, and the application behind it.
type world struct {
	t        testing.TB
	db       *db.DB
	bots     *bot.Store
	messages *message.Service
	queue    *Queue
	bot      *bot.Bot
	account  string
	app      *application

	mu sync.Mutex
	at time.Time
}

func newWorld(t testing.TB, d *db.DB, allow ...string) *world {
	t.Helper()
	w := &world{t: t, db: d, at: time.Date(2026, 3, 4, 5, 6, 7, 89_000, time.UTC), app: newApplication(t)}
	if allow == nil {
		allow = []string{"127.0.0.1"}
	}
	guard, err := egress.New(egress.Options{AllowHosts: allow})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(guard.Close)
	accounts := account.New(d, w.now)
	if w.bots, err = bot.NewStore(d, accounts, w.now); err != nil {
		t.Fatal(err)
	}
	owner, err := accounts.Create(t.Context(), "a", "")
	if err != nil {
		t.Fatal(err)
	}
	w.account = owner.Key
	if w.bot, err = w.bots.Create(t.Context(), w.account, "talk", bot.HTTP); err != nil {
		t.Fatal(err)
	}
	w.messages = message.New(d, 4, w.now)
	w.queue = NewQueue(QueueDeps{DB: d, Bots: w.bots, Egress: guard, Now: w.now, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	return w
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.at
}

func (w *world) wait(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at = w.at.Add(d)
}

// configure gives the conversation settings.
func (w *world) configure(kind string, settings map[string]any) {
	w.t.Helper()
	text, err := json.Marshal(settings)
	if err != nil {
		w.t.Fatal(err)
	}
	value := string(text)
	if err := w.bots.SetConfig(w.t.Context(), w.account, w.bot.Key, map[string]*string{kind: &value}); err != nil {
		w.t.Fatal(err)
	}
	w.bot.Config = map[string]string{kind: value}
}

// post queues pushes with these ids about one person.
func (w *world) post(kind Kind, state State, address string, ids ...string) {
	w.t.Helper()
	for _, id := range ids {
		p := Push{Account: w.account, Bot: w.bot.Key, Kind: kind, Subject: id, Address: address, Body: `{"id":"` + id + `"}`, State: state}
		if err := w.db.Tx(w.t.Context(), func(ctx context.Context) error { return w.queue.Post(ctx, p) }); err != nil {
			w.t.Fatal(err)
		}
	}
}

// round pushes all that is due now, each at most once unless it is due again.
func (w *world) round() {
	w.t.Helper()
	for {
		before := w.app.count()
		if _, err := w.queue.scan(w.t.Context()); err != nil {
			w.t.Fatal(err)
		}
		w.queue.working.Wait()
		if w.app.count() == before {
			return
		}
	}
}

func (w *world) failing(dead bool) []Push {
	w.t.Helper()
	all, err := w.queue.Failing(w.t.Context(), w.account, dead, 100)
	if err != nil {
		w.t.Fatal(err)
	}
	return all
}

// rows counts the pushes in a state.
func (w *world) rows(s State) (n int) {
	w.t.Helper()
	if err := w.db.Row(w.t.Context(), "SELECT count(*) FROM push WHERE state = $1", []any{int(s)}, &n); err != nil {
		w.t.Fatal(err)
	}
	return n
}

func (w *world) log() (texts []string) {
	w.t.Helper()
	lines, _, err := w.bots.Log(w.t.Context(), w.bot.Key, 100, 0)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, line := range lines {
		texts = append(texts, line.Level.String()+" "+line.Text)
	}
	return texts
}

// application is what pushes go to.
type application struct {
	url string

	mu     sync.Mutex
	answer func(w http.ResponseWriter, r *http.Request) // nil is 200
	got    []pushed
	came   chan pushed
}

type pushed struct {
	method, path, body string
	header             http.Header
}

func newApplication(t testing.TB) *application {
	a := &application{came: make(chan pushed, 1000)}
	server := httptest.NewServer(a)
	t.Cleanup(server.Close)
	a.url = server.URL
	return a
}

func (a *application) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body) // a short body shows in the comparison
	p := pushed{r.Method, r.URL.RequestURI(), string(body), r.Header}
	a.mu.Lock()
	a.got = append(a.got, p)
	answer := a.answer
	a.mu.Unlock()
	a.came <- p
	if answer != nil {
		answer(w, r)
	}
}

func (a *application) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.got)
}

func (a *application) answers(status int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.answer = func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(status)
	}
}

func (w *world) inbound(content string) *core.Message {
	w.t.Helper()
	m := &core.Message{ID: core.NewMessageID(w.now()), Account: w.account, Channel: "c0000000000000000000000000000001",
		Direction: core.Inbound, From: "+27831234567", To: "*120*1#", Content: &content, SessionEvent: core.SessionNew,
		ExternalID: core.NewKey(), Provider: "mtn", TransportType: "ussd", Status: core.Received,
		TransportMetadata: json.RawMessage(`{"a":1}`), HelperMetadata: json.RawMessage(`{"x":{"y":2}}`), CreatedAt: w.now()}
	if _, _, err := w.messages.Accept(w.t.Context(), m); err != nil {
		w.t.Fatal(err)
	}
	routed := *m
	routed.Bot, routed.Endpoint = w.bot.Key, "default"
	return &routed
}
