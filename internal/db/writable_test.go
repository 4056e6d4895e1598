package db

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// openCounted returns a migrated database whose commits are counted, and fail while there is a failure.
func openCounted(t *testing.T) (d *DB, commits *atomic.Int64, failure *atomic.Pointer[error]) {
	t.Helper()
	d, err := Open(t.Context(), filepath.Join(t.TempDir(), "x.db"), Options{Fatal: func(err error) { t.Errorf("fatal: %v", err) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := Migrate(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	commits, failure = &atomic.Int64{}, &atomic.Pointer[error]{}
	commit := d.writers[0].commit
	d.writers[0].commit = func(ctx context.Context) error {
		commits.Add(1)
		if err := failure.Load(); err != nil {
			return *err
		}
		return commit(ctx)
	}
	return d, commits, failure
}

// However many ask whether the database takes writes, it makes one, and none while nobody asks.
func TestWritableCostsOneWrite(t *testing.T) {
	d, commits, _ := openCounted(t)
	if n := commits.Load(); n != 0 {
		t.Errorf("%d commits before anybody asked", n)
	}
	var group sync.WaitGroup
	for range 100 {
		group.Go(func() {
			if err := d.Writable(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if n := commits.Load(); n != 1 {
		t.Errorf("%d commits, want 1", n)
	}
	if n, err := d.Generation(t.Context()); err != nil || n != 0 {
		t.Errorf("configuration seems to have changed: %d %v", n, err)
	}
}

// A commit that failed is known at once, whoever made it, and forgotten when commits go well again.
func TestWritableFollowsTheCommits(t *testing.T) {
	d, commits, failure := openCounted(t)
	if err := d.Writable(t.Context()); err != nil {
		t.Fatal(err)
	}
	full := errors.New("database or disk is full")
	failure.Store(&full)
	if err := d.Changed(t.Context()); !errors.Is(err, full) {
		t.Fatalf("the commit: %v", err)
	}
	if err := d.Writable(t.Context()); !errors.Is(err, full) {
		t.Errorf("after a failed commit: %v", err)
	}
	before := commits.Load()
	waitUntil(t, "it tries by itself", func() bool {
		if err := d.Writable(t.Context()); !errors.Is(err, full) {
			t.Fatalf("while commits fail: %v", err)
		}
		return commits.Load() > before
	})
	failure.Store(nil)
	waitUntil(t, "commits go well again", func() bool { return d.Writable(t.Context()) == nil })
}

func waitUntil(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}
