package user

import (
	"net/netip"
	"sync"
	"time"
)

// allowance is how often one may fail: burst times at once, and then once more each time that every has passed.
type allowance struct {
	burst int
	every time.Duration
}

// Failed logins are counted by the network that they come from, against guessing at many users; by e-mail address and
// network, against guessing at one; and by e-mail address alone, against guessing at one from many networks. Many people
// may share a network.
var (
	perNetwork = allowance{burst: 50, every: 10 * time.Second}
	perPair    = allowance{burst: 10, every: time.Minute}
	perEmail   = allowance{burst: 100, every: 6 * time.Second}
)

// maxTracked bounds the memory of a throttle. Only somebody with many networks can make it forget.
const maxTracked = 100_000

// throttle counts failures in memory. What it knows is lost with the process, and other processes count on their own.
type throttle struct {
	allowed allowance
	mu      sync.Mutex
	// paidBy is when all failures of a key are forgiven; each failure moves it on.
	paidBy map[string]time.Time
}

func newThrottle(a allowance) *throttle { return &throttle{allowed: a, paidBy: map[string]time.Time{}} }

// try counts a try as a failure and returns 0, or returns how long the key must wait. Counting before the outcome is
// known keeps many tries at once from passing together.
func (t *throttle) try(key string, now time.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	paid := t.paidBy[key]
	free := paid.Add(-time.Duration(t.allowed.burst-1) * t.allowed.every)
	if free.After(now) {
		return free.Sub(now)
	}
	if paid.IsZero() && len(t.paidBy) >= maxTracked {
		t.forget(now)
	}
	if paid.Before(now) {
		paid = now
	}
	t.paidBy[key] = paid.Add(t.allowed.every)
	return 0
}

// forgive takes back what try counted.
func (t *throttle) forgive(key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if paid, ok := t.paidBy[key]; ok {
		t.paidBy[key] = paid.Add(-t.allowed.every)
	}
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
	networks, pairs, emails *throttle

	mu sync.Mutex
	// known are the e-mail addresses and networks that have logged in since the process started. The allowance of an e-mail
	// address alone does not bind them: strangers cannot lock out a person who comes from where he has come from before.
	known map[[2]string]bool
}

func newDoor() *door {
	return &door{networks: newThrottle(perNetwork), pairs: newThrottle(perPair), emails: newThrottle(perEmail),
		known: map[[2]string]bool{}}
}

// knock counts a try as a failure and returns 0, or returns how long to wait. A try that one allowance turns away uses up
// nothing of those after it.
func (d *door) knock(email, from string, now time.Time) time.Duration {
	if wait := d.networks.try(from, now); wait > 0 {
		return wait
	}
	if wait := d.pairs.try(email+" "+from, now); wait > 0 {
		return wait
	}
	if d.knows(email, from) {
		return 0
	}
	return d.emails.try(email, now)
}

func (d *door) knows(email, from string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.known[[2]string{email, from}]
}

// open takes back what knock counted: the password was right.
func (d *door) open(email, from string) {
	d.networks.forgive(from)
	d.pairs.forgive(email + " " + from)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.known[[2]string{email, from}] {
		return
	}
	d.emails.forgive(email)
	if len(d.known) >= maxTracked {
		clear(d.known)
	}
	d.known[[2]string{email, from}] = true
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
