package contact_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"indaba/internal/contact"
	"indaba/internal/core"
)

func TestGroups(t *testing.T) {
	each(t, contact.Options{}, func(f fixture) {
		ctx := f.Context()
		b1, a := f.group("b", nil), f.group("a", new("test-query"))
		want := `{"$VERSION":null,"key":"` + b1.Key + `","user_account":"` + account + `","name":"b","query":null,` +
			`"created_at":"` + contact.FormatTime(b1.CreatedAt) + `"}`
		if got, err := f.GetGroup(ctx, account, b1.Key); err != nil || wire(f.T, got) != want {
			f.Fatal(wire(f.T, got), err)
		}
		if got, err := f.GetGroupByName(ctx, account, "b"); err != nil || got.Key != b1.Key {
			f.Fatal(got, err)
		}
		_, err := f.GetGroupByName(ctx, account, "c")
		wantError(f.T, "none", err, core.NotFound, "Group not found")
		b2 := f.group("b", nil)
		_, err = f.GetGroupByName(ctx, account, "b")
		wantError(f.T, "two", err, core.Conflict, "Multiple groups found")
		_, _, err = f.GetOrCreateGroupByName(ctx, account, "b")
		wantError(f.T, "two", err, core.Conflict, "Multiple groups found")

		byName, err := f.GroupsByName(ctx, account)
		if err != nil || !slices.Equal(groupKeys(byName), groupKeys([]contact.Group{a, b1, b2})) {
			f.Fatal(byName, err)
		}
		p, err := f.ListGroups(ctx, account, "", 2)
		if err != nil || !slices.Equal(groupKeys(p.Groups), groupKeys([]contact.Group{b1, a})) {
			f.Fatal(p, err)
		}
		if p, err = f.ListGroups(ctx, account, p.Next, 2); err != nil || len(p.Groups) != 1 || p.Next != "" {
			f.Fatal(p, err)
		}
		if found, err := f.SearchGroups(ctx, account, "name:b AND NOT key:"+b2.Key); err != nil || len(found) != 1 ||
			found[0].Key != b1.Key {
			f.Fatal(found, err)
		}
		if _, err := f.SearchGroups(ctx, account, "name:("); core.KindOf(err) != core.Invalid {
			f.Fatal(err)
		}
		changed, err := f.UpdateGroup(ctx, account, b2.Key,
			contact.GroupChange{Name: new("z"), SetQuery: true, Query: new("q")})
		if got, gerr := f.GetGroup(ctx, account, b2.Key); err != nil || gerr != nil || wire(f.T, got) != wire(f.T, changed) ||
			got.Name != "z" || *got.Query != "q" {
			f.Fatal(got, err, gerr)
		}
		if got, err := f.DeleteGroup(ctx, account, b2.Key); err != nil || wire(f.T, got) != wire(f.T, changed) {
			f.Fatal(got, err)
		}
		_, err = f.DeleteGroup(ctx, account, b2.Key)
		wantError(f.T, "again", err, core.NotFound, "Group '"+b2.Key+"' not found.")
		for _, name := range []string{strings.Repeat("x", 256), "a\x00", "\xff"} {
			_, cerr := f.CreateGroup(ctx, account, name, nil)
			_, _, gerr := f.GetOrCreateGroupByName(ctx, account, name)
			if core.KindOf(cerr) != core.Invalid || core.KindOf(gerr) != core.Invalid {
				f.Errorf("%.5q: %v, %v", name, cerr, gerr)
			}
		}
		long := strings.Repeat("a ", contact.MaxQueryBytes)
		if _, err := f.CreateGroup(ctx, account, "q", &long); core.KindOf(err) != core.Invalid {
			f.Error(err)
		}
	})
}

func groupKeys(groups []contact.Group) (keys []string) {
	for _, g := range groups {
		keys = append(keys, g.Key)
	}
	return keys
}

func TestConcurrentGetOrCreateGroupCreatesOnce(t *testing.T) {
	each(t, contact.Options{}, func(f fixture) {
		var wg sync.WaitGroup
		var created atomic.Int64
		for range 50 {
			wg.Go(func() {
				_, isNew, err := f.GetOrCreateGroupByName(f.Context(), account, "one")
				if err != nil {
					f.Error(err)
				}
				if isNew {
					created.Add(1)
				}
			})
		}
		wg.Wait()
		if _, err := f.GetGroupByName(f.Context(), account, "one"); err != nil || created.Load() != 1 {
			f.Fatal(created.Load(), err)
		}
	})
}

