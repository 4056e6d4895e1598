package app_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"indaba/internal/gateway"
)

// A redirect turns what some clients send into a GET, and loses it with others (docs/spec/vumi-http.md 1).
func TestNoPathIsRedirected(t *testing.T) {
	a, _ := start(t, settings(t, ""))
	acc, err := a.Accounts.Create(t.Context(), "Clinic", "")
	if err != nil {
		t.Fatal(err)
	}
	c := &gateway.Channel{Account: acc.Key, Type: "sms/africastalking", Name: "sms", Address: "22395",
		Settings: map[string]string{"username": "u", "api_key": "k", "path_secret": "sek"}}
	if err := a.Channels.Create(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for _, test := range []struct {
		path   string
		status int
		text   string
	}{
		{"/channels/" + c.Key + "/sek", 200, ""},
		{"/channels/" + c.Key + "//sek", 200, ""}, // a slash too many after the key does no harm
		{"/channels/" + c.Key + "///sek//", 200, ""},
		{"/channels/" + c.Key + "//", 401, `{"error":`},
		{"/channels//" + c.Key + "/sek", 404, `{"error":`},
		{"/channels/./" + c.Key + "/sek", 404, `{"error":`},
		{"/channels/x/../" + c.Key + "/sek", 404, `{"error":`},
		{"//channels/" + c.Key + "/sek", 404, "404"},
		{"/channels", 404, "404"},
		{"//api/v1/go/contacts/", 404, "404"},
		{"/api/./v1/go/contacts/", 404, "404"},
		{"/api/v1/go//contacts/", 404, `{"status_code":404`},
		{"/api/v1/go/../go/contacts/", 404, `{"status_code":404`},
		{"/api//admin/v1/sessions", 404, "404"},
		{"//healthz", 404, "404"},
		{"/healthz/", 404, "404"},
		{"//", 404, "404"},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, a.URL()+test.path, strings.NewReader("id=1&from=%2B2773&text=hello"))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		answer, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close() // it was read to its end
		if answer.StatusCode != test.status || !strings.HasPrefix(string(text), test.text) {
			t.Errorf("%s: %d %s, want %d %s", test.path, answer.StatusCode, text, test.status, test.text)
		}
	}
}
