package usage

import (
	"context"
	"io"
	"log/slog"
	"testing"
	"time"

	"indaba/internal/account"
	"indaba/internal/bot"
	"indaba/internal/core"
	"indaba/internal/db"
	"indaba/internal/db/dbtest"
	"indaba/internal/message"
	"indaba/internal/metric"
)

// world is one account with bots, and a clock that tests move.
type world struct {
	Deps
	t       *testing.T
	account string
	at      time.Time
}

func newWorld(t *testing.T, d *db.DB) *world {
	t.Helper()
	w := &world{t: t, at: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)}
	now := func() time.Time { return w.at }
	accounts := account.New(d, now)
	bots, err := bot.NewStore(d, accounts, now)
	if err != nil {
		t.Fatal(err)
	}
	w.Deps = Deps{DB: d, Accounts: accounts, Bots: bots, Messages: message.New(d, 1, now), Now: now,
		Metrics: metric.New(d, now, metric.Options{}), Log: slog.New(slog.NewTextHandler(io.Discard, nil))}
	owner, err := accounts.Create(t.Context(), "a", "")
	if err != nil {
		t.Fatal(err)
	}
	w.account = owner.Key
	return w
}

func (w *world) bot(name, kind string) string {
	w.t.Helper()
	b, err := w.Bots.Create(w.t.Context(), w.account, name, kind)
	if err != nil {
		w.t.Fatal(err)
	}
	return b.Key
}

// got lets a bot get a message, and sent send one.
func (w *world) got(bot, from string) {
	w.t.Helper()
	m := &core.Message{ID: core.NewMessageID(w.at), Account: w.account, Channel: "c", Direction: core.Inbound, From: from,
		Status: core.Received, CreatedAt: w.at}
	if _, _, err := w.Messages.Accept(w.t.Context(), m); err != nil {
		w.t.Fatal(err)
	}
	if err := w.Messages.SetBot(w.t.Context(), m.ID, bot, "default"); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) sent(bot, to string) {
	w.t.Helper()
	m := &core.Message{ID: core.NewMessageID(w.at), Account: w.account, Channel: "c", Direction: core.Outbound, To: to, Bot: bot,
		CreatedAt: w.at}
	if err := w.Messages.Send(w.t.Context(), m); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) round(m *Meter) {
	w.t.Helper()
	if err := m.round(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

// read returns the values of a metric in the last hour, oldest first.
func (w *world) read(bot, name string) (values []float64) {
	w.t.Helper()
	buckets, _, err := w.Metrics.Read(w.t.Context(), w.account, metric.Request{Name: "conversations." + bot + "." + name + ".avg",
		From: w.at.Add(-time.Hour), Until: w.at, Interval: Every})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, b := range buckets {
		if b.Value != nil {
			values = append(values, *b.Value)
		}
	}
	return values
}

func (w *world) expect(bot, name string, want ...float64) {
	w.t.Helper()
	got := w.read(bot, name)
	if len(got) != len(want) {
		w.t.Fatalf("%s: got %v, want %v", name, got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			w.t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
}

func TestValues(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		talk, idle, empty := w.bot("talk", bot.HTTP), w.bot("idle", bot.HTTP), w.bot("empty", bot.Sandbox)
		m := New(w.Deps)
		w.got(talk, "+1")
		w.got(talk, "+1")
		w.got(talk, "+2")
		w.sent(talk, "+3")
		w.round(m)
		w.at = w.at.Add(Every)
		w.got(talk, "+4")
		w.round(m)
		w.expect(talk, "messages_received", 3, 4)
		w.expect(talk, "messages_sent", 1, 1)
		w.expect(talk, "inbound_unique_addresses", 2, 3)
		w.expect(talk, "outbound_unique_addresses", 1, 1)
		w.expect(idle, "messages_received", 0, 0)
		w.expect(empty, "messages_received") // it has no program, and does not run
	})
}

// Meters of several runs, one after the other or side by side, fire every value once.
func TestEveryValueOnce(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		talk := w.bot("talk", bot.HTTP)
		one, two := New(w.Deps), New(w.Deps)
		// Both have found that there is something to do before either has fired.
		at := slot(w.at)
		for _, m := range []*Meter{one, two} {
			tallies, err := m.due(t.Context(), at)
			if err != nil || len(tallies) != 1 {
				t.Fatalf("%v, %v", tallies, err)
			}
		}
		points := (&tally{account: w.account, bot: talk}).points(at)
		for _, m := range []*Meter{one, two} {
			if err := m.fire(t.Context(), w.account, at, points); err != nil {
				t.Fatal(err)
			}
		}
		w.round(New(w.Deps)) // a restart in the same minutes
		var most, slots int
		if err := d.Row(t.Context(), "SELECT count(*), max(count) FROM metric_slot", nil, &slots, &most); err != nil {
			t.Fatal(err)
		}
		if slots != 4 || most != 1 {
			t.Errorf("%d values, one of them %d times", slots, most)
		}
		w.at = w.at.Add(Every)
		w.round(New(w.Deps)) // a restart later
		w.expect(talk, "messages_sent", 0, 0)
	})
}

// When counting takes too long, the others have their turn the next time, and nobody gets a wrong value.
func TestNoTimeToCount(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	one, two := w.bot("one", bot.HTTP), w.bot("two", bot.HTTP)
	m := New(w.Deps)
	w.got(one, "+1")
	w.got(two, "+1")
	w.round(m)
	w.got(one, "+2")
	w.at = w.at.Add(Every)
	m.budget = 0
	w.round(m)
	w.expect(one, "messages_received", 1, 1)
	fresh := New(w.Deps)
	fresh.budget = 0
	w.at = w.at.Add(Every)
	w.round(fresh)
	w.expect(two, "messages_received", 1, 1)
	m.budget = budget
	w.round(m)
	w.expect(one, "messages_received", 1, 1, 2)
}

func TestRunEnds(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	talk := w.bot("talk", bot.HTTP)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- New(w.Deps).Run(ctx) }()
	for w.read(talk, "messages_sent") == nil { // it comes in a moment
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
