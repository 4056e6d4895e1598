package vumi_test

import (
	"bufio"
	"context"
	"database/sql"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"indaba/internal/account"
	"indaba/internal/api/vumi"
	"indaba/internal/bot"
	"indaba/internal/bot/httpbot"
	"indaba/internal/core"
	"indaba/internal/db"
	"indaba/internal/db/dbtest"
	"indaba/internal/message"
	"indaba/internal/metric"
	"indaba/internal/optout"
	"indaba/internal/routing"
)

// talks is a served face with one streaming conversation that is routed nowhere.
type talks struct {
	t    *testing.T
	url  string // of the conversation
	path string // of it, on any server of the handler

	handler http.Handler
	user    string
	db      *db.DB
	bot     *bot.Bot
	queue   *httpbot.Queue
	events  chan core.Event // about messages that could not be sent
	before  func()          // called when a message is about to be sent; nil: nothing
}

func serveTalks(t *testing.T, d *db.DB, o vumi.Options) *talks {
	t.Helper()
	s := &talks{t: t, db: d, events: make(chan core.Event, 100)}
	accounts := account.New(d, time.Now)
	bots, err := bot.NewStore(d, accounts, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	owner, err := accounts.Create(t.Context(), "a", "")
	if err != nil {
		t.Fatal(err)
	}
	s.user = owner.Key
	if s.bot, err = bots.Create(t.Context(), owner.Key, "talk", bot.HTTP); err != nil {
		t.Fatal(err)
	}
	config := `{"api_tokens": ["secret"]}`
	if err := bots.SetConfig(t.Context(), owner.Key, s.bot.Key, map[string]*string{httpbot.Streaming: &config}); err != nil {
		t.Fatal(err)
	}
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	s.queue = httpbot.NewQueue(httpbot.QueueDeps{DB: d, Bots: bots, Now: time.Now, Log: quiet})
	messages := message.New(d, 1, time.Now)
	runtime := bot.NewRuntime(bot.RuntimeDeps{DB: d, Bots: bots, Messages: messages, Routes: routing.New(d, nil, accounts, time.Now),
		Optouts: optout.NewGate(optout.New(d, time.Now), accounts), Now: time.Now,
		Loaders: map[string]bot.Loader{bot.HTTP: httpbot.Loader(httpbot.Deps{Queue: s.queue, Now: time.Now})}})
	t.Cleanup(runtime.Close)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		_ = messages.Mailbox.Run(ctx, func(ctx context.Context, mail message.Mail) error { // it ends with ctx, without error
			s.events <- *mail.Event
			return messages.Mailbox.Done(ctx, mail, false)
		})
	})
	t.Cleanup(func() { cancel(); running.Wait() })
	s.handler = vumi.New(vumi.Deps{
		Accounts: accounts, Optouts: optout.New(d, time.Now), Metrics: metric.New(d, time.Now, metric.Options{}), Bots: bots,
		Pushes: s.queue, Now: time.Now, Log: quiet, Options: o,
		Conversations: &httpbot.Sender{DB: d, Messages: messages, Now: time.Now, Dispatch: func(ctx context.Context, m *core.Message) error {
			if s.before != nil {
				s.before()
			}
			return runtime.Dispatch(ctx, m)
		}},
	})
	server := httptest.NewServer(s.handler)
	t.Cleanup(server.Close)
	s.path = "/api/v1/go/http_api/" + s.bot.Key + "/"
	s.url = server.URL + s.path
	return s
}

