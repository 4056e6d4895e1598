package api

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
)

// waiting returns how many wait in a line.
func (q *Queue) waiting(key string) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	if l := q.lines[key]; l != nil {
		return len(l.waiting)
	}
	return 0
}

// Those who wait come through in the order in which they came; who goes away holds up nobody; keys do not wait for one
// another.
func TestQueue(t *testing.T) {
	q := NewQueue(2)
	enter := func() func() {
		leave, err := q.Enter(t.Context(), "a")
		if err != nil {
			t.Error(err)
		}
		return leave
	}
	first, second := enter(), enter()
	if leave, err := q.Enter(t.Context(), "b"); err != nil {
		t.Error(err)
	} else {
		leave()
	}
	var order []int
	var group sync.WaitGroup
	impatient, goAway := context.WithCancel(t.Context())
	for i := range 5 {
		group.Go(func() {
			ctx := t.Context()
			if i == 1 {
				ctx = impatient
			}
			leave, err := q.Enter(ctx, "a")
			if i == 1 {
				if !errors.Is(err, context.Canceled) {
					t.Errorf("who went away: %v", err)
				}
				return
			}
			if err != nil {
				t.Error(err)
				return
			}
			order = append(order, i) // one place is free from here on: they come one by one
			leave()
		})
		for q.waiting("a") < i+1 {
			runtime.Gosched()
		}
	}
	goAway()
	for q.waiting("a") == 5 {
		runtime.Gosched()
	}
	first()
	group.Wait()
	second()
	if !slices.Equal(order, []int{0, 2, 3, 4}) || q.waiting("a") != 0 {
		t.Errorf("order %v", order)
	}
	enter()()
	for range 3 { // any number
		if _, err := NewQueue(-1).Enter(t.Context(), "a"); err != nil {
			t.Error(err)
		}
	}
}

// Places are neither lost nor made by those who go away at the moment when it is their turn.
func TestQueueKeepsItsPlaces(t *testing.T) {
	q := NewQueue(3)
	var inside, most atomic.Int64
	var group sync.WaitGroup
	for range 64 {
		group.Go(func() {
			for n := range 200 {
				ctx, cancel := context.WithCancel(t.Context())
				if n%3 == 0 {
					go cancel()
				}
				if leave, err := q.Enter(ctx, "a"); err == nil {
					if now := inside.Add(1); now > most.Load() {
						most.Store(now)
					}
					runtime.Gosched()
					inside.Add(-1)
					leave()
				}
				cancel()
			}
		})
	}
	group.Wait()
	if most.Load() > 3 || q.waiting("a") != 0 {
		t.Errorf("%d at once, %d wait", most.Load(), q.waiting("a"))
	}
	for range 3 { // all places are there
		if _, err := q.Enter(t.Context(), "a"); err != nil {
			t.Error(err)
		}
	}
}
