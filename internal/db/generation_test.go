package db

import (
	"context"
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

// Those who ask while an answer is on its way share the next one; one who gives up leaves the others theirs.
func TestInquiryIsShared(t *testing.T) {
	var q inquiry
	var put atomic.Int64
	begun, held := make(chan struct{}), make(chan struct{})
	ask := func(ctx context.Context) (int64, error) {
		return q.ask(ctx, func(context.Context) (int64, error) {
			n := put.Add(1)
			if n == 1 {
				close(begun)
				<-held
			}
			return n, nil
		})
	}
	var all sync.WaitGroup
	all.Go(func() {
		if n, err := ask(t.Context()); n != 1 || err != nil {
			t.Errorf("the first got %d, %v", n, err)
		}
	})
	<-begun
	all.Go(func() {
		if n, err := ask(t.Context()); n != 2 || err != nil {
			t.Errorf("one who asked meanwhile got %d, %v", n, err)
		}
	})
	for waits := false; !waits; { // until that one has asked
		q.mu.Lock()
		waits = q.next != nil
		q.mu.Unlock()
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := ask(gone); err == nil {
		t.Error("one who has gone away got an answer")
	}
	close(held)
	all.Wait()
	if n := put.Load(); n != 2 {
		t.Errorf("the question was put %d times", n)
	}
}
