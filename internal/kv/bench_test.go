package kv_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"indaba/internal/db/dbtest"
	"indaba/internal/kv"
)

// BenchmarkTurn measures what a turn of a toolkit app does: get the user's state and set it, from many callers at once,
// in a space of 100,000 keys, or a million with INDABA_BENCH_LARGE set.
func BenchmarkTurn(b *testing.B) {
	d := dbtest.SQLite(b)
	s := kv.New(d, kv.Quota{Keys: 10_000_000}, time.Now)
	keys := 100_000
	if os.Getenv("INDABA_BENCH_LARGE") != "" {
		keys = 1_000_000
	}
	value := []byte(`{"addr":"+27821234567","lang":"en","answers":{"a":"1","b":"2"},"metadata":{},"in_session":true}`)
	for start := 0; start < keys; start += 10_000 {
		err := d.TxOn(b.Context(), "space", func(ctx context.Context) error {
			for i := range 10_000 {
				if _, err := s.Set(ctx, "space", fmt.Sprint("users.app.+27", start+i), value, time.Hour); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	b.SetParallelism(64)
	b.ResetTimer()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			key := fmt.Sprint("users.app.+27", rand.IntN(keys))
			if _, found, err := s.Get(b.Context(), "space", key); !found || err != nil {
				b.Error(found, err)
			}
			if _, err := s.Set(b.Context(), "space", key, value, time.Hour); err != nil {
				b.Error(err)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "turns/s")
}