// do sends a request and returns the answer, whose body the caller closes.
func (s *talks) do(ctx context.Context, method, resource, body string) *http.Response {
	s.t.Helper()
	r, err := http.NewRequestWithContext(ctx, method, s.url+resource, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	r.SetBasicAuth(s.user, "secret")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer
}

// ask sends a request and reads the answer.
func (s *talks) ask(method, resource, body string) (int, string) {
	s.t.Helper()
	answer := s.do(s.t.Context(), method, resource, body)
	defer func() { _ = answer.Body.Close() }() // it was read to its end
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// hold queues something for streams.
func (s *talks) hold(id, body string) {
	s.t.Helper()
	err := s.queue.Post(s.t.Context(), httpbot.Push{Account: s.user, Bot: s.bot.Key, Kind: httpbot.Messages, Subject: id,
		Address: "+1", Body: body, State: httpbot.Held})
	if err != nil {
		s.t.Fatal(err)
	}
}

func TestSendWithoutRoute(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := serveTalks(t, d, vumi.Options{})
		status, body := s.ask("PUT", "messages.json", `{"to_addr": "+1", "content": "x"}`)
		if status != 200 {
			t.Fatalf("%d %s", status, body)
		}
		e := <-s.events
		if e.Type != core.Nack || !strings.Contains(e.Reason, "no route") || !strings.Contains(body, `"`+e.MessageID+`"`) {
			t.Errorf("event %+v, answer %s", e, body)
		}
	})
}

func TestConversationLimits(t *testing.T) {
	s := serveTalks(t, dbtest.SQLite(t), vumi.Options{MaxBody: 100, ConversationRequests: 1})
	long := `{"to_addr": "+1", "content": "` + strings.Repeat("x", 100) + `"}`
	if status, body := s.ask("PUT", "messages.json", long); status != 413 || !strings.Contains(body, `"success":false`) {
		t.Errorf("a large body: %d %s", status, body)
	}
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	stream := s.do(ctx, "GET", "messages.json", "")
	defer func() { _ = stream.Body.Close() }() // cut off
	if status, body := s.ask("PUT", "metrics.json", "[]"); status != 403 || !strings.Contains(body, "Too many concurrent connections") {
		t.Errorf("a second request: %d %s", status, body)
	}
	if status, _ := s.ask("GET", "nothing", ""); status != 403 {
		t.Errorf("a request for nothing: %d", status)
	}

	free := serveTalks(t, dbtest.SQLite(t), vumi.Options{ConversationRequests: -1})
	for range 30 {
		open := free.do(ctx, "GET", "events.json", "")
		defer func() { _ = open.Body.Close() }() // cut off
		if open.StatusCode != 200 {
			t.Fatalf("no limit: %s", open.Status)
		}
	}
}

// Messages of an account are worked on one at a time, or as many as the setting says; what is no message does not wait.
func TestMessagesWaitInLine(t *testing.T) {
	for limit, waits := range map[int]bool{0: true, 1: true, 2: false, -1: false} {
		s := serveTalks(t, dbtest.SQLite(t), vumi.Options{ConversationMessages: limit})
		begun, end := make(chan bool, 1), make(chan bool)
		s.before = func() { begun <- true; <-end }
		answers := make(chan string, 2)
		put := func(body string) {
			r := httptest.NewRequestWithContext(t.Context(), "PUT", s.path+"messages.json", strings.NewReader(body))
			r.SetBasicAuth(s.user, "secret")
			w := httptest.NewRecorder()
			s.handler.ServeHTTP(w, r)
			answers <- w.Body.String()
		}
		go put(`{"to_addr": "+1", "content": "first"}`)
		<-begun
		go put(`{"to_addr": 5}`) // which would be refused at once
		got := ""
		if !waits {
			if got = <-answers; !strings.Contains(got, "'to_addr'") {
				t.Errorf("limit %d: %s", limit, got)
			}
		}
		for range 20 {
			if status, body := s.ask("PUT", "metrics.json", `[["a", "x", "sum"]]`); status != 400 {
				t.Errorf("limit %d: a metric: %d %s", limit, status, body)
			}
		}
		if len(answers) > 0 {
			close(end)
			t.Fatalf("limit %d: the second was answered before the first: %s", limit, <-answers)
		}
		close(end)
		if got += <-answers; waits {
			got += <-answers
		}
		if !strings.Contains(got, `"content":"first"`) || !strings.Contains(got, "'to_addr'") {
			t.Errorf("limit %d: %s", limit, got)
		}
	}
}

