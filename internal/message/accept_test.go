package message_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"indaba/internal/core"
	"indaba/internal/db"
	"indaba/internal/db/dbtest"
	"indaba/internal/message"
)

// aged returns a message that came in some time ago.
func aged(from, externalID, text string, age time.Duration) *core.Message {
	m := inbound(from, externalID, text)
	m.CreatedAt = m.CreatedAt.Add(-age)
	m.ID = core.NewMessageID(m.CreatedAt)
	return m
}

// docs/spec/channels.md 0: a provider's id is remembered for seven days. There are gateways that count from one again.
func TestProviderIDIsFreeAgainAfterSevenDays(t *testing.T) {
	const day = 24 * time.Hour
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ctx, s := t.Context(), message.New(d, 256, time.Now)
		old, young := aged("+1", "1", "long ago", 8*day), aged("+1", "2", "the other day", 7*day-time.Minute)
		for _, m := range []*core.Message{old, young} {
			if !accept(t, s, m) {
				t.Fatal("a new message was taken for a redelivery")
			}
		}
		if accept(t, s, inbound("+1", "2", "the other day")) {
			t.Error("a redelivery within seven days was taken for a new message")
		}
		next := inbound("+2", "1", "something else")
		if !accept(t, s, next) {
			t.Fatal("a message was dropped since its id had been used eight days before")
		}
		// As part of a larger transaction, where several come in with one request.
		if err := d.Tx(ctx, func(ctx context.Context) error {
			fresh, id, err := s.Accept(ctx, inbound("+2", "1", "something else"))
			if fresh || id != next.ID {
				t.Errorf("a redelivery of the new message: fresh %v, id %s, want %s", fresh, id, next.ID)
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
		for _, m := range []*core.Message{old, next} {
			got, err := s.Get(ctx, "acc", m.ID)
			if err != nil || got.ExternalID != "1" || *got.Content != *m.Content || string(got.TransportMetadata) != `{"a":1}` || got.Group != "g" {
				t.Errorf("the log shows %+v (%v)", got, err)
			}
		}
		if mails, _, err := s.Waiting(ctx, "acc"); mails != 3 || err != nil {
			t.Errorf("%d mails wait for a bot, want 3 (%v)", mails, err)
		}
	})
}

func TestReusedProviderIDsAreToldFromRedeliveriesAtOnce(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		const ids, each = 10, 8
		s := message.New(d, 256, time.Now)
		for n := range ids {
			accept(t, s, aged("+1", fmt.Sprint(n), "old", 30*24*time.Hour))
		}
		var all sync.WaitGroup
		var mu sync.Mutex
		fresh, stored := 0, map[string]bool{}
		for n := range ids * each {
			all.Go(func() {
				// From several people, so that several writers of the database meet the same id.
				isNew, id, err := s.Accept(t.Context(), inbound(fmt.Sprint("+", n), fmt.Sprint(n%ids), "new"))
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					t.Error(err)
				}
				if isNew {
					fresh++
				}
				stored[id] = true
			})
		}
		all.Wait()
		if fresh != ids || len(stored) != ids {
			t.Errorf("%d messages were new and %d are known, of %d", fresh, len(stored), ids)
		}
		if mails, _, err := s.Waiting(t.Context(), "acc"); mails != 2*ids || err != nil {
			t.Errorf("%d mails wait for a bot, want %d (%v)", mails, 2*ids, err)
		}
	})
}
