package httpbot

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"indaba/internal/core"
	"indaba/internal/db"
	"indaba/internal/db/dbtest"
)

func TestPushIsTakenOnce(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		w.configure(NoStreaming, map[string]any{
			"push_message_url": strings.Replace(w.app.url, "http://", "http://us%40er:pa%3Ass@", 1) + "/in?a=b%20c",
			"push_event_url":   w.app.url + "/events",
		})
		w.post(Messages, Waiting, "+1", "m1", "m1")
		w.post(Events, Waiting, "+1", "e1")
		w.round()
		w.post(Messages, Waiting, "+1", "m1") // the turn is run again
		w.round()
		if n := w.app.count(); n != 2 {
			t.Fatalf("%d requests, want 2: %v", n, w.app.got)
		}
		slices.SortFunc(w.app.got, func(a, b pushed) int { return strings.Compare(a.path, b.path) })
		event, message := w.app.got[0], w.app.got[1]
		if message.method != "POST" || message.path != "/in?a=b%20c" || message.body != `{"id":"m1"}` ||
			message.header.Get("Content-Type") != "application/json; charset=utf-8" {
			t.Errorf("message: %+v", message)
		}
		user, password, _ := (&http.Request{Header: message.header}).BasicAuth()
		if user != "us@er" || password != "pa:ss" {
			t.Errorf("credentials %q %q", user, password)
		}
		if event.path != "/events" || event.body != `{"id":"e1"}` || event.header.Get("Authorization") != "" {
			t.Errorf("event: %+v", event)
		}
		if w.rows(Taken) != 2 || w.rows(Waiting) != 0 {
			t.Errorf("%d taken, %d waiting", w.rows(Taken), w.rows(Waiting))
		}
		w.wait(keepTaken + time.Second)
		if err := w.queue.Sweep(t.Context()); err != nil || w.rows(Taken) != 0 {
			t.Errorf("after the sweep %d are left, %v", w.rows(Taken), err)
		}
	})
}

// An application that is down gets four tries, at the times of docs/spec/vumi-http.md 9.7.
func TestScheduleOfTries(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		w.configure(NoStreaming, map[string]any{"push_message_url": w.app.url})
		w.app.answers(503)
		w.post(Messages, Waiting, "+1", "m1")
		begun := w.now()
		w.round()
		for tries, after := range []time.Duration{300 * time.Second, 1800 * time.Second, 3600 * time.Second} {
			failing := w.failing(false)
			if len(failing) != 1 || failing[0].Attempts != tries+1 || !failing[0].NotBefore.Equal(begun.Add(after)) ||
				failing[0].Reason != "the application answered 503 Service Unavailable" {
				t.Fatalf("after try %d: %+v, want the next %v after the first", tries+1, failing, after)
			}
			w.wait(begun.Add(after - time.Second).Sub(w.now()))
			w.round()
			if n := w.app.count(); n != tries+1 {
				t.Fatalf("%d tries a second before the time, want %d", n, tries+1)
			}
			w.wait(time.Second)
			w.round()
		}
		dead := w.failing(true)
		if w.app.count() != 4 || len(dead) != 1 || dead[0].Attempts != 4 || dead[0].Body != `{"id":"m1"}` {
			t.Fatalf("%d tries, dead: %+v", w.app.count(), dead)
		}
		if log := w.log(); len(log) != 1 || log[0] !=
			"ERROR push of message m1 given up after 4 tries: the application answered 503 Service Unavailable" {
			t.Errorf("log: %q", log)
		}
	})
}

