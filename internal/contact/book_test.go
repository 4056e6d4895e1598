package contact_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"indaba/internal/contact"
	"indaba/internal/core"
	"indaba/internal/db"
	"indaba/internal/db/dbtest"
)

// Nodes whose clocks differ by an hour still give keys that ascend in the order of creation: lists, pages and the index rely
// on it.
func TestKeysAscendWhateverTheClock(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ahead := contact.New(d, func() time.Time { return time.Now().Add(time.Hour) }, contact.Options{})
		behind := contact.New(d, time.Now, contact.Options{})
		var created []contact.Contact
		for i := range 12 {
			s := ahead
			if i%3 > 0 {
				s = behind
			}
			c, err := s.Create(t.Context(), account, contact.Contact{Msisdn: fmt.Sprint(i), Name: new("all")})
			if err != nil {
				t.Fatal(err)
			}
			created = append(created, c)
		}
		if keys := keysOf(created); !slices.IsSorted(keys) || len(slices.Compact(keys)) != len(created) {
			t.Fatal(keys)
		}
		f := fixture{t, behind, d}
		wantKeys(t, "found", f.found("name:all"), created...)
		for i, c := range created {
			p, err := behind.List(t.Context(), account, c.Key, 0)
			if err != nil {
				t.Fatal(err)
			}
			wantKeys(t, "after "+c.Key, keysOf(p.Contacts), created[i+1:]...)
		}
	})
}

// What a transaction gave numbers to that never came to be must not be taken for somebody else's later.
func TestNumbersOfWhatWasUndone(t *testing.T) {
	each(t, contact.Options{}, func(f fixture) {
		ctx, undone := f.Context(), errors.New("changed my mind")
		err := f.d.Tx(ctx, func(ctx context.Context) error {
			c, err := f.Create(ctx, account, contact.Contact{Msisdn: "+1", Extra: map[string]string{"mine": "1"}})
			if err != nil {
				return err
			}
			if _, err := f.Get(ctx, account, c.Key); err != nil { // which looks for the account's number
				return err
			}
			return undone
		})
		if !errors.Is(err, undone) {
			f.Fatal(err)
		}
		theirs, err := f.Create(ctx, other, contact.Contact{Msisdn: "+2", Extra: map[string]string{"theirs": "1"}})
		if err != nil {
			f.Fatal(err)
		}
		none := func() {
			f.Helper()
			p, err := f.List(ctx, account, "", 0)
			if err != nil || len(p.Contacts) != 0 {
				f.Fatal(p, err)
			}
			wantKeys(f.T, "found", append(f.found("msisdn:*"), f.found("extras-theirs:1")...))
			_, err = f.Get(ctx, account, theirs.Key)
			wantError(f.T, "get", err, core.NotFound, "Contact '"+theirs.Key+"' not found.")
		}
		none()
		mine := f.create(contact.Contact{Msisdn: "+3", Extra: map[string]string{"mine": "1"}})
		wantKeys(f.T, "mine", f.found("extras-mine:1"), mine)
		wantKeys(f.T, "everybody", f.found("msisdn:*"), mine)
		wantKeys(f.T, "not mine", f.found("extras-theirs:1"))
	})
}

func TestAccountThatIsFull(t *testing.T) {
	each(t, contact.Options{}, func(f fixture) {
		first := f.create(contact.Contact{Msisdn: "+1"})
		if _, err := f.d.Exec(f.Context(), "UPDATE contact_book SET numbered = 68719476734"); err != nil {
			f.Fatal(err)
		}
		last := f.create(contact.Contact{Msisdn: "+2"})
		if _, err := f.Create(f.Context(), account, contact.Contact{Msisdn: "+3"}); core.KindOf(err) != core.TooLarge {
			f.Fatal(err)
		}
		theirs, err := f.Create(f.Context(), other, contact.Contact{Msisdn: "+4"})
		if err != nil {
			f.Fatal(err)
		}
		wantKeys(f.T, "all", f.found("*:*"), first, last)
		wantKeys(f.T, "by word", f.found("msisdn:*"), first, last)
		if p, err := f.List(f.Context(), other, "", 0); err != nil || len(p.Contacts) != 1 || p.Contacts[0].Key != theirs.Key {
			f.Fatal(p, err)
		}
	})
}

// A stream reads ahead, on another connection; one in a transaction has one connection and sees what it has written.
func TestStreamOfManyPages(t *testing.T) {
	each(t, contact.Options{}, func(f fixture) {
		many := make([]contact.Contact, 2*contact.MaxPage+1)
		for i := range many {
			many[i] = contact.Contact{Msisdn: fmt.Sprint(i)}
		}
		created, err := f.CreateMany(f.Context(), account, many)
		if err != nil {
			f.Fatal(err)
		}
		last := created[len(created)-1]
		stream := func(ctx context.Context, yield func(contact.Contact) error) (keys []string, err error) {
			err = f.Stream(ctx, account, func(c contact.Contact) error {
				keys = append(keys, c.Key)
				return yield(c)
			})
			return keys, err
		}
		keys, err := stream(f.Context(), func(contact.Contact) error { return nil })
		if err != nil {
			f.Fatal(err)
		}
		wantKeys(f.T, "streamed", keys, created...)
		enough := errors.New("enough")
		if keys, err = stream(f.Context(), func(contact.Contact) error { return enough }); !errors.Is(err, enough) || len(keys) != 1 {
			f.Fatal(len(keys), err)
		}
		if err := f.d.Tx(f.Context(), func(ctx context.Context) error {
			keys, err = stream(ctx, func(c contact.Contact) error {
				if c.Key != created[0].Key {
					return nil
				}
				_, err := f.Delete(ctx, account, last.Key)
				return err
			})
			return err
		}); err != nil {
			f.Fatal(err)
		}
		wantKeys(f.T, "streamed in a transaction", keys, created[:len(created)-1]...)
	})
}
