package gateway_test

import (
	"strings"
	"testing"
	"time"

	"indaba/internal/core"
	"indaba/internal/db"
	"indaba/internal/db/dbtest"
	"indaba/internal/gateway"
	"indaba/test/fake"
)

// send puts a message into the outbox.
func (p *place) send(c *gateway.Channel, to, inReplyTo string) *core.Message {
	p.t.Helper()
	text := "news"
	m := &core.Message{ID: core.NewMessageID(time.Now()), Account: account, Channel: c.Key, Direction: core.Outbound, From: "us", To: to,
		Content: &text, InReplyTo: inReplyTo, CreatedAt: time.Now()}
	if err := p.messages.Send(p.t.Context(), m); err != nil {
		p.t.Fatal(err)
	}
	return m
}

func (p *place) optOut(kind, address string) {
	p.t.Helper()
	if _, err := p.optouts.Set(p.t.Context(), account, kind, address, ""); err != nil {
		p.t.Fatal(err)
	}
}

func TestOptedOutAddressGetsRepliesOnly(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		p := open(t, d, echo)
		sms, peer := p.custom(nil)
		p.optOut("msisdn", "+27820000001")
		refused := p.send(sms, "+27820000001", "")
		if e := p.event(core.Nack); e.MessageID != refused.ID || e.Reason != "recipient: Recipient with msisdn +27820000001 has opted out" {
			t.Fatalf("%+v", e)
		}
		if m := p.status("+27820000001", core.Failed); m.StatusReason != "recipient: Recipient with msisdn +27820000001 has opted out" {
			t.Fatalf("%+v", m)
		}
		p.send(sms, "27820000001", "") // the same phone
		p.event(core.Nack)
		p.send(sms, "+27820000001", "m1")
		p.event(core.Ack)
		p.send(sms, "+27820000002", "")
		p.event(core.Ack)
		if _, _, err := p.optouts.Delete(t.Context(), account, "msisdn", "+27820000001"); err != nil {
			t.Fatal(err)
		}
		p.send(sms, "+27820000001", "")
		p.event(core.Ack)
		if n := len(peer.Accepted()); n != 3 {
			t.Fatalf("the provider got %d messages", n)
		}
	})
}

// Channels of other classes look under their own words too.
func TestTypesOfAddresses(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		p := open(t, d, echo)
		for class, kinds := range map[string][]string{"sms": {"msisdn"}, "voice": {"msisdn"}, "gtalk": {"gtalk", "msisdn", "gtalk_id"},
			"twitter": {"twitter_handle", "msisdn"}, "pigeon": {"msisdn"}} {
			c, _ := p.custom(map[string]string{"delivery_class": class})
			for _, kind := range kinds {
				p.optOut(kind, class+" "+kind)
				p.send(c, class+" "+kind, "")
				if e := p.event(core.Nack); !strings.Contains(e.Reason, "Recipient with "+kind+" "+class+" "+kind+" has opted out") {
					t.Errorf("%s, %s: %+v", class, kind, e)
				}
			}
			p.optOut("other", class+" other")
			p.send(c, class+" other", "")
			p.event(core.Ack)
		}
	})
}

// An opt-out made while a message waits counts: on a channel that is off, and between two attempts.
func TestOptOutWhileAMessageWaits(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		p := open(t, d, echo)
		off, quiet := p.custom(nil)
		if err := p.store.SetEnabled(t.Context(), account, off.Key, false); err != nil {
			t.Fatal(err)
		}
		p.send(off, "+1", "")
		p.optOut("msisdn", "+1")
		if err := p.store.SetEnabled(t.Context(), account, off.Key, true); err != nil {
			t.Fatal(err)
		}
		p.event(core.Nack)
		p.status("+1", core.Failed)

		busy, desk := p.custom(nil)
		desk.RetryAfter = time.Second
		desk.Next("503")
		p.send(busy, "+2", "")
		waitUntil(t, "the first attempt", func() bool {
			var n int
			return d.Row(t.Context(), "SELECT count(*) FROM outbox WHERE attempts = 1 AND not_before > 0", nil, &n) == nil && n == 1
		})
		p.optOut("msisdn", "+2")
		p.event(core.Nack)
		p.status("+2", core.Failed)
		if len(quiet.Accepted())+len(desk.Accepted()) != 0 {
			t.Fatal("somebody who had opted out got a message")
		}
	})
}

// A message whose first attempt may have arrived is not called failed because its recipient opted out afterwards.
func TestOptOutAfterADoubtfulAttempt(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		p := open(t, d, echo)
		c, desk := p.twilio(map[string]string{"resend_unknown": "once"})
		desk.Next(fake.Hang)
		p.send(c, "+3", "")
		taken(t, &desk.Desk, 1)
		p.optOut("msisdn", "+3") // while the provider hangs
		waitUntil(t, "the end of its way", func() bool {
			_, parcels, err := p.messages.Waiting(t.Context(), account)
			return err == nil && parcels == 0
		})
		if m := p.status("+3", core.Unknown); m.StatusReason == "" {
			t.Errorf("%+v", m)
		}
		taken(t, &desk.Desk, 1)
	})
}

// waitUntil looks until something that nothing announces has come true.
func waitUntil(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}
