package kv_test

import (
	"context"
	"testing"
	"time"

	"indaba/internal/db/dbtest"
	"indaba/internal/kv"
)

// eachPair runs a test with two services on two connections to one database, whose clocks go by themselves: the second is
// one microsecond ahead.
func eachPair(t *testing.T, test func(first, second fixture)) {
	dbtest.EachURL(t, func(t *testing.T, url string) {
		var pair [2]fixture
		for i := range pair {
			d := dbtest.Open(t, url)
			c := newClock()
			c.advance(time.Duration(i) * time.Microsecond)
			pair[i] = fixture{t, kv.New(d, kv.Quota{}, c.now), d, c}
		}
		test(pair[0], pair[1])
	})
}

// setBeside sets the key "k" and lets other work begin, and get as far as it can, before that is committed.
func (f fixture) setBeside(value string, other func() error) {
	f.Helper()
	done := make(chan error, 1)
	if err := f.d.Tx(f.Context(), func(ctx context.Context) error {
		if _, err := f.Set(ctx, "space", "k", []byte(value), 0); err != nil {
			return err
		}
		go func() { done <- other() }()
		return dbtest.UntilBlocked(ctx, f.d)
	}); err != nil {
		f.Fatal(err)
	}
	if err := <-done; err != nil {
		f.Fatal(err)
	}
}

// A counter goes on from what was set while it waited, also when it had expired for one of the two.
func TestIncrBesideSet(t *testing.T) {
	for name, ttl := range map[string]time.Duration{"a key": 0, "a key that expires": time.Minute} {
		t.Run(name, func(t *testing.T) {
			eachPair(t, func(first, second fixture) {
				first.set("k", "5", ttl)
				for _, f := range []fixture{first, second} {
					f.clock.advance(time.Minute - time.Microsecond)
				}
				first.setBeside("100", func() error {
					n, _, err := second.Incr(second.Context(), "space", "k", 1)
					if n != 101 {
						second.Errorf("counted to %d", n)
					}
					return err
				})
				first.want("k", "101")
				if stored, counted := first.rows(); stored != 1 || counted != 1 {
					t.Errorf("%d rows, %d counted", stored, counted)
				}
			})
		})
	}
}

// A key that is set anew at the moment of its expiry stays, whatever a sweep has seen before.
func TestSweepBesideSet(t *testing.T) {
	eachPair(t, func(first, second fixture) {
		first.set("k", "5", time.Minute)
		for _, f := range []fixture{first, second} {
			f.clock.advance(time.Minute - time.Microsecond)
		}
		first.setBeside("100", func() error {
			_, err := second.Sweep(second.Context(), second.clock.now())
			return err
		})
		second.want("k", "100")
		if stored, counted := first.rows(); stored != 1 || counted != 1 {
			t.Errorf("%d rows, %d counted", stored, counted)
		}
	})
}
