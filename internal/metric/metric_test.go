package metric_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"indaba/internal/core"
	"indaba/internal/db"
	"indaba/internal/db/dbtest"
	"indaba/internal/metric"
)

const account = "00000000000040008000000000000001"

// start is the beginning of an hour, a day and a minute.
var start = time.Date(2026, 3, 5, 0, 0, 0, 0, time.UTC)

type fixture struct {
	*testing.T
	*metric.Service
	d *db.DB
}

func each(t *testing.T, test func(f fixture)) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		now := func() time.Time { return start }
		test(fixture{t, metric.New(d, now, metric.Options{SecondsFor: 24 * time.Hour, MinutesFor: 10 * 24 * time.Hour}), d})
	})
}

func (f fixture) fire(name string, values ...float64) {
	f.Helper()
	points := make([]metric.Point, len(values))
	for i, v := range values {
		points[i] = metric.Point{Name: name, Value: v}
	}
	if err := f.Fire(f.Context(), account, points); err != nil {
		f.Fatal(err)
	}
}

func (f fixture) read(r metric.Request) []metric.Bucket {
	f.Helper()
	buckets, found, err := f.Read(f.Context(), account, r)
	if err != nil || !found {
		f.Fatal(found, err)
	}
	return buckets
}

// show prints buckets as seconds from start and values.
func show(buckets []metric.Bucket) string {
	parts := make([]string, len(buckets))
	for i, b := range buckets {
		value := "-"
		if b.Value != nil {
			value = fmt.Sprint(*b.Value)
		}
		parts[i] = fmt.Sprintf("%d:%s", b.Start.Unix()-start.Unix(), value)
	}
	return strings.Join(parts, " ")
}

func TestAggregators(t *testing.T) {
	each(t, func(f fixture) {
		for aggregator, want := range map[string]string{"avg": "2.5", "sum": "10", "min": "-1", "max": "7", "last": "3"} {
			name := "stores.default.foo." + aggregator
			f.fire(name, 1, 7)
			f.fire(name, -1, 3)
			got := show(f.read(metric.Request{Name: name, From: start, Until: start, Interval: time.Minute}))
			if got != "0:"+want {
				f.Errorf("%s: %s, want %s", aggregator, got, want)
			}
		}
	})
}

func TestBuckets(t *testing.T) {
	each(t, func(f fixture) {
		var points []metric.Point
		for _, s := range []int{-1, 0, 59, 60, 119, 150, 240, 241} {
			points = append(points, metric.Point{Name: "x.sum", Value: float64(1000 + s),
				At: start.Add(time.Duration(s) * time.Second)})
		}
		if err := f.Fire(f.Context(), account, points); err != nil {
			f.Fatal(err)
		}
		at := func(s int) time.Time { return start.Add(time.Duration(s)*time.Second + 900*time.Millisecond) }
		for _, c := range []struct {
			from, until, interval int
			align                 bool
			want                  string
		}{
			{0, 240, 60, false, "0:2059 60:2179 120:1150 180:- 240:1240"},
			{30, 240, 60, false, "0:1059 60:2179 120:1150 180:- 240:1240"}, // the first is partial
			{0, 239, 60, false, "0:2059 60:2179 120:1150 180:-"},
			{0, 240, 60, true, "0:2059 60:2179 120:1150 180:-"}, // 240 would begin a row of its own
			{30, 240, 60, true, "30:2119 90:1119 150:1150 210:1240"},
			{-1, 0, 3600, false, "-3600:999 0:1000"},
			{0, 0, 60, false, "0:1000"},
			{0, 0, 60, true, ""},
			{240, 0, 60, false, ""},
			{240, 0, 60, true, ""},
		} {
			r := metric.Request{Name: "x.sum", From: at(c.from), Until: at(c.until), AlignToFrom: c.align,
				Interval: time.Duration(c.interval) * time.Second}
			if got := show(f.read(r)); got != c.want {
				f.Errorf("%+v: %s", c, got)
			}
		}
		hour := metric.Request{Name: "x.sum", From: start, Until: start.Add(time.Hour), Interval: 10 * time.Minute}
		day := metric.Request{Name: "x.sum", From: start, Until: start.Add(24 * time.Hour), Interval: time.Hour}
		if hour.Buckets() != 7 || day.Buckets() != 25 || len(f.read(day)) != 25 {
			f.Error(hour.Buckets(), day.Buckets())
		}
	})
}

