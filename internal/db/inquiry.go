package db

import (
	"context"
	"errors"
	"sync"
)

// Inquiry puts a question for all who ask it at the same time. The zero value is ready for use, by any number of
// goroutines.
type Inquiry[K comparable, V any] struct {
	mu     sync.Mutex
	topics map[K]*topic[V] // what is being asked
}

// topic is one question.
type topic[V any] struct {
	turn   sync.Mutex // held while the question is put
	askers int        // who put it, or wait for their turn to
	next   *answer[V] // of the one whose turn has not come yet, which others share; nil when there is none
}

type answer[V any] struct {
	value V
	err   error
	done  chan struct{}
}

// Ask returns what put returns for a key. Those who ask while it is being put share the next answer: the one under way may
// have been overtaken by what they know of. An answer is therefore never older than the question of any who get it.
func (q *Inquiry[K, V]) Ask(ctx context.Context, key K, put func(context.Context) (V, error)) (V, error) {
	q.mu.Lock()
	t := q.topics[key]
	if t == nil {
		if q.topics == nil {
			q.topics = map[K]*topic[V]{}
		}
		t = &topic[V]{}
		q.topics[key] = t
	}
	a := t.next
	first := a == nil
	if first {
		a = &answer[V]{done: make(chan struct{})}
		t.next = a
		t.askers++
	}
	q.mu.Unlock()
	if first {
		q.put(key, t, a, func() (V, error) { return put(context.WithoutCancel(ctx)) }) // which others wait for too
	}
	select {
	case <-a.done:
		return a.value, a.err
	case <-ctx.Done():
		var none V
		return none, ctx.Err()
	}
}

// put puts the question that a is the answer to, when its turn has come.
func (q *Inquiry[K, V]) put(key K, t *topic[V], a *answer[V], ask func() (V, error)) {
	t.turn.Lock()
	defer t.turn.Unlock()
	defer close(a.done)
	q.mu.Lock()
	t.next = nil
	q.mu.Unlock()
	defer func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		if t.askers--; t.askers == 0 {
			delete(q.topics, key)
		}
	}()
	a.err = errUnanswered // for the others, if this panics
	a.value, a.err = ask()
}

var errUnanswered = errors.New("nobody answered: whoever asked for all of us failed")
