// Package simulator is a channel without a provider: people are played by programs, such as the command line and bot
// tests, that post messages and read the replies by long-poll. It keeps replies in memory only.
package simulator

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"indaba/internal/channel"
	"indaba/internal/core"
)

// Type describes the simulator.
func Type() channel.Type {
	return channel.Type{
		Name:          "simulator",
		Title:         "Simulator",
		Help:          "A channel to try bots without a provider. Programs with its secret play the people.",
		Transport:     "http_api",
		DeliveryClass: "sms",
		Phones:        true,
		Idempotent:    true,
		Settings: []channel.Setting{
			{Name: "kind", Title: "Kind", Kind: channel.Choice, Choices: []string{"ussd", "sms", "chat"},
				Default: "ussd", Help: "The kind of channel to play, with its limits."},
			{Name: "secret", Title: "Secret", Kind: channel.Text, Required: true, Secret: true,
				Help: "The bearer token of programs that play people."},
		},
		New: newAdapter,
	}
}

type adapter struct {
	config channel.Config
	kind   string
	boxes  *boxes

	mu       sync.Mutex
	sessions map[string]string // open USSD sessions by address
}

func newAdapter(c channel.Config) (channel.Adapter, error) {
	return &adapter{
		config:   c,
		kind:     c.Settings["kind"],
		boxes:    newBoxes(c.Now()),
		sessions: map[string]string{},
	}, nil
}

// Transport follows the setting kind.
func (a *adapter) Transport() (transportType, deliveryClass string) {
	switch a.kind {
	case "ussd":
		return "ussd", "ussd"
	case "sms":
		return "sms", "sms"
	default:
		return "http_api", "sms" // docs/spec/vumi-sandbox.md 10: what is unknown is sms
	}
}

// Send puts a message into the box of its recipient and wakes who waits for it. A USSD reply that no phone could show
// is refused.
func (a *adapter) Send(_ context.Context, m *channel.Outbound) (channel.Receipt, error) {
	encoding, units, segments := channel.Segments(m.Content)
	message := message{ID: m.ID, Content: m.Content, InReplyTo: m.InReplyTo, At: a.config.Now().UTC()}
	switch a.kind {
	case "ussd":
		if units > encoding.USSDRoom() {
			return channel.Receipt{}, &channel.SendError{Class: channel.Permanent, Code: "too_long",
				Message: fmt.Sprintf("%d characters: a USSD screen has %d in %s", units, encoding.USSDRoom(), encoding)}
		}
		message.Segments = 1
		message.SessionEvent = string(core.SessionResume)
		if m.SessionEvent == core.SessionClose {
			message.SessionEvent = string(core.SessionClose)
			a.endSession(m.To)
		}
	case "sms":
		message.Segments = segments
	default:
		message.Segments = 1
	}
	seq := a.boxes.put(a.address(m.To), message)
	return channel.Receipt{ExternalID: strconv.FormatInt(seq, 10), Status: core.Delivered}, nil
}

// address writes the address of a person in one way, however a program wrote it.
func (a *adapter) address(text string) string { return channel.Phone(text) }

// session returns the USSD session that a message belongs to and its place in it.
func (a *adapter) session(address, id string, event core.SessionEvent) (string, core.SessionEvent) {
	a.mu.Lock()
	defer a.mu.Unlock()
	session, open := a.sessions[address]
	if event == core.SessionNone {
		event = core.SessionNew
		if open {
			event = core.SessionResume
		}
	}
	if !open || event == core.SessionNew {
		session = "sim-" + core.NewKey()
		if id != "" {
			session = "sim-" + id // the same when the request is repeated
		}
	}
	switch {
	case event == core.SessionClose:
		delete(a.sessions, address)
	case len(a.sessions) < maxAddresses || open:
		a.sessions[address] = session
	}
	return session, event
}

func (a *adapter) endSession(address string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.sessions, a.address(address))
}

// maxWait is how long a long-poll may last.
const maxWait = 30 * time.Second
