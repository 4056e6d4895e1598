package contact_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"indaba/internal/contact"
	"indaba/internal/core"
)

func TestCreatedContactIsReadBackWhole(t *testing.T) {
	each(t, contact.Options{}, func(f fixture) {
		fields := changes(f.T, `{"created_at": "2014-07-25T12:44:11.159151Z", "name": "Arthur \u0416\ud83d\ude00",
			"surname": "of Camelot", "email_address": "", "dob": "1980-02-03", "msisdn": "+15556483", "twitter_handle": "@a",
			"facebook_id": "fb", "bbm_pin": "bb", "gtalk_id": "g@x", "mxit_id": "m", "wechat_id": "w",
			"groups": ["b", "a", "b"], "extra": {"quest": "Grail", "": "empty name"}, "subscription": {"news": "daily"}}`)
		c, err := fields.New()
		if err != nil {
			f.Fatal(err)
		}
		created := f.create(c)
		got, err := f.Get(f.Context(), account, created.Key)
		if err != nil {
			f.Fatal(err)
		}
		want := `{"$VERSION":2,"key":"` + created.Key + `","user_account":"` + account + `",` +
			`"created_at":"2014-07-25 12:44:11.159151","name":"Arthur Ж😀","surname":"of Camelot","email_address":"",` +
			`"dob":"1980-02-03 00:00:00.000000","msisdn":"+15556483","twitter_handle":"@a","facebook_id":"fb",` +
			`"bbm_pin":"bb","gtalk_id":"g@x","mxit_id":"m","wechat_id":"w","groups":["b","a"],` +
			`"extra":{"":"empty name","quest":"Grail"},"subscription":{"news":"daily"}}`
		for _, c := range []contact.Contact{created, got} {
			if wire(f.T, c) != want {
				f.Errorf("%s\nwant %s", wire(f.T, c), want)
			}
		}
		bare := f.create(contact.Contact{Msisdn: "+27"})
		if text := wire(f.T, bare); !strings.Contains(text, `"name":null`) || !strings.Contains(text, `"dob":null`) ||
			!strings.HasSuffix(text, `"groups":[],"extra":{},"subscription":{}}`) {
			f.Error(text)
		}
		if n, err := f.Count(f.Context(), account); n != 2 || err != nil {
			f.Fatal(n, err)
		}
	})
}

func TestOtherAccountsSeeNothing(t *testing.T) {
	each(t, contact.Options{}, func(f fixture) {
		c := f.create(contact.Contact{Msisdn: "+27", Groups: []string{"g"}})
		g := f.group("a group", new("msisdn:*"))
		ctx := f.Context()
		_, getErr := f.Get(ctx, other, c.Key)
		_, saveErr := f.Save(ctx, other, c)
		_, updateErr := f.Update(ctx, other, c.Key, contact.Changes{})
		_, deleteErr := f.Delete(ctx, other, c.Key)
		for _, err := range []error{getErr, saveErr, updateErr, deleteErr} {
			wantError(f.T, "contact", err, core.NotFound, "Contact '"+c.Key+"' not found.")
		}
		_, getErr = f.GetGroup(ctx, other, g.Key)
		_, updateErr = f.UpdateGroup(ctx, other, g.Key, contact.GroupChange{})
		_, deleteErr = f.DeleteGroup(ctx, other, g.Key)
		_, countErr := f.CountMembers(ctx, other, g.Key)
		for _, err := range []error{getErr, updateErr, deleteErr, countErr} {
			wantError(f.T, "group", err, core.NotFound, "Group '"+g.Key+"' not found.")
		}
		list, err := f.List(ctx, other, "", 0)
		found, err2 := f.Search(ctx, other, "*:* OR user_account:"+account, -1)
		members, err3 := f.Members(ctx, other, g.Key, "", 0)
		named, err4 := f.Members(ctx, other, "g", "", 0)
		if n := len(list.Contacts) + len(found) + len(members.Contacts) + len(named.Contacts); n != 0 {
			f.Fatalf("another account sees %d contacts", n)
		}
		if err := errors.Join(err, err2, err3, err4); err != nil {
			f.Fatal(err)
		}
	})
}

