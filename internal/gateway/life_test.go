package gateway_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"indaba/internal/core"
	"indaba/internal/db"
	"indaba/internal/db/dbtest"
	"indaba/internal/gateway"
	"indaba/internal/routing"
	"indaba/test/fake"
)

func TestRemovedChannelLeavesNothingBehind(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		p := open(t, d, echo)
		c, peer := p.custom(nil)
		kept := p.channel("simulator", "1", map[string]string{"secret": "x"})
		if _, err := d.Exec(t.Context(), "INSERT INTO bot (key, account, name, kind, version, config, created_at) "+
			"VALUES ('b1', $1, 'b', 'http', 0, '{}', 0)", account); err != nil {
			t.Fatal(err)
		}
		routes := routing.New(d, nil, silent{}, time.Now)
		bot := routing.Endpoint{Kind: routing.Bot, Key: "b1", Name: routing.Default}
		for _, key := range []string{c.Key, kept.Key} {
			end := routing.Endpoint{Kind: routing.Channel, Key: key, Name: routing.Default}
			if err := routes.Link(t.Context(), account, routing.Entry{Source: end, Target: bot}); err != nil {
				t.Fatal(err)
			}
		}
		if err := p.store.SetEnabled(t.Context(), account, c.Key, false); err != nil {
			t.Fatal(err)
		}
		waiting := p.send(c, "+1", "")
		if err := p.gateway.Remove(t.Context(), "other", c.Key); core.KindOf(err) != core.NotFound {
			t.Fatalf("another account removed it: %v", err)
		}
		if err := p.gateway.Remove(t.Context(), account, c.Key); err != nil {
			t.Fatal(err)
		}
		if e := p.event(core.Nack); e.MessageID != waiting.ID || e.Reason != "channel custom was removed" {
			t.Fatalf("%+v", e)
		}
		p.send(c, "+1", "m1") // a reply that was on its way
		p.event(core.Nack)
		if answer, err := http.Post(p.gateway.WebhookURL(c.Key)+"/receive", "application/json", strings.NewReader("{}")); err != nil ||
			answer.StatusCode != http.StatusNotFound || answer.Body.Close() != nil {
			t.Errorf("its webhook: %+v %v", answer, err)
		}
		if _, err := p.gateway.Line(t.Context(), c.Key); core.KindOf(err) != core.NotFound {
			t.Error(err)
		}
		for name, err := range map[string]error{
			"remove":  p.gateway.Remove(t.Context(), account, c.Key),
			"rename":  p.store.Rename(t.Context(), account, c.Key, "x"),
			"enable":  p.store.SetEnabled(t.Context(), account, c.Key, true),
			"set":     p.store.SetSettings(t.Context(), account, c.Key, map[string]string{"rate": "1"}),
			"trouble": p.store.SetTrouble(t.Context(), account, c.Key, ""),
			"link": routes.Link(t.Context(), account, routing.Entry{Source: bot,
				Target: routing.Endpoint{Kind: routing.Channel, Key: c.Key, Name: routing.Default}}),
		} {
			if core.KindOf(err) != core.NotFound || err == nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if all, err := p.store.List(t.Context(), account); err != nil || len(all) != 1 || all[0].Key != kept.Key {
			t.Errorf("%+v %v", all, err)
		}
		if table, err := routes.Table(t.Context(), account); err != nil || len(table) != 1 || table[0].Source.Key != kept.Key {
			t.Errorf("%+v %v", table, err)
		}
		if gone, err := p.store.Removed(t.Context(), account); err != nil || len(gone) != 1 || gone[0].Name != "custom" ||
			len(gone[0].Settings) != 0 {
			t.Errorf("%+v %v", gone, err)
		}
		var settings string
		if err := d.Row(t.Context(), "SELECT settings FROM channel WHERE key = $1", []any{c.Key}, &settings); err != nil || settings != "" {
			t.Errorf("its secrets are still there: %q %v", settings, err)
		}
		if len(peer.Accepted()) != 0 {
			t.Error("something went out")
		}
	})
}

