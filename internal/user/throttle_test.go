package user

import (
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestThrottle(t *testing.T) {
	th := newThrottle(allowance{burst: 3, every: time.Minute})
	for i, step := range []struct {
		at   time.Duration
		want time.Duration
	}{{0, 0}, {0, 0}, {0, 0}, {0, time.Minute}, {59 * time.Second, time.Second}, {time.Minute, 0},
		{time.Minute, time.Minute}, {time.Hour, 0}, {time.Hour, 0}, {time.Hour, 0}, {time.Hour, time.Minute}} {
		if got := th.try("a", noon.Add(step.at)); got != step.want {
			t.Errorf("step %d: wait %v, want %v", i, got, step.want)
		}
	}
	if got := th.try("b", noon); got != 0 {
		t.Errorf("another key waits %v", got)
	}
}

func TestThrottleForgives(t *testing.T) {
	th := newThrottle(allowance{burst: 1, every: time.Minute})
	for range 5 {
		if wait := th.try("a", noon); wait != 0 {
			t.Fatalf("waits %v", wait)
		}
		th.forgive("a")
	}
	th.forgive("never seen")
}

func TestThrottleLetsNoCrowdThrough(t *testing.T) {
	th := newThrottle(allowance{burst: 7, every: time.Minute})
	var through atomic.Int64
	var group sync.WaitGroup
	for range 100 {
		group.Go(func() {
			if th.try("a", noon) == 0 {
				through.Add(1)
			}
		})
	}
	group.Wait()
	if through.Load() != 7 {
		t.Errorf("%d tries came through, want 7", through.Load())
	}
}

func TestThrottleIsBounded(t *testing.T) {
	th := newThrottle(allowance{burst: 3, every: time.Minute})
	for i := range maxTracked + 10 {
		th.try(strconv.Itoa(i), noon)
	}
	if len(th.paidBy) > maxTracked {
		t.Errorf("tracks %d keys", len(th.paidBy))
	}
}

// Strangers in many networks are slowed down, and cannot keep out a person who comes from where he came from before.
func TestDoor(t *testing.T) {
	d := newDoor()
	if wait := d.knock("thandi", "home", noon); wait != 0 {
		t.Fatalf("waits %v", wait)
	}
	d.open("thandi", "home")
	tries := 0
	for i := range 1000 {
		if d.knock("thandi", strconv.Itoa(i), noon) == 0 {
			tries++
		}
	}
	if tries != perEmail.burst {
		t.Errorf("strangers had %d tries, want %d", tries, perEmail.burst)
	}
	if wait := d.knock("thandi", "elsewhere", noon); wait != perEmail.every {
		t.Errorf("from elsewhere he waits %v, want %v", wait, perEmail.every)
	}
	for range 20 {
		if wait := d.knock("thandi", "home", noon); wait != 0 {
			t.Fatalf("at home he waits %v", wait)
		}
		d.open("thandi", "home")
	}
	if wait := d.knock("sipho", "elsewhere", noon); wait != 0 {
		t.Errorf("another user waits %v", wait)
	}
}

// Who is turned away for where he comes from uses up nothing of what others have.
func TestDoorCountsOnce(t *testing.T) {
	d := newDoor()
	for range 1000 {
		d.knock("thandi", "one network", noon)
	}
	if wait := d.knock("thandi", "another", noon); wait != 0 {
		t.Errorf("one stranger keeps everybody out for %v", wait)
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
