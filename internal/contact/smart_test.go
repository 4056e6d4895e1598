package contact_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"indaba/internal/contact"
	"indaba/internal/core"
)

// smartQueries are the queries that random groups have; every kind of change makes contacts match them or not.
var smartQueries = []string{"name:n1", "extras-city:c*", "NOT name:n2", `surname:"a b"`, "groups:static", "*:*",
	"msisdn:[+1 TO +5] AND (name:n1 OR subscription-s:1)", "created_at:[2020 TO 2021]", "name:(bad", ""}

// Random changes by many callers on two nodes, with builds in the background: at the end every size and every list of
// members is what a look at all contacts says, and nothing is left over.
func TestRandomChangesKeepGroupsRight(t *testing.T) {
	for _, inline := range []int64{5000, 10} {
		seed := rand.Uint64()
		t.Run(fmt.Sprint("inline ", inline), func(t *testing.T) {
			t.Logf("seed %d", seed)
			each(t, contact.Options{InlineBuild: inline, BuildBatch: 3}, func(f fixture) { f.changeAtRandom(seed, inline) })
		})
	}
}

func (f fixture) changeAtRandom(seed uint64, inline int64) {
	second := contact.New(f.d, time.Now, contact.Options{InlineBuild: inline, BuildBatch: 3})
	static := f.group("static", nil)
	f.run(func() {
		ctx, cancel := context.WithCancel(f.Context())
		secondDone := make(chan error)
		go func() { secondDone <- second.Run(ctx) }()
		var wg sync.WaitGroup
		for worker := range 8 {
			c := changer{r: rand.New(rand.NewPCG(seed, uint64(worker))), static: static.Key,
				s: []*contact.Service{f.Service, second}[worker%2]}
			wg.Go(func() {
				for range 40 {
					if err := c.change(f.Context()); err != nil && core.KindOf(err) != core.NotFound {
						f.Error(err)
					}
				}
			})
		}
		wg.Wait()
		f.waitForRows(0, "SELECT (SELECT count(*) FROM contact_group WHERE building = 1) + "+
			"(SELECT count(*) FROM smart_leftover)")
		cancel()
		if err := <-secondDone; err != nil {
			f.Error(err)
		}
	})
	f.checkGroups()
}

// changer makes random changes.
type changer struct {
	r              *rand.Rand
	s              *contact.Service
	static         string
	keys, groupIDs []string
}

func (c *changer) contact() contact.Contact {
	made := contact.Contact{Msisdn: fmt.Sprint("+", c.r.IntN(9)), Name: new(fmt.Sprint("n", c.r.IntN(3)))}
	if c.r.IntN(2) == 0 {
		made.Extra = map[string]string{"city": []string{"c1 x", "d"}[c.r.IntN(2)]}
		made.Surname = new([]string{"a b", "b a", "x a b"}[c.r.IntN(3)])
	}
	if c.r.IntN(2) == 0 {
		made.Groups = []string{c.static, "static"}
		made.CreatedAt = time.Date(2019+c.r.IntN(4), 5, 5, 5, 5, 5, 5, time.UTC)
	}
	return made
}

func (c *changer) query() *string {
	if c.r.IntN(5) == 0 {
		return nil
	}
	return &smartQueries[c.r.IntN(len(smartQueries))]
}

func (c *changer) change(ctx context.Context) error {
	key, group := "none", "none"
	if len(c.keys) > 0 {
		key = c.keys[c.r.IntN(len(c.keys))]
	}
	if len(c.groupIDs) > 0 {
		group = c.groupIDs[c.r.IntN(len(c.groupIDs))]
	}
	var err error
	switch c.r.IntN(12) {
	case 0, 1, 2:
		var created contact.Contact
		created, err = c.s.Create(ctx, account, c.contact())
		c.keys = append(c.keys, created.Key)
	case 3:
		var created []contact.Contact
		created, err = c.s.CreateMany(ctx, account, []contact.Contact{c.contact(), c.contact(), c.contact()})
		for _, one := range created {
			c.keys = append(c.keys, one.Key)
		}
	case 4, 5:
		changed := c.contact()
		changed.Key = key
		_, err = c.s.Save(ctx, account, changed)
	case 6:
		_, err = c.s.UpdateSubscription(ctx, account, key, map[string]string{"s": fmt.Sprint(c.r.IntN(2))})
	case 7:
		_, err = c.s.Delete(ctx, account, key)
	case 8:
		_, err = c.s.LeaveGroup(ctx, account, key, c.static)
	case 9:
		var g contact.Group
		g, err = c.s.CreateGroup(ctx, account, "g", c.query())
		c.groupIDs = append(c.groupIDs, g.Key)
	case 10:
		_, err = c.s.UpdateGroup(ctx, account, group, contact.GroupChange{SetQuery: true, Query: c.query()})
	case 11:
		if c.r.IntN(3) == 0 {
			_, err = c.s.DeleteGroup(ctx, account, group)
		}
	}
	return err
}

// checkGroups compares every group with a look at all contacts.
func (f fixture) checkGroups() {
	f.Helper()
	var all []contact.Contact
	if err := f.Stream(f.Context(), account, func(c contact.Contact) error {
		all = append(all, c)
		return nil
	}); err != nil {
		f.Fatal(err)
	}
	if n, err := f.Count(f.Context(), account); n != int64(len(all)) || err != nil {
		f.Fatalf("%d contacts counted, %d there: %v", n, len(all), err)
	}
	groups, err := f.GroupsByName(f.Context(), account)
	if err != nil {
		f.Fatal(err)
	}
	smart := int64(0)
	for _, g := range groups {
		if g.Query != nil && contact.New(f.d, time.Now, contact.Options{}).CheckQuery(*g.Query) != nil {
			continue // told elsewhere
		}
		matching := map[string]bool{}
		if g.Query != nil {
			for _, key := range f.found(*g.Query) {
				matching[key] = true
			}
			smart += int64(len(matching))
		}
		var members []contact.Contact
		named := int64(0)
		for _, c := range all {
			isNamed := len(c.Groups) > 0 && c.Groups[0] == g.Key
			if isNamed {
				named++
			}
			if isNamed || matching[c.Key] {
				members = append(members, c)
			}
		}
		want := named
		if g.Query != nil {
			want = int64(len(matching))
		}
		if got := f.count(g.Key); got != want {
			f.Errorf("%s: size %d, want %d", wire(f.T, g), got, want)
		}
		wantKeys(f.T, wire(f.T, g), f.members(g.Key), members...)
	}
	f.wantRows(int(smart), "SELECT count(*) FROM smart_member")
}
