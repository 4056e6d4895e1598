package message

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"indaba/internal/core"
	"indaba/internal/db"
	"indaba/internal/db/dbtest"
)

// logbook is a message log over some hours, with what stands in it.
type logbook struct {
	*Service
	t     *testing.T
	begin time.Time
	all   []*core.Message // in order of time

	running context.Context // of searches
}

// write stores n messages of several accounts, bots and channels, a second apart, some of them at the same moment.
func write(t *testing.T, d *db.DB, n int) *logbook {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	chance := rand.New(rand.NewPCG(seed, 0))
	l := &logbook{t: t, begin: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)}
	l.Service = New(d, 1, func() time.Time { return l.begin.Add(time.Duration(n) * time.Second) })
	at := l.begin
	for range n {
		if chance.IntN(4) > 0 {
			at = at.Add(time.Second)
		}
		text := fmt.Sprint("text ", chance.IntN(10))
		m := &core.Message{ID: core.NewMessageID(at), Account: "a" + fmt.Sprint(chance.IntN(2)), Channel: "c" + fmt.Sprint(chance.IntN(2)),
			Direction: core.Direction(1 + chance.IntN(2)), From: "+1", To: "+2", Content: &text, CreatedAt: at, Status: core.Received}
		if bot := chance.IntN(3); bot > 0 {
			m.Bot = m.Account + "b" + fmt.Sprint(bot)
		}
		l.all = append(l.all, m)
	}
	slices.SortFunc(l.all, func(a, b *core.Message) int { return compareMessages(a, b) })
	if err := d.Tx(t.Context(), func(ctx context.Context) error {
		for _, m := range l.all {
			if err := l.insert(ctx, m); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return l
}

func compareMessages(a, b *core.Message) int {
	if c := a.CreatedAt.Compare(b.CreatedAt); c != 0 {
		return c
	}
	if a.ID < b.ID {
		return -1
	}
	return 1
}

// read returns what Pages gives.
func (l *logbook) read(sel Selection) (ids []string) {
	l.t.Helper()
	for page, err := range l.Pages(l.t.Context(), sel) {
		if err != nil {
			l.t.Fatal(err)
		}
		for _, m := range page {
			ids = append(ids, m.ID)
		}
	}
	return ids
}

// want returns what Pages should give.
func (l *logbook) want(sel Selection) (ids []string) {
	for _, m := range l.all {
		if m.Account == sel.Account && (sel.Bot == "" || m.Bot == sel.Bot) && (sel.Channel == "" || m.Channel == sel.Channel) &&
			(sel.Direction == 0 || m.Direction == sel.Direction) && !m.CreatedAt.Before(sel.From) &&
			(sel.Until.IsZero() || !m.CreatedAt.After(sel.Until)) {
			ids = append(ids, m.ID)
		}
	}
	if sel.NewestFirst {
		slices.Reverse(ids)
	}
	return ids
}

func TestPages(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		l := write(t, d, 5*logWindow/2)
		hour := l.begin.Add(10 * time.Minute)
		for _, sel := range []Selection{
			{Account: "a0"}, {Account: "nobody"}, {Account: "a1", Channel: "c1"}, {Account: "a1", Channel: "c1", Direction: core.Inbound},
			{Account: "a0", Bot: "a0b1"}, {Account: "a0", Bot: "a0b1", Direction: core.Outbound},
			{Account: "a1", Bot: "a0b1", Direction: core.Outbound}, // another account's bot
			{Account: "a0", Bot: "a0b2", Channel: "c0", Direction: core.Inbound},
			{Account: "a0", From: hour}, {Account: "a0", Until: hour}, {Account: "a0", From: hour, Until: hour},
			{Account: "a0", Bot: "a0b1", Direction: core.Inbound, From: hour}, {Account: "a0", Bot: "a0b1", Direction: core.Inbound, Until: hour},
			{Account: "a0", From: hour, Until: l.begin}, {Account: "a0", Until: l.begin.Add(-time.Second)},
		} {
			for _, sel.NewestFirst = range []bool{false, true} {
				if got, want := l.read(sel), l.want(sel); !slices.Equal(got, want) {
					t.Errorf("%+v: %d messages, want %d", sel, len(got), len(want))
				}
			}
		}
	})
}

// Whoever stops reading is given no more, and what is written meanwhile is not in an export that has begun.
func TestPagesStop(t *testing.T) {
	l := write(t, dbtest.SQLite(t), 2*logWindow)
	pages := 0
	for _, err := range l.Pages(t.Context(), Selection{Account: "a0"}) {
		if err != nil {
			t.Fatal(err)
		}
		pages++
		break
	}
	if pages != 1 {
		t.Errorf("%d pages", pages)
	}
	gone, leave := context.WithCancel(t.Context())
	leave()
	for _, sel := range []Selection{{Account: "a0"}, {Account: "a0", Bot: "a0b1", Direction: core.Inbound}} {
		for page, err := range l.Pages(gone, sel) {
			if err == nil {
				t.Errorf("%d messages for somebody who is gone", len(page))
			}
		}
	}
}

func TestEvents(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		at := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
		s := New(d, 1, func() time.Time { return at })
		text := "x"
		send := func(to string) *core.Message {
			m := &core.Message{ID: core.NewMessageID(at), Account: "a", Channel: "c", Direction: core.Outbound, To: to, Content: &text,
				Bot: "b", CreatedAt: at}
			if err := s.Send(t.Context(), m); err != nil {
				t.Fatal(err)
			}
			return m
		}
		step := func(m *core.Message, status core.Status, reason, externalID string) {
			t.Helper()
			at = at.Add(time.Minute)
			if ok, err := s.SetStatus(t.Context(), m.ID, status, reason, externalID); err != nil || !ok {
				t.Fatal(ok, err)
			}
		}
		read, lost, waiting := send("+1"), send("+2"), send("+3")
		step(read, core.Unknown, "", "")
		step(read, core.Sent, "", "p1")
		step(lost, core.Failed, "no credit", "")
		step(read, core.Delivered, "", "")
		step(read, core.Read, "", "")
		events := func(from, until time.Time) (all []string) {
			t.Helper()
			found, err := s.some(t.Context(), "WHERE m.account = $1 ORDER BY m.id", "a")
			if err != nil {
				t.Fatal(err)
			}
			list, err := s.Events(t.Context(), found, from, until)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range list {
				all = append(all, fmt.Sprintf("%s %s %s%s%s %s", map[string]string{read.ID: "read", lost.ID: "lost", waiting.ID: "waiting"}[e.MessageID],
					e.Type, e.SentMessageID, e.Reason, e.Delivery, e.At.Format("15:04")))
			}
			slices.Sort(all)
			return all
		}
		want := []string{"lost nack no credit 05:09", "read ack p1 05:08", "read delivery_report delivered 05:10"}
		if got := events(time.Time{}, time.Time{}); !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		// An event of the time in question counts even when those before it do not.
		minute := time.Date(2026, 3, 4, 5, 10, 0, 0, time.UTC)
		if got := events(minute, minute.Add(59*time.Second)); !slices.Equal(got, want[2:]) {
			t.Errorf("got %q", got)
		}
	})
}
