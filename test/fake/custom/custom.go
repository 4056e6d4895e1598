// Package custom is a fake peer of the custom HTTP channel (docs/spec/channels.md 9): it takes signed messages, drops
// repeated ones by their Idempotency-Key, says things as people do, and reports deliveries.
package custom

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"indaba/test/fake"
)

const jsonType = "application/json"

// Provider is the peer. Set its fields before use; it is safe for concurrent use then.
type Provider struct {
	fake.Desk
	Secret  string
	Webhook string // the channel's URL on Indaba, without a slash at its end
	Hook    fake.Hook
	// Reply, when set, says what a person answers to a message, in the answer to the request that brought it.
	Reply func(fake.Message) []Inbound

	mu      sync.Mutex
	lastID  int
	answers map[string]string // by provider id, so that a repeated request gets the same one
}

// Inbound is one message from a person.
type Inbound struct {
	ID           string `json:"id"` // empty for the next number
	From         string `json:"from"`
	Name         string `json:"name,omitempty"`
	Text         string `json:"text"`
	SessionEvent string `json:"session_event,omitempty"`
	SessionID    string `json:"session_id,omitempty"`
}

// New returns a peer that shares a secret with the channel whose webhook it calls.
func New(secret, webhook string) *Provider {
	return &Provider{Secret: secret, Webhook: strings.TrimRight(webhook, "/")}
}

// Handler returns what takes messages, at any path.
func (p *Provider) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.Serve(w, r, func(body []byte) fake.Exchange {
			return fake.Exchange{
				Accept: func() fake.Reply { return p.accept(r, body) },
				Refuse: func() fake.Reply { return failure(http.StatusUnprocessableEntity) },
				Fail:   failure,
			}
		})
	})
}

func failure(status int) fake.Reply {
	return fake.Reply{Status: status, ContentType: jsonType, Body: fmt.Sprintf(`{"error":%q}`, http.StatusText(status))}
}

func (p *Provider) accept(r *http.Request, body []byte) fake.Reply {
	if !hmac.Equal([]byte(r.Header.Get("X-Signature")), []byte(p.sign(r.Header.Get("X-Timestamp"), body))) {
		return failure(http.StatusUnauthorized)
	}
	var out struct {
		ID      string              `json:"id"`
		Contact struct{ ID string } `json:"contact"`
		From    string              `json:"from"`
		Text    string              `json:"text"`
	}
	if err := json.Unmarshal(body, &out); err != nil || out.ID == "" || r.Method != http.MethodPost {
		return failure(http.StatusBadRequest)
	}
	m, repeated := p.Take(fake.Message{ID: out.ID, ProviderID: "peer-" + out.ID, To: out.Contact.ID, From: out.From,
		Text: out.Text, Key: r.Header.Get("Idempotency-Key")})
	if repeated {
		p.mu.Lock()
		defer p.mu.Unlock()
		return fake.Reply{ContentType: jsonType, Body: p.answers[m.ProviderID]}
	}
	answer := map[string]any{"id": m.ProviderID}
	if p.Reply != nil {
		replies := p.Reply(m)
		for i := range replies {
			p.number(&replies[i])
		}
		answer["messages"] = replies
	}
	text, err := json.Marshal(answer)
	if err != nil {
		return failure(http.StatusInternalServerError)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.answers == nil {
		p.answers = map[string]string{}
	}
	p.answers[m.ProviderID] = string(text)
	return fake.Reply{ContentType: jsonType, Body: string(text)}
}

// Say sends what a person says and returns Indaba's answer. Saying the same ID twice is a redelivery.
func (p *Provider) Say(ctx context.Context, m Inbound) (fake.Reply, error) {
	p.number(&m)
	return p.post(ctx, "receive", m)
}

func (p *Provider) number(m *Inbound) {
	if m.ID != "" {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lastID++
	m.ID = "in-" + strconv.Itoa(p.lastID)
}

// Report sends a delivery report on a message that was taken; status is sent, delivered, read or failed.
func (p *Provider) Report(ctx context.Context, m fake.Message, status, reason string) (fake.Reply, error) {
	report := map[string]string{"id": m.ID, "external_id": m.ProviderID, "status": status}
	if reason != "" {
		report["error"] = reason
	}
	return p.post(ctx, "status", report)
}

// ReportAll reports on every message taken so far.
func (p *Provider) ReportAll(ctx context.Context, how fake.Reports) error {
	for _, report := range how.Plan(p.Accepted()) {
		if _, err := p.Report(ctx, report.Message, report.Status, ""); err != nil {
			return err
		}
	}
	return nil
}

func (p *Provider) post(ctx context.Context, path string, value any) (fake.Reply, error) {
	body, err := json.Marshal(value)
	if err != nil {
		return fake.Reply{}, err
	}
	return p.Hook.Call(ctx, func(ctx context.Context) (*http.Request, error) {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, p.Webhook+"/"+path, bytes.NewReader(body))
		if err != nil {
			return nil, err
		}
		timestamp := strconv.FormatInt(time.Now().Unix(), 10)
		r.Header.Set("Content-Type", jsonType)
		r.Header.Set("X-Timestamp", timestamp)
		r.Header.Set("X-Signature", p.sign(timestamp, body))
		return r, nil
	})
}

func (p *Provider) sign(timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(p.Secret))
	_, _ = mac.Write([]byte(timestamp + "." + string(body))) // a hash never fails
	return "v1=" + hex.EncodeToString(mac.Sum(nil))
}
