// Package channel is the contract between Indaba and the adapters that speak to providers: what an adapter says about
// itself, what it makes of a provider's requests, and how it sends one message. It knows nothing about storage, routing
// or bots; the gateway runs adapters.
package channel

import (
	"context"
	"encoding/json"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"indaba/internal/core"
)

// Type describes one kind of channel: everything that forms, validation, docs and log redaction need.
type Type struct {
	Name          string // as in configuration and URLs: "sms/twilio"
	Title         string // for people: "Twilio SMS"
	Help          string // what one needs to set it up, one or two sentences
	Transport     string // Vumi's transport_type: sms, ussd, http_api, … (docs/spec/vumi-sandbox.md 5)
	DeliveryClass string // sms, ussd, … (docs/spec/vumi-sandbox.md 10)
	// Idempotent says that the provider drops a repeated request by our key, so that a request whose fate is unknown
	// may simply be repeated.
	Idempotent bool
	// Phones says that Receive writes the people as Phone does. What goes out to them is addressed in the same way, so that
	// replies, delivery reports and the order of messages meet under one address.
	Phones bool
	// PerSecond is the provider's default rate for one channel, messages per second; 0 means no limit. The setting
	// "rate" overrides it.
	PerSecond float64
	Settings  []Setting
	// New makes the adapter of one configured channel. It returns a core.Invalid error that names the setting when the
	// settings do not fit; it does not use the network.
	New func(Config) (Adapter, error)
}

// Setting is one value that an operator gives a channel.
type Setting struct {
	Name     string
	Title    string
	Help     string
	Kind     Kind
	Default  string
	Choices  []string // for Choice
	Required bool
	Secret   bool // sealed at rest, never shown or logged
}

// Kind is the kind of a setting's value. Values travel as text.
type Kind string

// The kinds of settings.
const (
	Text     Kind = "text"
	URL      Kind = "url"      // absolute http or https URL
	Number   Kind = "number"   // decimal
	Bool     Kind = "bool"     // true or false
	Duration Kind = "duration" // as Go writes it: 10s
	Choice   Kind = "choice"
	JSON     Kind = "json" // a JSON object
)

// Config is what an adapter is made from.
type Config struct {
	Key        string // the channel's key
	Address    string // our address on it: a number, short code or service code
	WebhookURL string // where the provider reaches this channel from outside, without a trailing slash
	Settings   map[string]string
	HTTP       *Client // for all requests to the provider
	Now        func() time.Time
	// LastInput returns what the adapter stored as Message.Continuation on the newest message of a session, and ""
	// when the session has none.
	LastInput func(ctx context.Context, sessionID string) (string, error)
}

// Adapter speaks one provider's protocol for one configured channel. It is safe for concurrent use.
type Adapter interface {
	// Receive verifies a request from the provider over its raw body, in constant time, and parses it. The events are
	// committed before the answer is written. A core.Unauthenticated error means that the signature is wrong; a
	// core.Invalid error that the body is; nothing is stored then.
	Receive(ctx context.Context, r *Request) (Received, error)

	// Send hands one message to the provider. It returns a *SendError that says what to do next when the provider did
	// not take it.
	Send(ctx context.Context, m *Outbound) (Receipt, error)
}

// SyncAdapter is an Adapter of a session-based channel whose reply is the answer to the request that brought the
// message, such as USSD over HTTP. The gateway holds the request open until the bot's reply or the budget's end, and
// never calls Send.
type SyncAdapter interface {
	Adapter
	// Budget is how long the gateway may keep the provider waiting.
	Budget() time.Duration
	// Answer renders the reply to a request. A nil reply means that none came in time, or that there is nothing to
	// say: the session is closed with the channel's apology.
	Answer(r *Request, reply *Outbound) Answer
}

// CallAdapter is an Adapter of a channel on which people stay in a call: each request of the provider is answered with
// what is to happen in the call next, and what Send is given for a call is part of the answer to its next request.
type CallAdapter interface {
	Adapter
	// Respond returns the answer to a request whose Received.Answer is nil, once everything that it brought is on disk.
	// It may wait for what Send is given meanwhile, until ctx ends: the provider has hung up, or the server stops. Send's
	// context ends with the server, too, so that Send may wait for the next request of a call.
	Respond(ctx context.Context, r *Request, received Received) Answer
}

// Transporter is an Adapter whose transport type and delivery class depend on its settings; they take the place of
// those in its Type.
type Transporter interface {
	Adapter
	Transport() (transportType, deliveryClass string)
}

// Request is one request from a provider.
type Request struct {
	Method   string
	Path     string // what follows the channel's key, without slashes at its ends: "", "receive", "status", …
	URL      string // the full public URL that the provider called, for signatures
	Header   http.Header
	Query    url.Values
	Body     []byte // raw, at most 1 MiB
	RemoteIP netip.Addr
}

// Received is what an adapter made of a request.
type Received struct {
	Messages []Message
	Statuses []StatusUpdate
	// Answer is what the provider gets once everything is on disk; nil means 200 with an empty body. When the request
	// carried one message, the bytes "{id}" in its body are replaced by the message's id.
	Answer *Answer
	// Duplicate, when set, is the answer if every message of the request had been received before.
	Duplicate *Answer
}

// Answer is an HTTP answer to a provider.
type Answer struct {
	Status      int // 0 means 200
	ContentType string
	Body        []byte
	// Note, when not empty, is what the operator should know of this answer, such as a reply that had to be cut. It
	// goes to the log.
	Note string
	// Carries are the ids of the messages that a CallAdapter hands to the provider in this answer. Send has reported them
	// as taken; they are failed after all when the answer cannot be written.
	Carries []string
}

// Message is one message from a person.
type Message struct {
	// ExternalID is the provider's id, the same on each redelivery. Without one the adapter makes one from what is
	// the same on each redelivery. Empty means that redeliveries cannot be told from new messages.
	ExternalID   string
	From         string // E.164 with + for phones
	To           string // our address; empty means the channel's
	Name         string // the person's name, if the provider tells
	Content      *string
	SessionEvent core.SessionEvent
	SessionID    string
	Continuation string // see Config.LastInput
	Group        string
	Provider     string         // network operator
	Metadata     map[string]any // becomes transport_metadata
	At           time.Time      // as the provider says; zero means now
}

// StatusUpdate is a provider's word on a message that we sent.
type StatusUpdate struct {
	ExternalID string // the provider's id, as in Receipt
	MessageID  string // our id, when the provider hands it back; it beats ExternalID
	// Address is the recipient, when the provider tells. It settles a message in state unknown whose provider id was
	// never learnt.
	Address string
	Status  core.Status // Sent, Delivered, Read or Failed
	Reason  string      // why it failed
}

// Outbound is one message to a person.
type Outbound struct {
	ID           string // our id: use it as idempotency key where the provider takes one
	To           string
	From         string // our address
	Content      string
	SessionEvent core.SessionEvent // SessionClose ends the session; empty lets it go on
	SessionID    string
	InReplyTo    string // the provider's id of the message that this answers
	Metadata     json.RawMessage
	Attempt      int // 1 for the first
}

// Receipt is a provider's word that it took a message.
type Receipt struct {
	ExternalID string      // the provider's id
	Status     core.Status // 0 means Sent; an adapter may know more
	// Messages are what the provider handed back in the same answer.
	Messages []Message
	// Note, when not empty, is what the operator should know, such as a part of the answer that made no sense. It goes
	// to the log.
	Note string
}
