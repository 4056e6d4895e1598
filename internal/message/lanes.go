package message

import (
	"context"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"indaba/internal/core"
)

// Durable queue rows are worked on in lanes: the rows of one lane one at a time and in order, lanes side by side. Rows
// come in by hand from the commit that wrote them, so that nothing polls on the way of a message; a look into the table
// from time to time is the safety net, and the way in for what did not fit into memory and for what a stopped process left
// behind.

// lanes hands the rows of a table to a handler.
type lanes[T any] struct {
	id   func(T) int64
	lane func(T) string
	load func(ctx context.Context, limit int) ([]T, error) // the oldest rows of the table, in order
	// handle works on one row. A positive result asks for the same row again after that time, with the rows behind it
	// waiting; otherwise the row is gone from the table.
	handle  func(context.Context, T) time.Duration
	limit   int // rows kept in memory
	workers chan struct{}
	changed core.Broadcast // wakes the lanes that wait before they handle their row again

	mu       sync.Mutex
	byLane   map[string]*lane[T]
	known    map[int64]bool // rows in memory; true for those whose post may still come, because a scan found them first
	missed   bool           // rows were left in the table for want of room: order now comes from there
	drops    int            // how often a posted row was left in the table
	scanning bool
	// Rows that are done and must not come in again: what ended during a scan by the scan, what a scan found by its post.
	// finished is of the time since the last scan began, before of that since the scan before.
	finished, before map[int64]bool
	wake             chan struct{}
	ctx              context.Context // of Run; nil before and after
	running          sync.WaitGroup
}

type lane[T any] struct {
	rows   []T
	active bool
}

func newLanes[T any](limit, workers int) *lanes[T] {
	return &lanes[T]{limit: limit, workers: make(chan struct{}, workers), byLane: map[string]*lane[T]{},
		known: map[int64]bool{}, wake: make(chan struct{}, 1), missed: true, finished: map[int64]bool{}}
}

// run works until ctx ends, then waits for the rows in hand.
func (l *lanes[T]) run(ctx context.Context) {
	l.mu.Lock()
	l.ctx = ctx
	l.mu.Unlock()
	for {
		if err := l.fill(ctx); err != nil && ctx.Err() == nil {
			slog.ErrorContext(ctx, "cannot read a queue, trying again", "error", err)
		}
		select {
		case <-ctx.Done():
			l.mu.Lock()
			l.ctx = nil
			l.mu.Unlock()
			l.running.Wait()
			return
		case <-l.wake:
		}
	}
}

// fill brings in rows that are in the table and not in memory.
func (l *lanes[T]) fill(ctx context.Context) error {
	l.mu.Lock()
	room := l.limit - len(l.known)
	drops := l.drops
	if room <= l.limit/2 {
		l.mu.Unlock()
		return nil
	}
	l.before, l.finished, l.scanning = l.finished, map[int64]bool{}, true
	l.mu.Unlock()

	rows, err := l.load(ctx, l.limit)

	l.mu.Lock()
	defer l.mu.Unlock()
	l.scanning = false
	if err != nil {
		return err
	}
	for _, row := range rows {
		l.add(row, true)
	}
	l.missed = len(rows) == l.limit || l.drops != drops
	return nil
}

// post takes a row that has just been committed. Posts of one lane come in the order of their commits.
func (l *lanes[T]) post(row T) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.missed || l.ctx == nil || len(l.known) >= l.limit {
		l.missed = true
		l.drops++
		l.nudge()
		return
	}
	l.add(row, false)
}

// look makes the next scan happen now: somebody else may have put rows into the table.
func (l *lanes[T]) look() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.nudge()
}

func (l *lanes[T]) nudge() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// add puts a row at the end of its lane, unless it is there or done. The caller holds the lock.
func (l *lanes[T]) add(row T, found bool) {
	id := l.id(row)
	if _, there := l.known[id]; there || l.finished[id] || l.before[id] {
		return
	}
	l.known[id] = found
	key := l.lane(row)
	q := l.byLane[key]
	if q == nil {
		q = &lane[T]{}
		l.byLane[key] = q
	}
	q.rows = append(q.rows, row)
	if !q.active && l.ctx != nil {
		q.active = true
		ctx := l.ctx
		l.running.Go(func() { l.work(ctx, key, q) })
	}
}

// work empties one lane.
func (l *lanes[T]) work(ctx context.Context, key string, q *lane[T]) {
	for {
		select {
		case l.workers <- struct{}{}:
		case <-ctx.Done():
			return
		}
		changed := l.changed.Next()
		again, more := l.head(ctx, key, q)
		<-l.workers
		if !more {
			return
		}
		if again > 0 {
			timer := time.NewTimer(again)
			select {
			case <-timer.C:
			case <-changed:
				timer.Stop()
			case <-ctx.Done():
				timer.Stop()
				return
			}
		}
	}
}

// head handles the first row of a lane and says whether there is more to do.
func (l *lanes[T]) head(ctx context.Context, key string, q *lane[T]) (again time.Duration, more bool) {
	l.mu.Lock()
	row := q.rows[0]
	l.mu.Unlock()
	if ctx.Err() != nil {
		return 0, false
	}
	if again = l.guard(ctx, row); again > 0 {
		return again, true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	id := l.id(row)
	if l.known[id] || l.scanning {
		l.finished[id] = true
	}
	delete(l.known, id)
	var none T
	q.rows[0] = none
	q.rows = q.rows[1:]
	if l.missed && len(l.known) <= l.limit/4 {
		l.nudge()
	}
	if len(q.rows) == 0 {
		q.active = false
		delete(l.byLane, key)
		return 0, false
	}
	return 0, true
}

// guard turns a panic of the handler into another try: one row must not stop the server.
func (l *lanes[T]) guard(ctx context.Context, row T) (again time.Duration) {
	defer func() {
		if p := recover(); p != nil {
			again = panicPause
			panicked(ctx, p, debug.Stack())
		}
	}()
	return l.handle(ctx, row)
}

// depth returns the number of rows in memory.
func (l *lanes[T]) depth() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.known)
}
