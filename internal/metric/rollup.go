package metric

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"indaba/internal/db"
)

// The widths of slots, in seconds.
const (
	second = 1
	minute = 60
	hour   = 3600
)

// foldBatch is about how many slots one transaction folds, so that it does not keep others waiting.
const foldBatch = 2000

// Rollup folds the seconds and minutes that are older than their time as of now. Reads across them stay exact in sums,
// extremes and averages; only when things happened is known less exactly. Every node may run it, also at the same time.
func (s *Service) Rollup(ctx context.Context, now time.Time) error {
	for after := int64(0); ; {
		type series struct {
			id      int64
			account string
		}
		some, err := db.Collect(ctx, s.d, func(rows *sql.Rows) (one series, err error) {
			return one, rows.Scan(&one.id, &one.account)
		}, "SELECT id, account FROM metric_series WHERE id > $1 ORDER BY id LIMIT 500", after)
		if err != nil {
			return fmt.Errorf("list metrics: %w", err)
		}
		if len(some) == 0 {
			return nil
		}
		for _, one := range some {
			after = one.id
			if err := s.fold(ctx, one.account, one.id, second, minute, now.Add(-s.options.SecondsFor)); err != nil {
				return err
			}
			if err := s.fold(ctx, one.account, one.id, minute, hour, now.Add(-s.options.MinutesFor)); err != nil {
				return err
			}
		}
	}
}

// fold makes wider slots out of those before a time. A wider slot is only begun when all of it is before.
func (s *Service) fold(ctx context.Context, account string, series, from, to int64, before time.Time) error {
	end := floor(before.Unix(), to)
	for {
		upTo, more, err := s.batchEnd(ctx, account, series, from, end)
		if err != nil {
			return err
		}
		err = s.d.TxOn(ctx, account, func(ctx context.Context) error {
			taken, err := s.take(ctx, account, series, from, upTo)
			if err != nil {
				return err
			}
			for _, folded := range widen(taken, to) {
				if err := s.merge(ctx, account, series, to, folded); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil || !more {
			return err
		}
	}
}

// batchEnd returns the end of the next slots to fold, and whether there are more after them.
func (s *Service) batchEnd(ctx context.Context, account string, series, width, end int64) (
	upTo int64, more bool, err error) {
	err = s.d.Row(ctx, "SELECT at FROM metric_slot WHERE account = $1 AND series = $2 AND width = $3 AND at < $4 "+
		"ORDER BY at LIMIT 1 OFFSET $5", []any{account, series, width, end, foldBatch}, &upTo)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return end, false, nil
	case err != nil:
		return 0, false, fmt.Errorf("find old metrics: %w", err)
	}
	return upTo, true, nil
}

// take removes the slots before a time and returns them, in order. Removing and reading are one statement, so that of
// two nodes only one has each slot.
func (s *Service) take(ctx context.Context, account string, series, width, before int64) ([]slot, error) {
	taken, err := db.Collect(ctx, s.d, scan, "DELETE FROM metric_slot WHERE account = $1 AND series = $2 AND width = $3 "+
		"AND at < $4 RETURNING at, count, sum, min, max, last", account, series, width, before)
	if err != nil {
		return nil, fmt.Errorf("take old metrics: %w", err)
	}
	slices.SortFunc(taken, func(a, b slot) int { return int(a.at - b.at) })
	return taken, nil
}

func scan(rows *sql.Rows) (s slot, err error) {
	return s, rows.Scan(&s.at, &s.count, &s.sum, &s.min, &s.max, &s.last)
}

// widen folds slots, which are in order, into wider ones.
func widen(slots []slot, width int64) []slot {
	var wide []slot
	for _, narrow := range slots {
		at := floor(narrow.at, width)
		if len(wide) == 0 || wide[len(wide)-1].at != at {
			wide = append(wide, slot{at: at})
		}
		wide[len(wide)-1].add(narrow)
	}
	return wide
}

// floor returns the greatest multiple of width that is not greater than at, also before 1970.
func floor(at, width int64) int64 {
	rest := at % width
	if rest < 0 {
		rest += width
	}
	return at - rest
}
