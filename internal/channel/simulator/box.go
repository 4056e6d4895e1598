package simulator

import (
	"container/list"
	"context"
	"sync"
	"time"

	"indaba/internal/core"
)

const (
	maxAddresses = 10_000 // those not written to for longest are forgotten first
	boxSize      = 100    // messages kept for one address
)

// message is what a program that plays a person gets to see of one message.
type message struct {
	Seq          int64     `json:"seq"`
	ID           string    `json:"id"`
	Content      string    `json:"content"`
	SessionEvent string    `json:"session_event,omitempty"`
	InReplyTo    string    `json:"in_reply_to,omitempty"`
	At           time.Time `json:"at"`
	Segments     int       `json:"segments"`
}

// boxes holds the newest messages of each address.
type boxes struct {
	mu     sync.Mutex
	seq    int64
	byName map[string]*list.Element
	recent *list.List // of *box, the one written to last in front
}

type box struct {
	address  string
	messages []message
	arrival  core.Broadcast // tells of the next message
}

// newBoxes numbers messages from the time of its making on, so that numbers ascend over restarts too, and stay below
// 2^53.
func newBoxes(now time.Time) *boxes {
	return &boxes{seq: now.UnixMilli() * 1000, byName: map[string]*list.Element{}, recent: list.New()}
}

// put adds a message and returns its number. A message whose id is there already keeps its number.
func (b *boxes) put(address string, m message) int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	box := b.open(address)
	for _, known := range box.messages {
		if known.ID == m.ID && m.ID != "" {
			return known.Seq
		}
	}
	b.seq++
	m.Seq = b.seq
	if len(box.messages) == boxSize {
		box.messages = append(box.messages[:0], box.messages[1:]...)
	}
	box.messages = append(box.messages, m)
	box.arrival.Tell()
	return m.Seq
}

// open returns the box of an address, as the newest. The caller holds the lock.
func (b *boxes) open(address string) *box {
	if element, ok := b.byName[address]; ok {
		b.recent.MoveToFront(element)
		return element.Value.(*box)
	}
	if b.recent.Len() == maxAddresses {
		oldest := b.recent.Back()
		forgotten := b.recent.Remove(oldest).(*box)
		delete(b.byName, forgotten.address)
		forgotten.arrival.Tell() // who waits comes back and opens a new one
	}
	opened := &box{address: address}
	b.byName[address] = b.recent.PushFront(opened)
	return opened
}

// after returns the messages with higher numbers, and a channel that is closed when there may be more.
func (b *boxes) after(address string, seq int64) ([]message, <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	box := b.open(address)
	found := []message{}
	for _, m := range box.messages {
		if m.Seq > seq {
			found = append(found, m)
		}
	}
	return found, box.arrival.Next()
}

// wait is after, but waits for a message until the time is over or ctx is done. It returns an empty slice then.
func (b *boxes) wait(ctx context.Context, address string, seq int64, limit time.Duration) []message {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		found, arrival := b.after(address, seq)
		if len(found) > 0 {
			return found
		}
		select {
		case <-arrival:
		case <-ctx.Done():
			return found
		}
	}
}
