package kv

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"indaba/internal/core"
	"indaba/internal/db"
)

// Service reads and writes keys. It is safe for concurrent use; inside a transaction of the database it joins.
type Service struct {
	d     *db.DB
	quota Quota
	now   func() time.Time
}

// New returns a Service on d with the same quota for every space. now is the clock that expiry follows.
func New(d *db.DB, quota Quota, now func() time.Time) *Service {
	return &Service{d: d, quota: quota, now: now}
}

// Quota returns the quota of every space.
func (s *Service) Quota() Quota { return s.quota }

// Get returns the value of a key; found is false when there is none or it has expired.
func (s *Service) Get(ctx context.Context, space, key string) (value json.RawMessage, found bool, err error) {
	if err := checkKey(key); err != nil {
		return nil, false, err
	}
	var text string
	switch err := s.d.Row(ctx, "SELECT value FROM kv WHERE space = $1 AND key = $2 AND expires > $3",
		[]any{space, key, s.now().UnixMicro()}, &text); {
	case errors.Is(err, sql.ErrNoRows):
		return nil, false, nil
	case err != nil:
		return nil, false, fmt.Errorf("get a key: %w", err)
	}
	return json.RawMessage(text), true, nil
}

// Set stores a JSON value. It expires after ttl, and never when ttl is zero, whatever was set before; a negative ttl is
// core.Invalid. A new key beyond the quota is core.TooLarge "Too many keys" and changes nothing.
func (s *Service) Set(ctx context.Context, space, key string, value json.RawMessage, ttl time.Duration) (Outcome, error) {
	if err := errors.Join(checkKey(key), checkValue(value)); err != nil {
		return Outcome{}, err
	}
	if ttl < 0 {
		return Outcome{}, core.Errorf(core.Invalid, "a key cannot expire in the past")
	}
	now := s.now()
	expires := expiry(now, ttl)
	// Nearly every set replaces a value, as each turn saves its user: one statement, and no key is added.
	replaced, err := s.replace(ctx, space, key, string(value), expires, now)
	if err != nil || replaced {
		return Outcome{}, err
	}
	var outcome Outcome
	err = s.d.TxOn(ctx, space, func(ctx context.Context) error {
		outcome = Outcome{}
		// Only now can nobody else add the key.
		keys, err := s.lock(ctx, space)
		if err != nil {
			return err
		}
		replaced, err := s.replace(ctx, space, key, string(value), expires, now)
		if err != nil || replaced {
			return err
		}
		outcome, err = s.create(ctx, space, key, string(value), expires, keys, now)
		return err
	})
	return outcome, err
}

// Delete removes a key and reports whether it was there.
func (s *Service) Delete(ctx context.Context, space, key string) (existed bool, err error) {
	if err := checkKey(key); err != nil {
		return false, err
	}
	now := s.now().UnixMicro()
	err = s.d.TxOn(ctx, space, func(ctx context.Context) error {
		if _, err := s.lock(ctx, space); err != nil {
			return err
		}
		n, err := s.d.Exec(ctx, "DELETE FROM kv WHERE space = $1 AND key = $2 AND expires > $3", space, key, now)
		if err != nil {
			return fmt.Errorf("delete a key: %w", err)
		}
		existed = n > 0
		return s.count(ctx, space, -n)
	})
	return existed, err
}

// Incr adds amount to the integer stored under key and returns the sum; a missing key counts as 0 and is created without
// expiry, an existing one keeps its expiry. A value that is no integer, and a sum outside 64 bits, is core.Invalid.
func (s *Service) Incr(ctx context.Context, space, key string, amount int64) (value int64, outcome Outcome, err error) {
	if err := checkKey(key); err != nil {
		return 0, Outcome{}, err
	}
	now := s.now()
	err = s.d.TxOn(ctx, space, func(ctx context.Context) error {
		value, outcome = 0, Outcome{}
		keys, err := s.lock(ctx, space)
		if err != nil {
			return err
		}
		text, found, err := s.hold(ctx, space, key, now)
		if err != nil {
			return err
		}
		if !found {
			value = amount
			outcome, err = s.create(ctx, space, key, strconv.FormatInt(amount, 10), never, keys, now)
			return err
		}
		if value, err = add(text, amount); err != nil {
			return err
		}
		if _, err = s.d.Exec(ctx, "UPDATE kv SET value = $3 WHERE space = $1 AND key = $2",
			space, key, strconv.FormatInt(value, 10)); err != nil {
			return fmt.Errorf("write a counter: %w", err)
		}
		return nil
	})
	return value, outcome, err
}

// add adds to an integer in JSON.
func add(text string, amount int64) (int64, error) {
	stored, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, core.Errorf(core.Invalid, "value is not an integer or out of range")
	}
	if amount > 0 && stored > math.MaxInt64-amount || amount < 0 && stored < math.MinInt64-amount {
		return 0, core.Errorf(core.Invalid, "increment or decrement would overflow")
	}
	return stored + amount, nil
}
