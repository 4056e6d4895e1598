package vumi_test

import (
	"encoding/json"
	"testing"
	"time"

	"indaba/internal/api/vumi"
	"indaba/internal/db"
	"indaba/internal/db/dbtest"
	"indaba/internal/optout"
)

// An application hears in the answer of an opt-out of the very address, and of an address that is none. Other spellings
// are judged when the message leaves.
func TestRecipientsThatAreRefusedInTheAnswer(t *testing.T) {
	const optedOut, invalid = "opted out", "Invalid or missing value for payload key 'to_addr'"
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := serveTalks(t, d, vumi.Options{})
		if _, err := optout.New(d, time.Now).Set(t.Context(), s.user, "msisdn", "+27820000001", ""); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct{ to, kind, refusal string }{
			{"+27820000001", "", optedOut}, {"27820000001", "", ""}, {" +27820000001", "", ""}, {"+27 82 000 0001", "", ""},
			{"+27820000001,+27820000002", "", invalid}, {"+27820000001,", "", invalid}, {"+27820000002;+27820000001", "", invalid},
			{"+27820000002\n+27820000001", "msisdn", invalid}, {"+2782\t0000002", "", invalid}, {" ", "", invalid},
			{"+27820000002", "", ""}, {"+27 82 000 0002 ", "", ""}, {"0820000001", "", ""}, {"082 000 0001", "", ""}, {"22395", "", ""},
			{"My Bank", "", ""}, {"ann@example.org", "", ""}, {"a, b", "wechat_id", ""}, {"+27820000001", "wechat_id", ""},
		} {
			fields := map[string]string{"to_addr": c.to}
			if c.kind != "" {
				fields["to_addr_type"] = c.kind
			}
			body, err := json.Marshal(fields)
			if err != nil {
				t.Fatal(err)
			}
			status, text := s.ask("PUT", "messages.json", string(body))
			var answer struct {
				Reason string
				To     string `json:"to_addr"`
			}
			if err := json.Unmarshal([]byte(text), &answer); err != nil {
				t.Fatal(err)
			}
			wanted := c.refusal
			if wanted == optedOut {
				wanted = "Recipient with msisdn " + c.to + " has opted out"
			}
			if answer.Reason != wanted || (status == 400) != (wanted != "") {
				t.Errorf("%q %s: %d %s", c.to, c.kind, status, text)
			}
			if status == 200 && answer.To != c.to {
				t.Errorf("%q is answered as %q", c.to, answer.To)
			}
		}
	})
}
