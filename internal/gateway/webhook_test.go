package gateway_test

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"indaba/internal/core"
	"indaba/internal/db"
	"indaba/internal/db/dbtest"
)

// post sends a form that is written already to a path of the server, and returns the answer.
func (p *place) post(path, form string) (status int, body string) {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), http.MethodPost, p.server.URL+path, strings.NewReader(form))
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }() // it is read to its end
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// Whoever calls may write what no database stores where the id of something belongs. Nothing has such an id, which is no
// fault of ours.
func TestIDsThatCannotBeStoredNameNothing(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		p := open(t, d, echo)
		plain := p.channel("generic", "1", map[string]string{"base_url": "http://192.0.2.1", "path_secret": "sek",
			"status_map": `{"id":"id","message_id":"ours","status":"status"}`, "status_values": `{"ok":"delivered"}`})
		dialled := p.channel("ussd/africastalking", "*1#", map[string]string{"path_secret": "sek"})
		for _, bad := range []string{"%00", "a%00b", "b%ff%fe"} {
			if status, body := p.post("/channels/"+bad+"/x", "a=b"); status != http.StatusNotFound {
				t.Errorf("a channel of the key %s: %d %s", bad, status, body)
			}
			if status, body := p.post("/channels/"+plain.Key+"/sek/status", "status=ok&id=1&ours="+bad); status != http.StatusOK {
				t.Errorf("a report on message %s: %d %s", bad, status, body)
			}
			call := "phoneNumber=%2B2773&serviceCode=%2A1%23&sessionId=" + bad
			for _, step := range []struct{ text, want string }{{"", ""}, {"1", "CON you said 1"}, {"1*2", "CON you said 2"}} {
				// What was typed follows what the session held before, so that it has to be found again.
				status, body := p.post("/channels/"+dialled.Key+"/sek", call+"&text="+url.QueryEscape(step.text))
				if status != http.StatusOK || !strings.HasPrefix(body, step.want) {
					t.Errorf("session %s: %q is answered by %d %q", bad, step.text, status, body)
				}
			}
		}
		log, err := p.messages.Recent(t.Context(), account, "+2773", 100)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range log {
			if core.Storable(m.SessionID) != m.SessionID {
				t.Errorf("session %q is in the log", m.SessionID)
			}
		}
	})
}
