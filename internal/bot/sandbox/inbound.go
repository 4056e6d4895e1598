package sandbox

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"time"

	"indaba/internal/bot"
	"indaba/internal/contact"
	"indaba/internal/core"
)

// What every message and event of Vumi carries (docs/spec/vumi-sandbox.md 5).
const (
	messageVersion   = "20110921"
	messageType      = "user_message"
	eventType        = "event"
	conversationType = "jsbox"
)

// A command is what a turn starts with.
type command struct {
	text    string          // JSON
	message string          // id of the message that the script may reply to; empty for an event
	from    string          // who it is from
	helper  json.RawMessage // its helper_metadata
	trigger bool
}

// command returns the command that tells the script what happened.
func (r *runner) command(t *bot.Turn) (command, error) {
	switch {
	case t.Trigger:
		return triggerCommand(t, r.deps.Now())
	case t.Event != nil:
		return eventCommand(t)
	case t.Message != nil:
		return messageCommand(t)
	}
	return command{}, fmt.Errorf("a turn of bot %s is for nothing: it has no message, no event and no trigger", t.Bot.Key)
}

// userMessage is a message as scripts see it. Nil is null.
type userMessage struct {
	Type              string                     `json:"message_type"`
	Version           string                     `json:"message_version"`
	ID                string                     `json:"message_id"`
	Timestamp         string                     `json:"timestamp"`
	To                *string                    `json:"to_addr"`
	ToType            *string                    `json:"to_addr_type"`
	From              string                     `json:"from_addr"`
	FromType          *string                    `json:"from_addr_type"`
	Content           *string                    `json:"content"`
	SessionEvent      *string                    `json:"session_event"`
	InReplyTo         *string                    `json:"in_reply_to"`
	Group             *string                    `json:"group"`
	Provider          *string                    `json:"provider"`
	TransportName     *string                    `json:"transport_name"`
	TransportType     *string                    `json:"transport_type"`
	TransportMetadata json.RawMessage            `json:"transport_metadata"`
	HelperMetadata    map[string]json.RawMessage `json:"helper_metadata"`
	RoutingMetadata   routingMetadata            `json:"routing_metadata"`
	Trigger           bool                       `json:"inbound_push_trigger,omitempty"`
}

type routingMetadata struct {
	Endpoint string `json:"endpoint_name,omitempty"`
}

func messageCommand(t *bot.Turn) (command, error) {
	m := t.Message
	helper, err := helperMetadata(t, m.HelperMetadata, contact.ClassOf(m.TransportType))
	if err != nil {
		return command{}, err
	}
	return startCommand(userMessage{
		Type: messageType, Version: messageVersion, ID: m.ID, Timestamp: contact.FormatTime(m.CreatedAt),
		To: &m.To, From: m.From, Content: m.Content, SessionEvent: orNull(string(m.SessionEvent)),
		InReplyTo: orNull(m.InReplyTo), Group: orNull(m.Group), Provider: orNull(m.Provider),
		TransportName: orNull(m.Channel), TransportType: orNull(m.TransportType),
		TransportMetadata: orObject(m.TransportMetadata), HelperMetadata: helper,
		RoutingMetadata: routingMetadata{m.Endpoint},
	})
}

// triggerCommand makes the message by which an operator lets a bot begin a conversation. Its id comes from the seed, so
// that a turn that is run again is the same turn.
func triggerCommand(t *bot.Turn, now time.Time) (command, error) {
	helper, err := helperMetadata(t, nil, "")
	if err != nil {
		return command{}, err
	}
	id := sha256.Sum256(append([]byte("push trigger "), t.Seed[:]...))
	return startCommand(userMessage{
		Type: messageType, Version: messageVersion, ID: hex.EncodeToString(id[:16]), Timestamp: contact.FormatTime(now),
		From: t.Address, TransportMetadata: orObject(nil), HelperMetadata: helper, Trigger: true,
	})
}

