package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestTalking(t *testing.T) {
	channel := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ParseForm() == nil && r.PostForm.Has("text") {
			_, _ = io.WriteString(w, "CON Welcome")
		} else if r.PostForm.Has("CallSid") {
			_, _ = io.WriteString(w, "<Response><Say>Welcome</Say></Response>")
		}
	}))
	defer channel.Close()
	for provider, want := range map[string]string{
		"twilio": "< 200", "africastalking": "< 200", "custom": "< 200", "ussd": "< Welcome",
		"twilio-voice": "< Welcome (hung up)",
	} {
		var out bytes.Buffer
		o := options{provider: provider, listen: "127.0.0.1:0", webhook: channel.URL, user: "u", secret: "s"}
		if err := run(t.Context(), o, strings.NewReader("+254711082123 1\n\n+254711082123 1\n"), &out); err != nil {
			t.Fatal(err)
		}
		if got := strings.Count(out.String(), want); got != 2 {
			t.Errorf("%s: %s", provider, out.String())
		}
	}
	if err := run(t.Context(), options{provider: "none"}, nil, nil); err == nil {
		t.Error("an unknown provider was run")
	}
}
