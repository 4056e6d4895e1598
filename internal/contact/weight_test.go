package contact

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"indaba/internal/core"
	"indaba/internal/db"
	"indaba/internal/db/dbtest"
	"indaba/internal/query"
)

const weightAccount = "00000000000040008000000000000001"

// costly is a query that takes a good half of what a query may take.
const costly = "extras-x:/(a|b)*b[ab]{900}c?/"

func eachService(t *testing.T, test func(t *testing.T, s *Service)) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) { test(t, New(d, time.Now, Options{})) })
}

// The smart groups of an account may together take so much of a commit that changes a contact, and no more.
func TestSmartGroupsHaveALimitTogether(t *testing.T) {
	eachService(t, func(t *testing.T, s *Service) {
		ctx := t.Context()
		create := func(account, text string) (Group, error) { return s.CreateGroup(ctx, account, "g", &text) }
		var groups []Group
		for range 3 {
			g, err := create(weightAccount, costly)
			if err != nil {
				t.Fatal(err)
			}
			groups = append(groups, g)
		}
		if _, err := create(weightAccount, costly); core.KindOf(err) != core.TooLarge {
			t.Fatalf("a fourth: %v", err)
		}
		if _, err := create("other", costly); err != nil {
			t.Errorf("another account: %v", err)
		}
		simple, err := create(weightAccount, "name:a")
		if err != nil {
			t.Fatal(err)
		}
		update := func(g Group, text *string) error {
			_, err := s.UpdateGroup(ctx, weightAccount, g.Key, GroupChange{SetQuery: true, Query: text})
			return err
		}
		if err := update(simple, new(costly)); core.KindOf(err) != core.TooLarge {
			t.Errorf("a simple one made costly: %v", err)
		}
		if err := update(groups[0], new("NOT "+costly)); err != nil {
			t.Errorf("a costly one changed: %v", err)
		}
		if err := update(groups[0], nil); err != nil {
			t.Error(err)
		}
		if err := update(simple, new(costly)); err != nil {
			t.Errorf("once there is room: %v", err)
		}
		if _, err := s.DeleteGroup(ctx, weightAccount, simple.Key); err != nil {
			t.Fatal(err)
		}
		if _, err := create(weightAccount, costly); err != nil {
			t.Errorf("once there is room: %v", err)
		}
	})
}

// Groups from before the limit go on working, and may become simpler.
func TestSmartGroupsFromBeforeTheLimit(t *testing.T) {
	eachService(t, func(t *testing.T, s *Service) {
		ctx := t.Context()
		var last Group
		for range 5 {
			var err error
			if last, err = s.CreateGroup(ctx, weightAccount, "g", new("name:a")); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.d.Tx(ctx, func(ctx context.Context) error {
			if _, err := s.d.Exec(ctx, "UPDATE contact_group SET query = $1", costly); err != nil {
				return err
			}
			return s.newVersion(ctx, weightAccount)
		}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Create(ctx, weightAccount, Contact{Extra: map[string]string{"x": "b" + strings.Repeat("a", 900)}}); err != nil {
			t.Fatal(err)
		}
		if n, err := s.CountMembers(ctx, weightAccount, last.Key); n != 1 || err != nil {
			t.Errorf("%d members, %v", n, err)
		}
		for _, change := range []struct {
			query   string
			refused bool
		}{{costly + " OR name:a", true}, {costly, false}, {"name:a", false}, {costly, true}} {
			_, err := s.UpdateGroup(ctx, weightAccount, last.Key, GroupChange{SetQuery: true, Query: &change.query})
			if change.refused != (core.KindOf(err) == core.TooLarge) || !change.refused && err != nil {
				t.Errorf("%s: %v", change.query, err)
			}
		}
	})
}

// There is room for thousands of groups as people write them.
func TestWeightOfOrdinaryGroups(t *testing.T) {
	for text, most := range map[string]int{"name:a": 4000, "extras-city:Joburg AND NOT name:a": 3500, `msisdn:\+27*`: 4000,
		"name:/[A-Z][a-z]+/": 300, "extras-answer:*yes*": 600, `surname:"of Camelot"`: 1000} {
		q, err := query.Parse(text, schema())
		if err != nil {
			t.Fatal(err)
		}
		if room := MaxSmartSteps / weight(text, q); room < most {
			t.Errorf("%s: room for %d groups", text, room)
		}
	}
}

// A commit of a build looks at fewer contacts when the query costs much, and none is missed.
func TestBuildOfACostlyQuery(t *testing.T) {
	eachService(t, func(t *testing.T, s *Service) {
		ctx := t.Context()
		var contacts []Contact
		for i := range 8 {
			extra := map[string]string{"x": fmt.Sprint("b", strings.Repeat("a", 899+i%2))}
			c, err := s.Create(ctx, weightAccount, Contact{Extra: extra})
			if err != nil {
				t.Fatal(err)
			}
			contacts = append(contacts, c)
		}
		g, err := s.CreateGroup(ctx, weightAccount, "g", new(costly))
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range []string{"", contacts[2].Key, contacts[5].Key, contacts[7].Key} {
			row, err := s.groupRow(ctx, weightAccount, g.Key)
			if err != nil || row.builtTo != want || row.building != (i < 3) {
				t.Fatalf("after %d commits: come to %q (%v), want %q; %v", i, row.builtTo, row.building, want, err)
			}
			if members, err := s.Members(ctx, weightAccount, g.Key, "", 0); len(members.Contacts) != 4 || err != nil {
				t.Errorf("after %d commits: %d members, %v", i, len(members.Contacts), err)
			}
			if _, err := s.buildStep(ctx, weightAccount, g.Key); err != nil {
				t.Fatal(err)
			}
		}
		if n, err := s.CountMembers(ctx, weightAccount, g.Key); n != 4 || err != nil {
			t.Errorf("%d members, %v", n, err)
		}
	})
}

// A build whose query this version refuses ends, and holds up no others.
func TestBuildOfARefusedQuery(t *testing.T) {
	eachService(t, func(t *testing.T, s *Service) {
		ctx := t.Context()
		s.options.InlineBuild = -1
		g, err := s.CreateGroup(ctx, weightAccount, "g", new("name:a"))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.d.Tx(ctx, func(ctx context.Context) error {
			_, err := s.d.Exec(ctx, "UPDATE contact_group SET query = $1", costly+" "+costly)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if worked, err := s.work(ctx); !worked || err != nil {
			t.Fatal(worked, err)
		}
		if worked, err := s.work(ctx); worked || err != nil {
			t.Errorf("it goes on: %v, %v", worked, err)
		}
		if _, err := s.CountMembers(ctx, weightAccount, g.Key); core.KindOf(err) != core.Invalid {
			t.Error(err)
		}
	})
}
