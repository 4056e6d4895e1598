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

// Failed logins are counted by e-mail address, against guessing at one user, and by network address, against guessing
// at many. Many people may share a network address, hence the larger allowance.
var (
	perEmail   = allowance{burst: 10, every: time.Minute}
	perAddress = allowance{burst: 50, every: 10 * time.Second}
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
