package httpbot

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"indaba/internal/bot"
	"indaba/internal/bot/vumiwire"
	"indaba/internal/core"
	"indaba/internal/db"
	"indaba/internal/message"
	routes "indaba/internal/routing"
)

// Sender sends what applications ask for.
type Sender struct {
	DB       *db.DB
	Messages *message.Service
	Dispatch func(ctx context.Context, m *core.Message) error // see [bot.Runtime.Dispatch]
	Now      func() time.Time
}

// Outgoing is one message that an application wants sent.
type Outgoing struct {
	ReplyTo      *core.Message // what it answers, from [Sender.Original]; nil for a message of its own
	To           string        // only without ReplyTo
	Content      *string
	SessionEvent core.SessionEvent          // of a reply, only close counts
	Metadata     map[string]json.RawMessage // helper_metadata beside what the platform puts there
}

// Original returns the inbound message of that id that the bot got. Any other id is [core.NotFound].
func (s *Sender) Original(ctx context.Context, b *bot.Bot, id string) (*core.Message, error) {
	missing := core.Errorf(core.NotFound, "the conversation has no inbound message %s", id)
	if core.Storable(id) != id {
		return nil, missing
	}
	m, err := s.Messages.Get(ctx, b.Account, id)
	if err != nil {
		return nil, err
	}
	if m.Direction != core.Inbound || m.Bot != b.Key {
		return nil, missing
	}
	return m, nil
}

// Send puts a message on its way and returns it as JSON (docs/spec/vumi-http.md 9.2 to 9.4, 10). Messages of one account
// are sent one at a time, in the order of the calls. A message without a route is kept as failed, and the application is
// told by a nack.
func (s *Sender) Send(ctx context.Context, b *bot.Bot, settings Settings, o Outgoing) (json.RawMessage, error) {
	helper := vumiwire.Object{}
	for name, value := range o.Metadata {
		helper[name] = value
	}
	helper["go"] = about(b, settings)
	metadata, err := json.Marshal(helper)
	if err != nil {
		return nil, core.Errorf(core.Invalid, "helper_metadata cannot be written: %v", err)
	}
	now := s.Now()
	m := &core.Message{ID: core.NewMessageID(now), Account: b.Account, Direction: core.Outbound, To: o.To, Content: o.Content,
		SessionEvent: o.SessionEvent, HelperMetadata: metadata, Bot: b.Key, Endpoint: routes.Default, CreatedAt: now}
	if o.ReplyTo != nil {
		answer(m, o.ReplyTo)
	}
	shown := *m // an own message is shown as it was before it was routed
	err = s.DB.TxOn(ctx, b.Account, func(ctx context.Context) error {
		if o.ReplyTo != nil {
			return s.Messages.Send(ctx, m)
		}
		return s.Dispatch(ctx, m)
	})
	if err != nil {
		return nil, fmt.Errorf("send a message of bot %s: %w", b.Key, err)
	}
	return encodeMessage(&shown, helper)
}

// answer makes a message the answer to an inbound one: it goes back the way that came.
func answer(m, to *core.Message) {
	m.Channel, m.From, m.To = to.Channel, to.To, to.From
	m.InReplyTo, m.RepliesTo, m.SessionID = to.ID, to.ExternalID, to.SessionID
	m.Group, m.Provider = to.Group, to.Provider
	m.TransportType, m.TransportMetadata = to.TransportType, to.TransportMetadata
	if to.Endpoint != "" {
		m.Endpoint = to.Endpoint
	}
	if m.SessionEvent != core.SessionClose {
		m.SessionEvent = core.SessionNone // the session goes on
	}
}
