package kv_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"indaba/internal/core"
	"indaba/internal/db"
	"indaba/internal/db/dbtest"
	"indaba/internal/kv"
)

// clock is a time that tests move.
type clock struct{ micros atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.micros.Store(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).UnixMicro())
	return c
}

func (c *clock) now() time.Time           { return time.UnixMicro(c.micros.Load()).UTC() }
func (c *clock) advance(by time.Duration) { c.micros.Add(by.Microseconds()) }

// fixture is a service on a moving clock whose failures end the test.
type fixture struct {
	*testing.T
	*kv.Service
	d     *db.DB
	clock *clock
}

func each(t *testing.T, quota int64, test func(f fixture)) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		c := newClock()
		test(fixture{t, kv.New(d, kv.Quota{Keys: quota}, c.now), d, c})
	})
}

func (f fixture) set(key, value string, ttl time.Duration) kv.Outcome {
	f.Helper()
	o, err := f.Set(f.Context(), "space", key, json.RawMessage(value), ttl)
	if err != nil {
		f.Fatalf("set %q: %v", key, err)
	}
	return o
}

// want checks what Get says; an empty value means that there is none.
func (f fixture) want(key, value string) {
	f.Helper()
	got, found, err := f.Get(f.Context(), "space", key)
	if err != nil || string(got) != value || found != (value != "") {
		f.Fatalf("get %q: %q, %v, %v; want %q", key, got, found, err, value)
	}
}

// rows returns how many rows the space has, and how many it believes to have.
func (f fixture) rows() (stored, counted int64) {
	f.Helper()
	if err := f.d.Row(f.Context(), "SELECT (SELECT count(*) FROM kv WHERE space = 'space'), keys FROM kv_space "+
		"WHERE space = 'space'", nil, &stored, &counted); err != nil {
		f.Fatal(err)
	}
	return stored, counted
}

func TestSetGetDelete(t *testing.T) {
	each(t, 0, func(f fixture) {
		f.want("a", "")
		if o := f.set("a", `{"x": [1, "\u0000 ж"]}`, 0); !o.Created || o.AboveSoft {
			f.Fatalf("%+v", o)
		}
		f.want("a", `{"x": [1, "\u0000 ж"]}`)
		if o := f.set("a", "null", 0); o.Created {
			f.Fatalf("%+v", o)
		}
		f.want("a", "null")
		if _, found, err := f.Get(f.Context(), "other space", "a"); found || err != nil {
			f.Fatal(found, err)
		}
		for i, want := range []bool{true, false} {
			if existed, err := f.Delete(f.Context(), "space", "a"); existed != want || err != nil {
				f.Fatalf("delete %d: %v %v", i, existed, err)
			}
		}
		f.want("a", "")
		f.set("", "1", 0) // the empty key is one
		f.want("", "1")
	})
}

func TestExpiry(t *testing.T) {
	each(t, 0, func(f fixture) {
		f.set("short", "1", time.Minute)
		f.set("long", "2", time.Hour)
		f.set("forever", "3", 0)
		f.set("far", "4", math.MaxInt64)
		f.clock.advance(time.Minute)
		f.want("short", "")
		f.want("long", "2")
		if existed, err := f.Delete(f.Context(), "space", "short"); existed || err != nil {
			f.Fatal("an expired key existed", err)
		}
		if o := f.set("short", "5", 0); !o.Created {
			f.Fatal("a key that had expired was not created")
		}
		f.set("long", "6", 0) // without a time it no longer expires
		f.clock.advance(100 * 365 * 24 * time.Hour)
		f.want("short", "5")
		f.want("long", "6")
		f.want("forever", "3")
		f.want("far", "4")
		if stored, counted := f.rows(); stored != 4 || counted != 4 {
			f.Fatal(stored, counted)
		}
	})
}

