package gateway

import (
	"context"
	"errors"
	"sync"

	"indaba/internal/core"
)

// On a synchronous channel the reply to a message is the answer to the request that brought it. The request waits here,
// under the message's id, and the outbox hands the reply over.

// sessions are the requests that wait for a reply.
type sessions struct {
	mu      sync.Mutex
	waiting map[string][]*waiter
}

// waiter is one request that waits.
type waiter struct {
	reply   chan *core.Message // nil: there will be none
	written chan error         // what became of the answer that carried the reply
}

// open registers a request that waits for the reply to a message.
func (s *sessions) open(id string) *waiter {
	w := &waiter{reply: make(chan *core.Message, 1), written: make(chan error, 1)}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting == nil {
		s.waiting = map[string][]*waiter{}
	}
	s.waiting[id] = append(s.waiting[id], w)
	return w
}

// close takes a request that no longer waits out of the list. A reply that was handed over before is returned.
func (s *sessions) close(id string, w *waiter) *core.Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	kept := s.waiting[id][:0]
	for _, other := range s.waiting[id] {
		if other != w {
			kept = append(kept, other)
		}
	}
	if len(kept) == 0 {
		delete(s.waiting, id)
	} else {
		s.waiting[id] = kept
	}
	select {
	case m := <-w.reply:
		return m
	default:
		return nil
	}
}

// give hands a reply, or nil for none, to the requests that wait for it and returns them. They leave the list with the
// reply in their hands, so that a request that gives up at this moment finds it.
func (s *sessions) give(id string, reply *core.Message) []*waiter {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.waiting[id]
	delete(s.waiting, id)
	for _, w := range all {
		w.reply <- reply
	}
	return all
}

// NoReply says that nobody will answer a message after all: the request that waits for a reply to it ends at once. After
// a reply it does nothing.
func (g *Gateway) NoReply(id string) { g.waiting.nothing(id) }

// nothing tells the requests that there will be no reply.
func (s *sessions) nothing(id string) { s.give(id, nil) }

var errLate = errors.New("late: the provider's request had ended before the reply was there")

// answer hands a reply to the request that waits for it and returns once the answer has been written, or was not.
func (s *sessions) answer(ctx context.Context, m *core.Message) error {
	waiters := s.give(m.InReplyTo, m)
	if len(waiters) == 0 {
		return errLate
	}
	var last error
	for _, w := range waiters {
		select {
		case err := <-w.written:
			if err == nil {
				return nil
			}
			last = err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return last
}
