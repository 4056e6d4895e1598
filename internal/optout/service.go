package optout

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"indaba/internal/core"
	"indaba/internal/db"
)

// Service reads and writes opt-outs. It is safe for concurrent use; inside a transaction of the database it joins.
type Service struct {
	d   *db.DB
	now func() time.Time
}

// New returns a Service on d. now is the clock that opt-outs get their time from.
func New(d *db.DB, now func() time.Time) *Service { return &Service{d: d, now: now} }

// Get returns the opt-out of an address; found is false when it has not opted out.
func (s *Service) Get(ctx context.Context, account, addressType, address string) (o OptOut, found bool, err error) {
	o = OptOut{Account: account, Type: addressType, Address: address}
	if o.check() != nil {
		return OptOut{}, false, nil // nothing that is stored looks like this
	}
	var at int64
	err = s.d.Row(ctx, "SELECT message, created_at FROM optout WHERE account = $1 AND type = $2 AND address = $3",
		[]any{account, addressType, address}, &o.MessageID, &at)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return OptOut{}, false, nil
	case err != nil:
		return OptOut{}, false, fmt.Errorf("read an opt-out: %w", err)
	}
	o.CreatedAt = time.UnixMicro(at).UTC()
	return o, true, nil
}

// Create opts an address out. One that has opted out already is core.Conflict "Opt out already exists.".
func (s *Service) Create(ctx context.Context, account, addressType, address, messageID string) (OptOut, error) {
	return s.put(ctx, account, addressType, address, messageID, false)
}

// Set opts an address out; of one that has opted out already it replaces the message and the time.
func (s *Service) Set(ctx context.Context, account, addressType, address, messageID string) (OptOut, error) {
	return s.put(ctx, account, addressType, address, messageID, true)
}

func (s *Service) put(ctx context.Context, account, addressType, address, messageID string, replace bool) (
	OptOut, error) {
	o := OptOut{account, addressType, address, messageID, s.now().UTC().Truncate(time.Microsecond)}
	if err := o.check(); err != nil {
		return OptOut{}, err
	}
	err := s.d.TxOn(ctx, account, func(ctx context.Context) error {
		if err := s.count(ctx, account, 0); err != nil {
			return err
		}
		_, exists, err := s.Get(ctx, account, addressType, address)
		switch {
		case err != nil:
			return err
		case exists && !replace:
			return core.Errorf(core.Conflict, "Opt out already exists.")
		case exists:
			_, err = s.d.Exec(ctx, "UPDATE optout SET message = $4, created_at = $5 "+
				"WHERE account = $1 AND type = $2 AND address = $3",
				account, addressType, address, messageID, o.CreatedAt.UnixMicro())
		default:
			_, err = s.d.Exec(ctx, "INSERT INTO optout (account, type, address, message, created_at) "+
				"VALUES ($1, $2, $3, $4, $5)", account, addressType, address, messageID, o.CreatedAt.UnixMicro())
		}
		if err != nil {
			return fmt.Errorf("write an opt-out: %w", err)
		}
		if exists {
			return nil
		}
		return s.count(ctx, account, 1)
	})
	if err != nil {
		return OptOut{}, err
	}
	return o, nil
}

// Delete removes the opt-out of an address and returns it; found is false when there was none.
func (s *Service) Delete(ctx context.Context, account, addressType, address string) (o OptOut, found bool, err error) {
	err = s.d.TxOn(ctx, account, func(ctx context.Context) error {
		if err := s.count(ctx, account, 0); err != nil {
			return err
		}
		if o, found, err = s.Get(ctx, account, addressType, address); err != nil || !found {
			return err
		}
		if _, err := s.d.Exec(ctx, "DELETE FROM optout WHERE account = $1 AND type = $2 AND address = $3",
			account, addressType, address); err != nil {
			return fmt.Errorf("remove an opt-out: %w", err)
		}
		return s.count(ctx, account, -1)
	})
	if err != nil {
		return OptOut{}, false, err
	}
	return o, found, nil
}

// count adds to the number of the account's opt-outs. The first call in a transaction makes it the only one that
// writes opt-outs of the account, on all nodes.
func (s *Service) count(ctx context.Context, account string, change int) error {
	if _, err := s.d.Exec(ctx, "INSERT INTO optout_count (account, n) VALUES ($1, $2) ON CONFLICT (account) "+
		"DO UPDATE SET n = optout_count.n + excluded.n", account, change); err != nil {
		return fmt.Errorf("count opt-outs: %w", err)
	}
	return nil
}

// Count returns the number of addresses of the account that have opted out, in constant time.
func (s *Service) Count(ctx context.Context, account string) (n int64, err error) {
	err = s.d.Row(ctx, "SELECT n FROM optout_count WHERE account = $1", []any{account}, &n)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, fmt.Errorf("count opt-outs: %w", err)
	}
	return n, nil
}
