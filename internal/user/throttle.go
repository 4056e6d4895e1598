package user

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"indaba/internal/core"
)

// allowance is how often one may fail: burst times at once, and then once more each time that every has passed.
type allowance struct {
	burst int
	every time.Duration
}

// Wrong passwords are counted by the network that they come from, against guessing at many users; by e-mail address and
// network, against guessing at one; and by e-mail address alone, against guessing at one from many networks. Many people
// may share a network.
var (
	perNetwork = allowance{burst: 50, every: 10 * time.Second}
	perPair    = allowance{burst: 10, every: time.Minute}
	perEmail   = allowance{burst: 100, every: 6 * time.Second}
)

// maxTracked bounds the memory of a throttle. Only somebody with many networks can make it forget.
const maxTracked = 100_000

// throttle counts failures in memory. What it knows is lost with the process, and other processes count on their own. A door
// keeps it from being used by several at once.
type throttle struct {
	allowed allowance
	// paidBy is when all failures of a key are forgiven; each failure moves it on.
	paidBy map[string]time.Time
	// trying is how many tries of a key have begun whose outcome is not known yet.
	trying map[string]int
}

func newThrottle(a allowance) *throttle {
	return &throttle{allowed: a, paidBy: map[string]time.Time{}, trying: map[string]int{}}
}

// wait returns how long a key must wait for one more try if so many others, which have begun, fail.
func (t *throttle) wait(key string, others int, now time.Time) time.Duration {
	paid := t.paidBy[key]
	if paid.Before(now) {
		paid = now
	}
	return max(0, paid.Add(time.Duration(others-t.allowed.burst+1)*t.allowed.every).Sub(now))
}

// end notes the outcome of a try that has begun.
func (t *throttle) end(key string, failed bool, now time.Time) {
	if t.trying[key]--; t.trying[key] == 0 {
		delete(t.trying, key)
	}
	if !failed {
		return
	}
	paid := t.paidBy[key]
	if paid.IsZero() && len(t.paidBy) >= maxTracked {
		t.forget(now)
	}
	if paid.Before(now) {
		paid = now
	}
	t.paidBy[key] = paid.Add(t.allowed.every)
}

// forget drops the keys that owe nothing, and everything when that is not enough.
func (t *throttle) forget(now time.Time) {
	for key, paid := range t.paidBy {
		if !paid.After(now) {
			delete(t.paidBy, key)
		}
	}
	if len(t.paidBy) >= maxTracked {
		clear(t.paidBy)
	}
}

// door decides who may try to log in.
type door struct {
	now func() time.Time

	mu                      sync.Mutex
	networks, pairs, emails *throttle
	// known are the e-mail addresses and networks that have logged in since the process started. The allowance of an e-mail
	// address alone does not bind them: strangers cannot lock out a person who comes from where he has come from before.
	known map[[2]string]bool
	ended core.Broadcast // tells of the end of a try
}

func newDoor(now func() time.Time) *door {
	return &door{now: now, networks: newThrottle(perNetwork), pairs: newThrottle(perPair), emails: newThrottle(perEmail),
		known: map[[2]string]bool{}}
}

// try is somebody who tries to log in. Until its end it counts as one who may fail.
type try struct {
	d           *door
	email, from string
	counts      map[*throttle]string // the keys that it is counted by
}

// outcome is how a try ends.
type outcome uint8

const (
	undecided outcome = iota // nobody has learned whether the password was right
	wrong
	right
)

// knock begins a try, or returns how long to wait for one: then it counts for nothing. As long as it depends on tries under
// way, it waits for them: many at once get no more failures than one after the other, and no right password is turned
// away for others that turn out to be right. ctx ends that.
func (d *door) knock(ctx context.Context, email, from string) (*try, time.Duration, error) {
	t := &try{d: d, email: email, from: from}
	for {
		begun, wait, ended := t.begin()
		if begun || wait > 0 {
			return t, wait, nil
		}
		select {
		case <-ended:
		case <-ctx.Done():
			return nil, 0, ctx.Err()
		}
	}
}

// begin counts the try if it may begin. Else it must wait, or, with a wait of 0, for another one to end.
func (t *try) begin() (begun bool, wait time.Duration, ended <-chan struct{}) {
	t.d.mu.Lock()
	defer t.d.mu.Unlock()
	t.counts = map[*throttle]string{t.d.networks: t.from, t.d.pairs: t.email + " " + t.from}
	if !t.d.known[[2]string{t.email, t.from}] {
		t.counts[t.d.emails] = t.email
	}
	now, full := t.d.now(), false
	for by, key := range t.counts {
		wait = max(wait, by.wait(key, 0, now))
		full = full || by.wait(key, by.trying[key], now) > 0
	}
	if wait > 0 || full {
		return false, wait, t.d.ended.Next()
	}
	for by, key := range t.counts {
		by.trying[key]++
	}
	return true, 0, nil
}

// end ends a try that has begun.
func (t *try) end(o outcome) {
	t.d.mu.Lock()
	defer t.d.mu.Unlock()
	now := t.d.now()
	for by, key := range t.counts {
		by.end(key, o == wrong, now)
	}
	if o == right {
		if len(t.d.known) >= maxTracked {
			clear(t.d.known)
		}
		t.d.known[[2]string{t.email, t.from}] = true
	}
	t.d.ended.Tell()
}

// network returns what an address is counted by: itself, or for IPv6 its /64, which one customer has all of.
func network(address string) string {
	if port, err := netip.ParseAddrPort(address); err == nil {
		address = port.Addr().String()
	}
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return address
	}
	if ip = ip.Unmap(); ip.Is4() {
		return ip.String()
	}
	prefix, err := ip.WithZone("").Prefix(64)
	if err != nil {
		return ip.String()
	}
	return prefix.String()
}