func TestErrors(t *testing.T) {
	each(t, func(f fixture) {
		for name, p := range map[string]metric.Point{
			"no aggregator": {Name: "foo"}, "unknown": {Name: "a.foo"}, "upper case": {Name: "a.SUM"}, "empty": {},
			"NaN": {Name: "a.sum", Value: math.NaN()}, "infinite": {Name: "a.sum", Value: math.Inf(-1)},
			"large": {Name: "a.sum", Value: 2 * metric.MaxValue},
			"NUL":   {Name: "a\x00.sum"}, "not UTF-8": {Name: "a\xff.sum"},
			"long": {Name: strings.Repeat("a", metric.MaxNameBytes) + ".sum"},
		} {
			err := f.Fire(f.Context(), account, []metric.Point{{Name: "good.sum", Value: 1}, p})
			if core.KindOf(err) != core.Invalid {
				f.Errorf("%s: %v", name, err)
			}
		}
		good := metric.Request{Name: "good.sum", Interval: time.Second}
		if _, found, err := f.Read(f.Context(), account, good); found || err != nil {
			f.Error("a bad point did not stop the good one", found, err)
		}
		if _, err := metric.Aggregator("a.foo"); err == nil || err.Error() != "Aggregator 'foo' is not a valid aggregator" {
			f.Error(err)
		}
		for name, r := range map[string]metric.Request{
			"aggregator": {Name: "a.b", Interval: time.Second},
			"interval":   {Name: "a.sum", Interval: time.Second - 1},
			"size":       {Name: "a.sum", Interval: time.Second, From: start, Until: start.Add(metric.MaxBuckets * time.Second)},
		} {
			if _, _, err := f.Read(f.Context(), account, r); core.KindOf(err) != core.Invalid {
				f.Errorf("%s: %v", name, err)
			}
		}
		for _, name := range []string{"never fired.sum", "\x00.sum", "\xff.sum"} {
			r := metric.Request{Name: name, Interval: time.Second}
			if _, found, err := f.Read(f.Context(), account, r); found || err != nil {
				f.Errorf("%q: %v %v", name, found, err)
			}
		}
		f.fire("mine.sum", 1)
		mine := metric.Request{Name: "mine.sum", Interval: time.Second}
		if _, found, err := f.Read(f.Context(), "other", mine); found || err != nil {
			f.Error("another account reads it", found, err)
		}
	})
}

// The names of an account are limited, and of too many that come together none is made.
func TestTooManyNames(t *testing.T) {
	each(t, func(f fixture) {
		fire := func(account, prefix string, count int) error {
			points := make([]metric.Point, count)
			for i := range points {
				points[i] = metric.Point{Name: fmt.Sprintf("%s%d.sum", prefix, i), Value: 1}
			}
			return f.Fire(f.Context(), account, points)
		}
		names := func() int {
			f.Helper()
			all, err := f.Names(f.Context(), account, "", metric.MaxSeries+1)
			if err != nil {
				f.Fatal(err)
			}
			return len(all)
		}
		if err := fire(account, "a", metric.MaxSeries+1); core.KindOf(err) != core.TooLarge || names() != 0 {
			f.Fatal(err, names())
		}
		if err := fire(account, "a", metric.MaxSeries-1); err != nil {
			f.Fatal(err)
		}
		if err := fire(account, "b", 2); core.KindOf(err) != core.TooLarge || names() != metric.MaxSeries-1 {
			f.Fatal(err, names())
		}
		if err := fire(account, "b", 1); err != nil {
			f.Fatal(err)
		}
		if err := fire(account, "a", metric.MaxSeries-1); err != nil {
			f.Error("names that are there:", err)
		}
		if err := fire(account, "c", 1); core.KindOf(err) != core.TooLarge {
			f.Error("one more:", err)
		}
		if err := fire("other", "c", 1); err != nil {
			f.Error("another account:", err)
		}
	})
}

func TestPlainNames(t *testing.T) {
	for name, want := range map[string]bool{"a": true, "A.b_c-9": true, "a" + strings.Repeat("b", 100): true,
		"a" + strings.Repeat("b", 101): false, "": false, "9a": false, "ä": false, "a b": false, "a\n": false} {
		if metric.IsPlainName(name) != want {
			t.Errorf("%q: %v", name, !want)
		}
	}
	if name := metric.StoreName("default", "foo", "last"); name != "stores.default.foo.last" {
		t.Error(name)
	}
}

func TestUndoneSeriesIsNotRemembered(t *testing.T) {
	each(t, func(f fixture) {
		undo := errors.New("undo")
		for range 2 {
			if err := f.d.Tx(f.Context(), func(ctx context.Context) error {
				if err := f.Fire(ctx, account, []metric.Point{{Name: "a.sum", Value: 1}, {Name: "a.sum", Value: 1}}); err != nil {
					return err
				}
				return undo
			}); !errors.Is(err, undo) {
				f.Fatal(err)
			}
			f.fire("b.sum", 5) // on SQLite it takes the number that a.sum had
		}
		undone := metric.Request{Name: "a.sum", Interval: time.Second}
		if _, found, err := f.Read(f.Context(), account, undone); found || err != nil {
			f.Fatal(found, err)
		}
		got := show(f.read(metric.Request{Name: "b.sum", From: start, Until: start, Interval: time.Second}))
		if got != "0:10" {
			f.Fatal(got)
		}
	})
}

