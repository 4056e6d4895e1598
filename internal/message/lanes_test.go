package message

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"
)

// table is a queue table in memory: lanes must lose and repeat nothing even when it does not fit.
type table struct {
	mu   sync.Mutex
	rows []int64
}

func (t *table) load(_ context.Context, limit int) ([]int64, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.rows[:min(limit, len(t.rows))]), nil
}

func TestLanesOverflowIntoTheTableAndKeepOrder(t *testing.T) {
	const rows, members = 5000, 7
	var tab table
	l := newLanes[int64](50, 4, 5*time.Millisecond)
	l.id = func(id int64) int64 { return id }
	l.lane = func(id int64) string { return string(rune('a' + id%members)) }
	l.load = tab.load
	var mu sync.Mutex
	last := map[int64]int64{}
	var done sync.WaitGroup
	done.Add(rows)
	l.handle = func(_ context.Context, id int64) time.Duration {
		mu.Lock()
		if id <= last[id%members] {
			t.Errorf("row %d after %d", id, last[id%members])
		}
		last[id%members] = id
		mu.Unlock()
		tab.mu.Lock()
		i := slices.Index(tab.rows, id)
		if i < 0 {
			t.Errorf("row %d handled twice", id)
		} else {
			tab.rows = slices.Delete(tab.rows, i, i+1)
		}
		tab.mu.Unlock()
		done.Done()
		return 0
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- l.run(ctx) }()
	for id := range int64(rows) {
		tab.mu.Lock()
		tab.rows = append(tab.rows, id+1)
		l.post(id + 1) // as the commit does: in the order of the rows
		tab.mu.Unlock()
	}
	done.Wait()
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if n := l.depth(); n != 0 {
		t.Fatalf("%d rows left in memory", n)
	}
}