func TestWhatIsNotTriedAgain(t *testing.T) {
	nobody := httptest.NewServer(http.NotFoundHandler())
	nobody.Close()
	for _, test := range []struct {
		name, url string // empty: the application
		status    int
		again     bool
		reason    string // a part of it
	}{
		{name: "bad request", status: 400, reason: "answered 400 Bad Request"},
		{name: "gone", status: 404, reason: "answered 404"},
		{name: "too many requests", status: 429, reason: "answered 429"},
		{name: "a redirect is not followed", status: 302, reason: "answered 302 Found"},
		{name: "failure", status: 500, again: true, reason: "answered 500"},
		{name: "nobody listens", url: nobody.URL, again: true, reason: "refused"},
		{name: "no scheme", url: "example.com", reason: "only http and https"},
		{name: "other scheme", url: "ftp://127.0.0.1/", reason: "only http and https"},
		{name: "no URL", url: "http://u:secret@[::1/", reason: "push_message_url is no URL"},
		{name: "private address", url: "http://u:secret@127.0.0.2:9/", reason: "not allowed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, dbtest.SQLite(t))
			if test.url == "" {
				test.url = w.app.url
				w.app.answers(test.status)
			}
			w.configure(NoStreaming, map[string]any{"push_message_url": test.url})
			told := make(chan string, 10)
			w.queue.GivenUp = func(message string) { told <- message }
			w.post(Messages, Waiting, "+1", "m1")
			w.round()
			if _, err := w.queue.scan(t.Context()); err != nil {
				t.Fatal(err)
			}
			w.queue.working.Wait()
			if given := len(told) == 1 && <-told == "m1"; given == test.again || len(told) != 0 {
				t.Errorf("given up: told %v", given)
			}
			failing := w.failing(!test.again)
			if len(failing) != 1 || failing[0].Attempts != 1 || !strings.Contains(failing[0].Reason, test.reason) {
				t.Fatalf("failing: %+v, dead: %+v", w.failing(false), w.failing(true))
			}
			if strings.Contains(failing[0].Reason+strings.Join(w.log(), ""), "secret") {
				t.Errorf("a password is shown: %s %s", failing[0].Reason, w.log())
			}
		})
	}
}

func TestDeadPushes(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		w.configure(NoStreaming, map[string]any{})
		w.post(Messages, Waiting, "+1", "m1")
		w.post(Messages, Waiting, "+2", "m2")
		w.round()
		if _, err := w.queue.scan(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.queue.working.Wait()
		dead := w.failing(true)
		if len(dead) != 2 || dead[0].Reason != "push_message_url is not set" {
			t.Fatalf("dead: %+v", dead)
		}
		if err := w.queue.Retry(t.Context(), core.NewKey(), dead[0].ID); core.KindOf(err) != core.NotFound {
			t.Errorf("another account: %v", err)
		}
		if err := w.queue.Drop(t.Context(), w.account, dead[1].ID); err != nil {
			t.Error(err)
		}
		w.configure(NoStreaming, map[string]any{"push_message_url": w.app.url})
		w.wait(time.Hour)
		if err := w.queue.Retry(t.Context(), w.account, dead[0].ID); err != nil {
			t.Fatal(err)
		}
		w.round()
		if w.app.count() != 1 || w.rows(Taken) != 1 || len(w.failing(true)) != 0 {
			t.Errorf("%d requests, %d taken, dead %+v", w.app.count(), w.rows(Taken), w.failing(true))
		}
		if err := w.queue.Retry(t.Context(), w.account, dead[0].ID); core.KindOf(err) != core.NotFound {
			t.Errorf("a push that was taken: %v", err)
		}
	})
}

// An account whose applications are down fills the table only so far.
// What waits for a conversation that is archived is given up, with the reason.
func TestPushOfAnArchivedConversation(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		w.configure(NoStreaming, map[string]any{"push_message_url": w.app.url})
		w.post(Messages, Waiting, "+1", "m1")
		if _, err := d.Exec(t.Context(), "UPDATE bot SET archived_at = 1 WHERE key = $1", w.bot.Key); err != nil {
			t.Fatal(err)
		}
		w.round()
		dead := w.failing(true)
		if len(dead) != 1 || dead[0].Reason != "the conversation is archived" || w.app.count() != 0 {
			t.Fatalf("%+v, %d requests", dead, w.app.count())
		}
	})
}

