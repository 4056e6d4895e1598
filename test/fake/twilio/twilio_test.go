package twilio_test

import (
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"indaba/test/fake"
	"indaba/test/fake/twilio"
)

func send(t *testing.T, server, sid, token string, form url.Values) (int, string) {
	t.Helper()
	r, err := http.NewRequest("POST", server+"/2010-04-01/Accounts/"+sid+"/Messages.json", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth(sid, token)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := answer.Body.Close(); err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(body)
}

func TestMessages(t *testing.T) {
	p := twilio.New("AC1", "token", "")
	server := httptest.NewServer(p.Handler())
	defer server.Close()
	good := url.Values{"To": {"+27821234567"}, "From": {"+15005550006"}, "Body": {"hi"},
		"StatusCallback": {"https://indaba.example/status?message=m1"}}
	for _, c := range []struct {
		name, field, value, token string
		status                    int
		part                      string
	}{
		{"good", "", "", "token", 201, `"sid":"SM`},
		{"wrong token", "", "", "other", 401, `"code":20003`},
		{"no body", "Body", "", "token", 400, `"code":21602`},
		{"no number", "To", "Thandi", "token", 400, `"code":21211`},
		{"no sender", "From", "", "token", 400, `"code":21603`},
		{"too long", "Body", strings.Repeat("é", 1601), "token", 400, `"code":21617`},
		{"bad callback", "StatusCallback", "http://[", "token", 400, `"code":21609`},
	} {
		form := maps.Clone(good)
		if c.field != "" {
			form[c.field] = []string{c.value}
		}
		status, body := send(t, server.URL, "AC1", c.token, form)
		if status != c.status || !strings.Contains(body, c.part) {
			t.Errorf("%s: %d %s", c.name, status, body)
		}
	}
	if taken := p.Accepted(); len(taken) != 1 || taken[0].ID != "m1" || !strings.HasPrefix(taken[0].ProviderID, "SM") {
		t.Errorf("taken: %+v", taken)
	}
}

// The signature was made with openssl: printf '%s' "URL and parameters" | openssl dgst -sha1 -hmac 12345 -binary | base64
func TestWebhooksAreSigned(t *testing.T) {
	seen := make(chan string, 4)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		seen <- r.Header.Get("X-Twilio-Signature")
	}))
	defer server.Close()
	p := twilio.New("AC1", "12345", server.URL+"/hook")
	p.CalledAs = "https://indaba.example"
	if _, err := p.Say(t.Context(), "SM1", "+27821234567", "hi"); err != nil {
		t.Fatal(err)
	}
	if got := <-seen; got != "74rXtbY/2042xR23KKqEIA2HeK0=" {
		t.Errorf("signature %s", got)
	}
	if err := p.ReportAll(t.Context(), fake.Reports{Statuses: []string{"sent"}}); err != nil {
		t.Error(err)
	}
}
