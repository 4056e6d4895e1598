package twilio

import (
	"context"
	"slices"
	"sync"
	"time"

	"indaba/internal/channel"
	"indaba/internal/core"
)

// slack is how much later than expected a call's next request may come.
const slack = 30 * time.Second

// remembered is how long a call is known after its end, so that what is still to be said in it fails at once.
const remembered = 10 * time.Minute

// together is how long a request that has something to say waits for more: what one turn of a bot sends is said in one
// go.
const together = 100 * time.Millisecond

// maxTogether is about how many characters are said in one go.
const maxTogether = 2 * maxSpeech

// calls are those that go on. Nothing in them must survive a restart: what a call's requests say of it is enough to go on
// with it, and what was not said waits in the outbox.
type calls struct {
	now func() time.Time

	mu       sync.Mutex
	bySID    map[string]*call
	byPerson map[string]*call // the newest of each
	swept    time.Time
}

// call is one call. Its fields belong to the holder of calls.mu.
type call struct {
	sid, person string
	over        bool
	due         time.Time // by then the next request has come, or the call is over
	queue       []*waiting
	change      core.Broadcast // tells of everything that changes
	requests    int
	last        []speech // what was said last

	answered int // the step that was answered last, from 0
	answer   *channel.Answer
}

// waiting is a message that is to be said.
type waiting struct {
	speech
	taken bool // it is on its way to Twilio
}

func newCalls(now func() time.Time) *calls {
	return &calls{now: now, bySID: map[string]*call{}, byPerson: map[string]*call{}}
}

// open returns a call, which the next request is to come for within the given time. person is empty when it is not known.
func (c *calls) open(sid, person string, within time.Duration) *call {
	c.mu.Lock()
	defer c.mu.Unlock()
	found, until := c.bySID[sid], c.now().Add(within)
	if found == nil {
		c.sweep()
		found = &call{sid: sid, due: until}
		c.bySID[sid] = found
	}
	if person != "" {
		found.person, c.byPerson[person] = person, found
		found.due = later(found.due, until)
	}
	return found
}

// placed notes a call that was placed and what it begins with.
func (c *calls) placed(sid, person string, s speech) {
	const ringing = 2 * time.Minute
	placed := c.open(sid, person, ringing+s.lasts()+slack)
	c.mu.Lock()
	defer c.mu.Unlock()
	if placed.last == nil {
		placed.last = []speech{s}
	}
}

// with returns the newest call with a person, if it goes on.
func (c *calls) with(person string) *call {
	c.mu.Lock()
	defer c.mu.Unlock()
	found := c.byPerson[person]
	if found == nil || found.over || c.now().After(found.due) {
		return nil
	}
	return found
}

// end notes that a call is over.
func (c *calls) end(sid string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if found := c.bySID[sid]; found != nil && !found.over {
		found.over = true
		found.change.Tell()
	}
}

// sweep forgets calls that ended long ago.
func (c *calls) sweep() {
	now := c.now()
	if now.Sub(c.swept) < time.Minute {
		return
	}
	c.swept = now
	for sid, old := range c.bySID {
		if now.Sub(old.due) > remembered {
			delete(c.bySID, sid)
			if c.byPerson[old.person] == old {
				delete(c.byPerson, old.person)
			}
		}
	}
}

// say waits until a request of the call takes a speech along.
func (c *calls) say(ctx context.Context, in *call, s speech) (channel.Receipt, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	w := &waiting{speech: s}
	in.queue = append(in.queue, w)
	in.change.Tell()
	for stopping := false; !w.taken; {
		left := in.due.Sub(c.now())
		switch {
		case in.over, left <= 0:
			in.drop(w)
			return channel.Receipt{}, &channel.SendError{Class: channel.Permanent, Code: "call_ended",
				Message: "late: the call had ended before this could be said"}
		case stopping:
			in.drop(w)
			return channel.Receipt{}, &channel.SendError{Class: channel.Retry, Message: "the server stopped before this could be said"}
		}
		stopping = !c.wait(ctx, in, left) && ctx.Err() != nil
	}
	return channel.Receipt{ExternalID: s.id}, nil
}

// wait waits for a change in a call, and reports whether there was one before the time was over or ctx ended. It releases
// the lock meanwhile.
func (c *calls) wait(ctx context.Context, in *call, limit time.Duration) bool {
	change := in.change.Next()
	c.mu.Unlock()
	defer c.mu.Lock()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-change:
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}

func (c *call) drop(w *waiting) {
	c.queue = slices.DeleteFunc(c.queue, func(other *waiting) bool { return other == w })
}

// asked is what becomes of a request of a call.
type asked struct {
	say    []*waiting
	repeat *channel.Answer // the answer that the same request has been given before
	over   bool            // the call is to end
	stale  bool            // Twilio has made a newer request: nobody listens to the answer to this one
}

// ask waits for something to say in a call, at most for the limit. Only the newest request of a call gets it.
func (c *calls) ask(ctx context.Context, in *call, at step, limit time.Duration) asked {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case in.answer != nil && at.number == in.answered:
		return asked{repeat: in.answer}
	case in.answer != nil && at.number < in.answered:
		return asked{stale: true}
	}
	in.requests++
	mine := in.requests
	in.change.Tell()
	for deadline := time.Now().Add(limit); len(in.queue) == 0 && !in.over && in.requests == mine; {
		if left := time.Until(deadline); left <= 0 || !c.wait(ctx, in, left) {
			break
		}
	}
	if in.requests != mine {
		return asked{stale: true}
	}
	if in.over {
		return asked{over: true}
	}
	said := in.take(nil)
	for more := len(said) > 0; more && !full(said); {
		if more = c.wait(ctx, in, together); more && in.requests == mine {
			said = in.take(said)
		}
	}
	if in.requests != mine {
		in.queue = append(said, in.queue...)
		return asked{stale: true}
	}
	return asked{say: said}
}

// full reports whether nothing can be said after this in one go.
func full(said []*waiting) bool {
	characters := 0
	for _, w := range said {
		if characters += len(w.text); w.closes || characters > maxTogether {
			return true
		}
	}
	return false
}

// take adds what waits, in order.
func (c *call) take(said []*waiting) []*waiting {
	for len(c.queue) > 0 && !full(said) {
		w := c.queue[0]
		c.queue, w.taken = c.queue[1:], true
		said = append(said, w)
	}
	c.change.Tell()
	return said
}

// gave notes the answer to a request, and when the next one will have come.
func (c *calls) gave(in *call, at step, a channel.Answer, said []speech, ends bool, lasts time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	repeated := a
	repeated.Carries = nil // their fate hangs on the first time
	in.answered, in.answer = at.number, &repeated
	in.due = c.now().Add(lasts + slack)
	if len(said) > 0 {
		in.last = said
	}
	if ends {
		in.over = true
	}
	in.change.Tell()
}

// lastSaid returns what was said last in a call.
func (c *calls) lastSaid(in *call) []speech {
	c.mu.Lock()
	defer c.mu.Unlock()
	return in.last
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
