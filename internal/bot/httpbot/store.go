package httpbot

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"indaba/internal/core"
	"indaba/internal/db"
)

// States stand in the texts as numbers, so that the partial indexes serve them.

const selectPush = "SELECT id, account, bot, kind, subject, address, body, state, attempts, begun_at, not_before, reason, " +
	"created_at FROM push "

func scanPush(r *sql.Rows) (p Push, err error) {
	var begun, notBefore, created int64
	err = r.Scan(&p.ID, &p.Account, &p.Bot, &p.Kind, &p.Subject, &p.Address, &p.Body, &p.State, &p.Attempts, &begun, &notBefore,
		&p.Reason, &created)
	if begun > 0 {
		p.BegunAt = time.UnixMicro(begun).UTC()
	}
	p.NotBefore, p.CreatedAt = time.UnixMicro(notBefore).UTC(), time.UnixMicro(created).UTC()
	return p, err
}

// insert stores a push; fresh is false when it is there already.
func (q *Queue) insert(ctx context.Context, p Push) (fresh bool, err error) {
	now := q.Now().UnixMicro()
	n, err := q.DB.Exec(ctx, "INSERT INTO push (account, bot, kind, subject, address, body, state, attempts, begun_at, not_before, "+
		"reason, created_at, settled_at) VALUES ($1, $2, $3, $4, $5, $6, $7, 0, 0, $8, '', $8, 0) ON CONFLICT DO NOTHING",
		p.Account, p.Bot, string(p.Kind), p.Subject, p.Address, p.Body, int(p.State), now)
	if err != nil {
		return false, fmt.Errorf("queue a push: %w", err)
	}
	return n > 0, nil
}

// trim keeps the newest of what is held.
func (q *Queue) trim(ctx context.Context, bot string, kind Kind) error {
	_, err := q.DB.Exec(ctx, "DELETE FROM push WHERE bot = $1 AND kind = $2 AND state = 2 AND id <= (SELECT id FROM push "+
		"WHERE bot = $1 AND kind = $2 AND state = 2 ORDER BY id DESC LIMIT 1 OFFSET $3)", bot, string(kind), maxHeld)
	if err != nil {
		return fmt.Errorf("trim the backlog of bot %s: %w", bot, err)
	}
	return nil
}

// held returns the oldest pushes that wait for a stream.
func (q *Queue) held(ctx context.Context, k outletKey, limit int) ([]Push, error) {
	return db.Collect(ctx, q.DB, scanPush, selectPush+"WHERE bot = $1 AND kind = $2 AND state = 2 ORDER BY id LIMIT $3",
		k.bot, string(k.kind), limit)
}

// streamed deletes what a stream has taken.
func (q *Queue) streamed(ctx context.Context, k outletKey, taken []Push) error {
	return q.DB.TxOn(ctx, k.bot, func(ctx context.Context) error {
		for _, p := range taken {
			if _, err := q.DB.Exec(ctx, "DELETE FROM push WHERE id = $1 AND state = 2", p.ID); err != nil {
				return fmt.Errorf("note that a push was streamed: %w", err)
			}
		}
		return nil
	})
}

// conversation is whose pushes wait.
type conversation struct{ account, bot string }

// waiting returns the conversations whose pushes wait. It steps from one to the next over the index: DISTINCT would read
// the pushes of all of them.
func (q *Queue) waiting(ctx context.Context) (all []conversation, err error) {
	for last := (conversation{}); ; {
		next, err := db.Collect(ctx, q.DB, func(r *sql.Rows) (c conversation, err error) {
			err = r.Scan(&c.account, &c.bot)
			return c, err
		}, "SELECT account, bot FROM push WHERE state = 1 AND (account, bot) > ($1, $2) ORDER BY account, bot LIMIT 1",
			last.account, last.bot)
		if err != nil || len(next) == 0 {
			return all, err
		}
		last = next[0]
		all = append(all, last)
	}
}

func (q *Queue) due(ctx context.Context, c conversation, now time.Time, limit int) ([]Push, error) {
	return db.Collect(ctx, q.DB, scanPush, selectPush+"WHERE account = $1 AND bot = $2 AND state = 1 AND not_before <= $3 "+
		"ORDER BY not_before, id LIMIT $4", c.account, c.bot, now.UnixMicro(), limit)
}