func TestLookUpByAddress(t *testing.T) {
	each(t, contact.Options{}, func(f fixture) {
		ctx := f.Context()
		old := f.create(contact.Contact{Msisdn: "+27821234567", GTalkID: new("a@x"), TwitterHandle: new("Me")})
		newer := f.create(contact.Contact{Msisdn: "+27821234567"})
		oldest := f.create(contact.Contact{Msisdn: "+27821234567", CreatedAt: time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)})
		bare := f.create(contact.Contact{Msisdn: "27831111111"})
		long := strings.Repeat("ж", 300)
		f.create(contact.Contact{Msisdn: "x", WeChatID: new(long + "1")})
		second := f.create(contact.Contact{Msisdn: "x", WeChatID: new(long + "2")})
		f.create(contact.Contact{Msisdn: "x", WeChatID: new(long + "3")})
		for _, c := range []struct {
			class, address string
			want           *contact.Contact
		}{
			{"sms", "+27821234567", &newer}, {"ussd", "27821234567", &newer}, {"voice", "+27 (82) 123-4567", &newer},
			{"whatsapp", "27821234567", &newer},
			{"sms", "27831111111", &bare}, // stored without plus, asked for as it is
			{"sms", "+27831111111", nil},  // stored without plus
			{"sms", "+2782123456", nil}, {"sms", "", nil}, {"sms", "\x00", nil}, {"sms", "\xff", nil},
			{"gtalk", "a@x/phone", &old}, {"gtalk", "a@x", &old}, {"gtalk", "a", nil},
			{"twitter", "Me", &old}, {"twitter", "me", nil},
			{"wechat", long + "2", &second}, {"wechat", long + "4", nil}, {"wechat", long, nil},
		} {
			got, err := f.GetByAddress(ctx, account, c.class, c.address)
			if c.want == nil {
				wantError(f.T, c.class, err, core.NotFound, fmt.Sprintf(
					"Contact with address '%s' for delivery class '%s' not found.", c.address, c.class))
			} else if err != nil || got.Key != c.want.Key {
				f.Errorf("%s %.20s: %s %v, want %s", c.class, c.address, got.Key, err, c.want.Key)
			}
		}
		_, err := f.GetByAddress(ctx, account, "x'y", "1")
		wantError(f.T, "class", err, core.Invalid, `Unsupported transport_type u"x'y"`)

		if got, err := f.GetByField(ctx, account, "msisdn", "++27821234567"); err != nil || got.Key != newer.Key {
			f.Error(got.Key, err)
		}
		_, err = f.GetByField(ctx, account, "msisdn", "bar")
		wantError(f.T, "field", err, core.NotFound, "Object u'Contact with msisdn +bar' not found.")
		_, err = f.GetByField(ctx, account, "name", "bar")
		wantError(f.T, "field", err, core.Invalid, "Query field must be one of: ['bbm_pin', 'facebook_id', 'gtalk_id', "+
			"'msisdn', 'mxit_id', 'twitter_handle', 'wechat_id']")
		// The newest is decided by created_at and not by the order of creation.
		oldest.CreatedAt = time.Now().Add(time.Hour)
		if _, err := f.Save(ctx, account, oldest); err != nil {
			f.Fatal(err)
		}
		if got, err := f.GetByAddress(ctx, account, "sms", "27821234567"); err != nil || got.Key != oldest.Key {
			f.Error(got.Key, err)
		}
	})
}

