package cli_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// waiting is what message show --json says of a message that has not been sent.
type waiting struct {
	Status  string
	Waiting *struct {
		Attempts int
		Refusal  string    `json:"last_refusal"`
		NextTry  time.Time `json:"next_try"`
		Channel  string    `json:"channel_state"`
	}
}

// docs/guide/operations.md, "Statuses": an operator sees why a message waits.
func TestMessageThatWaitsSaysWhy(t *testing.T) {
	provider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "600")
		http.Error(w, "slow down", http.StatusTooManyRequests)
	}))
	defer provider.Close()
	p := withAccount(t)
	server := begin(t, p.data, "--listen", "127.0.0.1:0", "serve")
	server.await("listening")
	var made struct{ Webhook string }
	p.object(&made, "channel", "create", "sms/africastalking", "--name", "sms", "--address", "22395", "--set", "username=u",
		"--set", "api_key=k", "--set", "path_secret=word", "--set", "base_url="+provider.URL)
	p.must("bot", "deploy", echo)
	p.must("route", "link", "channel:sms", "bot:echo", "--both")
	answer, err := http.PostForm(made.Webhook, url.Values{"id": {"1"}, "from": {"+27821234567"}, "to": {"22395"}, "text": {"hello"}})
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close() // the status says all
	var out []struct{ ID string }
	for deadline := time.Now().Add(patience); len(out) == 0; time.Sleep(20 * time.Millisecond) { // nothing tells other processes of it
		if p.object(&out, "message", "list", "--way", "out"); time.Now().After(deadline) {
			t.Fatalf("no reply; %s answered %s", made.Webhook, answer.Status)
		}
	}
	show := func() (shown waiting) {
		t.Helper()
		p.object(&shown, "message", "show", out[0].ID)
		if shown.Waiting == nil || shown.Status != "queued" {
			t.Fatalf("it does not wait: %+v", shown)
		}
		return shown
	}
	shown := show()
	for deadline := time.Now().Add(patience); shown.Waiting.Refusal == ""; shown = show() {
		if time.Sleep(20 * time.Millisecond); time.Now().After(deadline) {
			t.Fatalf("nothing of the refusal in %+v", shown.Waiting)
		}
	}
	if w := shown.Waiting; w.Attempts != 1 || !strings.Contains(w.Refusal, "429") || time.Until(w.NextTry) < time.Minute || w.Channel != "on" {
		t.Errorf("after a refusal: %+v", w)
	}
	p.must("channel", "disable", "sms")
	if w := show().Waiting; w.Channel != "off" {
		t.Errorf("on a channel that is off: %+v", w)
	}
	text := p.must("message", "show", out[0].ID)
	for _, line := range []string{"attempts       1\n", "429", "before it      0 to the same person, 0 on the channel\n", "channel is     off\n"} {
		if !strings.Contains(text, line) {
			t.Errorf("no %q in\n%s", line, text)
		}
	}
}
