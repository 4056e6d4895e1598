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
	return d.asked.Ask(ctx, struct{}{}, d.readGeneration)
}

func (d *DB) readGeneration(ctx context.Context) (n int64, err error) {
	err = d.Row(ctx, "SELECT value FROM generation WHERE id = 1", nil, &n)
	return n, err
}

// OnChange adds a function that is called after configuration was changed, here or by another process, and after a commit
// of which nobody knows whether it was made. It must be quick and must not use the database.
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
