package custom

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"indaba/internal/channel"
	"indaba/internal/core"
)

type outbound struct {
	ID           string            `json:"id"`
	Channel      string            `json:"channel"`
	Contact      contact           `json:"contact"`
	From         string            `json:"from,omitempty"`
	Conversation string            `json:"conversation,omitempty"`
	Type         string            `json:"type"`
	Text         string            `json:"text"`
	SessionEvent core.SessionEvent `json:"session_event,omitempty"`
	InReplyTo    string            `json:"in_reply_to,omitempty"`
	Metadata     json.RawMessage   `json:"metadata,omitempty"`
}

type contact struct {
	ID  string `json:"id"`
	URN string `json:"urn"`
}

// Send posts a message. Any 2xx answer means that the peer took it, and so does 409 to a repeat: it is how this protocol says
// that a message was there before.
func (a *adapter) Send(ctx context.Context, m *channel.Outbound) (channel.Receipt, error) {
	body, err := json.Marshal(outbound{
		ID:           m.ID,
		Channel:      a.config.Key,
		Contact:      contact{ID: m.To, URN: a.urn(m.To)},
		From:         m.From,
		Conversation: m.SessionID,
		Type:         "text",
		Text:         m.Content,
		SessionEvent: m.SessionEvent,
		InReplyTo:    m.InReplyTo,
		Metadata:     m.Metadata,
	})
	if err != nil {
		return channel.Receipt{}, &channel.SendError{Class: channel.Permanent, Message: "the metadata is not JSON"}
	}
	r, err := http.NewRequest(http.MethodPost, a.config.Settings["base_url"], bytes.NewReader(body))
	if err != nil {
		return channel.Receipt{}, &channel.SendError{Class: channel.AccountFault, Message: "base_url cannot be called"}
	}
	for name, value := range a.headers {
		r.Header.Set(name, value)
	}
	timestamp := strconv.FormatInt(a.config.Now().Unix(), 10)
	r.Header.Set("Content-Type", jsonType)
	r.Header.Set("Idempotency-Key", m.ID)
	r.Header.Set("X-Timestamp", timestamp)
	r.Header.Set("X-Signature", "v1="+hex.EncodeToString(a.sign(timestamp, body)))
	answer, err := a.config.HTTP.Do(ctx, r)
	switch {
	case err == nil:
		return receipt(answer.Body, m), nil
	case answer == nil:
		return channel.Receipt{}, err
	case answer.Status == http.StatusConflict && (m.Attempt > 1 || answer.Repeated):
		return channel.Receipt{Status: core.Sent, Note: "the peer answered the repeat of a message by 409: it has the message already"}, nil
	case answer.Status >= 200 && answer.Status < 300 && (answer.TooLarge || m.Attempt > 1):
		// One that broke off is asked for again before, for what a person may say in it.
		return channel.Receipt{Status: core.Sent, Note: "the peer took the message, but nothing of its answer counts: " + err.Error()}, nil
	}
	return channel.Receipt{}, err
}

// urn names the person in one word with its kind: tel: for telephone numbers.
func (a *adapter) urn(address string) string {
	if strings.HasPrefix(address, "+") {
		return "tel:" + address
	}
	return "ext:" + address
}

// receipt reads the optional answer. The peer has taken the message: what makes no sense in its answer is noted.
func receipt(body []byte, m *channel.Outbound) channel.Receipt {
	var answer struct {
		ID       string    `json:"id"`
		Messages []inbound `json:"messages"`
	}
	var taken channel.Receipt
	if len(bytes.TrimSpace(body)) == 0 {
		return taken
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		taken.Note = "the answer is not the JSON that it should be: " + err.Error()
		return taken
	}
	taken.ExternalID = answer.ID
	for i, in := range answer.Messages {
		if in.From == "" {
			in.From = m.To
		}
		if in.ID == "" {
			in.ID = fmt.Sprintf("%s/%d", m.ID, i) // the same when the request is repeated
		}
		message, err := in.message()
		if err != nil {
			taken.Note = fmt.Sprintf("message %d of the answer was dropped: %s", i+1, core.SafeMessage(err))
			continue
		}
		taken.Messages = append(taken.Messages, message)
	}
	return taken
}
