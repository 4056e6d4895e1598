package message

import (
	"context"
	"fmt"
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
	l := newLanes[int64](50, 4)
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
	var ended sync.WaitGroup
	ended.Go(func() { l.run(ctx) })
	for id := range int64(rows) {
		tab.mu.Lock()
		tab.rows = append(tab.rows, id+1)
		l.post(id + 1) // as the commit does: in the order of the rows
		tab.mu.Unlock()
	}
	done.Wait()
	cancel()
	ended.Wait()
	if n := l.depth(); n != 0 {
		t.Fatalf("%d rows left in memory", n)
	}
}

// A row may be found by a scan, and be done, before the commit that wrote it comes to tell of it.
func TestRowThatAScanHasDoneIsNotTakenAgain(t *testing.T) {
	var tab table
	tab.rows = []int64{1}
	l := newLanes[int64](50, 4)
	l.id = func(id int64) int64 { return id }
	l.lane = func(int64) string { return "" }
	l.load = tab.load
	handled := make(chan int64, 10)
	l.handle = func(_ context.Context, id int64) time.Duration {
		tab.mu.Lock()
		tab.rows = slices.DeleteFunc(tab.rows, func(row int64) bool { return row == id })
		tab.mu.Unlock()
		handled <- id
		return 0
	}
	ctx, cancel := context.WithCancel(t.Context())
	var ended sync.WaitGroup
	ended.Go(func() { l.run(ctx) })
	if id := <-handled; id != 1 {
		t.Fatalf("row %d", id)
	}
	for l.depth() > 0 { // it leaves the memory after its handler
		time.Sleep(time.Millisecond)
	}
	l.post(1)
	tab.mu.Lock()
	tab.rows = append(tab.rows, 2)
	tab.mu.Unlock()
	l.post(2)
	if id := <-handled; id != 2 {
		t.Fatalf("row %d was handled twice", id)
	}
	cancel()
	ended.Wait()
	if len(handled) > 0 {
		t.Fatalf("row %d was handled too", <-handled)
	}
}

// What may not go now keeps what can from going, but only under the same key.
func TestRowsThatStayHoldUpNoOtherKey(t *testing.T) {
	tables := map[string]*table{"stuck": {}, "free": {}}
	for id := range int64(500) {
		tables["stuck"].rows = append(tables["stuck"].rows, id)
	}
	done := make(chan int64, 1)
	open := func(key string) *lanes[int64] {
		l := newLanes[int64](50, 4)
		l.id = func(id int64) int64 { return id }
		l.lane = func(id int64) string { return fmt.Sprint(id) }
		l.load = tables[key].load
		l.handle = func(_ context.Context, id int64) time.Duration {
			if key == "stuck" {
				return time.Hour
			}
			done <- id
			return 0
		}
		return l
	}
	q := newQueues(open, func(context.Context) ([]string, error) { return []string{"stuck", "free"}, nil })
	ctx, cancel := context.WithCancel(t.Context())
	var ended sync.WaitGroup
	ended.Go(func() { _ = q.run(ctx) })
	for q.of("free") == nil {
		time.Sleep(time.Millisecond)
	}
	tables["free"].mu.Lock()
	tables["free"].rows = []int64{7}
	tables["free"].mu.Unlock()
	q.post("free", 7)
	if id := <-done; id != 7 {
		t.Fatal(id)
	}
	cancel()
	ended.Wait()
}