func TestConcurrentGetOrCreateCreatesOnce(t *testing.T) {
	each(t, contact.Options{}, func(f fixture) {
		// Two services are two nodes: they share nothing but the database.
		second := contact.New(f.d, time.Now, contact.Options{})
		var wg sync.WaitGroup
		var created atomic.Int64
		keys := make([]string, 50)
		for i := range keys {
			wg.Go(func() {
				s := []*contact.Service{f.Service, second}[i%2]
				c, isNew, err := s.GetOrCreateByAddress(f.Context(), account, "gtalk", fmt.Sprint("me@x/", i))
				if err != nil {
					f.Error(err)
				}
				if isNew {
					created.Add(1)
				}
				keys[i] = c.Key
			})
		}
		wg.Wait()
		if keys = slices.Compact(keys); created.Load() != 1 || len(keys) != 1 || keys[0] == "" {
			f.Fatalf("%d created, keys %v", created.Load(), keys)
		}
		c, err := f.Get(f.Context(), account, keys[0])
		if err != nil || c.Msisdn != "unknown" || *c.GTalkID != "me@x" {
			f.Fatal(wire(f.T, c), err)
		}
		if n, err := f.Count(f.Context(), account); n != 1 || err != nil {
			f.Fatal(n, err)
		}
		c, isNew, err := f.GetOrCreateByAddress(f.Context(), account, "ussd", "27 82 000")
		if err != nil || !isNew || c.Msisdn != "+2782000" {
			f.Fatal(wire(f.T, c), isNew, err)
		}
		_, _, err = f.GetOrCreateByAddress(f.Context(), account, "pigeon", "1")
		wantError(f.T, "class", err, core.Invalid, "Unsupported transport_type u'pigeon'")
		_, _, err = f.GetOrCreateByAddress(f.Context(), account, "twitter", "a\x00")
		wantError(f.T, "NUL", err, core.Invalid, "a text holds a NUL character, which cannot be stored")
	})
}

func TestUpdateSetsWhatIsGiven(t *testing.T) {
	each(t, contact.Options{}, func(f fixture) {
		ctx := f.Context()
		c := f.create(contact.Contact{Msisdn: "+1", Name: new("A"), Surname: new("S"), Groups: []string{"a", "b"},
			Extra: map[string]string{"x": "1", "y": "2"}, Subscription: map[string]string{"s": "1"}})
		update := func(text string) contact.Contact {
			f.Helper()
			got, err := f.Update(ctx, account, c.Key, changes(f.T, text))
			if err != nil {
				f.Fatal(err)
			}
			stored, err := f.Get(ctx, account, c.Key)
			if err != nil || wire(f.T, stored) != wire(f.T, got) {
				f.Fatalf("returned %s, stored %s, %v", wire(f.T, got), wire(f.T, stored), err)
			}
			return got
		}
		if got := update(`{}`); wire(f.T, got) != wire(f.T, c) {
			f.Fatal(wire(f.T, got))
		}
		got := update(`{"name": null, "groups": ["a", "c"], "extra": {"z": "3"}, "key": "ignored", "user_account": "x"}`)
		if got.Name != nil || *got.Surname != "S" || !slices.Equal(got.Groups, []string{"a", "b", "c"}) ||
			len(got.Extra) != 1 || got.Extra["z"] != "3" || len(got.Subscription) != 1 || got.Key != c.Key {
			f.Fatal(wire(f.T, got))
		}
		if got, err := f.UpdateExtra(ctx, account, c.Key, map[string]string{"z": "4", "w": ""}); err != nil ||
			wire(f.T, got.Extra) != `{"w":"","z":"4"}` {
			f.Fatal(wire(f.T, got), err)
		}
		if got, err := f.UpdateSubscription(ctx, account, c.Key, map[string]string{"t": "2"}); err != nil ||
			wire(f.T, got.Subscription) != `{"s":"1","t":"2"}` {
			f.Fatal(wire(f.T, got), err)
		}
		if got, err := f.LeaveGroup(ctx, account, c.Key, "b"); err != nil || !slices.Equal(got.Groups, []string{"a", "c"}) {
			f.Fatal(got.Groups, err)
		}
		if got, err := f.ReplaceGroups(ctx, account, c.Key, []string{"n", "n"}); err != nil ||
			!slices.Equal(got.Groups, []string{"n"}) {
			f.Fatal(got.Groups, err)
		}
		wantKeys(f.T, "the index followed", f.found("groups:n AND extras-z:4 AND NOT name:A AND NOT groups:a"), c)
		// A refused change changes nothing.
		if _, err := f.UpdateExtra(ctx, account, c.Key, map[string]string{"bad": "\x00"}); core.KindOf(err) != core.Invalid {
			f.Fatal(err)
		}
		wantKeys(f.T, "refused", f.found("extras-bad:*"))
	})
}

