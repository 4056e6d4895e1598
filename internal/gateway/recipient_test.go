package gateway_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"indaba/internal/core"
	"indaba/internal/db"
	"indaba/internal/db/dbtest"
	"indaba/internal/gateway"
	"indaba/test/fake/africastalking"
)

func (p *place) africastalking() (*gateway.Channel, *africastalking.SMS) {
	p.t.Helper()
	peer := africastalking.NewSMS("us", "k3y", "", "")
	server := httptest.NewServer(peer.Handler())
	p.t.Cleanup(server.Close)
	c := p.channel("sms/africastalking", "22395", map[string]string{"base_url": server.URL, "username": "us", "api_key": "k3y",
		"path_secret": "w0rd", "timeout": "500ms"})
	return c, peer
}

// A provider takes "+1,+2" for two people, of whom nobody has looked up the second among the opt-outs.
func TestMessageGoesToOnePersonOnly(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		p := open(t, d, echo)
		sms, peer := p.africastalking()
		phones, desk := p.custom(map[string]string{"delivery_class": "whatsapp"})
		p.optOut("msisdn", "+27820000001")
		for _, c := range []*gateway.Channel{sms, phones} {
			for _, to := range []string{"+27820000001,+27820000002", "+27820000001,", "+27820000002;+27820000001", "+27820000002\n",
				"+27820000001\r\n+27820000002", "+27820000002\x01", "+27820000001 +27820000002"} {
				m := p.send(c, to, "")
				if e := p.event(core.Nack); e.MessageID != m.ID || !strings.HasPrefix(e.Reason, "recipient: this is not the address of one person") {
					t.Errorf("%q: %+v", to, e)
				}
			}
			for _, to := range []string{"+27820000001", "27820000001", " +27820000001", "+27 82 000 0001", "0027820000001"} {
				m := p.send(c, to, "")
				if e := p.event(core.Nack); e.MessageID != m.ID || !strings.HasSuffix(e.Reason, " has opted out") {
					t.Errorf("%q: %+v", to, e)
				}
			}
			p.send(c, "+27820000002", "")
			p.event(core.Ack)
			p.send(c, "+27820000001", "m1") // a reply
			p.event(core.Ack)
		}
		for _, to := range []string{"22395", "0820000001", "082 000 0001", "BANK", "My Bank"} {
			p.send(phones, to, "")
			p.event(core.Ack)
		}
		if len(peer.Accepted()) != 2 || len(desk.Accepted()) != 7 {
			t.Errorf("the providers got %d and %d messages", len(peer.Accepted()), len(desk.Accepted()))
		}
		names, desk := p.custom(map[string]string{"delivery_class": "wechat"})
		p.send(names, "a, b;c", "") // whatever that is there, it is no number
		p.event(core.Ack)
		if got := taken(t, &desk.Desk, 1); got[0].To != "a, b;c" {
			t.Errorf("sent to %q", got[0].To)
		}
	})
}

// What goes out is addressed as what comes in is.
func TestRecipientsAreWrittenAsTheChannelWritesThem(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		p := open(t, d, echo)
		sms, _ := p.africastalking()
		own, _ := p.custom(nil)
		for _, test := range []struct {
			channel  *gateway.Channel
			to, want string
		}{
			{sms, " +27820000001\n", "+27820000001"}, {sms, "27820000001", "+27820000001"}, {sms, "0027 82 000 0001", "+27820000001"},
			{sms, "0820000001 ", "0820000001"}, {sms, "22395", "22395"}, {sms, "BANK", "BANK"}, {sms, "+1,+2", "+1,+2"},
			// The peer of a custom channel has ids of its own, which come in as they are.
			{own, "100000000001", "100000000001"}, {own, " +27 82 000 0001\n", "+27 82 000 0001"},
		} {
			got, err := p.gateway.Recipient(t.Context(), test.channel.Key, test.to)
			if got != test.want || err != nil {
				t.Errorf("%s, %q: %q %v, want %q", test.channel.Type, test.to, got, err, test.want)
			}
		}
		if _, err := p.gateway.Recipient(t.Context(), "none", "+1"); core.KindOf(err) != core.NotFound {
			t.Errorf("a channel that is not there: %v", err)
		}
	})
}
