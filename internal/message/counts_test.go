package message

import (
	"strconv"
	"testing"
	"time"

	"indaba/internal/core"
	"indaba/internal/db"
	"indaba/internal/db/dbtest"
)

func TestCounts(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
		s := New(d, 1, func() time.Time { return now })
		store := func(n int, bot string, direction core.Direction, address string, ago time.Duration, statuses ...core.Status) {
			t.Helper()
			at := now.Add(-ago)
			m := &core.Message{ID: core.NewMessageID(at), Account: "a", Channel: "c", Direction: direction, From: address, To: address,
				ExternalID: strconv.Itoa(n), Bot: bot, Endpoint: "default", Status: core.Queued, CreatedAt: at}
			if direction == core.Inbound {
				m.ExternalID, m.Status = "in"+strconv.Itoa(n), core.Received
			}
			if err := s.insert(t.Context(), m); err != nil {
				t.Fatal(err)
			}
			for _, status := range statuses {
				if _, err := s.SetStatus(t.Context(), m.ID, status, "", ""); err != nil {
					t.Fatal(err)
				}
			}
		}
		for i, statuses := range [][]core.Status{
			{}, {core.Sending}, {core.Unknown}, {core.Sent}, {core.Sent, core.Delivered}, {core.Sent, core.Delivered, core.Read},
			{core.Delivered}, {core.Sent, core.Failed}, {core.Failed},
		} {
			store(i, "b", core.Outbound, "+"+strconv.Itoa(i%4), time.Duration(i)*time.Minute, statuses...)
		}
		for i := range 5 {
			store(100+i, "b", core.Inbound, "+"+strconv.Itoa(i%2), time.Duration(i)*time.Minute)
		}
		store(200, "other", core.Outbound, "+9", 0, core.Sent)
		store(201, "other", core.Inbound, "+9", 0)

		progress, err := s.Progress(t.Context(), "b")
		if want := (Progress{Sent: 9, Acked: 5, Nacked: 1, Delivered: 3, Undelivered: 1}); err != nil || progress != want {
			t.Errorf("got %+v, %v, want %+v", progress, err, want)
		}
		if progress, err = s.Progress(t.Context(), "nobody"); err != nil || progress != (Progress{}) {
			t.Errorf("a bot without messages: %+v, %v", progress, err)
		}
		count := func(name string, want int64) func(int64, error) {
			return func(got int64, err error) {
				t.Helper()
				if err != nil || got != want {
					t.Errorf("%s: got %d, %v, want %d", name, got, err, want)
				}
			}
		}
		count("inbound", 5)(s.CountInbound(t.Context(), "b"))
		count("outbound", 9)(s.CountOutbound(t.Context(), "b"))
		count("senders", 2)(s.CountSenders(t.Context(), "b"))
		count("recipients", 4)(s.CountRecipients(t.Context(), "b"))
		count("inbound since", 3)(s.CountInboundSince(t.Context(), "b", now.Add(-2*time.Minute)))
		count("outbound since", 3)(s.CountOutboundSince(t.Context(), "b", now.Add(-2*time.Minute)))
		count("outbound of nobody", 0)(s.CountOutbound(t.Context(), "nobody"))
	})
}
