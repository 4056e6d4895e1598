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
	streams []*stream // the queue's lock guards them

	mu      sync.Mutex     // held while the table is read, so that nobody sees what another stream has just finished
	claimed map[int64]bool // pushes that a stream is writing
}

// stream is one open stream.
type stream struct {
	told chan struct{}
	busy bool // with a batch, or with opening; a client that takes nothing may keep it so for long. The queue's lock guards it
}

// Stream hands what is held for streams, oldest first, to write, until ctx ends, streams must end, or write fails. Each push
// goes to one stream. What write failed to take goes to another, or to the next that opens. The first call of write is for
// nothing: the stream is open. After [Queue.StopStreams] it is core.Unavailable instead.
func (q *Queue) Stream(ctx context.Context, bot string, kind Kind, write func(bodies []string) error) error {
	k, s := outletKey{bot, kind}, &stream{told: make(chan struct{}, 1), busy: true}
	s.told <- struct{}{} // there may be a backlog
	o, err := q.open(k, s)
	if err != nil {
		return err
	}
	defer q.leave(k, o, s)
	if err := write(nil); err != nil {
		return err
	}
	for {
		q.occupy(s, false)
		select {
		case <-ctx.Done():
			return nil
		case <-q.closing:
			return nil
		case <-s.told:
		}
		q.occupy(s, true)
		if err := q.drain(ctx, k, o, write); err != nil {
			return err
		}
	}
}

// drain writes one batch.
func (q *Queue) drain(ctx context.Context, k outletKey, o *outlet, write func([]string) error) error {
	batch, err := o.claim(ctx, q, k)
	if err != nil || len(batch) == 0 {
		return err
	}
	defer o.release(batch)
	if len(batch) == streamBatch {
		q.wakeStream(k) // there may be more, which need not wait until this is written
	}
	bodies := make([]string, len(batch))
	for i, p := range batch {
		bodies[i] = p.Body
	}
	if err := write(bodies); err != nil {
		return err
	}
	// They were written: that the client has left meanwhile does not undo it.
	return q.streamed(context.WithoutCancel(ctx), k, batch)
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

func (q *Queue) open(k outletKey, s *stream) (*outlet, error) {
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
	o.streams = append(o.streams, s)
	return o, nil
}

// leave ends a stream, and lets another one look at what it has left.
func (q *Queue) leave(k outletKey, o *outlet, s *stream) {
	q.mu.Lock()
	o.streams = slices.DeleteFunc(o.streams, func(other *stream) bool { return other == s })
	if len(o.streams) == 0 {
		delete(q.outlets, k)
	}
	q.mu.Unlock()
	q.wakeStream(k)
}

func (q *Queue) occupy(s *stream, busy bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	s.busy = busy
}

// wakeStream tells one of the open streams, at random, that there is something for it: one that is not busy, which would
// look only once its client has taken what it is being given. When all are busy, the first that is done will look.
func (q *Queue) wakeStream(k outletKey) {
	q.mu.Lock()
	defer q.mu.Unlock()
	o := q.outlets[k]
	if o == nil {
		return
	}
	var idle []*stream
	for _, s := range o.streams {
		if !s.busy {
			idle = append(idle, s)
		}
	}
	if len(idle) > 0 {
		idle[rand.IntN(len(idle))].tell()
		return
	}
	for _, s := range o.streams {
		s.tell()
	}
}

func (s *stream) tell() {
	select {
	case s.told <- struct{}{}:
	default: // it has been told
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
