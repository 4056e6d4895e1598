package metric

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"indaba/internal/core"
	"indaba/internal/db"
)

// Options tune a Service. The zero value is right for a server.
type Options struct {
	SecondsFor time.Duration // how long single seconds are kept; default 7 days
	MinutesFor time.Duration // how long minutes are kept; default 90 days
}

// Service stores and reads metrics. It is safe for concurrent use; inside a transaction of the database it joins.
type Service struct {
	d       *db.DB
	now     func() time.Time
	options Options
	ids     *db.Memo[seriesName, int64] // of series, which are never removed
}

type seriesName struct{ account, name string }

// maxKnown bounds the series whose ids are kept in memory.
const maxKnown = 100_000

// New returns a Service on d. now is the clock for points without a time.
func New(d *db.DB, now func() time.Time, o Options) *Service {
	if o.SecondsFor == 0 {
		o.SecondsFor = 7 * 24 * time.Hour
	}
	if o.MinutesFor == 0 {
		o.MinutesFor = 90 * 24 * time.Hour
	}
	return &Service{d: d, now: now, options: o, ids: db.NewMemo[seriesName, int64](d, maxKnown)}
}

// Fire stores points, all or none; of several in one second the last in the list is the last. A bad one is core.Invalid,
// a name beyond [MaxSeries] core.TooLarge.
func (s *Service) Fire(ctx context.Context, account string, points []Point) error {
	now := s.now()
	for _, p := range points {
		if err := p.check(); err != nil {
			return err
		}
	}
	// One order for all, so that two nodes do not wait for each other's slots.
	ordered := slices.Clone(points)
	slices.SortStableFunc(ordered, func(a, b Point) int {
		switch {
		case a.Name < b.Name:
			return -1
		case a.Name > b.Name:
			return 1
		}
		return 0
	})
	return s.d.TxOn(ctx, account, func(ctx context.Context) error {
		ids := make([]int64, len(ordered))
		room := uncounted
		for i, p := range ordered {
			var err error
			if ids[i], err = s.series(ctx, seriesName{account, p.Name}, &room); err != nil {
				return err
			}
		}
		for i, p := range ordered {
			if p.At.IsZero() {
				p.At = now
			}
			if err := s.merge(ctx, account, ids[i], 1, single(p.At.Unix(), p.Value)); err != nil {
				return err
			}
		}
		return nil
	})
}

// find returns the id of a series; found is false when nothing was ever fired under the name.
func (s *Service) find(ctx context.Context, name seriesName) (id int64, found bool, err error) {
	if id, known := s.ids.Get(name); known {
		return id, true, nil
	}
	err = s.d.Row(ctx, "SELECT id FROM metric_series WHERE account = $1 AND name = $2", []any{name.account, name.name}, &id)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return 0, false, nil
	case err != nil:
		return 0, false, fmt.Errorf("find a metric: %w", err)
	}
	s.ids.Keep(ctx, name, id)
	return id, true, nil
}

// uncounted stands for a number of names that nobody has needed yet.
const uncounted = -1

// series returns the id of a series, which it makes when there is none. room is how many names more the account can have
// in this transaction: counted once, because many new names may come together.
func (s *Service) series(ctx context.Context, name seriesName, room *int) (id int64, err error) {
	id, found, err := s.find(ctx, name)
	if found || err != nil {
		return id, err
	}
	if *room == uncounted {
		var count int
		if err := s.d.Row(ctx, "SELECT count(*) FROM (SELECT 1 FROM metric_series WHERE account = $1 LIMIT $2) s",
			[]any{name.account, MaxSeries}, &count); err != nil {
			return 0, fmt.Errorf("count metrics: %w", err)
		}
		*room = MaxSeries - count
	}
	if *room == 0 {
		return 0, core.Errorf(core.TooLarge, "too many metrics: an account can have %d different names", MaxSeries)
	}
	*room--
	if err := s.d.Row(ctx, "INSERT INTO metric_series (account, name) VALUES ($1, $2) "+
		"ON CONFLICT (account, name) DO UPDATE SET name = excluded.name RETURNING id",
		[]any{name.account, name.name}, &id); err != nil {
		return 0, fmt.Errorf("create a metric: %w", err)
	}
	return id, nil
}

// merge adds a slot to the one that is stored for the same stretch of time, as the later of the two.
func (s *Service) merge(ctx context.Context, account string, series, width int64, new slot) error {
	_, err := s.d.Exec(ctx, "INSERT INTO metric_slot (account, series, width, at, count, sum, min, max, last) "+
		"VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (account, series, width, at) DO UPDATE SET "+
		"count = metric_slot.count + excluded.count, sum = metric_slot.sum + excluded.sum, "+
		"min = CASE WHEN excluded.min < metric_slot.min THEN excluded.min ELSE metric_slot.min END, "+
		"max = CASE WHEN excluded.max > metric_slot.max THEN excluded.max ELSE metric_slot.max END, "+
		"last = excluded.last", account, series, width, new.at, new.count, new.sum, new.min, new.max, new.last)
	if err != nil {
		return fmt.Errorf("write a metric: %w", err)
	}
	return nil
}
