package contact_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"indaba/internal/contact"
	"indaba/internal/core"
)

func TestSearch(t *testing.T) {
	each(t, contact.Options{}, func(f fixture) {
		arthur := f.create(contact.Contact{Msisdn: "+15556483", Name: new("Arthur"), Surname: new("of Camelot"),
			Extra: map[string]string{"quest": "the Holy Grail"}, Groups: []string{"knights"},
			CreatedAt: time.Date(2014, 7, 25, 12, 44, 11, 159151000, time.UTC)})
		bors := f.create(contact.Contact{Msisdn: "+2755", Name: new("bors"), Subscription: map[string]string{"news": "daily"},
			DateOfBirth: new(time.Date(1980, 2, 3, 0, 0, 0, 0, time.UTC)), GTalkID: new("b o"), Groups: []string{"knights"}})
		empty := f.create(contact.Contact{Msisdn: "", Name: new("")})
		for _, c := range []struct {
			query string
			want  []contact.Contact
		}{
			{"name:Arthur", []contact.Contact{arthur}}, {"name:arthur", nil}, {"name:Art*", []contact.Contact{arthur}},
			{`msisdn:\+1*`, []contact.Contact{arthur}}, {"Arthur", []contact.Contact{arthur}},
			{`extras-quest:"Holy Grail"`, []contact.Contact{arthur}}, {`extras-quest:"Grail Holy"`, nil},
			{"subscription-news:daily", []contact.Contact{bors}}, {"extras-none:x", nil}, {"no_field:x", nil},
			{"groups:knights AND NOT name:bors", []contact.Contact{arthur}},
			{"groups:knights name:nobody", []contact.Contact{arthur, bors}},
			{"dob:1980", []contact.Contact{bors}}, {"created_at:[2014-07-25 TO 2014-07-25]", []contact.Contact{arthur}},
			{"NOT dob:*", []contact.Contact{arthur, empty}}, {"*:*", []contact.Contact{arthur, bors, empty}}, {"", nil},
			{"name:*", []contact.Contact{arthur, bors}}, {`msisdn:""`, []contact.Contact{empty}},
			{`gtalk_id:"b o"`, []contact.Contact{bors}}, {"gtalk_id:b", nil}, {"gtalk_id:b\\ o", []contact.Contact{bors}},
			{"key:" + bors.Key, []contact.Contact{bors}}, {"user_account:" + account, []contact.Contact{arthur, bors, empty}},
			{"$VERSION:2 AND name:bors", []contact.Contact{bors}}, {"name:bors~1 OR name:/Ar.*/", []contact.Contact{arthur, bors}},
			{"name:bors^2 AND groups:knights^3", []contact.Contact{bors}},
		} {
			wantKeys(f.T, c.query, f.found(c.query), c.want...)
			p, err := f.SearchPage(f.Context(), account, c.query, "", 10)
			if err != nil || p.Next != "" {
				f.Fatal(p.Next, err)
			}
			wantKeys(f.T, "page of "+c.query, keysOf(p.Contacts), c.want...)
		}
		for limit, want := range map[int]int{0: 0, 1: 1, 2: 2, 9: 3, -1: 3} {
			if keys, err := f.Search(f.Context(), account, "*:*", limit); len(keys) != want || keys == nil || err != nil {
				f.Errorf("at most %d: %v %v", limit, keys, err)
			}
		}
		for _, bad := range []string{"name:(", "a\x00", "\xff", "[a TO"} {
			_, err := f.Search(f.Context(), account, bad, 0)
			_, pageErr := f.SearchPage(f.Context(), account, bad, "", 0)
			if core.KindOf(err) != core.Invalid || core.KindOf(pageErr) != core.Invalid {
				f.Errorf("%q: %v, %v", bad, err, pageErr)
			}
		}
		if err := f.CheckQuery("nme:x"); core.KindOf(err) != core.Invalid {
			f.Error(err)
		}
		if err := f.CheckQuery("name:x AND extras-a:b"); err != nil {
			f.Error(err)
		}
	})
}

