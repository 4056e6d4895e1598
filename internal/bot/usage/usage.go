// Package usage fires the metrics that the platform itself keeps of every running bot (docs/spec/vumi-http.md 6.1): how
// many messages it has sent and got, and how many people it has to do with. It counts off the way of messages and writes
// nothing but metrics. What bots and applications fire themselves is not its business.
package usage

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"indaba/internal/account"
	"indaba/internal/bot"
	"indaba/internal/db"
	"indaba/internal/message"
	"indaba/internal/metric"
)

// How often the metrics are fired, and how much of that time may go into counting. What there was no time for is fired as
// it was counted last, and counted first the next time.
const (
	Every  = 5 * time.Minute
	budget = Every / 10
)

// Deps are what a meter works with.
type Deps struct {
	DB       *db.DB
	Accounts *account.Service
	Bots     *bot.Store
	Messages *message.Service
	Metrics  *metric.Service
	Now      func() time.Time
	Log      *slog.Logger
}

// Meter counts and fires. Several of them on one database fire every value once.
type Meter struct {
	Deps
	budget time.Duration
	known  map[string]tally // by bot; what was counted last
}

// tally is what was counted of one bot.
type tally struct {
	account, bot                        string
	at                                  time.Time // when it was counted; zero: never
	sent, received, senders, recipients int64
}

// New returns a meter that stands still until Run.
func New(d Deps) *Meter { return &Meter{Deps: d, budget: budget, known: map[string]tally{}} }

// Run fires at the beginning, unless that has been done in these minutes, and then every five minutes until ctx ends.
func (m *Meter) Run(ctx context.Context) error {
	for {
		if err := m.round(ctx); err != nil && ctx.Err() == nil {
			m.Log.ErrorContext(ctx, "cannot fire the metrics of conversations, trying again later", "error", err)
		}
		now := m.Now()
		timer := time.NewTimer(slot(now).Add(Every).Sub(now))
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		}
	}
}

// slot returns the beginning of the five minutes that a moment is in: the time that values are fired for.
func slot(t time.Time) time.Time { return t.Truncate(Every) }

// round counts and fires for every account that has not been dealt with in these minutes.
func (m *Meter) round(ctx context.Context) error {
	at := slot(m.Now())
	tallies, err := m.due(ctx, at)
	if err != nil {
		return err
	}
	if err := m.count(ctx, tallies); err != nil {
		return err
	}
	m.known = map[string]tally{}
	points := map[string][]metric.Point{}
	for _, t := range tallies {
		m.known[t.bot] = t
		if !t.at.IsZero() {
			points[t.account] = append(points[t.account], t.points(at)...)
		}
	}
	for owner, some := range points {
		if err := m.fire(ctx, owner, at, some); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			m.Log.ErrorContext(ctx, "cannot fire the metrics of an account's conversations", "account", owner, "error", err)
		}
	}
	return nil
}

// due returns what is known of the running bots of accounts whose metrics have not been fired for a slot.
func (m *Meter) due(ctx context.Context, at time.Time) (tallies []tally, err error) {
	for after := ""; ; {
		accounts, err := m.Accounts.List(ctx, after, account.MaxPage)
		if err != nil {
			return nil, fmt.Errorf("list accounts: %w", err)
		}
		for _, owner := range accounts {
			after = owner.Key
			bots, err := m.running(ctx, owner.Key, at)
			if err != nil {
				return nil, err
			}
			for _, key := range bots {
				t := m.known[key]
				t.account, t.bot = owner.Key, key
				tallies = append(tallies, t)
			}
		}
		if len(accounts) < account.MaxPage {
			return tallies, nil
		}
	}
}

func (m *Meter) running(ctx context.Context, owner string, at time.Time) (keys []string, err error) {
	var fired int
	if err := m.DB.Row(ctx, "SELECT count(*) FROM conversation_metric WHERE account = $1 AND fired_at >= $2",
		[]any{owner, at.UnixMicro()}, &fired); err != nil || fired > 0 {
		return nil, err
	}
	bots, err := m.Bots.List(ctx, owner)
	if err != nil {
		return nil, fmt.Errorf("list bots: %w", err)
	}
	for _, b := range bots {
		if b.Running() {
			keys = append(keys, b.Key)
		}
	}
	return keys, nil
}

// count counts anew, those first that were counted longest ago, until the time for it is over.
func (m *Meter) count(ctx context.Context, tallies []tally) error {
	slices.SortStableFunc(tallies, func(a, b tally) int { return a.at.Compare(b.at) })
	began := time.Now() // what it costs, whatever the clock of the server says
	for i := range tallies {
		if time.Since(began) >= m.budget {
			return nil
		}
		if err := m.recount(ctx, &tallies[i]); err != nil {
			return err
		}
	}
	return nil
}

// recount counts the messages of a bot, and its people when there are other messages than before.
func (m *Meter) recount(ctx context.Context, t *tally) (err error) {
	before := *t
	if t.received, err = m.Messages.CountInbound(ctx, t.bot); err != nil {
		return err
	}
	if t.sent, err = m.Messages.CountOutbound(ctx, t.bot); err != nil {
		return err
	}
	if before.at.IsZero() || t.received != before.received {
		if t.senders, err = m.Messages.CountSenders(ctx, t.bot); err != nil {
			return err
		}
	}
	if before.at.IsZero() || t.sent != before.sent {
		if t.recipients, err = m.Messages.CountRecipients(ctx, t.bot); err != nil {
			return err
		}
	}
	t.at = m.Now()
	return nil
}

// points returns the values of a bot's metrics.
func (t *tally) points(at time.Time) []metric.Point {
	named := func(name string, value int64) metric.Point {
		return metric.Point{Name: "conversations." + t.bot + "." + name + ".avg", Value: float64(value), At: at}
	}
	return []metric.Point{named("messages_sent", t.sent), named("messages_received", t.received),
		named("inbound_unique_addresses", t.senders), named("outbound_unique_addresses", t.recipients)}
}

// fire stores the values of an account together with the mark that they are, unless another meter has done so.
func (m *Meter) fire(ctx context.Context, owner string, at time.Time, points []metric.Point) error {
	return m.DB.TxOn(ctx, owner, func(ctx context.Context) error {
		n, err := m.DB.Exec(ctx, "INSERT INTO conversation_metric (account, fired_at) VALUES ($1, $2) ON CONFLICT (account) "+
			"DO UPDATE SET fired_at = excluded.fired_at WHERE conversation_metric.fired_at < excluded.fired_at", owner, at.UnixMicro())
		if err != nil || n == 0 {
			return err
		}
		return m.Metrics.Fire(ctx, owner, points)
	})
}
