package db

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"testing"

	"indaba/internal/core"
)

// A commit whose sync failed must never be acknowledged, and nothing may be acknowledged after it.
func TestFailedSyncIsFatal(t *testing.T) {
	ctx := t.Context()
	fatal := make(chan error, 1)
	d, err := Open(ctx, filepath.Join(t.TempDir(), "x.db"), Options{Fatal: func(err error) { fatal <- err }})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.Close() }() // it is broken on purpose
	if _, err := d.Exec(ctx, "CREATE TABLE pair (k BIGINT PRIMARY KEY)"); err != nil {
		t.Fatal(err)
	}
	broken := ioError(t)
	d.writers[0].commit = func(context.Context) error { return broken }
	var wg sync.WaitGroup
	for k := range 20 {
		wg.Go(func() {
			if _, err := d.Exec(ctx, "INSERT INTO pair (k) VALUES ($1)", k); core.KindOf(err) != core.Unavailable {
				t.Errorf("acknowledged after a failed sync: %v", err)
			}
		})
	}
	wg.Wait()
	if err := <-fatal; !errors.Is(err, broken) {
		t.Fatalf("fatal with %v", err)
	}
	if err := d.Writable(ctx); core.KindOf(err) != core.Unavailable {
		t.Fatalf("writable: %v", err)
	}
}

// ioError returns an error of the engine itself after which the state of the disk is unknown: a device that is opened as
// a database gives one.
func ioError(t *testing.T) error {
	t.Helper()
	pool, err := openSQLite(filepath.Join(t.TempDir(), "y.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = pool.Close() }() // nothing was written
	_, err = pool.ExecContext(t.Context(), "ATTACH DATABASE '/proc/self/mem' AS broken; SELECT * FROM broken.sqlite_master")
	if !isFatal(err) {
		t.Skipf("this system gives no input/output error to test with: %v", err)
	}
	return err
}