func startCommand(m userMessage) (command, error) {
	text, err := json.Marshal(struct {
		Cmd     string      `json:"cmd"`
		Message userMessage `json:"msg"`
	}{"inbound-message", m})
	if err != nil {
		return command{}, fmt.Errorf("encoding message %s for its bot: %w", m.ID, err)
	}
	helper, err := json.Marshal(m.HelperMetadata)
	if err != nil {
		return command{}, fmt.Errorf("encoding the metadata of message %s: %w", m.ID, err)
	}
	return command{text: string(text), message: m.ID, from: m.From, helper: helper, trigger: m.Trigger}, nil
}

// transportEvent is an event as scripts see it. Only the fields of its type are there.
type transportEvent struct {
	Type              string                     `json:"message_type"`
	Version           string                     `json:"message_version"`
	ID                string                     `json:"event_id"`
	EventType         core.EventType             `json:"event_type"`
	MessageID         string                     `json:"user_message_id"`
	SentMessageID     *string                    `json:"sent_message_id,omitempty"`
	Reason            *string                    `json:"nack_reason,omitempty"`
	Delivery          core.Delivery              `json:"delivery_status,omitempty"`
	Timestamp         string                     `json:"timestamp"`
	TransportName     *string                    `json:"transport_name"`
	TransportMetadata json.RawMessage            `json:"transport_metadata"`
	HelperMetadata    map[string]json.RawMessage `json:"helper_metadata"`
	RoutingMetadata   routingMetadata            `json:"routing_metadata"`
}

func eventCommand(t *bot.Turn) (command, error) {
	e := t.Event
	helper, err := helperMetadata(t, nil, "")
	if err != nil {
		return command{}, err
	}
	event := transportEvent{
		Type: eventType, Version: messageVersion, ID: e.ID, EventType: e.Type, MessageID: e.MessageID,
		Timestamp: contact.FormatTime(e.At), TransportName: orNull(t.Channel), TransportMetadata: orObject(nil),
		HelperMetadata: helper,
	}
	if t.Message != nil {
		event.RoutingMetadata.Endpoint = t.Message.Endpoint
	}
	switch e.Type {
	case core.Ack:
		event.SentMessageID = &e.SentMessageID
	case core.Nack:
		event.Reason = &e.Reason
	case core.DeliveryReport:
		event.Delivery = e.Delivery
	}
	text, err := json.Marshal(struct {
		Cmd   string         `json:"cmd"`
		Event transportEvent `json:"msg"`
	}{"inbound-event", event})
	if err != nil {
		return command{}, fmt.Errorf("encoding event %s for its bot: %w", e.ID, err)
	}
	return command{text: string(text)}, nil
}

// goMetadata returns what is under "go" in the helper_metadata of every message to and from a bot.
func goMetadata(b *bot.Bot) (json.RawMessage, error) {
	return json.Marshal(map[string]string{
		"user_account": b.Account, "conversation_type": conversationType, "conversation_key": b.Key,
	})
}

// helperMetadata returns the members of given, an object or nil, with those of the platform. An empty delivery class is
// left out.
func helperMetadata(t *bot.Turn, given json.RawMessage, class string) (map[string]json.RawMessage, error) {
	members := map[string]json.RawMessage{}
	if len(given) > 0 {
		if err := json.Unmarshal(given, &members); err != nil {
			return nil, fmt.Errorf("reading the helper_metadata of message %s: %w", t.Message.ID, err)
		}
		if members == nil {
			members = map[string]json.RawMessage{}
		}
	}
	own, err := goMetadata(t.Bot)
	if err != nil {
		return nil, err
	}
	more := map[string]json.RawMessage{"go": own}
	if class != "" {
		if more["delivery_class"], err = json.Marshal(class); err != nil {
			return nil, err
		}
	}
	maps.Copy(members, more)
	return members, nil
}

func orNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

func orObject(object json.RawMessage) json.RawMessage {
	if len(object) == 0 || string(object) == "null" {
		return json.RawMessage("{}")
	}
	return object
}
