package contact_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"indaba/internal/contact"
	"indaba/internal/core"
	"indaba/internal/db"
	"indaba/internal/db/dbtest"
)

func TestBatch(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s, ctx := contact.New(d, time.Now, contact.Options{}), t.Context()
		smart, err := s.CreateGroup(ctx, "a", "Durban", new("extras-city:Durban"))
		if err != nil {
			t.Fatal(err)
		}
		team, err := s.CreateGroup(ctx, "a", "Team", nil)
		if err != nil {
			t.Fatal(err)
		}
		old, err := s.Create(ctx, "a", contact.Contact{Msisdn: "+1", EmailAddress: new("a@example.org")})
		if err != nil {
			t.Fatal(err)
		}
		newest, err := s.Create(ctx, "a", contact.Contact{Msisdn: "+1", Extra: map[string]string{"city": "Durban"}})
		if err != nil {
			t.Fatal(err)
		}
		foreign, err := s.Create(ctx, "b", contact.Contact{Msisdn: "+1"})
		if err != nil {
			t.Fatal(err)
		}
		err = s.Change(ctx, "a", func(ctx context.Context, b *contact.Batch) error {
			for field, value := range map[string]string{"msisdn": "+1", "extras-city": "Durban", "key": newest.Key} {
				found, err := b.Find(ctx, field, []string{value, "+2", "", foreign.Key, strings.Repeat("x", 5000)})
				if field == "extras-city" {
					if core.KindOf(err) != core.Invalid {
						t.Errorf("a value of no word: %v", err)
					}
					found, err = b.Find(ctx, field, []string{value, "\x00", "\xff"})
				}
				if err != nil || len(found) != 1 || found[value].Key != newest.Key {
					t.Errorf("by %s: %v %v", field, found, err)
				}
			}
			if _, err := b.Find(ctx, "created_at", []string{"2026"}); core.KindOf(err) != core.Invalid {
				t.Errorf("by a time: %v", err)
			}
			found, err := b.Find(ctx, "email_address", []string{"a@example.org"})
			if err != nil || found["a@example.org"].Key != old.Key {
				t.Errorf("by mail: %v %v", found, err)
			}
			changed := found["a@example.org"]
			if _, did, err := b.Save(changed); did || err != nil {
				t.Errorf("saved as it was: %v %v", did, err)
			}
			changed.Extra = map[string]string{"city": "Durban"}
			changed.Groups = []string{team.Key, team.Key}
			stored, did, err := b.Save(changed)
			if !did || err != nil || len(stored.Groups) != 1 {
				t.Errorf("%+v %v %v", stored, did, err)
			}
			stored.Name = new("Ann")
			if _, did, err := b.Save(stored); !did || err != nil {
				t.Errorf("saved again: %v %v", did, err)
			}
			if _, _, err := b.Save(contact.Contact{Msisdn: strings.Repeat("1", 256)}); core.KindOf(err) != core.Invalid {
				t.Errorf("a long number: %v", err)
			}
			if _, _, err := b.Save(contact.Contact{Key: foreign.Key, Msisdn: "x"}); core.KindOf(err) != core.NotFound {
				t.Errorf("another account's contact: %v", err)
			}
			fresh, did, err := b.Save(contact.Contact{Msisdn: "+3", Groups: []string{team.Key}})
			if !did || err != nil {
				t.Errorf("a new one: %v", err)
			}
			fresh.Extra = map[string]string{"city": "Durban"}
			_, _, err = b.Save(fresh)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		for key, want := range map[string]int64{smart.Key: 3, team.Key: 2} {
			if n, err := s.CountMembers(ctx, "a", key); n != want || err != nil {
				t.Errorf("group %s has %d members, want %d: %v", key, n, want, err)
			}
		}
		if n, err := s.Count(ctx, "a"); n != 3 || err != nil {
			t.Errorf("%d contacts, %v", n, err)
		}
		if c, err := s.Lookup(ctx, "a", "extras-city", "Durban"); err != nil || c.Msisdn != "+3" {
			t.Errorf("look up: %+v %v", c, err)
		}
		if c, err := s.Get(ctx, "a", old.Key); err != nil || *c.Text("name") != "Ann" || c.Text("nmae") != nil {
			t.Errorf("%+v %v", c, err)
		}
		wrong := errors.New("no")
		if err := s.Change(ctx, "a", func(ctx context.Context, b *contact.Batch) error {
			_, _, err := b.Save(contact.Contact{Msisdn: "+4"})
			return errors.Join(err, wrong)
		}); !errors.Is(err, wrong) {
			t.Error(err)
		}
		if n, err := s.Count(ctx, "a"); n != 3 || err != nil {
			t.Errorf("after a change that failed: %d contacts, %v", n, err)
		}
	})
}
