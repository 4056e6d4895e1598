package kv

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"indaba/internal/core"
	"indaba/internal/db"
)

// sweepBatch is how many expired keys one transaction removes, so that it does not keep others waiting.
const sweepBatch = 1000

// replace gives a live key a new value and expiry; it reports false when there is no such key.
func (s *Service) replace(ctx context.Context, space, key, value string, expires int64, now time.Time) (bool, error) {
	n, err := s.d.Exec(ctx, "UPDATE kv SET value = $3, expires = $4 WHERE space = $1 AND key = $2 AND expires > $5",
		space, key, value, expires, now.UnixMicro())
	if err != nil {
		return false, fmt.Errorf("set a key: %w", err)
	}
	return n > 0, nil
}

// lock makes this transaction the only one that adds or removes keys of the space, and returns the number of rows.
func (s *Service) lock(ctx context.Context, space string) (keys int64, err error) {
	if err := s.d.Row(ctx, "INSERT INTO kv_space (space, keys) VALUES ($1, 0) "+
		"ON CONFLICT (space) DO UPDATE SET keys = kv_space.keys RETURNING keys", []any{space}, &keys); err != nil {
		return 0, fmt.Errorf("lock the keys of a space: %w", err)
	}
	return keys, nil
}

// hold returns the value of a live key of a locked space. Until the end of this transaction nobody else replaces it, which
// the lock of a space does not prevent, or sets anew a key that by this clock has expired.
func (s *Service) hold(ctx context.Context, space, key string, now time.Time) (value string, found bool, err error) {
	text := "SELECT value, expires FROM kv WHERE space = $1 AND key = $2"
	if s.d.Dialect() == db.Postgres {
		text += " FOR UPDATE"
	}
	var expires int64
	switch err := s.d.Row(ctx, text, []any{space, key}, &value, &expires); {
	case errors.Is(err, sql.ErrNoRows):
		return "", false, nil
	case err != nil:
		return "", false, fmt.Errorf("read a counter: %w", err)
	}
	return value, expires > now.UnixMicro(), nil
}

// count corrects the number of rows of a locked space.
func (s *Service) count(ctx context.Context, space string, change int64) error {
	if change == 0 {
		return nil
	}
	if _, err := s.d.Exec(ctx, "UPDATE kv_space SET keys = keys + $2 WHERE space = $1", space, change); err != nil {
		return fmt.Errorf("count the keys of a space: %w", err)
	}
	return nil
}

// create adds a key that is not there, or no longer, to a locked space that has the given number of rows.
func (s *Service) create(ctx context.Context, space, key, value string, expires, rows int64, now time.Time) (
	Outcome, error) {
	old, err := s.d.Exec(ctx, "DELETE FROM kv WHERE space = $1 AND key = $2", space, key)
	if err != nil {
		return Outcome{}, fmt.Errorf("remove an expired key: %w", err)
	}
	live, someExpired := rows-old, false
	if live+1 >= s.quota.Soft() {
		// Rows that have expired are not sought before they could matter.
		swept, err := s.sweepSome(ctx, space, now)
		if err != nil {
			return Outcome{}, err
		}
		live -= swept
		someExpired = swept == sweepBatch
	}
	if live >= s.quota.Hard() {
		// The caller may be part of a transaction that goes on: what was removed must be counted.
		if err := s.count(ctx, space, live-rows); err != nil {
			return Outcome{}, err
		}
		return Outcome{}, core.Errorf(core.TooLarge, "Too many keys")
	}
	if _, err := s.d.Exec(ctx, "INSERT INTO kv (space, key, value, expires) VALUES ($1, $2, $3, $4)",
		space, key, value, expires); err != nil {
		return Outcome{}, fmt.Errorf("create a key: %w", err)
	}
	outcome := Outcome{Created: true, AboveSoft: !someExpired && live+1 >= s.quota.Soft()}
	return outcome, s.count(ctx, space, live+1-rows)
}

// sweepSome removes expired rows of a locked space, up to sweepBatch, without correcting their count. A row that is found
// expired and set anew before it can be removed stays: on PostgreSQL, only the outer condition is asked again.
func (s *Service) sweepSome(ctx context.Context, space string, now time.Time) (int64, error) {
	n, err := s.d.Exec(ctx, "DELETE FROM kv WHERE space = $1 AND expires <= $2 AND key IN (SELECT key FROM kv "+
		"WHERE space = $1 AND expires <= $2 AND expires < 9223372036854775807 ORDER BY expires LIMIT $3)",
		space, now.UnixMicro(), sweepBatch)
	if err != nil {
		return 0, fmt.Errorf("remove expired keys: %w", err)
	}
	return n, nil
}

// Sweep removes the keys of all spaces that had expired by now and returns how many. Expired keys are invisible before;
// sweeping frees their room. It commits often and stops between commits when ctx ends.
func (s *Service) Sweep(ctx context.Context, now time.Time) (int64, error) {
	spaces, err := db.Column[string](ctx, s.d, "SELECT space FROM kv_space WHERE EXISTS "+
		"(SELECT 1 FROM kv WHERE kv.space = kv_space.space AND expires <= $1 "+
		"AND expires < 9223372036854775807)", now.UnixMicro())
	if err != nil {
		return 0, fmt.Errorf("find spaces with expired keys: %w", err)
	}
	var total int64
	for _, space := range spaces {
		for {
			n, err := s.sweepOnce(ctx, space, now)
			total += n
			if err != nil {
				return total, err
			}
			if n < sweepBatch {
				break
			}
		}
	}
	return total, nil
}

func (s *Service) sweepOnce(ctx context.Context, space string, now time.Time) (swept int64, err error) {
	err = s.d.TxOn(ctx, space, func(ctx context.Context) error {
		if _, err := s.lock(ctx, space); err != nil {
			return err
		}
		if swept, err = s.sweepSome(ctx, space, now); err != nil {
			return err
		}
		return s.count(ctx, space, -swept)
	})
	return swept, err
}