// nextDue returns when the next push that is not due yet will be; ok is false when there is none.
func (q *Queue) nextDue(ctx context.Context, c conversation, now time.Time) (at time.Time, ok bool, err error) {
	var next sql.NullInt64
	err = q.DB.Row(ctx, "SELECT min(not_before) FROM push WHERE account = $1 AND bot = $2 AND state = 1 AND not_before > $3",
		[]any{c.account, c.bot, now.UnixMicro()}, &next)
	return time.UnixMicro(next.Int64), next.Valid, err
}

// retries counts the account's pushes that wait for another try, up to the limit.
func (q *Queue) retries(ctx context.Context, account string) (n int, err error) {
	err = q.DB.Row(ctx, "SELECT count(*) FROM (SELECT 1 FROM push WHERE account = $1 AND state = 1 AND attempts > 0 LIMIT $2) p",
		[]any{account, maxRetries}, &n)
	return n, err
}

// update stores how a try ended.
func (q *Queue) update(ctx context.Context, p Push) error {
	settled := int64(0)
	if p.State != Waiting {
		settled = q.Now().UnixMicro()
	}
	if p.State == Taken {
		p.Body = ""
	}
	_, err := q.DB.Exec(ctx, "UPDATE push SET state = $2, attempts = $3, begun_at = $4, not_before = $5, reason = $6, body = $7, "+
		"settled_at = $8 WHERE id = $1 AND state = 1", p.ID, int(p.State), p.Attempts, p.BegunAt.UnixMicro(),
		p.NotBefore.UnixMicro(), core.Storable(p.Reason), p.Body, settled)
	if err != nil {
		return fmt.Errorf("note how a push ended: %w", err)
	}
	return nil
}

// Failing returns pushes of the account that were given up (dead), or that failed and will be tried again, oldest first, at
// most limit.
func (q *Queue) Failing(ctx context.Context, account string, dead bool, limit int) ([]Push, error) {
	where := "WHERE account = $1 AND state = 1 AND attempts > 0 ORDER BY id LIMIT $2"
	if dead {
		where = "WHERE account = $1 AND state = 4 ORDER BY id LIMIT $2"
	}
	return db.Collect(ctx, q.DB, scanPush, selectPush+where, account, limit)
}

// Get returns a push of the account that Failing lists. Any other one is [core.NotFound].
func (q *Queue) Get(ctx context.Context, account string, id int64) (Push, error) {
	found, err := db.Collect(ctx, q.DB, scanPush, selectPush+"WHERE id = $1 AND account = $2 AND (state = 4 OR state = 1 AND attempts > 0)",
		id, account)
	if err == nil && len(found) == 0 {
		err = core.Errorf(core.NotFound, "no failing push has the number %d", id)
	}
	if err != nil {
		return Push{}, err
	}
	return found[0], nil
}

// Retry lets a dead push of the account begin anew. Any other one is [core.NotFound].
func (q *Queue) Retry(ctx context.Context, account string, id int64) error {
	return q.revise(ctx, "UPDATE push SET state = 1, attempts = 0, begun_at = 0, settled_at = 0, not_before = $3 "+
		"WHERE id = $1 AND account = $2 AND state = 4", id, account, q.Now().UnixMicro())
}

// Drop deletes a dead push of the account. Any other one is [core.NotFound].
func (q *Queue) Drop(ctx context.Context, account string, id int64) error {
	return q.revise(ctx, "DELETE FROM push WHERE id = $1 AND account = $2 AND state = 4", id, account)
}

func (q *Queue) revise(ctx context.Context, text string, args ...any) error {
	return q.DB.Tx(ctx, func(ctx context.Context) error {
		n, err := q.DB.Exec(ctx, text, args...)
		if err == nil && n == 0 {
			err = core.Errorf(core.NotFound, "no dead push has the number %d", args[0])
		}
		if err != nil {
			return err
		}
		return q.DB.Changed(ctx) // the server that works off the queue may be another process
	})
}

// Sweep deletes pushes that were taken or given up and have been kept for their time.
func (q *Queue) Sweep(ctx context.Context) error {
	now := q.Now()
	for state, keep := range map[State]time.Duration{Taken: keepTaken, Dead: keepDead} {
		if _, err := q.DB.Exec(ctx, "DELETE FROM push WHERE settled_at > 0 AND settled_at < $1 AND state = $2",
			now.Add(-keep).UnixMicro(), int(state)); err != nil {
			return fmt.Errorf("sweep pushes: %w", err)
		}
	}
	return nil
}

// named returns "message ID" or "event ID".
func (p Push) named() string { return string(p.Kind) + " " + p.Subject }
