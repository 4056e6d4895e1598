package httpbot

import (
	"context"
	"encoding/json"
	"fmt"

	"indaba/internal/bot"
	"indaba/internal/contact"
	"indaba/internal/core"
)

// messageVersion stands in every message and event of Vumi.
const messageVersion = "20110921"

// object is a JSON object whose members are kept as they came.
type object = map[string]json.RawMessage

// routing is where in a conversation something came in or goes out.
type routing struct {
	Endpoint string `json:"endpoint_name,omitempty"`
}

// userMessage is a message on the wire (docs/spec/vumi-http.md 10). Nil is null.
type userMessage struct {
	Type              string          `json:"message_type"`
	Version           string          `json:"message_version"`
	ID                string          `json:"message_id"`
	Timestamp         string          `json:"timestamp"`
	InReplyTo         *string         `json:"in_reply_to"`
	SessionEvent      *string         `json:"session_event"`
	Content           *string         `json:"content"`
	To                *string         `json:"to_addr"`
	From              *string         `json:"from_addr"`
	ToType            *string         `json:"to_addr_type"`   // no channel knows it
	FromType          *string         `json:"from_addr_type"` // likewise
	Group             *string         `json:"group"`
	Provider          *string         `json:"provider"`
	TransportName     *string         `json:"transport_name"`
	TransportType     *string         `json:"transport_type"`
	TransportMetadata json.RawMessage `json:"transport_metadata"`
	Routing           routing         `json:"routing_metadata"`
	HelperMetadata    object          `json:"helper_metadata"`
}

// event is an event on the wire. Only the members of its type are there.
type event struct {
	Type           string         `json:"message_type"`
	Version        string         `json:"message_version"`
	ID             string         `json:"event_id"`
	EventType      core.EventType `json:"event_type"`
	MessageID      string         `json:"user_message_id"`
	SentMessageID  *string        `json:"sent_message_id,omitempty"`
	Reason         *string        `json:"nack_reason,omitempty"`
	Delivery       core.Delivery  `json:"delivery_status,omitempty"`
	Timestamp      string         `json:"timestamp"`
	HelperMetadata object         `json:"helper_metadata"`
	Routing        routing        `json:"routing_metadata"`
}

// encodeMessage returns a message as JSON, with its helper_metadata as given.
func encodeMessage(m *core.Message, helper object) ([]byte, error) {
	text, err := json.Marshal(userMessage{
		Type: "user_message", Version: messageVersion, ID: m.ID, Timestamp: contact.FormatTime(m.CreatedAt),
		InReplyTo: orNull(m.InReplyTo), SessionEvent: orNull(string(m.SessionEvent)), Content: m.Content,
		To: orNull(m.To), From: orNull(m.From), Group: orNull(m.Group), Provider: orNull(m.Provider),
		TransportName: orNull(m.Channel), TransportType: orNull(m.TransportType),
		TransportMetadata: orObject(m.TransportMetadata), Routing: routing{m.Endpoint}, HelperMetadata: helper,
	})
	if err != nil {
		return nil, fmt.Errorf("encode message %s: %w", m.ID, err)
	}
	return text, nil
}

// body returns what is pushed for a turn.
func (r *runner) body(ctx context.Context, t *bot.Turn) (string, error) {
	var text []byte
	helper, err := members(t.Message.HelperMetadata)
	if err != nil {
		return "", err
	}
	if t.Event != nil {
		text, err = r.eventBody(t)
		return string(text), err
	}
	if err := r.describe(ctx, t, helper); err != nil {
		return "", err
	}
	text, err = encodeMessage(t.Message, helper)
	return string(text), err
}

// describe adds to an inbound message what the platform knows of it.
func (r *runner) describe(ctx context.Context, t *bot.Turn, helper object) error {
	more := map[string]any{"go": about(t.Bot, r.settings)}
	if helper["optout"] == nil {
		more["optout"] = map[string]bool{"optout": false} // nothing but what a channel says makes a message an opt-out
	}
	pool, tag, found, err := r.Tags.Tag(ctx, t.Bot.Account, t.Message.Channel)
	if err != nil {
		return err
	}
	if found {
		more["tag"] = map[string][]string{"tag": {pool, tag}}
	}
	for name, value := range more {
		if helper[name], err = json.Marshal(value); err != nil {
			return err
		}
	}
	return nil
}

func (r *runner) eventBody(t *bot.Turn) ([]byte, error) {
	own, err := json.Marshal(about(t.Bot, r.settings))
	if err != nil {
		return nil, err
	}
	e := event{
		Type: "event", Version: messageVersion, ID: t.Event.ID, EventType: t.Event.Type, MessageID: t.Event.MessageID,
		Delivery: t.Event.Delivery, Timestamp: contact.FormatTime(t.Event.At), HelperMetadata: object{"go": own},
		Routing: routing{t.Message.Endpoint},
	}
	switch t.Event.Type {
	case core.Ack:
		e.SentMessageID = &t.Event.SentMessageID
	case core.Nack:
		e.Reason = &t.Event.Reason
	}
	return json.Marshal(e)
}

// owner is what stands under "go" in the helper_metadata of everything.
type owner struct {
	Account string `json:"user_account"`
	Type    string `json:"conversation_type"`
	Key     string `json:"conversation_key"`
}

func about(b *bot.Bot, s Settings) owner { return owner{b.Account, s.Type, b.Key} }

// members returns those of an object; none when there is no object.
func members(text json.RawMessage) (object, error) {
	found := object{}
	if len(text) > 0 {
		if err := json.Unmarshal(text, &found); err != nil {
			return nil, fmt.Errorf("read helper_metadata: %w", err)
		}
	}
	if found == nil {
		found = object{}
	}
	return found, nil
}

func orNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

func orObject(value json.RawMessage) json.RawMessage {
	if len(value) == 0 || string(value) == "null" {
		return json.RawMessage("{}")
	}
	return value
}
