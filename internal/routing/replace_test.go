package routing_test

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"indaba/internal/core"
	"indaba/internal/db"
	"indaba/internal/db/dbtest"
	"indaba/internal/routing"
)

// entries reads pairs such as "channel:c1 bot:b1".
func entries(t *testing.T, pairs ...string) []routing.Entry {
	t.Helper()
	var list []routing.Entry
	for _, pair := range pairs {
		from, to, _ := strings.Cut(pair, " ")
		source, err := routing.ParseEndpoint(from)
		if err != nil {
			t.Fatal(err)
		}
		target, err := routing.ParseEndpoint(to)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, routing.Entry{Source: source, Target: target})
	}
	return list
}

// shown is the table as pairs, sorted.
func shown(t *testing.T, s *routing.Service) []string {
	t.Helper()
	table, err := s.Table(t.Context(), account)
	if err != nil {
		t.Fatal(err)
	}
	var pairs []string
	for _, e := range table {
		pairs = append(pairs, e.Source.String()+" "+e.Target.String())
	}
	slices.Sort(pairs)
	return pairs
}

func TestReplace(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		clock := time.Unix(0, 0)
		s := place(t, d, &clock)
		if err := link(t, s, "channel:c1 bot:b1", "channel:c2 bot:b1"); err != nil {
			t.Fatal(err)
		}
		// Warm what the service keeps in memory: it must not outlive the change.
		if got := where(t, s, from("+9", "x", core.SessionNone)); !strings.Contains(got, "b1") {
			t.Fatalf("before: %s", got)
		}
		table := entries(t, "channel:c1 bot:b2", "bot:b2:sms channel:c1", "channel:c1 bot:b3:help")
		if err := s.Replace(t.Context(), account, table); err != nil {
			t.Fatal(err)
		}
		want := []string{"bot:b2:sms channel:c1:default", "channel:c1:default bot:b3:help"}
		if got := shown(t, s); !slices.Equal(got, want) {
			t.Errorf("table %v, want %v", got, want)
		}
		if got := where(t, s, from("+9", "x", core.SessionNone)); !strings.Contains(got, "b3") {
			t.Errorf("after: %s", got)
		}
		for bad, kind := range map[string]core.Kind{
			"channel:c1 channel:c2": core.Invalid, "bot:b1 bot:b2": core.Invalid,
			"channel:c1 bot:alien": core.NotFound, "channel:none bot:b1": core.NotFound,
		} {
			if err := s.Replace(t.Context(), account, entries(t, "channel:c2 bot:b1", bad)); core.KindOf(err) != kind {
				t.Errorf("%s: %v, want kind %v", bad, err, kind)
			}
		}
		if got := shown(t, s); !slices.Equal(got, want) {
			t.Errorf("after refusals: %v, want %v", got, want)
		}
		if err := s.Replace(t.Context(), account, nil); err != nil {
			t.Fatal(err)
		}
		if got := shown(t, s); len(got) != 0 {
			t.Errorf("emptied: %v", got)
		}
	})
}

// Tables that come at once end up as one of them.
func TestReplaceConcurrently(t *testing.T) {
	dbtest.EachURL(t, func(t *testing.T, url string) {
		clock := time.Unix(0, 0)
		var services []*routing.Service
		for i := range 2 {
			if i > 0 && !strings.HasPrefix(url, "postgres") {
				services = append(services, services[0]) // one process per SQLite database
				continue
			}
			d, err := db.Open(t.Context(), url, db.Options{Fatal: func(err error) { t.Errorf("fatal: %v", err) }})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := d.Close(); err != nil {
					t.Errorf("close: %v", err)
				}
			})
			if i == 0 {
				if _, err := db.Migrate(t.Context(), d); err != nil {
					t.Fatal(err)
				}
				services = append(services, place(t, d, &clock))
				continue
			}
			services = append(services, routing.New(d, book{}, silent{}, time.Now))
		}
		tables := [][]routing.Entry{
			entries(t, "channel:c1 bot:b1", "bot:b1 channel:c1"),
			entries(t, "channel:c2 bot:b2", "bot:b2 channel:c2"),
		}
		for range 20 {
			var all sync.WaitGroup
			for i, s := range services {
				all.Go(func() {
					if err := s.Replace(t.Context(), account, tables[i]); err != nil {
						t.Errorf("replace: %v", err)
					}
				})
			}
			all.Wait()
			if got := shown(t, services[0]); len(got) != 2 {
				t.Fatalf("a mixture: %v", got)
			}
		}
	})
}
