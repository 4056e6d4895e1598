package contact_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"indaba/internal/contact"
	"indaba/internal/core"
)

// Callers who create at the same time share statements; what each account has afterwards is what its callers were told.
func TestCreatedTogether(t *testing.T) {
	each(t, contact.Options{}, func(f fixture) {
		smart, static := f.group("odd", new("extras-odd:1")), f.group("all", nil)
		const callers = 120
		var mu sync.Mutex
		var mine, odd []string
		var all sync.WaitGroup
		for i := range callers {
			all.Go(func() {
				where := account
				if i%3 == 0 {
					where = other
				}
				c := contact.Contact{Msisdn: fmt.Sprint("+27", i), Groups: []string{static.Key}, Extra: map[string]string{"odd": fmt.Sprint(i % 2)}}
				if i%10 == 9 {
					c.Msisdn = "\xff"
				}
				created, err := f.Create(f.Context(), where, c)
				if i%10 == 9 {
					if core.KindOf(err) != core.Invalid {
						f.Errorf("caller %d: %v", i, err)
					}
					return
				}
				if err != nil || created.Account != where {
					f.Errorf("caller %d: %+v %v", i, created, err)
					return
				}
				if where == other {
					return
				}
				mu.Lock()
				defer mu.Unlock()
				mine = append(mine, created.Key)
				if i%2 == 1 {
					odd = append(odd, created.Key)
				}
			})
		}
		all.Wait()
		have, err := f.Count(f.Context(), account)
		if err != nil || have != int64(len(mine)) {
			f.Errorf("%d contacts, want %d (%v)", have, len(mine), err)
		}
		if n, err := f.Count(f.Context(), other); err != nil || n != 36 {
			f.Errorf("%d contacts of the other account (%v)", n, err)
		}
		if n := f.count(smart.Key); n != int64(len(odd)) || len(f.members(smart.Key)) != len(odd) {
			f.Errorf("%d members by query, %d listed, want %d", n, len(f.members(smart.Key)), len(odd))
		}
		if n := f.count(static.Key); n != int64(len(mine)) || len(f.members(static.Key)) != len(mine) {
			f.Errorf("%d members by name, %d listed, want %d", n, len(f.members(static.Key)), len(mine))
		}
	})
}

func TestCreateManyNamesTheBadOne(t *testing.T) {
	each(t, contact.Options{}, func(f fixture) {
		many := []contact.Contact{{Msisdn: "+1"}, {Msisdn: "+2"}, {Msisdn: "a\x00b"}, {Msisdn: "\xff"}}
		_, err := f.CreateMany(f.Context(), account, many)
		bad, ok := errors.AsType[*contact.RecordError](err)
		if !ok || bad.Index != 2 || core.KindOf(err) != core.Invalid {
			f.Fatalf("%v", err)
		}
		if n, err := f.Count(f.Context(), account); n != 0 || err != nil {
			f.Fatal(n, err)
		}
	})
}