// Whoever goes away while waiting in line sends nothing, and holds up nobody.
func TestWhoGoesAwayFromTheLine(t *testing.T) {
	s := serveTalks(t, dbtest.SQLite(t), vumi.Options{})
	begun, end := make(chan bool, 2), make(chan bool)
	s.before = func() { begun <- true; <-end }
	var first sync.WaitGroup
	first.Go(func() {
		r := httptest.NewRequestWithContext(t.Context(), "PUT", s.path+"messages.json", strings.NewReader(`{"to_addr": "+1", "content": "first"}`))
		r.SetBasicAuth(s.user, "secret")
		s.handler.ServeHTTP(httptest.NewRecorder(), r)
	})
	<-begun
	ctx, goAway := context.WithCancel(t.Context())
	read := make(chan bool)
	body := &watched{strings.NewReader(`{"to_addr": "+1", "content": "second"}`), read}
	r := httptest.NewRequestWithContext(ctx, "PUT", s.path+"messages.json", body)
	r.SetBasicAuth(s.user, "secret")
	over := make(chan bool)
	go func() { s.handler.ServeHTTP(httptest.NewRecorder(), r); close(over) }()
	<-read // it is there whole
	goAway()
	<-over
	close(end)
	first.Wait()
	if status, answer := s.ask("PUT", "messages.json", `{"to_addr": "+1", "content": "third"}`); status != 200 {
		t.Errorf("%d %s", status, answer)
	}
	contents, err := db.Collect(t.Context(), s.db, func(r *sql.Rows) (text string, err error) { err = r.Scan(&text); return text, err },
		"SELECT content FROM message ORDER BY id")
	if err != nil || !slices.Equal(contents, []string{"first", "third"}) {
		t.Errorf("sent %v, %v", contents, err)
	}
}

// watched tells when a body has been read to its end.
type watched struct {
	io.Reader
	read chan bool
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.Reader.Read(p)
	if err == io.EOF {
		close(w.read)
	}
	return n, err
}

// When the server stops, streams come to an orderly end, and no other one opens.
func TestStreamsEndWithTheServer(t *testing.T) {
	s := serveTalks(t, dbtest.SQLite(t), vumi.Options{})
	s.hold("m1", `{"a": "<\u2028>"}`)
	stream := s.do(t.Context(), "GET", "messages.json", "")
	defer func() { _ = stream.Body.Close() }() // it was read to its end
	reader := bufio.NewReader(stream.Body)
	if line, err := reader.ReadString('\n'); err != nil || line != `{"a": "<\u2028>"}`+"\n" {
		t.Fatalf("%q, %v", line, err)
	}
	s.queue.StopStreams()
	s.queue.StopStreams()
	if rest, err := io.ReadAll(reader); err != nil || len(rest) != 0 {
		t.Errorf("%q, %v", rest, err)
	}
	if status, body := s.ask("GET", "messages.json", ""); status != 503 {
		t.Errorf("another stream: %d %s", status, body)
	}
}

func TestConversationFaults(t *testing.T) {
	for table, request := range map[string][3]string{
		"optout":        {"PUT", "messages.json", `{"to_addr": "+1"}`},
		"message":       {"PUT", "messages.json", `{"in_reply_to": "x"}`},
		"metric_series": {"PUT", "metrics.json", `[["a", 1, "sum"]]`},
		"bot":           {"GET", "messages.json", ""},
	} {
		s := serveTalks(t, dbtest.SQLite(t), vumi.Options{})
		if _, err := s.db.Exec(t.Context(), "DROP TABLE "+table); err != nil {
			t.Fatal(err)
		}
		status, body := s.ask(request[0], request[1], request[2])
		if status != 500 || strings.TrimSpace(body) != `{"success":false,"reason":"Internal server error."}` {
			t.Errorf("without the table %s: %d %s", table, status, body)
		}
	}
}
