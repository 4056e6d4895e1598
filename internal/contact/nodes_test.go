package contact_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"indaba/internal/contact"
	"indaba/internal/core"
	"indaba/internal/db/dbtest"
)

// eachPair runs a test with two services that share nothing but the database, each with connections of its own to it.
func eachPair(t *testing.T, o contact.Options, test func(first, second fixture)) {
	dbtest.EachURL(t, func(t *testing.T, url string) {
		var pair [2]fixture
		for i := range pair {
			d := dbtest.Open(t, url)
			pair[i] = fixture{t, contact.New(d, time.Now, o), d}
		}
		test(pair[0], pair[1])
	})
}

// While one process writes in an account, another one waits, and goes on from what is there then.
func TestAccountIsLockedForOtherProcesses(t *testing.T) {
	eachPair(t, contact.Options{}, func(first, second fixture) {
		all := first.group("all", new("name:x"))
		begun := first.create(contact.Contact{Msisdn: "+1", Name: new("x")})
		var one, two contact.Contact
		created := make(chan error, 1)
		if err := first.d.Tx(t.Context(), func(ctx context.Context) (err error) {
			if one, err = first.Create(ctx, account, contact.Contact{Msisdn: "+2", Name: new("x")}); err != nil {
				return err
			}
			go func() {
				var err error
				two, err = second.Create(t.Context(), account, contact.Contact{Msisdn: "+3", Name: new("x")})
				created <- err
			}()
			return dbtest.UntilBlocked(ctx, first.d)
		}); err != nil {
			t.Fatal(err)
		}
		if err := <-created; err != nil {
			t.Fatal(err)
		}
		for _, f := range []fixture{first, second} {
			wantKeys(t, "members", f.members(all.Key), begun, one, two)
			if n := f.count(all.Key); n != 3 {
				t.Errorf("size %d", n)
			}
			if n, err := f.Count(t.Context(), account); n != 3 || err != nil {
				t.Errorf("%d contacts, %v", n, err)
			}
		}
	})
}

// Many callers of two processes who look for one address get one contact.
func TestProcessesCreateOnce(t *testing.T) {
	eachPair(t, contact.Options{}, func(first, second fixture) {
		var created atomic.Int64
		var all sync.WaitGroup
		for i := range 50 {
			all.Go(func() {
				f := []fixture{first, second}[i%2]
				_, isNew, err := f.GetOrCreateByAddress(t.Context(), account, "sms", fmt.Sprint("+2782", i%5))
				if err != nil {
					t.Error(err)
				}
				if isNew {
					created.Add(1)
				}
			})
		}
		all.Wait()
		if n, err := first.Count(t.Context(), account); n != 5 || err != nil || created.Load() != 5 {
			t.Errorf("%d contacts, %d said to be new, %v", n, created.Load(), err)
		}
	})
}

// Random changes by callers of two processes that both build groups: at the end every size and every list of members
// is what a look at all contacts says, in either.
func TestProcessesKeepGroupsRight(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	eachPair(t, contact.Options{InlineBuild: 10, BuildBatch: 3}, func(first, second fixture) {
		static := first.group("static", nil)
		first.run(func() {
			second.run(func() {
				var all sync.WaitGroup
				for worker := range 6 {
					c := changer{r: rand.New(rand.NewPCG(seed, uint64(worker))), static: static.Key, s: []fixture{first, second}[worker%2].Service}
					all.Go(func() {
						for range 30 {
							if err := c.change(t.Context()); err != nil && core.KindOf(err) != core.NotFound {
								t.Error(err)
							}
						}
					})
				}
				all.Wait()
			})
		})
		first.run(func() { // it looks at once for what the second process has left it
			first.waitForRows(0, "SELECT (SELECT count(*) FROM contact_group WHERE building = 1) + (SELECT count(*) FROM smart_leftover)")
		})
		first.checkGroups()
		second.checkGroups()
	})
}