func TestMembersAreThoseWhoNameTheGroupOrMatch(t *testing.T) {
	each(t, contact.Options{}, func(f fixture) {
		smart := f.group("smart", new(`surname:"Foo 1" OR msisdn:\+12*`))
		var named, matching []contact.Contact
		for i := range 5 {
			named = append(named, f.create(contact.Contact{Msisdn: "x", Groups: []string{smart.Key, "no such group"}}))
			matching = append(matching, f.create(contact.Contact{Msisdn: fmt.Sprint("+12", i)}))
		}
		both := f.create(contact.Contact{Msisdn: "y", Surname: new("the Foo 1"), Groups: []string{smart.Key}})
		f.create(contact.Contact{Msisdn: "z", Surname: new("Foo 11")})
		all := append(slices.Concat(named, matching), both)
		slices.SortFunc(all, func(a, b contact.Contact) int { return strings.Compare(a.Key, b.Key) })
		wantKeys(f.T, "smart", f.members(smart.Key), all...)
		wantKeys(f.T, "no such group", f.members("no such group"), named...)
		wantKeys(f.T, "unknown", f.members(core.NewKey()))
		wantKeys(f.T, "impossible", f.members("\x00"))
		if n := f.count(smart.Key); n != 6 {
			f.Fatalf("%d match", n)
		}
		if _, err := f.CountMembers(f.Context(), account, "no such group"); core.KindOf(err) != core.NotFound {
			f.Fatal(err)
		}
		_, err := f.Members(f.Context(), account, smart.Key, "foo", 1)
		wantError(f.T, "cursor", err, core.Invalid, "Invalid cursor: u'foo'")

		// Smart → static → smart with another query.
		change := func(query *string) {
			f.Helper()
			if _, err := f.UpdateGroup(f.Context(), account, smart.Key,
				contact.GroupChange{SetQuery: true, Query: query}); err != nil {
				f.Fatal(err)
			}
		}
		change(nil)
		wantKeys(f.T, "static", f.members(smart.Key), append(slices.Clone(named), both)...)
		if n := f.count(smart.Key); n != 6 {
			f.Fatalf("%d name it", n)
		}
		f.wantRows(0, "SELECT count(*) FROM smart_member")
		change(new("msisdn:\\+121"))
		if n := f.count(smart.Key); n != 1 {
			f.Fatalf("%d match", n)
		}
		renamed := contact.GroupChange{Name: new("renamed")}
		if _, err := f.UpdateGroup(f.Context(), account, smart.Key, renamed); err != nil || f.count(smart.Key) != 1 {
			f.Fatal(f.count(smart.Key), err)
		}
		if _, err := f.DeleteGroup(f.Context(), account, smart.Key); err != nil {
			f.Fatal(err)
		}
		wantKeys(f.T, "deleted", f.members(smart.Key), append(slices.Clone(named), both)...)
		f.wantRows(0, "SELECT (SELECT count(*) FROM smart_member) + (SELECT count(*) FROM smart_leftover)")
	})
}

func TestUnparsableQueryIsStoredAndTold(t *testing.T) {
	each(t, contact.Options{}, func(f fixture) {
		g := f.group("bad", new("name:(a'"))
		c := f.create(contact.Contact{Msisdn: "1", Name: new("a"), Groups: []string{g.Key}})
		_, countErr := f.CountMembers(f.Context(), account, g.Key)
		_, membersErr := f.Members(f.Context(), account, g.Key, "", 0)
		wantError(f.T, "count", countErr, core.Invalid, `Invalid query: u"name:(a'"`)
		wantError(f.T, "members", membersErr, core.Invalid, `Invalid query: u"name:(a'"`)
		if _, err := f.UpdateGroup(f.Context(), account, g.Key,
			contact.GroupChange{SetQuery: true, Query: new("name:a")}); err != nil {
			f.Fatal(err)
		}
		wantKeys(f.T, "mended", f.members(g.Key), c)
		// The empty query is one: it matches nothing.
		empty := f.group("empty", new(""))
		if f.count(empty.Key) != 0 || len(f.members(empty.Key)) != 0 {
			f.Fatal(f.count(empty.Key))
		}
	})
}

