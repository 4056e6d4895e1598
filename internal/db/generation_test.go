package db

import (
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
)

// An answer that several share is never older than the question of any of them.
func TestGenerationIsNeverOlderThanTheQuestion(t *testing.T) {
	d, err := Open(t.Context(), filepath.Join(t.TempDir(), "x.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.Close() }()
	for _, text := range []string{"CREATE TABLE generation (id INTEGER PRIMARY KEY, value INTEGER)", "INSERT INTO generation VALUES (1, 0)"} {
		if _, err := d.Exec(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
	var committed atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 100 {
				if err := d.Tx(t.Context(), d.Changed); err != nil {
					t.Error(err)
					return
				}
				committed.Add(1)
				known := committed.Load()
				if n, err := d.Generation(t.Context()); err != nil || n < known {
					t.Errorf("generation %d (%v) after %d changes", n, err, known)
				}
			}
		})
	}
	all.Wait()
}