func TestIncr(t *testing.T) {
	each(t, 0, func(f fixture) {
		incr := func(key string, by, want int64) {
			f.Helper()
			if got, _, err := f.Incr(f.Context(), "space", key, by); got != want || err != nil {
				f.Fatalf("incr %s by %d: %d %v, want %d", key, by, got, err, want)
			}
		}
		incr("n", 1, 1)
		incr("n", -5, -4)
		f.want("n", "-4")
		f.set("set", "41", time.Minute)
		incr("set", 1, 42)
		f.want("set", "42")
		f.clock.advance(time.Minute)
		f.want("set", "") // the expiry was kept
		incr("set", 1, 1)
		f.clock.advance(time.Hour)
		f.want("set", "1") // and a new counter has none
		f.set("big", "9007199254740993", 0)
		incr("big", 1, 9007199254740994)
		for _, c := range []struct {
			stored string
			by     int64
			want   string
		}{
			{`"1"`, 1, "value is not an integer or out of range"},
			{`1.5`, 1, "value is not an integer or out of range"},
			{`1e3`, 1, "value is not an integer or out of range"},
			{`9223372036854775808`, -1, "value is not an integer or out of range"},
			{`null`, 1, "value is not an integer or out of range"},
			{`[1]`, 1, "value is not an integer or out of range"},
			{`9223372036854775807`, 1, "increment or decrement would overflow"},
			{`-2`, math.MinInt64, "increment or decrement would overflow"},
		} {
			f.set("bad", c.stored, 0)
			_, _, err := f.Incr(f.Context(), "space", "bad", c.by)
			if core.KindOf(err) != core.Invalid || err.Error() != c.want {
				f.Errorf("%s + %d: %v", c.stored, c.by, err)
			}
			f.want("bad", c.stored)
		}
	})
}

func TestConcurrentIncrementsAllCount(t *testing.T) {
	each(t, 0, func(f fixture) {
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				for range 4 {
					if _, _, err := f.Incr(f.Context(), "space", "n", 1); err != nil {
						f.Error(err)
					}
				}
			})
		}
		wg.Wait()
		f.want("n", "200")
		if stored, counted := f.rows(); stored != 1 || counted != 1 {
			f.Fatal(stored, counted)
		}
	})
}

func TestQuotaCountsLiveKeys(t *testing.T) {
	each(t, 10, func(f fixture) {
		for i := range 10 {
			ttl := time.Duration(0)
			if i < 4 {
				ttl = time.Minute
			}
			if o := f.set(fmt.Sprint(i), "1", ttl); o.AboveSoft != (i+1 >= 8) {
				f.Fatalf("key %d: %+v", i+1, o)
			}
		}
		refused := func() {
			f.Helper()
			for _, err := range []error{
				func() error { _, err := f.Set(f.Context(), "space", "new", []byte("1"), 0); return err }(),
				func() error { _, _, err := f.Incr(f.Context(), "space", "new", 1); return err }(),
			} {
				if core.KindOf(err) != core.TooLarge || err.Error() != "Too many keys" {
					f.Fatal(err)
				}
			}
			f.want("new", "")
		}
		refused()
		if o := f.set("9", "2", 0); o != (kv.Outcome{}) {
			f.Fatalf("replacing at the limit: %+v", o)
		}
		f.clock.advance(time.Minute) // four expire
		if o := f.set("a", "1", 0); !o.Created || o.AboveSoft {
			f.Fatalf("%+v", o)
		}
		for _, key := range []string{"b", "c", "d"} {
			f.set(key, "1", 0)
		}
		refused()
		if stored, counted := f.rows(); stored != 10 || counted != 10 {
			f.Fatal(stored, counted)
		}
		if _, err := f.Delete(f.Context(), "space", "a"); err != nil {
			f.Fatal(err)
		}
		f.set("new", "1", 0)
	})
}

func TestRefusalInsideATransactionThatGoesOn(t *testing.T) {
	each(t, 3, func(f fixture) {
		for i := range 3 {
			f.set(fmt.Sprint(i), "1", 0)
		}
		err := f.d.TxOn(f.Context(), "space", func(ctx context.Context) error {
			if _, err := f.Set(ctx, "space", "3", []byte("1"), 0); core.KindOf(err) != core.TooLarge {
				return fmt.Errorf("not refused: %w", err)
			}
			_, err := f.Set(ctx, "space", "0", []byte("2"), 0)
			return err
		})
		if err != nil {
			f.Fatal(err)
		}
		f.want("0", "2")
		f.want("3", "")
		if stored, counted := f.rows(); stored != 3 || counted != 3 {
			f.Fatal(stored, counted)
		}
	})
}

