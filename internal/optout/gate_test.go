package optout_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"indaba/internal/core"
	"indaba/internal/db"
	"indaba/internal/db/dbtest"
	"indaba/internal/optout"
)

// book is the accounts that there are. It counts how often it was asked.
type book struct {
	asked    atomic.Int64
	disabled bool
	keywords []string
	err      error
}

func (b *book) OptoutPolicy(context.Context, string) (bool, []string, error) {
	b.asked.Add(1)
	return b.disabled, b.keywords, b.err
}

func eachGate(t *testing.T, test func(t *testing.T, d *db.DB, s *optout.Service, g *optout.Gate, b *book)) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s, b := optout.New(d, time.Now), &book{}
		test(t, d, s, optout.NewGate(s, b), b)
	})
}

func changed(t *testing.T, d *db.DB) {
	t.Helper()
	if err := d.Tx(t.Context(), d.Changed); err != nil {
		t.Fatal(err)
	}
}

func TestGateRefuses(t *testing.T) {
	eachGate(t, func(t *testing.T, d *db.DB, s *optout.Service, g *optout.Gate, b *book) {
		for _, o := range [][2]string{{"msisdn", "+27820000001"}, {"msisdn", "27820000002"}, {"gtalk", "ann@example.org"},
			{"wechat_id", "bob"}, {"msisdn", "carol"}, {"msisdn", "0027820000003"}, {"msisdn", "+27 82 000 0004"},
			{"msisdn", "0820000005"}, {"msisdn", "22395"}, {"msisdn", "BANK"}} {
			if _, err := s.Set(t.Context(), account, o[0], o[1], ""); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := s.Set(t.Context(), "other", "msisdn", "+27820000009", ""); err != nil {
			t.Fatal(err)
		}
		phone, gtalk, wechat := []string{"msisdn"}, []string{"msisdn", "gtalk", "gtalk_id"}, []string{"msisdn", "wechat", "wechat_id"}
		for _, c := range []struct {
			address string
			types   []string
			refused string // the type that the reason names; empty when it may be written to
		}{
			{"+27820000001", phone, "msisdn"},
			{"27820000001", phone, "msisdn"}, // one phone, however it is written
			{"+27820000002", phone, "msisdn"},
			{"27820000002", phone, "msisdn"},
			{"+2782000000", phone, ""},
			{"+27820000009", phone, ""}, // opted out of another account's messages
			{"ann@example.org", gtalk, "gtalk"},
			{"ann@example.org", phone, ""},
			{"bob", wechat, "wechat_id"},
			{"carol", wechat, "msisdn"}, // by a keyword
			{"", phone, ""},
			{"+", phone, ""},
			{"a\x00b", phone, ""},
			{strings.Repeat("9", 5000), phone, ""},
			// Providers read all of these as the number that has opted out.
			{" +27820000001", phone, "msisdn"},
			{"+27820000001\n", phone, "msisdn"},
			{"+27 82 000 0001", phone, "msisdn"},
			{"(27) 82-000.0001", phone, "msisdn"},
			{"0027820000001", phone, "msisdn"},
			{"\u202a+27\u00a0820000001\u202c", phone, "msisdn"},
			{strings.Repeat(" ", 5000) + "+27820000001", phone, "msisdn"},
			{"0027 82 000 0002", phone, "msisdn"},
			{"+27820000003", phone, "msisdn"}, // was written 0027820000003 when it opted out
			{"+27 82 000 0004", phone, "msisdn"},
			{"082 000 0005", phone, "msisdn"},
			{"22395", phone, "msisdn"},
			{" BANK ", phone, "msisdn"},
			{"bank", phone, ""},       // a name is taken verbatim
			{"0820000001", phone, ""}, // nobody knows in which country
			{"82 000 0001", phone, ""},
			{"22396", phone, ""},
		} {
			want := ""
			if c.refused != "" {
				want = "Recipient with " + c.refused + " " + c.address + " has opted out"
			}
			if got, err := g.LastCall(t.Context(), account, c.address, c.types...); got != want || err != nil {
				t.Errorf("%.20s %v: %q %v, want %q", c.address, c.types, got, err, want)
			}
		}
		// What an application asks for is compared to the letter.
		for _, c := range [][3]string{
			{"msisdn", "+27820000001", "Recipient with msisdn +27820000001 has opted out"},
			{"msisdn", "27820000001", ""}, {"msisdn", "0027 82 000 0001", ""},
			{"gtalk", "ann@example.org", "Recipient with gtalk ann@example.org has opted out"},
			{"msisdn", "ann@example.org", ""}, {"gtalk", "+27820000001", ""}, {"gtalk", "ann@example.org ", ""},
		} {
			if got, err := g.Refusal(t.Context(), account, c[0], c[1]); got != c[2] || err != nil {
				t.Errorf("%s %s: %q %v, want %q", c[0], c[1], got, err, c[2])
			}
		}
		b.disabled = true
		changed(t, d)
		if got, err := g.LastCall(t.Context(), account, "+27820000001", "msisdn"); got != "" || err != nil {
			t.Errorf("opt-outs are disabled: %q %v", got, err)
		}
	})
}

func TestGateKnowsKeywords(t *testing.T) {
	eachGate(t, func(t *testing.T, d *db.DB, _ *optout.Service, g *optout.Gate, b *book) {
		b.keywords = []string{"opt out", "stop", "увы"}
		for text, want := range map[string]string{
			"stop": "stop", " STOP\r\n": "stop", "Opt Out": "opt out", "УВЫ": "увы",
			"": "", " ": "", "stop it": "", "don't stop": "", "stop.": "", "opt  out": "", "st": "",
		} {
			if got, err := g.Keyword(t.Context(), account, text); got != want || err != nil {
				t.Errorf("%q is the keyword %q (%v), want %q", text, got, err, want)
			}
		}
		if n := b.asked.Load(); n != 1 {
			t.Errorf("the account was read %d times", n)
		}
		b.keywords = nil
		changed(t, d)
		if got, err := g.Keyword(t.Context(), account, "stop"); got != "" || err != nil {
			t.Errorf("there are no keywords any more: %q %v", got, err)
		}
		b.disabled, b.keywords = true, []string{"stop"}
		changed(t, d)
		if got, err := g.Keyword(t.Context(), account, "stop"); got != "" || err != nil {
			t.Errorf("opt-outs are disabled: %q %v", got, err)
		}
	})
}

// A gate that cannot tell must say so: nobody may be written to, or left in, by mistake.
func TestGateThatCannotReadTheAccount(t *testing.T) {
	eachGate(t, func(t *testing.T, d *db.DB, _ *optout.Service, g *optout.Gate, b *book) {
		b.err = errors.New("the disk is away")
		if _, err := g.Refusal(t.Context(), account, "msisdn", "+1"); err == nil {
			t.Error("it lets messages through")
		}
		if _, err := g.Keyword(t.Context(), account, "stop"); err == nil {
			t.Error("it lets keywords through")
		}
		b.err = core.Errorf(core.NotFound, "no such account")
		if got, err := g.Refusal(t.Context(), account, "msisdn", "+1"); got != "" || err != nil {
			t.Errorf("an account that is not there: %q %v", got, err)
		}
	})
}
