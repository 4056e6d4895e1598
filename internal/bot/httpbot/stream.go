package httpbot

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"

	"indaba/internal/core"
)

// streamBatch is how many pushes a stream takes at a time.
const streamBatch = 16

// outletKey names what streams read: the messages, or the events, of a bot.
type outletKey struct {
	bot  string
	kind Kind
}

// outlet is what the open streams of one thing share.
type outlet struct {
	streams []chan struct{} // one of them, at random, is told of each push; the queue's lock guards them

	mu      sync.Mutex     // held while the table is read, so that nobody sees what another stream has just finished
	claimed map[int64]bool // pushes that a stream is writing
}

// Stream hands what is held for streams, oldest first, to write, until ctx ends, streams must end, or write fails. Each push
// goes to one stream. What write failed to take goes to another, or to the next that opens. The first call of write is for
// nothing: the stream is open. After [Queue.StopStreams] it is core.Unavailable instead.
func (q *Queue) Stream(ctx context.Context, bot string, kind Kind, write func(bodies []string) error) error {
	k := outletKey{bot, kind}
	told := make(chan struct{}, 1)
	told <- struct{}{} // there may be a backlog
	o, err := q.open(k, told)
	if err != nil {
		return err
	}
	defer q.leave(k, o, told)
	if err := write(nil); err != nil {
		return err
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-q.closing:
			return nil
		case <-told:
		}
		full, err := q.drain(ctx, k, o, write)
		if err != nil {
			return err
		}
		if full {
			nudge(told)
		}
	}
}

// drain writes one batch; full says that there may be more.
func (q *Queue) drain(ctx context.Context, k outletKey, o *outlet, write func([]string) error) (full bool, err error) {
	batch, err := o.claim(ctx, q, k)
	if err != nil || len(batch) == 0 {
		return false, err
	}
	defer o.release(batch)
	bodies := make([]string, len(batch))
	for i, p := range batch {
		bodies[i] = p.Body
	}
	if err := write(bodies); err != nil {
		return false, err
	}
	// They were written: that the client has left meanwhile does not undo it.
	return len(batch) == streamBatch, q.streamed(context.WithoutCancel(ctx), k, batch)
}

// claim takes the oldest pushes that no other stream is writing.
func (o *outlet) claim(ctx context.Context, q *Queue, k outletKey) ([]Push, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	held, err := q.held(ctx, k, streamBatch+len(o.claimed))
	if err != nil {
		return nil, err
	}
	held = slices.DeleteFunc(held, func(p Push) bool { return o.claimed[p.ID] })
	held = held[:min(len(held), streamBatch)]
	for _, p := range held {
		o.claimed[p.ID] = true
	}
	return held, nil
}

func (o *outlet) release(batch []Push) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, p := range batch {
		delete(o.claimed, p.ID)
	}
}

func (q *Queue) open(k outletKey, told chan struct{}) (*outlet, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return nil, core.Errorf(core.Unavailable, "the server is stopping: connect again in a moment")
	}
	o := q.outlets[k]
	if o == nil {
		o = &outlet{claimed: map[int64]bool{}}
		q.outlets[k] = o
	}
	o.streams = append(o.streams, told)
	return o, nil
}

// leave ends a stream, and lets another one look at what it has left.
func (q *Queue) leave(k outletKey, o *outlet, told chan struct{}) {
	q.mu.Lock()
	o.streams = slices.DeleteFunc(o.streams, func(c chan struct{}) bool { return c == told })
	if len(o.streams) == 0 {
		delete(q.outlets, k)
	}
	q.mu.Unlock()
	q.wakeStream(k)
}

// wakeStream tells one of the open streams, at random, that there is something for it.
func (q *Queue) wakeStream(k outletKey) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if o := q.outlets[k]; o != nil {
		nudge(o.streams[rand.IntN(len(o.streams))])
	}
}

func nudge(told chan struct{}) {
	select {
	case told <- struct{}{}:
	default:
	}
}

// Streams returns how many streams are open.
func (q *Queue) Streams() (n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, o := range q.outlets {
		n += len(o.streams)
	}
	return n
}

// StopStreams ends all streams and lets no other one open. What is held waits for the next start.
func (q *Queue) StopStreams() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.closed {
		q.closed = true
		close(q.closing)
	}
}
