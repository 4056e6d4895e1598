package contact_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"indaba/internal/contact"
	"indaba/internal/core"
	"indaba/internal/db"
	"indaba/internal/db/dbtest"
)

// population is what the benchmarks run on: 100,000 contacts, or a million with INDABA_BENCH_LARGE set. One database
// serves all benchmarks of a run.
type population struct {
	*contact.Service
	d         *db.DB
	keys      []string
	numbers   []string
	everybody contact.Group
	rare      contact.Group
}

func size() int {
	if os.Getenv("INDABA_BENCH_LARGE") != "" {
		return 1_000_000
	}
	return 100_000
}

// person makes up a contact as imports have them: a random number, names from a small set, some extras.
func person(r *rand.Rand) contact.Contact {
	return contact.Contact{
		Msisdn:  fmt.Sprintf("+27%09d", r.IntN(1_000_000_000)),
		Name:    new(fmt.Sprint("Name", r.IntN(1000))),
		Surname: new(fmt.Sprint("Surname", r.IntN(20_000))),
		Extra:   map[string]string{"city": fmt.Sprint("City", r.IntN(500)), "language": []string{"en", "zu", "xh"}[r.IntN(3)]},
		Groups:  []string{"6f1c0d1d3a4e4a0f9d7e2b5c8a9f0e1d"},
	}
}

func populate(b *testing.B) *population {
	d := dbtest.SQLite(b)
	p := &population{Service: contact.New(d, time.Now, contact.Options{}), d: d}
	var err error
	if p.everybody, err = p.CreateGroup(b.Context(), account, "everybody", new("msisdn:*")); err != nil {
		b.Fatal(err)
	}
	rare := "surname:Surname17 AND extras-language:zu"
	if p.rare, err = p.CreateGroup(b.Context(), account, "rare", &rare); err != nil {
		b.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	const batch = 2000
	for range size() / batch {
		many := make([]contact.Contact, batch)
		for i := range many {
			many[i] = person(r)
		}
		created, err := p.CreateMany(b.Context(), account, many)
		if err != nil {
			b.Fatal(err)
		}
		for _, c := range created {
			p.keys, p.numbers = append(p.keys, c.Key), append(p.numbers, c.Msisdn)
		}
	}
	return p
}

// measure runs one operation many times from one caller and reports the 99th percentile.
func measure(b *testing.B, name string, operation func(r *rand.Rand) error) {
	b.Run(name, func(b *testing.B) {
		r := rand.New(rand.NewPCG(3, 4))
		var times []time.Duration
		for b.Loop() {
			started := time.Now()
			if err := operation(r); err != nil {
				b.Fatal(err)
			}
			times = append(times, time.Since(started))
		}
		slices.Sort(times)
		b.ReportMetric(float64(times[len(times)*99/100].Microseconds()), "p99-µs")
	})
}

func BenchmarkContacts(b *testing.B) {
	p := populate(b)
	ctx := b.Context()
	measure(b, "Get", func(r *rand.Rand) error {
		_, err := p.Get(ctx, account, p.keys[r.IntN(len(p.keys))])
		return err
	})
	measure(b, "GetByAddress", func(r *rand.Rand) error {
		_, err := p.GetByAddress(ctx, account, "sms", p.numbers[r.IntN(len(p.numbers))])
		return err
	})
	measure(b, "SearchTwoTerms", func(r *rand.Rand) error {
		_, err := p.Search(ctx, account, fmt.Sprintf("surname:Surname%d AND extras-language:zu", r.IntN(20_000)), -1)
		return err
	})
	measure(b, "SearchPrefix", func(r *rand.Rand) error {
		_, err := p.Search(ctx, account, `msisdn:\`+p.numbers[r.IntN(len(p.numbers))][:9]+"*", -1)
		return err
	})
	measure(b, "SearchFirstTenOfMany", func(*rand.Rand) error {
		_, err := p.SearchPage(ctx, account, "extras-language:zu", "", 10)
		return err
	})
	measure(b, "SearchTwoBroadFirstTen", func(*rand.Rand) error {
		_, err := p.SearchPage(ctx, account, "extras-language:zu AND NOT surname:Surname1*", "", 10)
		return err
	})
	measure(b, "CountMembers", func(*rand.Rand) error {
		_, err := p.CountMembers(ctx, account, p.everybody.Key)
		return err
	})
	measure(b, "MembersPage", func(r *rand.Rand) error {
		_, err := p.Members(ctx, account, p.everybody.Key, p.keys[r.IntN(len(p.keys))], 100)
		return err
	})
	measure(b, "UpdateExtra", func(r *rand.Rand) error {
		_, err := p.UpdateExtra(ctx, account, p.keys[r.IntN(len(p.keys))], map[string]string{"x": fmt.Sprint(r.IntN(100))})
		return err
	})
	b.Run("CreateMany", func(b *testing.B) {
		r := rand.New(rand.NewPCG(7, 8))
		n := 0
		for b.Loop() {
			many := make([]contact.Contact, 2000)
			for i := range many {
				many[i] = person(r)
			}
			if _, err := p.CreateMany(ctx, account, many); err != nil {
				b.Fatal(err)
			}
			n += len(many)
		}
		b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "contacts/s")
	})
	b.Run("CreateOneByOne", func(b *testing.B) { createConcurrently(b, p, b.N) })
	b.Run("Stream", func(b *testing.B) {
		n := 0
		for b.Loop() {
			if err := p.Stream(ctx, account, func(contact.Contact) error { n++; return nil }); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "contacts/s")
	})
}

// The worst contact for the worst smart groups that an account may have: the commit is what everybody else waits for. The
// same contact without groups is what the index alone takes.
func BenchmarkWorstGroups(b *testing.B) {
	// Of 1,024 bytes that expressions look at and 60 KB of different words for the index.
	text := strings.Repeat("ab", 512)
	for i := 0; len(text) < 60_000; i++ {
		text += fmt.Sprintf(" %x", i)
	}
	for name, query := range map[string]string{"none": "", "regexes": "extras-x:/(a|b)*b[ab]{600}c/",
		"classes": `extras-x:/(\pL|\w)*[\pL\d]{200}c/`} {
		s := contact.New(dbtest.SQLite(b), time.Now, contact.Options{})
		groups := 0
		for ; query != ""; groups++ {
			if _, err := s.CreateGroup(b.Context(), account, "g", &query); core.KindOf(err) == core.TooLarge {
				break
			} else if err != nil {
				b.Fatal(err)
			}
		}
		b.Run(fmt.Sprintf("%d %s", groups, name), func(b *testing.B) {
			for b.Loop() {
				if _, err := s.Create(b.Context(), account, contact.Contact{Extra: map[string]string{"x": text}}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// createConcurrently has 64 callers create n contacts.
func createConcurrently(b *testing.B, p *population, n int) {
	var wg sync.WaitGroup
	work := make(chan contact.Contact, 64)
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	for range 64 {
		wg.Go(func() {
			for c := range work {
				if _, err := p.Create(ctx, account, c); err != nil {
					b.Error(err)
				}
			}
		})
	}
	r := rand.New(rand.NewPCG(5, 6))
	for range n {
		work <- person(r)
	}
	close(work)
	wg.Wait()
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "contacts/s")
}
