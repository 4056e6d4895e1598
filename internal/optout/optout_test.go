package optout_test

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"indaba/internal/core"
	"indaba/internal/db"
	"indaba/internal/db/dbtest"
	"indaba/internal/optout"
)

const account = "00000000000040008000000000000001"

func each(t *testing.T, test func(t *testing.T, s *optout.Service)) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		var ticks atomic.Int64
		test(t, optout.New(d, func() time.Time { return time.Unix(1_000_000, ticks.Add(1)*1_234_567).UTC() }))
	})
}

func wantCount(t *testing.T, s *optout.Service, account string, want int64) {
	t.Helper()
	if n, err := s.Count(t.Context(), account); n != want || err != nil {
		t.Fatalf("count %d %v, want %d", n, err, want)
	}
}

func TestLife(t *testing.T) {
	each(t, func(t *testing.T, s *optout.Service) {
		ctx := t.Context()
		wantCount(t, s, account, 0)
		created, err := s.Create(ctx, account, "msisdn", "+27/%2B ж", "")
		if err != nil {
			t.Fatal(err)
		}
		got, found, err := s.Get(ctx, account, "msisdn", "+27/%2B ж")
		if !found || err != nil || got != created || got.Account != account || got.CreatedAt.Nanosecond() != 1_234_000 {
			t.Fatalf("%+v %v %v, created %+v", got, found, err, created)
		}
		if _, err := s.Create(ctx, account, "msisdn", "+27/%2B ж", "m"); core.KindOf(err) != core.Conflict ||
			err.Error() != "Opt out already exists." {
			t.Fatal(err)
		}
		set, err := s.Set(ctx, account, "msisdn", "+27/%2B ж", "message")
		if err != nil || set.MessageID != "message" || !set.CreatedAt.After(created.CreatedAt) {
			t.Fatal(set, err)
		}
		// The same address under another type, nearly the same address, another account.
		for _, o := range [][3]string{{account, "gtalk", "+27/%2B ж"}, {account, "msisdn", "27/%2B ж"},
			{"other", "msisdn", "+27/%2B ж"}} {
			if _, found, err := s.Get(ctx, o[0], o[1], o[2]); found || err != nil {
				t.Fatal(o, found, err)
			}
			if _, err := s.Set(ctx, o[0], o[1], o[2], ""); err != nil {
				t.Fatal(err)
			}
		}
		wantCount(t, s, account, 3)
		wantCount(t, s, "other", 1)
		removed, found, err := s.Delete(ctx, account, "msisdn", "+27/%2B ж")
		if removed != set || !found || err != nil {
			t.Fatalf("%+v %v %v", removed, found, err)
		}
		if _, found, err = s.Delete(ctx, account, "msisdn", "+27/%2B ж"); found || err != nil {
			t.Fatal(found, err)
		}
		wantCount(t, s, account, 2)
		wantCount(t, s, "other", 1)
	})
}

func TestConcurrentWritersKeepTheCount(t *testing.T) {
	each(t, func(t *testing.T, s *optout.Service) {
		var wg sync.WaitGroup
		var created atomic.Int64
		for i := range 50 {
			wg.Go(func() {
				if _, err := s.Create(t.Context(), account, "msisdn", "one", ""); err == nil {
					created.Add(1)
				} else if core.KindOf(err) != core.Conflict {
					t.Error(err)
				}
				address := fmt.Sprint(i % 5)
				if _, err := s.Set(t.Context(), account, "msisdn", address, ""); err != nil {
					t.Error(err)
				}
				if i%3 == 0 {
					if _, _, err := s.Delete(t.Context(), account, "msisdn", address); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		if created.Load() != 1 {
			t.Fatalf("created %d times", created.Load())
		}
		live := int64(1)
		for i := range 5 {
			if _, found, err := s.Get(t.Context(), account, "msisdn", fmt.Sprint(i)); err != nil {
				t.Fatal(err)
			} else if found {
				live++
			}
		}
		wantCount(t, s, account, live)
	})
}

func TestBadInput(t *testing.T) {
	each(t, func(t *testing.T, s *optout.Service) {
		for name, o := range map[string][3]string{
			"NUL in the type":    {"a\x00", "b", ""},
			"NUL in the address": {"a", "b\x00", ""},
			"not UTF-8":          {"a", "b\xff", ""},
			"long type":          {strings.Repeat("a", optout.MaxTypeBytes+1), "b", ""},
			"long address":       {"a", strings.Repeat("b", optout.MaxAddressBytes+1), ""},
			"long message":       {"a", "b", strings.Repeat("c", optout.MaxMessageBytes+1)},
		} {
			if _, err := s.Set(t.Context(), account, o[0], o[1], o[2]); core.KindOf(err) != core.Invalid {
				t.Errorf("%s: %v", name, err)
			}
			if _, found, err := s.Get(t.Context(), account, o[0], o[1]); found || err != nil {
				t.Errorf("%s: %v %v", name, found, err)
			}
			if _, found, err := s.Delete(t.Context(), account, o[0], o[1]); found || err != nil {
				t.Errorf("%s: %v %v", name, found, err)
			}
		}
		if _, err := s.Set(t.Context(), account, strings.Repeat("t", optout.MaxTypeBytes),
			strings.Repeat("😀", optout.MaxAddressBytes/4), strings.Repeat("m", optout.MaxMessageBytes)); err != nil {
			t.Error(err)
		}
		wantCount(t, s, account, 1)
	})
}
