package gateway_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"indaba/internal/core"
	"indaba/internal/db"
	"indaba/internal/db/dbtest"
	"indaba/test/fake/twilio"
)

// phone connects a number that people call.
func (p *place) phone(settings map[string]string) *twilio.Provider {
	p.t.Helper()
	peer := twilio.New("AC1", "tok", "")
	server := httptest.NewServer(peer.Handler())
	p.t.Cleanup(server.Close)
	all := map[string]string{"base_url": server.URL, "account_sid": "AC1", "auth_token": "tok"}
	for k, v := range settings {
		all[k] = v
	}
	c := p.channel("voice/twilio", "+15005550006", all)
	peer.Webhook = p.gateway.WebhookURL(c.Key)
	return peer
}

func TestCallIsAnsweredInTheSameRequest(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		p := open(t, d, func(m *core.Message) string {
			if m.SessionEvent == core.SessionNew {
				return "welcome"
			}
			return echo(m)
		})
		c, err := p.phone(nil).Dial(t.Context(), "+27730000001")
		if err == nil {
			err = c.Press(t.Context(), "12")
		}
		if want := "[welcome you said 1 you said 2]"; err != nil || fmt.Sprint(c.Heard) != want {
			t.Fatalf("heard %q, %v", c.Heard, err)
		}
		for range 3 {
			p.event(core.Ack)
		}
		p.status("+27730000001", core.Sent)
	})
}

// deaf is the connection of a provider that hangs up just before it is answered.
type deaf struct{ *httptest.ResponseRecorder }

// Write fails.
func (deaf) Write([]byte) (int, error) { return 0, errors.New("connection reset by peer") }

// What was on its way in an answer that nobody got is failed after all, and its bot is told.
func TestAnswerThatNobodyGot(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		p := open(t, d, func(*core.Message) string { return "welcome" })
		peer := p.phone(nil)
		wire := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			p.gateway.ServeHTTP(deaf{httptest.NewRecorder()}, r)
		}))
		defer wire.Close()
		peer.Webhook, peer.CalledAs = strings.Replace(peer.Webhook, p.server.URL, wire.URL, 1), p.server.URL
		if c, err := peer.Dial(t.Context(), "+27730000001"); err == nil {
			t.Fatalf("heard %q", c.Heard)
		}
		m := p.status("+27730000001", core.Failed)
		if !strings.Contains(m.StatusReason, "hung up") {
			t.Errorf("reason %q", m.StatusReason)
		}
	})
}
