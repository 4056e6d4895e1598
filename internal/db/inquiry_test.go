package db

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
)

// Those who ask while an answer is on its way share the next one; one who gives up leaves the others theirs.
func TestInquiryIsShared(t *testing.T) {
	var q Inquiry[string, int64]
	var put atomic.Int64
	begun, held := make(chan struct{}), make(chan struct{})
	ask := func(ctx context.Context) (int64, error) {
		return q.Ask(ctx, "a", func(context.Context) (int64, error) {
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
	if n, err := q.Ask(t.Context(), "b", func(context.Context) (int64, error) { return 7, nil }); n != 7 || err != nil {
		t.Errorf("one who asked something else got %d, %v", n, err)
	}
	all.Go(func() {
		if n, err := ask(t.Context()); n != 2 || err != nil {
			t.Errorf("one who asked meanwhile got %d, %v", n, err)
		}
	})
	for waits := false; !waits; { // until that one has asked
		q.mu.Lock()
		waits = q.topics["a"].next != nil
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
	if len(q.topics) != 0 {
		t.Errorf("%d topics are left", len(q.topics))
	}
}

// When whoever asks for others panics, they get an error and not an empty answer.
func TestInquiryPanics(t *testing.T) {
	asked := &topic[int64]{askers: 1}
	q := Inquiry[string, int64]{topics: map[string]*topic[int64]{"a": asked}}
	a := &answer[int64]{done: make(chan struct{})}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was lost")
			}
		}()
		q.put("a", asked, a, func() (int64, error) { panic("lost") })
	}()
	<-a.done
	if a.err == nil || len(q.topics) != 0 {
		t.Errorf("the others got %d, %v; %d topics are left", a.value, a.err, len(q.topics))
	}
}
