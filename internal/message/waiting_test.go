package message_test

import (
	"context"
	"testing"
	"time"

	"indaba/internal/core"
	"indaba/internal/db"
	"indaba/internal/db/dbtest"
	"indaba/internal/message"
)

func TestOutboxTellsWhyAMessageWaits(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ctx, s := t.Context(), message.New(d, 256, time.Now)
		first, second, other := outbound("+1", "first"), outbound("+1", "second"), outbound("+2", "to somebody else")
		if err := s.Send(ctx, first, other, second); err != nil {
			t.Fatal(err)
		}
		parcels := make(chan *message.Parcel, 10)
		stop := work(t, func(ctx context.Context) error {
			return s.Outbox.Run(ctx, func(_ context.Context, p *message.Parcel) time.Duration { parcels <- p; return time.Hour })
		})
		parcel := <-parcels
		for parcel.Message.ID != first.ID {
			parcel = <-parcels
		}
		wait := func(m *core.Message) message.Wait {
			t.Helper()
			w, err := s.WaitOf(ctx, m)
			if err != nil || w == nil || time.Since(w.Since) > time.Minute {
				t.Fatalf("%+v %v", w, err)
			}
			w.Since = time.Time{}
			return *w
		}
		if got := wait(first); got != (message.Wait{}) {
			t.Errorf("before any attempt: %+v", got)
		}
		if got := wait(second); got != (message.Wait{SameLane: 1, OnChannel: 2}) {
			t.Errorf("behind others: %+v", got)
		}
		if _, err := s.Outbox.Start(ctx, parcel); err != nil {
			t.Fatal(err)
		}
		if got := wait(first); got != (message.Wait{Attempts: 1, Begun: true}) {
			t.Errorf("during an attempt: %+v", got)
		}
		until := time.Now().Add(time.Hour).UTC().Truncate(time.Microsecond)
		if err := s.Outbox.Postpone(ctx, parcel, until, false, "429: slow down"); err != nil {
			t.Fatal(err)
		}
		if got := wait(first); got != (message.Wait{Attempts: 1, Refusal: "429: slow down", NextTry: until}) {
			t.Errorf("after it: %+v", got)
		}
		if err := s.Settle(ctx, parcel, core.Sent, "", "", func(context.Context, core.Status, string) error { return nil }); err != nil {
			t.Fatal(err)
		}
		in := inbound("+1", "x", "hello")
		accept(t, s, in)
		for _, m := range []*core.Message{first, in} {
			if w, err := s.WaitOf(ctx, m); w != nil || err != nil {
				t.Errorf("it does not wait: %+v %v", w, err)
			}
		}
		stop()
	})
}
