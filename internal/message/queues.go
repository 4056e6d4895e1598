package message

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	"indaba/internal/db"
)

// queues are lanes with a memory and workers of their own for each key of a table, so that what holds up the rows of one
// key holds up no others.
type queues[T any] struct {
	keys func(ctx context.Context) ([]string, error) // those that have rows in the table
	open func(key string) *lanes[T]
	wake chan struct{}

	mu      sync.Mutex
	ctx     context.Context // of run; nil before and after
	byKey   map[string]*lanes[T]
	running sync.WaitGroup
}

func newQueues[T any](open func(key string) *lanes[T], keys func(ctx context.Context) ([]string, error)) *queues[T] {
	return &queues[T]{keys: keys, open: open, wake: make(chan struct{}, 1), byKey: map[string]*lanes[T]{}}
}

// run works until ctx ends, then waits for the rows in hand.
func (q *queues[T]) run(ctx context.Context) error {
	q.mu.Lock()
	q.ctx = ctx
	q.mu.Unlock()
	ticker := time.NewTicker(scanEvery)
	defer ticker.Stop()
	for {
		if err := q.scan(ctx); err != nil && ctx.Err() == nil {
			slog.ErrorContext(ctx, "cannot read a queue, trying again", "error", err)
		}
		select {
		case <-ticker.C:
		case <-q.wake:
		case <-ctx.Done():
			q.mu.Lock()
			q.ctx = nil
			q.mu.Unlock()
			q.running.Wait()
			return nil
		}
	}
}

// scan has the lanes of every key that has rows look into the table.
func (q *queues[T]) scan(ctx context.Context) error {
	keys, err := q.keys(ctx)
	for _, key := range keys {
		if l := q.of(key); l != nil {
			l.look()
		}
	}
	return err
}

// of returns the lanes of a key, and nil while the queues do not run.
func (q *queues[T]) of(key string) *lanes[T] {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.ctx == nil {
		return nil
	}
	l := q.byKey[key]
	if l == nil {
		l = q.open(key)
		q.byKey[key] = l
		ctx := q.ctx
		q.running.Go(func() { l.run(ctx) })
	}
	return l
}

// post takes a row that has just been committed.
func (q *queues[T]) post(key string, row T) {
	if l := q.of(key); l != nil {
		l.post(row)
	}
}

// look makes the next scan happen now: somebody else may have put rows into the table.
func (q *queues[T]) look() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// rouse has every row that waits to be handled again handled now.
func (q *queues[T]) rouse() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, l := range q.byKey {
		l.changed.Tell()
	}
}

// distinct returns what stands in a column of a queue table, with one look into the index for each.
func distinct(ctx context.Context, d *db.DB, table, column, condition string) ([]string, error) {
	text := strings.NewReplacer("TABLE", table, "KEY", column, "CONDITION", condition).Replace(
		"WITH RECURSIVE found (k) AS (SELECT min(KEY) FROM TABLE WHERE CONDITION " +
			"UNION ALL SELECT (SELECT min(KEY) FROM TABLE WHERE KEY > found.k AND CONDITION) FROM found WHERE found.k IS NOT NULL) " +
			"SELECT k FROM found WHERE k IS NOT NULL")
	return db.Column[string](ctx, d, text)
}
