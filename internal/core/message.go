package core

import (
	"encoding/json"
	"time"
)

// Direction says which way a message goes.
type Direction uint8

// The two directions of a message.
const (
	Inbound  Direction = 1 // from a person to us
	Outbound Direction = 2 // from us to a person
)

// SessionEvent is the place of a message in a session of a session-based channel such as USSD
// (docs/spec/vumi-sandbox.md 5). The empty value means the channel has no sessions, or, outbound, that the session goes on.
type SessionEvent string

// The session events.
const (
	SessionNone   SessionEvent = ""
	SessionNew    SessionEvent = "new"
	SessionResume SessionEvent = "resume"
	SessionClose  SessionEvent = "close"
)

// Message is one durable message, in or out. Empty strings mean "none" except for Content, where nil and empty differ.
type Message struct {
	ID           string // 32 hex digits, ascending with time
	Account      string
	Channel      string // key of the channel it came in or goes out by; empty until an outbound message is routed
	Direction    Direction
	ExternalID   string // the provider's own id
	From, To     string // addresses as the channel writes them: +E.164 for phones
	Content      *string
	SessionEvent SessionEvent
	SessionID    string // the provider's session, on session-based channels
	Continuation string // what the channel's adapter wants to see again with the session's next message
	InReplyTo    string // id of the message that this one answers
	RepliesTo    string // the provider's id of that message
	Group        string
	Provider     string // network operator or the like, when the channel knows it
	// TransportType is the kind of channel in Vumi's words: sms, ussd, voice, wechat, …
	TransportType     string
	TransportMetadata json.RawMessage // JSON object, or nil
	HelperMetadata    json.RawMessage // JSON object, or nil
	Bot               string          // key of the bot that received or sent it
	Endpoint          string          // endpoint of that bot; "default" unless configured otherwise
	Status            Status
	StatusReason      string
	CreatedAt         time.Time
}

// Address returns the person's side of the message: where it came from, or where it goes to.
func (m *Message) Address() string {
	if m.Direction == Inbound {
		return m.From
	}
	return m.To
}

// Status is where an outbound message stands. Inbound messages are Received.
type Status uint8

// The statuses. Sent, Delivered and Read form a ladder that is never stepped down. Failed is final. Unknown says that
// the request may have reached the provider and nothing tells whether it did: it is settled by a later status callback.
const (
	Received  Status = 1
	Queued    Status = 2
	Sending   Status = 3
	Unknown   Status = 4
	Sent      Status = 5
	Delivered Status = 6
	Read      Status = 7
	Failed    Status = 8
)

var statusNames = [...]string{"", "received", "queued", "sending", "unknown", "sent", "delivered", "read", "failed"}

// String returns the word that the wire, the CLI and the docs use.
func (s Status) String() string {
	if int(s) < len(statusNames) {
		return statusNames[s]
	}
	return ""
}

// ParseStatus returns the status of that name; ok is false when there is none.
func ParseStatus(name string) (s Status, ok bool) {
	for i, n := range statusNames {
		if n == name && n != "" {
			return Status(i), true
		}
	}
	return 0, false
}

// CanFollow reports whether a message in status from may move to s: up the ladder only, never out of Failed, and never
// from Delivered or Read to Failed.
func (s Status) CanFollow(from Status) bool {
	switch {
	case s == from, from == Failed:
		return false
	case s == Failed:
		return from < Delivered
	default:
		return s > from
	}
}
