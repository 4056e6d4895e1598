package gateway_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"indaba/internal/core"
	"indaba/internal/db"
	"indaba/internal/db/dbtest"
	"indaba/internal/gateway"
	"indaba/internal/message"
	"indaba/test/fake"
	"indaba/test/fake/custom"
)

// What waits for a channel follows the channel: its rate, its settings, its end.

// empty waits until nothing is on its way to a provider.
func (p *place) empty() {
	p.t.Helper()
	waitUntil(p.t, "the end of the queue", func() bool {
		_, parcels, err := p.messages.Waiting(p.t.Context(), account)
		return err == nil && parcels == 0
	})
}

func TestProviderThatHangsHoldsUpNoOtherChannel(t *testing.T) {
	d := dbtest.SQLite(t)
	p := open(t, d, echo)
	hangs, peer := p.twilio(map[string]string{"timeout": "20s"})
	for range 600 { // more than a channel has deliveries under way
		peer.Next(fake.Hang)
	}
	for i := range 600 {
		p.send(hangs, fmt.Sprint("+2773", 1_000_000+i), "")
	}
	taken(t, &peer.Desk, 500)
	other, quick := p.twilio(nil)
	p.send(other, "+27730000001", "")
	taken(t, &quick.Desk, 1)
}

func TestNewRateCountsForWhatWaits(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		p := open(t, d, echo)
		c, peer := p.twilio(map[string]string{"rate": "0.01"})
		for i := range 20 {
			p.send(c, fmt.Sprint("+2773000000", i), "")
		}
		taken(t, &peer.Desk, 1) // the next one would leave after a hundred seconds
		settings := maps.Clone(c.Settings)
		settings["rate"] = "1000"
		if err := p.store.SetSettings(t.Context(), account, c.Key, settings); err != nil {
			t.Fatal(err)
		}
		taken(t, &peer.Desk, 20)
	})
}

func TestChannelThatWasOffKeepsItsRate(t *testing.T) {
	d := dbtest.SQLite(t)
	p := open(t, d, echo)
	c, peer := p.twilio(map[string]string{"rate": "5"})
	for i := range 30 {
		p.send(c, fmt.Sprint("+2773000000", i), "")
	}
	taken(t, &peer.Desk, 6) // some have come to wait for their turn
	if err := p.store.SetEnabled(t.Context(), account, c.Key, false); err != nil {
		t.Fatal(err)
	}
	time.Sleep(2 * time.Second) // long enough for their turns to come while nothing may leave
	before := len(peer.Accepted())
	begun := time.Now()
	if err := p.store.SetEnabled(t.Context(), account, c.Key, true); err != nil {
		t.Fatal(err)
	}
	taken(t, &peer.Desk, before+10)
	if took := time.Since(begun); took < 900*time.Millisecond { // ten at five a second, five of them at once
		t.Fatalf("ten messages left in %v", took)
	}
}

func TestWhatWaitsFailsAtOnceWhenItsChannelIsRemoved(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		p := open(t, d, echo)
		c, peer := p.twilio(map[string]string{"rate": "0.01"})
		peer.RetryAfter = time.Hour
		peer.Next("429")
		p.send(c, "+27730000001", "") // waits for an hour
		waitUntil(t, "the refusal", func() bool {
			var reason string
			err := d.Row(t.Context(), "SELECT reason FROM outbox", nil, &reason)
			return err == nil && strings.Contains(reason, "429")
		})
		p.send(c, "+27730000002", "") // waits for its turn
		if err := p.gateway.Remove(t.Context(), account, c.Key); err != nil {
			t.Fatal(err)
		}
		p.status("+27730000001", core.Failed)
		p.status("+27730000002", core.Failed)
	})
}

// The provider took a message, said that it did not, and then that it did: that settles it, and nothing is sent again.
func TestMessageThatACallbackSettledIsNotSentAgain(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		p := open(t, d, echo)
		repeatable, peer := p.custom(nil)
		once, twilio := p.twilio(nil)
		for _, desk := range []*fake.Desk{&peer.Desk, &twilio.Desk} {
			desk.RetryAfter = time.Second
			desk.Next("503")
		}
		for c, status := range map[string]core.Status{repeatable.Key: core.Delivered, once.Key: core.Failed} {
			channel, err := p.store.Get(t.Context(), account, c)
			if err != nil {
				t.Fatal(err)
			}
			m := p.send(channel, "+27730000001", "")
			waitUntil(t, "the first attempt", func() bool {
				var n int
				err := d.Row(t.Context(), "SELECT count(*) FROM outbox WHERE message = $1 AND reason <> ''", []any{m.ID}, &n)
				return err == nil && n == 1
			})
			if _, err := p.messages.Report(t.Context(), message.Callback{Channel: c, MessageID: m.ID, Status: status}); err != nil {
				t.Fatal(err)
			}
		}
		p.empty()
		if len(peer.Accepted()) != 0 || len(twilio.Accepted()) != 0 {
			t.Fatalf("sent again: %v %v", peer.Accepted(), twilio.Accepted())
		}
	})
}

