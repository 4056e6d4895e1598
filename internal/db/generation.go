package db

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// Changed notes, in the transaction of ctx, that configuration was changed. Every process that watches the database
// hears of it.
func (d *DB) Changed(ctx context.Context) error {
	_, err := d.Exec(ctx, "UPDATE generation SET value = value + 1 WHERE id = 1")
	if err == nil {
		d.AfterCommit(ctx, d.changes.tell)
	}
	return err
}

// Generation returns a number that grows with each change of configuration: while it stays the same, what was read after
// it is still true. Callers that ask at the same time share an answer, which is never older than their question.
func (d *DB) Generation(ctx context.Context) (int64, error) {
	if d.InTx(ctx) {
		return d.readGeneration(ctx)
	}
	return d.asked.ask(ctx, d.readGeneration)
}

func (d *DB) readGeneration(ctx context.Context) (n int64, err error) {
	err = d.Row(ctx, "SELECT value FROM generation WHERE id = 1", nil, &n)
	return n, err
}

// inquiry puts one question for many callers. Those who come while it is being put wait for the next answer: the one
// under way may have been overtaken by what they know of.
type inquiry struct {
	turn sync.Mutex // held while the question is put
	mu   sync.Mutex
	next *answer // of the question that has not been put yet; nil when nobody waits for one
}

type answer struct {
	n    int64
	err  error
	done chan struct{}
}

func (q *inquiry) ask(ctx context.Context, put func(context.Context) (int64, error)) (int64, error) {
	q.mu.Lock()
	a := q.next
	first := a == nil
	if first {
		a = &answer{done: make(chan struct{})}
		q.next = a
	}
	q.mu.Unlock()
	if first {
		q.answer(a, func() (int64, error) { return put(context.WithoutCancel(ctx)) }) // which others wait for too
	}
	select {
	case <-a.done:
		return a.n, a.err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// OnChange adds a function that is called after configuration was changed, here or by another process. It must be quick
// and must not use the database.
func (d *DB) OnChange(fn func()) { d.changes.add(fn) }

// WatchChanges looks for changes made by other processes until ctx ends. Changes made through this DB are told at once,
// with or without it.
func (d *DB) WatchChanges(ctx context.Context, every time.Duration) error {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	last := int64(-1)
	for {
		now, err := d.Generation(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			slog.WarnContext(ctx, "cannot look for changes of configuration, trying again", "error", err)
		case now != last:
			last = now
			d.changes.tell()
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// answer puts the question that a stands for.
func (q *inquiry) answer(a *answer, put func() (int64, error)) {
	q.turn.Lock()
	defer q.turn.Unlock()
	defer close(a.done)
	q.mu.Lock()
	q.next = nil
	q.mu.Unlock()
	a.n, a.err = put()
}

// listeners are functions to call after a change.
type listeners struct {
	mu  sync.Mutex
	all []func()
}

func (l *listeners) add(fn func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, fn)
}

func (l *listeners) tell() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, fn := range l.all {
		fn()
	}
}