// A message that may have arrived before its channel was removed is not called failed.
func TestDoubtfulMessageOfARemovedChannel(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		p := open(t, d, echo)
		c, desk := p.twilio(map[string]string{"resend_unknown": "once"})
		desk.Next(fake.Hang)
		p.send(c, "+3", "")
		taken(t, &desk.Desk, 1)
		if err := p.gateway.Remove(t.Context(), account, c.Key); err != nil { // while the provider hangs
			t.Fatal(err)
		}
		waitUntil(t, "the end of its way", func() bool {
			_, parcels, err := p.messages.Waiting(t.Context(), account)
			return err == nil && parcels == 0
		})
		p.status("+3", core.Unknown)
		taken(t, &desk.Desk, 1)
	})
}

func TestChannelIsRenamed(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		p := open(t, d, echo)
		c := p.channel("simulator", "1", map[string]string{"secret": "x"})
		other := &gateway.Channel{Account: account, Type: "simulator", Name: "taken", Settings: map[string]string{"secret": "x"}}
		if err := p.store.Create(t.Context(), other); err != nil {
			t.Fatal(err)
		}
		second := &gateway.Channel{Account: account, Type: "simulator", Name: " taken ", Settings: map[string]string{"secret": "x"}}
		if err := p.store.Create(t.Context(), second); core.KindOf(err) != core.Conflict {
			t.Errorf("a second channel of one name: %v", err)
		}
		for name, kind := range map[string]core.Kind{"taken": core.Conflict, "": core.Invalid, "a\nb": core.Invalid} {
			if err := p.store.Rename(t.Context(), account, c.Key, name); core.KindOf(err) != kind || err == nil {
				t.Errorf("%q: %v", name, err)
			}
		}
		if err := p.store.Rename(t.Context(), "other", c.Key, "x"); core.KindOf(err) != core.NotFound {
			t.Error(err)
		}
		if err := p.store.Rename(t.Context(), account, c.Key, "line one"); err != nil {
			t.Fatal(err)
		}
		if got, err := p.store.Find(t.Context(), account, "line one"); err != nil || got.Key != c.Key || got.Settings["secret"] != "x" {
			t.Errorf("%+v %v", got, err)
		}
		if err := p.gateway.Remove(t.Context(), account, other.Key); err != nil {
			t.Fatal(err)
		}
		if err := p.store.Rename(t.Context(), account, c.Key, "taken"); err != nil {
			t.Errorf("the name of a removed channel is not free: %v", err)
		}
	})
}

func TestSettingsOfWhatNoBotGets(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		p := open(t, d, echo)
		c := p.channel("simulator", "1", map[string]string{"secret": "x", "kind": "ussd"})
		line := func() core.Line {
			t.Helper()
			line, err := p.gateway.Line(t.Context(), c.Key)
			if err != nil {
				t.Fatal(err)
			}
			return line
		}
		if got := line(); got != (core.Line{Address: "1", TransportType: "ussd", DeliveryClass: "ussd"}) {
			t.Errorf("%+v", got)
		}
		set := func(settings map[string]string) {
			t.Helper()
			if err := p.store.SetSettings(t.Context(), account, c.Key, settings); err != nil {
				t.Fatal(err)
			}
		}
		set(map[string]string{"reply_to_unroutable_inbound": "true", "disable_global_opt_out": "true"})
		if got := line(); !got.KeepsKeywords || got.Unroutable == nil ||
			*got.Unroutable != "Vumi Go could not route your message. Please try again soon." {
			t.Errorf("%+v", got)
		}
		set(map[string]string{"unroutable_inbound_reply": "Later.", "disable_global_opt_out": "false"})
		if got := line(); got.KeepsKeywords || *got.Unroutable != "Later." {
			t.Errorf("%+v", got)
		}
	})
}