func TestMessageThatWaitedTooLongIsGivenUp(t *testing.T) {
	d := dbtest.SQLite(t)
	p := openFor(t, d, echo, 2*time.Second)
	off, peer := p.twilio(nil)
	if err := p.store.SetEnabled(t.Context(), account, off.Key, false); err != nil {
		t.Fatal(err)
	}
	p.send(off, "+27730000001", "")
	time.Sleep(2100 * time.Millisecond)
	if err := p.store.SetEnabled(t.Context(), account, off.Key, true); err != nil {
		t.Fatal(err)
	}
	if m := p.status("+27730000001", core.Failed); !strings.Contains(m.StatusReason, "given up") || len(peer.Accepted()) != 0 {
		t.Fatalf("%+v", m)
	}
}

func TestOnceMeansOnceMoreHoweverOftenItWasRefusedBefore(t *testing.T) {
	d := dbtest.SQLite(t)
	p := open(t, d, echo)
	c, peer := p.twilio(map[string]string{"resend_unknown": "once"})
	peer.Next("429", "503", fake.ResetAfter, fake.ResetAfter)
	p.send(c, "+27730000001", "")
	p.status("+27730000001", core.Unknown)
	p.empty()
	if all := peer.Accepted(); len(all) != 2 {
		t.Fatalf("%d attempts that may have arrived, want 2", len(all))
	}
}

// provider starts a provider that answers with handle, and makes a custom channel to it.
func (p *place) provider(handle http.HandlerFunc) (*gateway.Channel, *custom.Provider) {
	p.t.Helper()
	server := httptest.NewServer(handle)
	p.t.Cleanup(server.Close)
	c, peer := p.custom(map[string]string{"base_url": server.URL, "timeout": "10s"})
	return c, peer
}

func TestRefusalOfOldSettingsDoesNotPauseTheChannel(t *testing.T) {
	d := dbtest.SQLite(t)
	p := open(t, d, echo)
	asked, changed := make(chan struct{}), make(chan struct{})
	var requests atomic.Int32
	c, _ := p.provider(func(w http.ResponseWriter, _ *http.Request) {
		if requests.Add(1) == 1 {
			close(asked)
			<-changed
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
	p.send(c, "ann", "")
	<-asked
	settings := maps.Clone(c.Settings)
	settings["secret"] = "new"
	if err := p.store.SetSettings(t.Context(), account, c.Key, settings); err != nil {
		t.Fatal(err)
	}
	close(changed)
	p.status("ann", core.Sent)
	if c, err := p.store.Get(t.Context(), account, c.Key); err != nil || c.Trouble != "" {
		t.Fatalf("%+v %v", c, err)
	}
}

func TestLongIDOfAProviderIsFoundAgain(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		p := open(t, d, echo)
		long := strings.Repeat("é", 5000)
		c, peer := p.provider(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = fmt.Fprintf(w, `{"id": %q}`, long) // the status tells
		})
		p.send(c, "ann", "")
		p.status("ann", core.Sent)
		if reply, err := peer.Report(t.Context(), fake.Message{ProviderID: long}, "delivered", ""); err != nil || reply.Status != http.StatusOK {
			t.Fatalf("%+v %v", reply, err)
		}
		if m := p.status("ann", core.Delivered); len(m.ExternalID) > 255 {
			t.Fatalf("%d bytes are kept", len(m.ExternalID))
		}
	})
}

// A channel whose settings were given up with a lost key is off: what waits for it waits on.
func TestChannelWithoutItsSettingsIsOff(t *testing.T) {
	d := dbtest.SQLite(t)
	p := open(t, d, echo)
	c, peer := p.custom(nil)
	if err := p.store.SetEnabled(t.Context(), account, c.Key, false); err != nil {
		t.Fatal(err)
	}
	p.send(c, "ann", "")
	if err := p.store.GiveUp(t.Context(), account, c.Key); err != nil {
		t.Fatal(err)
	}
	if reply, err := peer.Say(t.Context(), custom.Inbound{ID: "1", From: "ann", Text: "hi"}); err != nil || reply.Status != http.StatusNotFound {
		t.Fatalf("%+v %v", reply, err)
	}
	if err := p.store.SetSettings(t.Context(), account, c.Key, c.Settings); err != nil {
		t.Fatal(err)
	}
	if err := p.store.SetEnabled(t.Context(), account, c.Key, true); err != nil {
		t.Fatal(err)
	}
	taken(t, &peer.Desk, 1)
}