func TestSweep(t *testing.T) {
	each(t, 0, func(f fixture) {
		const expired = 2300 // more than one transaction removes
		err := f.d.TxOn(f.Context(), "space", func(ctx context.Context) error {
			for i := range expired {
				if _, err := f.Set(ctx, "space", fmt.Sprint(i), []byte("1"), time.Minute); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			f.Fatal(err)
		}
		f.set("keep", "1", time.Hour)
		f.set("for ever", "1", 0)
		if n, err := f.Sweep(f.Context(), f.clock.now()); n != 0 || err != nil {
			f.Fatal(n, err)
		}
		if n, err := f.Sweep(f.Context(), f.clock.now().Add(time.Minute)); n != expired || err != nil {
			f.Fatal(n, err)
		}
		if stored, counted := f.rows(); stored != 2 || counted != 2 {
			f.Fatal(stored, counted)
		}
		f.want("keep", "1")
	})
}

func TestConcurrentWritersKeepTheCount(t *testing.T) {
	each(t, 100, func(f fixture) {
		var wg sync.WaitGroup
		for w := range 20 {
			wg.Go(func() {
				for i := range 20 {
					key := fmt.Sprint((w*7 + i*3) % 25)
					var err error
					switch (w + i) % 4 {
					case 0:
						_, err = f.Delete(f.Context(), "space", key)
					case 1:
						_, err = f.Set(f.Context(), "space", key, []byte("1"), time.Minute)
					case 2:
						_, err = f.Set(f.Context(), "space", key, []byte("1"), 0)
					case 3:
						_, err = f.Sweep(f.Context(), f.clock.now())
					}
					if err != nil {
						f.Error(err)
					}
				}
			})
			if w%5 == 0 {
				f.clock.advance(50 * time.Second)
			}
		}
		wg.Wait()
		if stored, counted := f.rows(); stored != counted || stored > 25 {
			f.Fatal(stored, counted)
		}
	})
}

func TestBadInput(t *testing.T) {
	each(t, 0, func(f fixture) {
		long := strings.Repeat("k", kv.MaxKeyBytes+1)
		for _, c := range []struct {
			name, key, value string
			ttl              time.Duration
			kind             core.Kind
		}{
			{"long key", long, "1", 0, core.Invalid},
			{"NUL in the key", "a\x00b", "1", 0, core.Invalid},
			{"key not UTF-8", "a\xff", "1", 0, core.Invalid},
			{"no JSON", "k", "{", 0, core.Invalid},
			{"no value", "k", "", 0, core.Invalid},
			{"value not UTF-8", "k", "\"\xff\"", 0, core.Invalid},
			{"large value", "k", `"` + strings.Repeat("x", kv.MaxValueBytes) + `"`, 0, core.TooLarge},
			{"negative time", "k", "1", -1, core.Invalid},
		} {
			if _, err := f.Set(f.Context(), "space", c.key, []byte(c.value), c.ttl); core.KindOf(err) != c.kind {
				f.Errorf("%s: %v", c.name, err)
			}
		}
		for _, key := range []string{long, "a\x00b", "a\xff"} {
			_, _, gerr := f.Get(f.Context(), "space", key)
			_, derr := f.Delete(f.Context(), "space", key)
			_, _, ierr := f.Incr(f.Context(), "space", key, 1)
			for _, err := range []error{gerr, derr, ierr} {
				if core.KindOf(err) != core.Invalid {
					f.Errorf("%.10q: %v", key, err)
				}
			}
		}
		// The longest key that is allowed, of the widest characters.
		f.set(strings.Repeat("😀", kv.MaxKeyBytes/4), `"`+strings.Repeat("ж", (kv.MaxValueBytes-2)/2)+`"`, 0)
	})
}

func TestCancelledContext(t *testing.T) {
	each(t, 0, func(f fixture) {
		ctx, cancel := context.WithCancel(f.Context())
		cancel()
		if _, err := f.Set(ctx, "space", "k", []byte("1"), 0); !errors.Is(err, context.Canceled) {
			f.Fatal(err)
		}
		f.want("k", "")
	})
}

func TestSoftLimit(t *testing.T) {
	for hard, soft := range map[int64]int64{10: 8, 100: 80, 3: 2, 1: 0, math.MaxInt64: math.MaxInt64 / 5 * 4} {
		got := kv.Quota{Keys: hard}.Soft()
		if got < soft || got > soft+4 {
			t.Errorf("soft limit of %d: %d", hard, got)
		}
	}
	if (kv.Quota{}).Hard() != kv.DefaultKeys {
		t.Error("the zero quota is not the default")
	}
}
