// Package vumiwire is how Vumi writes messages and events as JSON and CSV (docs/spec/vumi-http.md 10 and 11): one place
// for the dialects that hand them to bots and applications and for the faces that give them out. It holds no rule about
// what happens to a message.
package vumiwire

import (
	"encoding/json"
	"fmt"
	"slices"

	"indaba/internal/contact"
	"indaba/internal/core"
)

// What every message and event carries.
const (
	Version   = "20110921"
	IsMessage = "user_message"
	IsEvent   = "event"
)

// The types of conversations that bots are on this wire.
const (
	Jsbox           = "jsbox"             // sandbox bots
	HTTP            = "http_api"          // HTTP API conversations that may also be read as streams
	HTTPNoStreaming = "http_api_nostream" // HTTP API conversations with pushes only
)

// Object is a JSON object whose members are kept as they came.
type Object = map[string]json.RawMessage

// Routing is where in a conversation something came in or goes out.
type Routing struct {
	Endpoint string `json:"endpoint_name,omitempty"`
}

// Message is a message on the wire. Nil is null.
type Message struct {
	Type              string          `json:"message_type"`
	Version           string          `json:"message_version"`
	ID                string          `json:"message_id"`
	Timestamp         string          `json:"timestamp"`
	To                *string         `json:"to_addr"`
	ToType            *string         `json:"to_addr_type"` // no channel knows it
	From              *string         `json:"from_addr"`
	FromType          *string         `json:"from_addr_type"` // likewise
	Content           *string         `json:"content"`
	SessionEvent      *string         `json:"session_event"`
	InReplyTo         *string         `json:"in_reply_to"`
	Group             *string         `json:"group"`
	Provider          *string         `json:"provider"`
	TransportName     *string         `json:"transport_name"`
	TransportType     *string         `json:"transport_type"`
	TransportMetadata json.RawMessage `json:"transport_metadata"`
	HelperMetadata    Object          `json:"helper_metadata"`
	Routing           Routing         `json:"routing_metadata"`
	Trigger           bool            `json:"inbound_push_trigger,omitempty"` // only to sandbox bots
}

// NewMessage returns a message with its helper_metadata as given.
func NewMessage(m *core.Message, helper Object) Message {
	return Message{
		Type: IsMessage, Version: Version, ID: m.ID, Timestamp: contact.FormatTime(m.CreatedAt),
		To: OrNull(m.To), From: OrNull(m.From), Content: m.Content, SessionEvent: OrNull(string(m.SessionEvent)),
		InReplyTo: OrNull(m.InReplyTo), Group: OrNull(m.Group), Provider: OrNull(m.Provider),
		TransportName: OrNull(m.Channel), TransportType: OrNull(m.TransportType),
		TransportMetadata: OrObject(m.TransportMetadata), HelperMetadata: helper, Routing: Routing{m.Endpoint},
	}
}

// Event is an event on the wire. Only the members of its type are there.
type Event struct {
	Type           string         `json:"message_type"`
	Version        string         `json:"message_version"`
	ID             string         `json:"event_id"`
	EventType      core.EventType `json:"event_type"`
	MessageID      string         `json:"user_message_id"`
	SentMessageID  *string        `json:"sent_message_id,omitempty"`
	Reason         *string        `json:"nack_reason,omitempty"`
	Delivery       core.Delivery  `json:"delivery_status,omitempty"`
	Timestamp      string         `json:"timestamp"`
	*Transport                    // only to sandbox bots; nil leaves its members out
	HelperMetadata Object         `json:"helper_metadata"`
	Routing        Routing        `json:"routing_metadata"`
}

// Transport is where an event came from.
type Transport struct {
	Name     *string         `json:"transport_name"`
	Metadata json.RawMessage `json:"transport_metadata"`
}

// NewEvent returns an event about a message that left by an endpoint.
func NewEvent(e *core.Event, endpoint string, helper Object) Event {
	made := Event{
		Type: IsEvent, Version: Version, ID: e.ID, EventType: e.Type, MessageID: e.MessageID,
		Timestamp: contact.FormatTime(e.At), HelperMetadata: helper, Routing: Routing{endpoint},
	}
	switch e.Type {
	case core.Ack:
		made.SentMessageID = &e.SentMessageID
	case core.Nack:
		made.Reason = &e.Reason
	case core.DeliveryReport:
		made.Delivery = e.Delivery
	}
	return made
}

// Go returns what stands under "go" in the helper_metadata of everything to and from a conversation.
func Go(account, conversationType, key string) json.RawMessage {
	text, _ := json.Marshal(struct { // texts always encode
		Key     string `json:"conversation_key"`
		Type    string `json:"conversation_type"`
		Account string `json:"user_account"`
	}{key, conversationType, account})
	return text
}

// Tag returns what stands under "tag" in the helper_metadata of what came in by a channel.
func Tag(pool, tag string) json.RawMessage {
	text, _ := json.Marshal(map[string][]string{"tag": {pool, tag}}) // texts always encode
	return text
}

// NoOptout returns what stands under "optout" in the helper_metadata of a message that asks for nothing of the kind.
func NoOptout() json.RawMessage { return json.RawMessage(`{"optout":false}`) }

// Members returns those of an object; none when there is no object.
func Members(text json.RawMessage) (Object, error) {
	found := Object{}
	if len(text) > 0 {
		if err := json.Unmarshal(text, &found); err != nil {
			return nil, fmt.Errorf("read helper_metadata: %w", err)
		}
	}
	if found == nil {
		found = Object{}
	}
	return found, nil
}

// OrNull returns nil for an empty text.
func OrNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// OrObject returns {} for no object.
func OrObject(value json.RawMessage) json.RawMessage {
	if len(value) == 0 || string(value) == "null" {
		return json.RawMessage("{}")
	}
	return value
}

// Endpoints returns the names of the endpoints that an app's config asks for beside default, sorted: the keys of
// endpoints, and pool:tag of sms_tag (docs/spec/vumi-sandbox.md 8). What has another shape is the app's own business.
func Endpoints(config string) (names []string) {
	var members Object
	if json.Unmarshal([]byte(config), &members) != nil {
		return nil
	}
	var endpoints Object
	_ = json.Unmarshal(members["endpoints"], &endpoints) // what is no object names none
	for name := range endpoints {
		names = append(names, name)
	}
	var tag []string
	if json.Unmarshal(members["sms_tag"], &tag) == nil && len(tag) == 2 {
		names = append(names, tag[0]+":"+tag[1])
	}
	slices.Sort(names)
	return slices.Compact(names)
}
