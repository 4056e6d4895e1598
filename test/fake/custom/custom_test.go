package custom_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"indaba/test/fake"
	"indaba/test/fake/custom"
)

func post(t *testing.T, target, body, secret, key string) (int, string) {
	t.Helper()
	r, err := http.NewRequest("POST", target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte("1772366400." + body))
	r.Header.Set("X-Timestamp", "1772366400")
	r.Header.Set("X-Signature", "v1="+hex.EncodeToString(mac.Sum(nil)))
	r.Header.Set("Idempotency-Key", key)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := answer.Body.Close(); err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

func TestMessages(t *testing.T) {
	p := custom.New("secret", "")
	p.Reply = func(m fake.Message) []custom.Inbound { return []custom.Inbound{{From: m.To, Text: "re: " + m.Text}} }
	server := httptest.NewServer(p.Handler())
	defer server.Close()
	body := `{"id":"m1","contact":{"id":"+27821234567"},"text":"hi"}`
	want := `{"id":"peer-m1","messages":[{"id":"in-1","from":"+27821234567","text":"re: hi"}]}`
	for _, c := range []struct {
		name, body, secret string
		status             int
		answer             string
	}{
		{"good", body, "secret", 200, want},
		{"repeated", body, "secret", 200, want},
		{"forged", body, "guess", 401, ""},
		{"no id", `{"text":"hi"}`, "secret", 400, ""},
	} {
		status, answer := post(t, server.URL, c.body, c.secret, "m1")
		if status != c.status || c.answer != "" && answer != c.answer {
			t.Errorf("%s: %d %s", c.name, status, answer)
		}
	}
	if taken := p.Accepted(); len(taken) != 1 || taken[0].Repeats != 1 || taken[0].To != "+27821234567" {
		t.Errorf("taken: %+v", taken)
	}
}