func TestGroupFieldErrors(t *testing.T) {
	for _, c := range []struct{ record, want string }{
		{`{"name": 5}`, "Value 5 is not a unicode string."},
		{`{"name": null}`, "None is not allowed as a value for non-null fields."},
		{`{"query": [1, null]}`, "Value [1, None] is not a unicode string."},
		{`{"created_at": "yesterday"}`, "Timestamp field expects a datetime or an iso8601 formatted string."},
		{`{"created_at": null}`, "None is not allowed as a value for non-null fields."},
	} {
		_, err := contact.ParseGroupChange(record(t, c.record))
		wantError(t, c.record, err, core.Invalid, c.want)
	}
	got, err := contact.ParseGroupChange(record(t, `{"name": "n", "query": null, "user_account": 5}`))
	if err != nil || *got.Name != "n" || !got.SetQuery || got.Query != nil || got.CreatedAt != nil {
		t.Error(got, err)
	}
	unknown := contact.UnknownGroupFields(record(t, `{"key": "k", "name": "n", "user_account": "x", "$VERSION": 1}`))
	if !slices.Equal(unknown, []string{"$VERSION", "key"}) {
		t.Error(unknown)
	}
}

// What a large account sees while Run has yet to find the members, and that Run finds them.
func TestBuildOfALargeAccount(t *testing.T) {
	each(t, contact.Options{InlineBuild: 100, BuildBatch: 1000}, func(f fixture) {
		const contacts = 2250 // three steps
		many := make([]contact.Contact, contacts)
		for i := range many {
			many[i] = contact.Contact{Msisdn: fmt.Sprint(i), Name: new(fmt.Sprint("n", i%9))}
		}
		created, err := f.CreateMany(f.Context(), account, many)
		if err != nil {
			f.Fatal(err)
		}
		queries := map[string]int64{"name:n1": 250, "*:*": contacts, "name:?2 AND NOT msisdn:1*": 0, "extras-none:*": 0}
		for i := range contacts {
			if i%9 == 2 && !strings.HasPrefix(fmt.Sprint(i), "1") {
				queries["name:?2 AND NOT msisdn:1*"]++
			}
		}
		groups := map[string]contact.Group{}
		check := func(when string) {
			f.Helper()
			for text, g := range groups {
				if n, there := f.count(g.Key), len(f.membersBy(g.Key, 300)); n != queries[text] || there != int(n) {
					f.Fatalf("%s %s: count %d, %d members, want %d", when, text, n, there, queries[text])
				}
			}
		}
		for text := range queries {
			groups[text] = f.group(text, &text)
		}
		f.wantRows(len(queries), "SELECT count(*) FROM contact_group WHERE building = 1")
		check("before")
		f.run(func() { f.waitForRows(0, "SELECT count(*) FROM contact_group WHERE building = 1") })
		check("after")
		if _, err := f.Delete(f.Context(), account, created[1].Key); err != nil {
			f.Fatal(err)
		}
		queries["name:n1"]--
		queries["*:*"]--
		check("changed")
		if _, err := f.DeleteGroup(f.Context(), account, groups["*:*"].Key); err != nil {
			f.Fatal(err)
		}
		f.wantRows(1, "SELECT count(*) FROM smart_leftover")
		f.run(func() { f.waitForRows(0, "SELECT count(*) FROM smart_leftover") })
		f.wantRows(int(queries["name:n1"]+queries["name:?2 AND NOT msisdn:1*"]), "SELECT count(*) FROM smart_member")
	})
}

// run calls during while Run runs, and waits for the end of both.
func (f fixture) run(during func()) {
	f.Helper()
	ctx, cancel := context.WithCancel(f.Context())
	done := make(chan error)
	go func() { done <- f.Service.Run(ctx) }()
	during()
	cancel()
	if err := <-done; err != nil {
		f.Fatal(err)
	}
}

// waitForRows waits until a query counts that many rows.
func (f fixture) waitForRows(want int, query string) {
	f.Helper()
	for {
		var got int
		if err := f.d.Row(f.Context(), query, nil, &got); err != nil {
			f.Fatal(err)
		}
		if got == want {
			return
		}
	}
}
