package message

import (
	"context"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"indaba/internal/core"
	"indaba/internal/db"
	"indaba/internal/db/dbtest"
)

// searching returns running searches over a log.
func (l *logbook) searching() (x *Searches, stop func()) {
	l.t.Helper()
	x = NewSearches(l.Service, slog.New(slog.NewTextHandler(io.Discard, nil)))
	ctx, cancel := context.WithCancel(l.t.Context())
	l.running = ctx
	ended := make(chan error, 1)
	go func() { ended <- x.Run(ctx) }()
	for stopped := true; stopped; { // it begins in a moment
		x.mu.Lock()
		stopped = x.ctx == nil
		x.mu.Unlock()
	}
	var done bool
	stop = func() {
		if cancel(); !done {
			done = true
			if err := <-ended; err != nil {
				l.t.Error(err)
			}
		}
	}
	l.t.Cleanup(stop)
	return x, stop
}

func hasFive(m *core.Message) bool { return strings.HasSuffix(*m.Content, "5") }

func (l *logbook) fives(sel Selection) (ids []string) {
	byID := map[string]*core.Message{}
	for _, m := range l.all {
		byID[m.ID] = m
	}
	sel.NewestFirst = true
	for _, id := range l.want(sel) {
		if hasFive(byID[id]) {
			ids = append(ids, id)
		}
	}
	return ids
}

func TestSearch(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		l := write(t, d, 4*logWindow) // of which about fifty are found
		x, stop := l.searching()
		sel := Selection{Account: "a0", Channel: "c1", Direction: core.Inbound}
		token, done, err := x.Start(sel, hasFive, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		<-done
		want := l.fives(sel)
		result := func(x *Searches, start, stop int, oldestFirst bool) Found {
			t.Helper()
			f, err := x.Result(t.Context(), sel, token, start, stop, oldestFirst)
			if err != nil {
				t.Fatal(err)
			}
			return f
		}
		f := result(x, 0, 19, false)
		if f.Count != len(want) || f.Running || f.Cut != "" || !slices.Equal(f.IDs, want[:20]) {
			t.Errorf("got %+v, want %d: %v", f, len(want), want[:20])
		}
		oldest := slices.Clone(want)
		slices.Reverse(oldest)
		stop() // results outlive the process
		y := NewSearches(l.Service, slog.Default())
		if f = result(y, 3, 5, true); !slices.Equal(f.IDs, oldest[3:6]) {
			t.Errorf("got %v, want %v", f.IDs, oldest[3:6])
		}
		if f = result(y, len(want)-1, 1<<30, false); !slices.Equal(f.IDs, want[len(want)-1:]) {
			t.Errorf("the last: %v", f.IDs)
		}
		if f = result(y, len(want), 1<<30, false); len(f.IDs) != 0 {
			t.Errorf("after the last: %v", f.IDs)
		}
		for name, other := range map[string]Selection{"account": {Account: "a1", Channel: "c1", Direction: core.Inbound},
			"batch": {Account: "a0", Channel: "c0", Direction: core.Inbound}, "direction": {Account: "a0", Channel: "c1", Direction: core.Outbound}} {
			if _, err := y.Result(t.Context(), other, token, 0, 1, false); core.KindOf(err) != core.NotFound || err == nil {
				t.Errorf("another %s: %v", name, err)
			}
		}
		messages, err := l.ByID(t.Context(), "a0", append([]string{"none", l.fives(Selection{Account: "a1"})[0]}, want[:3]...))
		if err != nil || len(messages) != 3 || messages[1].ID != want[1] {
			t.Errorf("%v, %v", messages, err)
		}
	})
}

func TestSearchLimits(t *testing.T) {
	l := write(t, dbtest.SQLite(t), 100)
	x, _ := l.searching()
	hold, begun := make(chan struct{}), make(chan struct{}, 1000)
	slow := func(*core.Message) bool { begun <- struct{}{}; <-hold; return true }
	sel := Selection{Account: "a0"}
	token, done, err := x.Start(sel, slow, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	<-begun
	if _, _, err := x.Start(Selection{Account: "a0", Bot: "b"}, hasFive, time.Hour); core.KindOf(err) != core.Limited {
		t.Errorf("a second one of the account: %v", err)
	}
	_, other, err := x.Start(Selection{Account: "a1"}, slow, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := x.Start(Selection{Account: "a2"}, hasFive, time.Hour); core.KindOf(err) != core.Limited {
		t.Errorf("one too many of the server: %v", err)
	}
	if f, err := x.Result(t.Context(), sel, token, 0, 1, false); err != nil || !f.Running || f.Count != 0 {
		t.Errorf("under way: %+v, %v", f, err)
	}
	close(hold)
	<-done
	<-other

	x.time = 0
	if token, done, err = x.Start(sel, hasFive, time.Hour); err != nil {
		t.Fatal(err)
	}
	<-done
	if f, err := x.Result(t.Context(), sel, token, 0, 1, false); err != nil || f.Cut != CutByTime {
		t.Errorf("no time: %+v, %v", f, err)
	}
}

// A search that fails, or is interrupted, leaves no token that looks like one of a search that found nothing.
func TestSearchThatEndsBadly(t *testing.T) {
	l := write(t, dbtest.SQLite(t), 10)
	x, stop := l.searching()
	sel := Selection{Account: "a0"}
	gone := func(token string) {
		t.Helper()
		if f, err := x.Result(t.Context(), sel, token, 0, 1, false); core.KindOf(err) != core.NotFound || err == nil {
			t.Errorf("%+v, %v", f, err)
		}
	}
	token, done, err := x.Start(sel, func(*core.Message) bool { panic("no") }, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	<-done
	gone(token)
	begun := make(chan struct{}, 1000)
	token, done, err = x.Start(sel, func(*core.Message) bool { begun <- struct{}{}; <-l.running.Done(); return true }, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	<-begun
	stop()
	<-done
	gone(token)
	if _, _, err := x.Start(sel, hasFive, time.Hour); core.KindOf(err) != core.Unavailable {
		t.Errorf("after the end: %v", err)
	}
}

// Of an account's results the newest are kept, each for its life.
func TestSearchesAreForgotten(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		l := write(t, d, 10)
		at := l.begin
		l.Service = New(d, 1, func() time.Time { return at })
		x := NewSearches(l.Service, slog.Default())
		sel := Selection{Account: "a0"}
		for i := range searchesToKeep + 3 {
			at = at.Add(time.Second)
			one := &search{account: "a0", scope: sel.scope()}
			if err := x.keep(t.Context(), string(rune('A'+i)), one, "", time.Hour); err != nil {
				t.Fatal(err)
			}
		}
		kept := 0
		for i := range searchesToKeep + 3 {
			if _, err := x.Result(t.Context(), sel, string(rune('A'+i)), 0, 1, false); err == nil {
				kept++
			}
		}
		if kept != searchesToKeep {
			t.Errorf("%d are kept, want %d", kept, searchesToKeep)
		}
		at = at.Add(time.Hour)
		if _, err := x.Result(t.Context(), sel, string(rune('A'+searchesToKeep+2)), 0, 1, false); core.KindOf(err) != core.NotFound || err == nil {
			t.Errorf("after its life: %v", err)
		}
		if err := x.sweep(t.Context()); err != nil {
			t.Error(err)
		}
		var n int
		if err := d.Row(t.Context(), "SELECT count(*) FROM message_search", nil, &n); err != nil || n != 0 {
			t.Errorf("%d rows are left, %v", n, err)
		}
	})
}