func TestSaveReplacesEverything(t *testing.T) {
	each(t, contact.Options{}, func(f fixture) {
		c := f.create(contact.Contact{Msisdn: "+1", Name: new("A"), Groups: []string{"a"}, Extra: map[string]string{"x": "1"}})
		saved, err := f.Save(f.Context(), account, contact.Contact{Key: c.Key, Account: other, Msisdn: "+2", Surname: new("S")})
		if err != nil {
			f.Fatal(err)
		}
		got, err := f.Get(f.Context(), account, c.Key)
		if err != nil || wire(f.T, got) != wire(f.T, saved) {
			f.Fatal(wire(f.T, got), err)
		}
		if got.Name != nil || *got.Surname != "S" || len(got.Groups)+len(got.Extra) != 0 || got.Account != account ||
			!got.CreatedAt.After(c.CreatedAt) {
			f.Fatal(wire(f.T, got))
		}
		f.wantRows(2, "SELECT count(*) FROM contact_token")
	})
}

func TestDeleteLeavesNothing(t *testing.T) {
	each(t, contact.Options{}, func(f fixture) {
		static, smart := f.group("static", nil), f.group("smart", new("name:A*"))
		c := f.create(contact.Contact{Msisdn: "+1", Name: new("Arthur of Camelot"), Groups: []string{static.Key}})
		if f.count(static.Key) != 1 || f.count(smart.Key) != 1 {
			f.Fatal(f.count(static.Key), f.count(smart.Key))
		}
		got, err := f.Delete(f.Context(), account, c.Key)
		if err != nil || wire(f.T, got) != wire(f.T, c) {
			f.Fatal(wire(f.T, got), err)
		}
		_, err = f.Delete(f.Context(), account, c.Key)
		wantError(f.T, "again", err, core.NotFound, "Contact '"+c.Key+"' not found.")
		n, err := f.Count(f.Context(), account)
		if n != 0 || err != nil || f.count(static.Key) != 0 || f.count(smart.Key) != 0 {
			f.Fatal(n, err, f.count(static.Key), f.count(smart.Key))
		}
		f.wantRows(0, "SELECT (SELECT count(*) FROM contact) + (SELECT count(*) FROM contact_token) + "+
			"(SELECT count(*) FROM smart_member)")
	})
}

func TestPagesNeitherRepeatNorLose(t *testing.T) {
	each(t, contact.Options{}, func(f fixture) {
		ctx := f.Context()
		if p, err := f.List(ctx, account, "", 5); err != nil || len(p.Contacts) != 0 || p.Next != "" {
			f.Fatal(p, err)
		}
		var all []contact.Contact
		for i := range 7 {
			all = append(all, f.create(contact.Contact{Msisdn: fmt.Sprint(i)}))
		}
		first, err := f.List(ctx, account, "", 4)
		if err != nil || first.Next == "" {
			f.Fatal(first.Next, err)
		}
		wantKeys(f.T, "first page", keysOf(first.Contacts), all[:4]...)
		// What the cursor names may be gone by then, and new contacts may have come.
		if _, err := f.Delete(ctx, account, first.Next); err != nil {
			f.Fatal(err)
		}
		all = append(all, f.create(contact.Contact{Msisdn: "7"}))
		second, err := f.List(ctx, account, first.Next, 4)
		if err != nil || second.Next != "" {
			f.Fatal(second.Next, err)
		}
		wantKeys(f.T, "second page", keysOf(second.Contacts), all[4:]...)
		for _, cursor := range []string{"bad-id", strings.Repeat("g", 32), "\x00", strings.Repeat("A", 32)} {
			_, err := f.List(ctx, account, cursor, 1)
			wantError(f.T, "cursor", err, core.Invalid, "Riak error, possible invalid cursor: "+contact.PythonText(cursor))
		}
		if p, err := f.List(ctx, account, "", contact.MaxPage+1); err != nil || len(p.Contacts) != 7 {
			f.Fatal(len(p.Contacts), err)
		}
		stop := errors.New("enough")
		seen := 0
		if err := f.Stream(ctx, account, func(contact.Contact) error {
			if seen++; seen == 3 {
				return stop
			}
			return nil
		}); !errors.Is(err, stop) || seen != 3 {
			f.Fatal(seen, err)
		}
	})
}

