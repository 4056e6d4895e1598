package user

import (
	"context"
	"errors"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// fail tries once, in vain, unless the key must wait: it returns for how long.
func fail(th *throttle, key string, now time.Time) time.Duration {
	if wait := th.wait(key, 0, now); wait > 0 {
		return wait
	}
	th.trying[key]++
	th.end(key, true, now)
	return 0
}

func TestThrottle(t *testing.T) {
	th := newThrottle(allowance{burst: 3, every: time.Minute})
	for i, step := range []struct {
		at   time.Duration
		want time.Duration
	}{{0, 0}, {0, 0}, {0, 0}, {0, time.Minute}, {59 * time.Second, time.Second}, {time.Minute, 0},
		{time.Minute, time.Minute}, {time.Hour, 0}, {time.Hour, 0}, {time.Hour, 0}, {time.Hour, time.Minute}} {
		if got := fail(th, "a", noon.Add(step.at)); got != step.want {
			t.Errorf("step %d: wait %v, want %v", i, got, step.want)
		}
	}
	if got := fail(th, "b", noon); got != 0 {
		t.Errorf("another key waits %v", got)
	}
	if len(th.trying) != 0 {
		t.Errorf("tries that have ended are kept: %v", th.trying)
	}
}

func TestThrottleIsBounded(t *testing.T) {
	th := newThrottle(allowance{burst: 3, every: time.Minute})
	for i := range maxTracked + 10 {
		fail(th, strconv.Itoa(i), noon)
	}
	if len(th.paidBy) > maxTracked {
		t.Errorf("tracks %d keys", len(th.paidBy))
	}
}

func doorAt(at time.Time) *door { return newDoor(func() time.Time { return at }) }

// attempt tries once, with an outcome, unless it must wait: it returns for how long.
func attempt(t *testing.T, d *door, email, from string, o outcome) time.Duration {
	t.Helper()
	begun, wait, err := d.knock(t.Context(), email, from)
	if err != nil {
		t.Fatal(err)
	}
	if wait == 0 {
		begun.end(o)
	}
	return wait
}

// Strangers in many networks are slowed down, and cannot keep out a person who comes from where he came from before.
func TestDoor(t *testing.T) {
	d := doorAt(noon)
	if wait := attempt(t, d, "thandi", "home", right); wait != 0 {
		t.Fatalf("waits %v", wait)
	}
	tries := 0
	for i := range 1000 {
		if attempt(t, d, "thandi", strconv.Itoa(i), wrong) == 0 {
			tries++
		}
	}
	if tries != perEmail.burst {
		t.Errorf("strangers had %d tries, want %d", tries, perEmail.burst)
	}
	if wait := attempt(t, d, "thandi", "elsewhere", right); wait != perEmail.every {
		t.Errorf("from elsewhere he waits %v, want %v", wait, perEmail.every)
	}
	for range 20 {
		if wait := attempt(t, d, "thandi", "home", right); wait != 0 {
			t.Fatalf("at home he waits %v", wait)
		}
	}
	if wait := attempt(t, d, "sipho", "elsewhere", right); wait != 0 {
		t.Errorf("another user waits %v", wait)
	}
}

// A try that one allowance turns away counts for none.
func TestDoorCountsOnce(t *testing.T) {
	d := doorAt(noon)
	for range 1000 {
		attempt(t, d, "thandi", "one network", wrong)
	}
	if wait := attempt(t, d, "thandi", "another", wrong); wait != 0 {
		t.Errorf("one stranger keeps everybody out for %v", wait)
	}
	if wait := attempt(t, d, "sipho", "one network", wrong); wait != 0 {
		t.Errorf("one stranger keeps his neighbours out for %v", wait)
	}
}

// Many who come at once all get in when they know the password; of guesses no more are made than one after the other.
func TestCrowds(t *testing.T) {
	for _, test := range []struct {
		outcome outcome
		want    int64
	}{{right, 200}, {undecided, 200}, {wrong, int64(perPair.burst)}} {
		d := doorAt(noon)
		var begun, waited, together, most atomic.Int64
		var group sync.WaitGroup
		for range 200 {
			group.Go(func() {
				one, wait, err := d.knock(t.Context(), "thandi", "home")
				if err != nil {
					t.Error(err)
					return
				}
				if wait > 0 {
					waited.Add(1)
					return
				}
				begun.Add(1)
				most.Store(max(most.Load(), together.Add(1)))
				runtime.Gosched() // it takes its time
				together.Add(-1)
				one.end(test.outcome)
			})
		}
		group.Wait()
		if begun.Load() != test.want || begun.Load()+waited.Load() != 200 || most.Load() > int64(perPair.burst) {
			t.Errorf("outcome %d: %d were let in, at most %d at once, and %d told to wait; want %d", test.outcome, begun.Load(), most.Load(),
				waited.Load(), test.want)
		}
	}
}

// Who goes away while he waits for others is not kept.
func TestDoorIsLeft(t *testing.T) {
	d := doorAt(noon)
	var inside []*try
	for range perPair.burst {
		one, wait, err := d.knock(t.Context(), "thandi", "home")
		if err != nil || wait != 0 {
			t.Fatal(wait, err)
		}
		inside = append(inside, one)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := d.knock(ctx, "thandi", "home"); !errors.Is(err, context.Canceled) {
		t.Errorf("gone away: %v", err)
	}
	for _, one := range inside {
		one.end(undecided)
	}
	if len(d.pairs.trying)+len(d.networks.trying)+len(d.emails.trying) != 0 {
		t.Error("tries that have ended are kept")
	}
}

func TestNetwork(t *testing.T) {
	for address, want := range map[string]string{
		"192.0.2.1:443":             "192.0.2.1",
		"192.0.2.1":                 "192.0.2.1",
		"[::ffff:192.0.2.1]:443":    "192.0.2.1",
		"[2001:db8:1:2:3:4:5:6]:80": "2001:db8:1:2::/64",
		"2001:db8:1:2::9":           "2001:db8:1:2::/64",
		"[fe80::1%eth0]:80":         "fe80::/64",
		"somewhere":                 "somewhere",
	} {
		if got := network(address); got != want {
			t.Errorf("%s: got %s, want %s", address, got, want)
		}
	}
}