func TestTooManyRetries(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	w.configure(NoStreaming, map[string]any{"push_message_url": w.app.url})
	w.app.answers(500)
	later := w.now().Add(time.Hour).UnixMicro()
	rows := make([][]any, maxRetries-1)
	for i := range rows {
		rows[i] = []any{w.account, w.bot.Key, "message", fmt.Sprint("old", i), "+1", "{}", 1, 1, 1, later, "", 1, 0}
	}
	columns := []string{"account", "bot", "kind", "subject", "address", "body", "state", "attempts", "begun_at", "not_before",
		"reason", "created_at", "settled_at"}
	if err := w.db.Tx(t.Context(), func(ctx context.Context) error {
		_, err := w.db.InsertMany(ctx, "push", columns, rows, "")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	w.post(Messages, Waiting, "+1", "last", "one too many")
	w.round()
	if dead := w.failing(true); len(dead) == 1 {
		if p, err := w.queue.Get(t.Context(), w.account, dead[0].ID); err != nil || p != dead[0] {
			t.Errorf("alone it is %+v, %v", p, err)
		}
		if _, err := w.queue.Get(t.Context(), "other", dead[0].ID); core.KindOf(err) != core.NotFound {
			t.Errorf("another account's: %v", err)
		}
	}
	if dead := w.failing(true); len(dead) != 1 || dead[0].Subject != "one too many" ||
		!strings.Contains(dead[0].Reason, "10000 pushes wait") || w.rows(Waiting) != maxRetries {
		t.Errorf("dead: %+v, %d wait", dead, w.rows(Waiting))
	}
}

// Pushes about one person keep their order; a slow application holds up nobody else's.
func TestOrderAndFairness(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	w.configure(NoStreaming, map[string]any{"push_message_url": w.app.url})
	var want []string
	for i := range 40 {
		id := "m" + string(rune('A'+i))
		want = append(want, `{"id":"`+id+`"}`)
		w.post(Messages, Waiting, "+1", id)
	}
	w.round()
	var got []string
	for _, p := range w.app.got {
		got = append(got, p.body)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}

	hold := make(chan struct{})
	w.app.mu.Lock()
	w.app.answer = func(http.ResponseWriter, *http.Request) { <-hold }
	w.app.mu.Unlock()
	t.Cleanup(func() { close(hold) })
	for i := range 3 * pushesPerBot {
		w.post(Messages, Waiting, "+"+string(rune('a'+i)), "slow"+string(rune('a'+i)))
	}
	other := newApplication(t)
	made, err := w.bots.Create(t.Context(), w.account, "other", "http")
	if err != nil {
		t.Fatal(err)
	}
	w.bot = made
	w.configure(NoStreaming, map[string]any{"push_message_url": other.url})
	w.post(Messages, Waiting, "+1", "quick")
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.queue.Run(ctx) }()
	if p := receive(t, other.came); p.body != `{"id":"quick"}` {
		t.Errorf("got %+v", p)
	}
	for range 40 + pushesPerBot { // all places of the slow one are taken
		receive(t, w.app.came)
	}
	stop()
	for range pushesPerBot { // those under way come to their end
		hold <- struct{}{}
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if n := w.rows(Taken); n != 40+1+pushesPerBot {
		t.Errorf("%d were taken, want %d", n, 41+pushesPerBot)
	}
}

// A scan begins one push about each person: the first may end before the scan has gone through its list.
func TestFirstOfEach(t *testing.T) {
	var due []Push
	for i, address := range []string{"+1", "+2", "+1", "+3", "+2", "+1"} {
		due = append(due, Push{ID: int64(i), Address: address})
	}
	var got []int64
	for _, p := range firstOfEach(due) {
		got = append(got, p.ID)
	}
	if !slices.Equal(got, []int64{0, 1, 3}) {
		t.Errorf("got %v", got)
	}
}

func receive[T any](t testing.TB, from <-chan T) (value T) {
	t.Helper()
	select {
	case value = <-from:
	case <-time.After(20 * time.Second):
		t.Fatal("nothing came")
	}
	return value
}
