package simulate

import (
	"sync"
	"time"
)

// A clock runs at the pace of the real one, from a moment that can be chosen.
type clock struct {
	mu   sync.Mutex
	base time.Time
	set  time.Time // when base was chosen, by the real clock
}

func newClock() *clock {
	now := time.Now()
	return &clock{base: now, set: now}
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.base.Add(time.Since(c.set))
}

// turn sets the clock; the zero time means the real time.
func (c *clock) turn(to time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.set = time.Now()
	c.base = to
	if to.IsZero() {
		c.base = c.set
	}
}

// advance lets time go by at once.
func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.base = c.base.Add(d)
}