func TestConcurrentPointsAllCount(t *testing.T) {
	each(t, func(f fixture) {
		var wg sync.WaitGroup
		for range 40 {
			wg.Go(func() { f.fire("a.sum", 1, 2); f.fire("b.max", 3) })
		}
		wg.Wait()
		got := show(f.read(metric.Request{Name: "a.sum", From: start, Until: start, Interval: time.Second}))
		if got != "0:120" {
			f.Fatal(got)
		}
	})
}

// Whatever is folded, by however many at once, reads by the hour give the same.
func TestRollupKeepsWhatHoursSay(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	each(t, func(f fixture) {
		r := rand.New(rand.NewPCG(seed, 0))
		var points []metric.Point
		const span = 40 * 24 * 3600
		for _, aggregator := range metric.Aggregators() {
			at := 0
			for range 1500 {
				at += r.IntN(2 * span / 1500)
				points = append(points, metric.Point{Name: "x." + aggregator, Value: float64(r.IntN(100)),
					At: start.Add(time.Duration(at) * time.Second)})
			}
		}
		if err := f.Fire(f.Context(), account, points); err != nil {
			f.Fatal(err)
		}
		read := func() (all string) {
			for _, aggregator := range metric.Aggregators() {
				all += show(f.read(metric.Request{Name: "x." + aggregator, From: start, Interval: time.Hour,
					Until: start.Add(2*span*time.Second + time.Hour)})) + "\n"
			}
			return all
		}
		before := read()
		for _, day := range []int{1, 2, 15, 16, 100, 100} {
			var wg sync.WaitGroup
			for range 3 {
				wg.Go(func() {
					if err := f.Rollup(f.Context(), start.Add(time.Duration(day)*24*time.Hour+1234*time.Second)); err != nil {
						f.Error(err)
					}
				})
			}
			wg.Wait()
			if after := read(); after != before {
				f.Fatalf("day %d: hours differ", day)
			}
		}
		var narrow, wide int
		if err := f.d.Row(f.Context(), "SELECT count(*) FROM metric_slot WHERE width < 3600", nil, &narrow); err != nil {
			f.Fatal(err)
		}
		if err := f.d.Row(f.Context(), "SELECT count(*) FROM metric_slot", nil, &wide); err != nil {
			f.Fatal(err)
		}
		if narrow != 0 || wide > 5*(2*span/3600+1) {
			f.Fatalf("%d slots, %d of them narrow", wide, narrow)
		}
	})
}

// What was folded counts as fired at the beginning of its minute or hour (docs/spec/vumi-http.md 6.3).
func TestFoldedValuesCountAtTheBeginning(t *testing.T) {
	each(t, func(f fixture) {
		var points []metric.Point
		for i, second := range []int{5, 25, 45, 65} {
			points = append(points, metric.Point{Name: "x.sum", Value: float64(1 + i), At: start.Add(time.Duration(3600+second) * time.Second)})
		}
		if err := f.Fire(f.Context(), account, points); err != nil {
			f.Fatal(err)
		}
		read := func(from, until int) string {
			kept := []metric.Bucket{}
			for _, b := range f.read(metric.Request{Name: "x.sum", From: start.Add(time.Duration(from) * time.Second),
				Until: start.Add(time.Duration(until) * time.Second), Interval: 10 * time.Second}) {
				if b.Value != nil {
					kept = append(kept, b)
				}
			}
			return show(kept)
		}
		for _, c := range []struct {
			after                 time.Duration
			all, fromSome, toSome string
		}{
			{24 * time.Hour, "3600:1 3620:2 3640:3 3660:4", "3620:2 3640:3 3660:4", "3600:1 3620:2"},
			{26 * time.Hour, "3600:6 3660:4", "3660:4", "3600:6"},
			{11 * 24 * time.Hour, "3600:10", "", "3600:10"},
		} {
			if err := f.Rollup(f.Context(), start.Add(c.after)); err != nil {
				f.Fatal(err)
			}
			if all, from, to := read(3600, 7199), read(3620, 7199), read(3600, 3630); all != c.all || from != c.fromSome || to != c.toSome {
				f.Errorf("after %v: %s; from :20 %s; until :30 %s", c.after, all, from, to)
			}
		}
	})
}