// Above 2000 contacts with one word, searches take other ways to the same result.
func TestWaysOfSearchAgree(t *testing.T) {
	each(t, contact.Options{}, func(f fixture) {
		many := make([]contact.Contact, 5000)
		for i := range many {
			many[i] = contact.Contact{Msisdn: fmt.Sprint("+", i), Name: new(fmt.Sprint("all n", i%7)),
				Extra: map[string]string{"half": fmt.Sprint(i % 2), "rare": fmt.Sprint(i % 500)}}
		}
		created, err := f.CreateMany(f.Context(), account, many)
		if err != nil {
			f.Fatal(err)
		}
		for query, holds := range map[string]func(i int) bool{
			"name:all":                                 func(int) bool { return true },
			"extras-half:1":                            func(i int) bool { return i%2 == 1 },
			"name:all AND extras-half:1":               func(i int) bool { return i%2 == 1 },
			"extras-rare:17 AND extras-half:1":         func(i int) bool { return i%500 == 17 },
			"extras-rare:17 AND extras-half:0":         func(int) bool { return false },
			`name:"all n3" AND NOT extras-half:1`:      func(i int) bool { return i%7 == 3 && i%2 == 0 },
			"name:all AND NOT extras-half:*":           func(int) bool { return false },
			"extras-rare:17 OR extras-half:1":          func(i int) bool { return i%500 == 17 || i%2 == 1 },
			"name:all AND (extras-rare:1 msisdn:+4*)":  func(i int) bool { return i%500 == 1 || fmt.Sprint(i)[0] == '4' },
			"extras-half:1 AND no_field:x":             func(int) bool { return false },
			"(name:all AND extras-half:1)^2":           func(i int) bool { return i%2 == 1 },
			"name:nobody AND extras-half:1":            func(int) bool { return false },
			"extras-half:1 AND created_at:[2020 TO *]": func(i int) bool { return i%2 == 1 },
		} {
			var want []contact.Contact
			for i := range created {
				if holds(i) {
					want = append(want, created[i])
				}
			}
			wantKeys(f.T, query, f.found(query), want...)
			first, err := f.Search(f.Context(), account, query, 5)
			if err != nil {
				f.Fatal(err)
			}
			wantKeys(f.T, "first of "+query, first, want[:min(5, len(want))]...)
			var paged []string
			for cursor := ""; ; {
				p, err := f.SearchPage(f.Context(), account, query, cursor, contact.MaxPage)
				if err != nil {
					f.Fatal(err)
				}
				paged = append(paged, keysOf(p.Contacts)...)
				if cursor = p.Next; cursor == "" {
					break
				}
			}
			if !slices.Equal(paged, keysOf(want)) {
				f.Errorf("pages of %s: %d, want %d", query, len(paged), len(want))
			}
		}
	})
}

// Of long texts some tests see the beginning only: searches and smart groups agree on where it ends.
func TestLongTextsAreFoundAlike(t *testing.T) {
	each(t, contact.Options{}, func(f fixture) {
		filler := strings.Repeat("word ", 203) // 1,015 of the 1,024 bytes that count
		queries := []string{"extras-x:needle", "extras-x:needle*", "extras-x:need*e", "extras-x:*eedle", "extras-x:/needle/",
			"extras-x:/need.*/", "extras-x:needlf~1", `extras-x:"word needle"`, `extras-x:"needle word"~2`, "extras-x:[needle TO needle]"}
		groups := map[string]contact.Group{}
		for _, q := range queries {
			groups[q], groups["NOT "+q] = f.group(q, &q), f.group("not "+q, new("NOT "+q))
		}
		within := f.create(contact.Contact{Extra: map[string]string{"x": filler + "needle end"}})
		beyond := f.create(contact.Contact{Extra: map[string]string{"x": filler + "and needle"}})
		for i, q := range queries {
			want, not := []contact.Contact{within}, []contact.Contact{beyond}
			if i < 2 || i == len(queries)-1 {
				want, not = []contact.Contact{within, beyond}, nil
			}
			wantKeys(f.T, q, f.found(q), want...)
			wantKeys(f.T, "group "+q, f.members(groups[q].Key), want...)
			wantKeys(f.T, "not "+q, f.found("NOT "+q), not...)
			wantKeys(f.T, "group not "+q, f.members(groups["NOT "+q].Key), not...)
		}
	})
}
