package api

import (
	"context"
	"slices"
	"sync"
)

// Queue lets so many through at a time for each key. The others wait, and come through in the order in which they came.
type Queue struct {
	max int // negative: any number

	mu    sync.Mutex
	lines map[string]*line
}

// line is those of one key.
type line struct {
	inside  int
	waiting []chan struct{} // closed to let one through
}

// NewQueue returns a queue that lets max through at a time; with a negative one nobody waits.
func NewQueue(max int) *Queue { return &Queue{max: max, lines: map[string]*line{}} }

// Enter waits until it is the caller's turn, or ctx ends. Whoever is through calls leave once.
func (q *Queue) Enter(ctx context.Context, key string) (leave func(), err error) {
	if q.max < 0 {
		return func() {}, nil
	}
	turn := q.join(key)
	select {
	case <-turn:
		return func() { q.leave(key) }, nil
	case <-ctx.Done():
		q.giveUp(key, turn)
		return nil, ctx.Err()
	}
}

// join takes the last place in the line, and returns what is closed when it has become the first.
func (q *Queue) join(key string) (turn chan struct{}) {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := q.lines[key]
	if l == nil {
		l = &line{}
		q.lines[key] = l
	}
	turn = make(chan struct{})
	if l.inside < q.max {
		l.inside++
		close(turn)
	} else {
		l.waiting = append(l.waiting, turn)
	}
	return turn
}

// leave lets the next one through.
func (q *Queue) leave(key string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := q.lines[key]
	if len(l.waiting) > 0 {
		close(l.waiting[0])
		l.waiting = l.waiting[1:]
		return
	}
	if l.inside--; l.inside == 0 {
		delete(q.lines, key)
	}
}

// giveUp steps out of the line. Whoever was let through at the same moment hands that on.
func (q *Queue) giveUp(key string, turn chan struct{}) {
	q.mu.Lock()
	l := q.lines[key]
	place := slices.Index(l.waiting, turn)
	if place >= 0 {
		l.waiting = slices.Delete(l.waiting, place, place+1)
	}
	q.mu.Unlock()
	if place < 0 {
		q.leave(key)
	}
}