func TestCreateManyIsAllOrNothing(t *testing.T) {
	each(t, contact.Options{}, func(f fixture) {
		many := make([]contact.Contact, 2500)
		for i := range many {
			many[i] = contact.Contact{Msisdn: fmt.Sprintf("+27%09d", i*7919%100000), Name: new(fmt.Sprint("Name ", i%10))}
		}
		smart := f.group("threes", new("name:3"))
		created, err := f.CreateMany(f.Context(), account, many)
		if err != nil || f.count(smart.Key) != 250 {
			f.Fatal(err)
		}
		var streamed []string
		if err := f.Stream(f.Context(), account, func(c contact.Contact) error {
			streamed = append(streamed, c.Key)
			return nil
		}); err != nil {
			f.Fatal(err)
		}
		wantKeys(f.T, "stream", streamed, created...)
		many[2499].Msisdn = "\xff"
		if _, err := f.CreateMany(f.Context(), account, many); core.KindOf(err) != core.Invalid {
			f.Fatal(err)
		}
		tooMany := make([]contact.Contact, contact.MaxBulk+1)
		if _, err := f.CreateMany(f.Context(), account, tooMany); core.KindOf(err) != core.TooLarge {
			f.Fatal(err)
		}
		if n, err := f.Count(f.Context(), account); n != 2500 || err != nil {
			f.Fatal(n, err)
		}
	})
}

func TestLimits(t *testing.T) {
	each(t, contact.Options{}, func(f fixture) {
		hundred, long := strings.Repeat("😀", 100), strings.Repeat("ж", 255)
		f.create(contact.Contact{Msisdn: long, Name: &long, Surname: &long, TwitterHandle: &hundred, FacebookID: &hundred,
			BBMPin: &hundred, EmailAddress: new(strings.Repeat("e", 5000)),
			Extra:  map[string]string{strings.Repeat("n", 5000): strings.Repeat("v", 5000)},
			Groups: []string{strings.Repeat("😀", contact.MaxGroupKey)}})
		for name, c := range map[string]contact.Contact{
			"long name":   {Name: new(long + "x")},
			"long msisdn": {Msisdn: long + "x"},
			"long handle": {TwitterHandle: new(hundred + "x")},
			"long group":  {Groups: []string{strings.Repeat("g", contact.MaxGroupKey+1)}},
			"NUL":         {Surname: new("a\x00b")},
			"NUL in name": {Extra: map[string]string{"a\x00": "b"}},
			"not UTF-8":   {Subscription: map[string]string{"a": "\xc3("}},
			"year":        {CreatedAt: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)},
			"dob":         {DateOfBirth: new(time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC))},
		} {
			if _, err := f.Create(f.Context(), account, c); core.KindOf(err) != core.Invalid {
				f.Errorf("%s: %v", name, err)
			}
		}
		huge := contact.Contact{Extra: map[string]string{"a": strings.Repeat("x ", contact.MaxRecordBytes/2)}}
		if _, err := f.Create(f.Context(), account, huge); core.KindOf(err) != core.TooLarge {
			f.Error(err)
		}
		// The most different words that fit.
		var words strings.Builder
		for i := 0; words.Len() < contact.MaxRecordBytes-10; i++ {
			fmt.Fprintf(&words, "%x ", i)
		}
		c := f.create(contact.Contact{Extra: map[string]string{"a": words.String()}})
		wantKeys(f.T, "many words", f.found("extras-a:1f0 AND extras-a:1000"), c)
	})
}

func TestWritesJoinATransaction(t *testing.T) {
	each(t, contact.Options{}, func(f fixture) {
		undo := errors.New("undo")
		err := f.d.Tx(f.Context(), func(ctx context.Context) error {
			g, err := f.CreateGroup(ctx, account, "g", new("name:A"))
			if err != nil {
				return err
			}
			if _, err := f.Create(ctx, account, contact.Contact{Name: new("A")}); err != nil {
				return err
			}
			if n, err := f.CountMembers(ctx, account, g.Key); n != 1 || err != nil {
				return fmt.Errorf("%d members: %w", n, err)
			}
			return undo
		})
		if !errors.Is(err, undo) {
			f.Fatal(err)
		}
		// The version that was undone is now given to another state of the groups: nobody may have kept the old one.
		g := f.group("g", new("name:B"))
		f.create(contact.Contact{Name: new("A")})
		f.create(contact.Contact{Name: new("B")})
		if f.count(g.Key) != 1 {
			f.Fatal(f.count(g.Key))
		}
	})
}
