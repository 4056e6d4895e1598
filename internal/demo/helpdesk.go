package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"indaba/internal/config"
)

// helpdeskPath is where the help desk takes pushes.
const helpdeskPath = "/helpdesk"

// helpdeskPatience is how long the desk waits for the server.
const helpdeskPatience = 4 * time.Second

// helpdesk is an application behind an HTTP API conversation, as short as one can be: each message from a person is
// pushed to it, and it answers over the same API. It knows nothing of the server but its URL and a token.
type helpdesk struct {
	mu             sync.Mutex
	url            string // of the conversation
	account, token string
	questions      int
}

// meet tells the desk how to answer, and where the server is on this machine.
func (d *helpdesk) meet(f *Facts, server net.Addr) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if b := f.bot(helpdeskBot); b != nil {
		local := config.Config{} // without a public URL: this machine needs no way around
		d.url, d.account, d.token = conversationURL(local.BaseURL(server), b), f.Account.Key, b.Token
	}
}

// ServeHTTP takes one push. Whatever goes wrong is answered 503, so that the message is pushed again later.
func (d *helpdesk) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var m struct {
		ID           string `json:"message_id"`
		SessionEvent string `json:"session_event"`
	}
	if err := json.NewDecoder(io.LimitReader(r.Body, 1<<20)).Decode(&m); err != nil || m.ID == "" {
		http.Error(w, "this is no message", http.StatusBadRequest)
		return
	}
	if m.SessionEvent == "close" {
		return // nobody is there any more
	}
	if err := d.reply(r.Context(), m.ID); err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
	}
}

// reply answers a message (docs/spec/vumi-http.md 9.3).
func (d *helpdesk) reply(ctx context.Context, to string) error {
	d.mu.Lock()
	url, account, token := d.url, d.account, d.token
	d.questions++
	text := fmt.Sprintf("This is the help desk of MamaLine. A nurse will call you. Your question has the number %d.", d.questions)
	d.mu.Unlock()
	if url == "" {
		return fmt.Errorf("the help desk is not open yet")
	}
	body, err := json.Marshal(map[string]string{"in_reply_to": to, "content": text, "session_event": "close"})
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPut, url+"/messages.json", bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.SetBasicAuth(account, token)
	answer, err := (&http.Client{Timeout: helpdeskPatience}).Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }() // only its status counts
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("the answer was refused with %s", answer.Status)
	}
	return nil
}
