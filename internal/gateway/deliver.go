package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"indaba/internal/channel"
	"indaba/internal/contact"
	"indaba/internal/core"
	"indaba/internal/message"
	"indaba/internal/optout"
)

// How deliveries are paced.
const (
	pausedWait = time.Second // how often a paused channel is looked at again
	commitWait = 200 * time.Millisecond
)

// Deliver sends one parcel and settles it; it is what message.Outbox.Run calls. A positive result asks for the parcel
// again after that time.
func (g *Gateway) Deliver(ctx context.Context, p *message.Parcel) time.Duration {
	c, err := g.channel(ctx, p.Message.Channel)
	if core.KindOf(err) == core.NotFound && err != nil {
		return g.abandon(ctx, p, core.SafeMessage(err))
	}
	if err != nil {
		slog.ErrorContext(ctx, "cannot deliver", "channel", p.Message.Channel, "error", err)
		return pausedWait
	}
	if _, ok := c.Adapter.(channel.SyncAdapter); ok {
		return g.hand(ctx, c, p)
	}
	if !c.Enabled || c.Trouble != "" {
		return pausedWait
	}
	if p.Started && !c.idempotent {
		return g.doubtful(ctx, c, p, "the server stopped while the message was being sent")
	}
	if wait := g.pace(c, p); wait > 0 {
		return wait
	}
	return g.attempt(ctx, c, p)
}

// abandon ends a parcel whose channel is gone.
func (g *Gateway) abandon(ctx context.Context, p *message.Parcel, reason string) time.Duration {
	repeatable, err := g.store.wasIdempotent(ctx, p.Message.Channel)
	if err != nil {
		slog.ErrorContext(ctx, "cannot look at a channel that is gone", "channel", p.Message.Channel, "error", err)
		return pausedWait
	}
	return g.settle(ctx, nil, p, end(p.Started || p.Doubted || repeatable && p.Inherited), reason, "")
}

// unwanted returns why a message must not go to its recipient, who has opted out, and "" when it may. Replies reach
// everybody (docs/spec/vumi-http.md 11).
func (g *Gateway) unwanted(ctx context.Context, c *running, m *core.Message) (string, error) {
	if m.InReplyTo != "" {
		return "", nil
	}
	return g.options.Optouts.LastCall(ctx, m.Account, m.To, addressTypes(c.line.DeliveryClass)...)
}

// addressTypes returns the types under which people on channels of a delivery class opt out: telephone numbers under
// msisdn only, others also by the name of the class and of its field in contacts.
func addressTypes(class string) []string {
	field, err := contact.ClassField(class)
	if err != nil || field == optout.Phone {
		return []string{optout.Phone}
	}
	return []string{optout.Phone, class, field}
}

// pace returns how long the channel's rate makes a parcel wait. A parcel that has waited goes out at once.
func (g *Gateway) pace(c *running, p *message.Parcel) time.Duration {
	if c.limiter == nil || p.Paced {
		return 0
	}
	wait := c.limiter.Reserve().Delay()
	p.Paced = wait > 0
	return wait
}

// attempt makes one request to the provider. It is not interrupted when the server stops: the answer tells whether the
// message arrived.
func (g *Gateway) attempt(ctx context.Context, c *running, p *message.Parcel) time.Duration {
	p.Paced = false
	ctx = context.WithoutCancel(ctx)
	if p.Doubted && !c.idempotent {
		// A status callback may have settled it meanwhile: then it has arrived, or never will.
		m, err := g.messages.Get(ctx, p.Message.Account, p.Message.ID)
		if err != nil {
			slog.ErrorContext(ctx, "cannot look at a doubtful delivery", "channel", c.Key, "error", err)
			return pausedWait
		}
		if m.Status > core.Unknown {
			return g.settle(ctx, c, p, core.Unknown, "", "")
		}
	}
	reason, err := g.unwanted(ctx, c, p.Message)
	if err != nil {
		slog.ErrorContext(ctx, "cannot look for an opt-out before a delivery", "channel", c.Key, "error", err)
		return pausedWait
	}
	if reason != "" {
		refusal := &channel.SendError{Class: channel.Recipient, Message: reason}
		return g.settle(ctx, c, p, end(p.Doubted || c.idempotent && p.Inherited), refusal.Error(), "")
	}
	if c.idempotent {
		p.Attempts++ // a repeated request does no harm, so the beginning of one need not be on disk
	} else if err := g.messages.Outbox.Start(ctx, p); err != nil {
		slog.ErrorContext(ctx, "cannot note a delivery", "channel", c.Key, "error", err)
		return pausedWait
	}
	receipt, err := g.send(ctx, c, p)
	if err != nil {
		return g.refused(ctx, c, p, err)
	}
	if receipt.Note != "" {
		slog.WarnContext(ctx, "provider took a message in an odd way", "channel", c.Key, "message", p.Message.ID, "note", receipt.Note)
	}
	status := receipt.Status
	if status == 0 {
		status = core.Sent
	}
	return g.settle(ctx, c, p, status, "", receipt.ExternalID, receipt.Messages...)
}

func outbound(m *core.Message, attempt int) *channel.Outbound {
	o := &channel.Outbound{ID: m.ID, To: m.To, From: m.From, SessionEvent: m.SessionEvent, SessionID: m.SessionID,
		InReplyTo: m.RepliesTo, Metadata: m.HelperMetadata, Attempt: attempt}
	if m.Content != nil {
		o.Content = *m.Content
	}
	return o
}

// refused decides what becomes of a parcel that the provider did not take.
func (g *Gateway) refused(ctx context.Context, c *running, p *message.Parcel, err error) time.Duration {
	failure, ok := errors.AsType[*channel.SendError](err)
	if !ok {
		failure = &channel.SendError{Class: channel.Permanent, Message: err.Error()}
	}
	switch failure.Class {
	case channel.UnknownResult:
		p.Doubted = true
		if c.idempotent {
			return g.later(ctx, c, p, failure)
		}
		return g.doubtful(ctx, c, p, failure.Error())
	case channel.Retry:
		return g.later(ctx, c, p, failure)
	case channel.AccountFault:
		return g.pause(ctx, c, p, failure)
	default:
		// Where requests are not repeatable, the refusal of this one tells nothing of an earlier one.
		return g.settle(ctx, c, p, end(p.Doubted && !c.idempotent), failure.Error(), "")
	}
}

// end returns the status of a message that is not tried again: failed, unless an attempt may have arrived.
func end(doubted bool) core.Status {
	if doubted {
		return core.Unknown
	}
	return core.Failed
}

// later keeps a parcel for another attempt, unless it has had its share.
func (g *Gateway) later(ctx context.Context, c *running, p *message.Parcel, failure *channel.SendError) time.Duration {
	now := g.options.Now()
	if p.Attempts >= c.maxAttempts || now.Sub(p.Since) > g.options.GiveUpAfter {
		status := end(p.Doubted || c.idempotent && p.Inherited)
		return g.settle(ctx, c, p, status, fmt.Sprintf("given up after %d attempts: %s", p.Attempts, failure), "")
	}
	wait := failure.After
	if wait == 0 {
		wait = channel.Backoff(p.Attempts, rand.Float64())
	}
	wait = max(wait, time.Millisecond)
	if err := g.messages.Outbox.Postpone(ctx, p, now.Add(wait), p.Doubted && c.idempotent); err != nil {
		slog.ErrorContext(ctx, "cannot postpone a delivery", "channel", c.Key, "error", err)
		return pausedWait
	}
	return wait
}

// pause stops a channel whose account the provider refuses. The parcel stays first in line.
func (g *Gateway) pause(ctx context.Context, c *running, p *message.Parcel, failure *channel.SendError) time.Duration {
	slog.ErrorContext(ctx, "channel paused: the provider refuses our account", "channel", c.Key, "reason", failure.Error())
	if err := g.messages.Outbox.Postpone(ctx, p, g.options.Now(), p.Doubted && c.idempotent); err != nil {
		slog.ErrorContext(ctx, "cannot postpone a delivery", "channel", c.Key, "error", err)
	}
	if err := g.store.SetTrouble(ctx, c.Account, c.Key, failure.Error()); err != nil {
		slog.ErrorContext(ctx, "cannot pause a channel", "channel", c.Key, "error", err)
	}
	return pausedWait
}

// doubtful settles a parcel that may have arrived: its message becomes unknown, which is on disk before any further
// attempt that the channel's policy allows.
func (g *Gateway) doubtful(ctx context.Context, c *running, p *message.Parcel, reason string) time.Duration {
	p.Doubted = true
	if c.resendUnknown && p.Attempts < 2 {
		if _, err := g.messages.SetStatus(ctx, p.Message.ID, core.Unknown, reason, ""); err != nil {
			slog.ErrorContext(ctx, "cannot note a doubtful delivery", "channel", c.Key, "error", err)
			return pausedWait
		}
		return g.later(ctx, c, p, &channel.SendError{Class: channel.UnknownResult, Message: reason})
	}
	return g.settle(ctx, c, p, core.Unknown, reason, "")
}

// settle records how a delivery ended, with the events that follow from it, and does not give up: what the provider has
// done cannot be undone.
func (g *Gateway) settle(ctx context.Context, c *running, p *message.Parcel, status core.Status, reason, externalID string, back ...channel.Message) time.Duration {
	ctx = context.WithoutCancel(ctx)
	for {
		err := g.db.TxOn(ctx, message.Lane(p.Message.Channel, p.Message.To), func(ctx context.Context) error {
			for _, in := range back {
				m, err := g.inbound(c, in)
				if err != nil {
					slog.WarnContext(ctx, "provider's answer held a message that cannot be taken", "channel", c.Key, "error", err)
					continue
				}
				if _, _, err := g.messages.Accept(ctx, m); err != nil {
					return err
				}
			}
			before := core.Queued
			return g.messages.Settle(ctx, p, status, core.Storable(reason), core.Storable(externalID), func(ctx context.Context, now core.Status, why string) error {
				defer func() { before = now }()
				return g.tell(ctx, p.Message, now, why, externalID, before)
			})
		})
		if err == nil {
			return 0
		}
		slog.ErrorContext(ctx, "cannot record a delivery, trying again", "message", p.Message.ID, "error", err)
		if g.db.Closed() {
			return pausedWait // the process is ending: the row tells the next one that the fate is unknown
		}
		time.Sleep(commitWait)
	}
}

// hand gives a parcel of a synchronous channel to the request that waits for it.
func (g *Gateway) hand(ctx context.Context, c *running, p *message.Parcel) time.Duration {
	if p.Message.InReplyTo == "" {
		return g.settle(ctx, c, p, core.Failed, "this channel can only answer: nobody can be called on it", "")
	}
	if err := g.waiting.answer(ctx, p.Message); err != nil {
		if ctx.Err() != nil {
			return pausedWait
		}
		if p.Inherited {
			return g.settle(ctx, c, p, core.Unknown, "the server stopped while the reply was being handed over", "")
		}
		return g.settle(ctx, c, p, core.Failed, err.Error(), "")
	}
	return g.settle(ctx, c, p, core.Sent, "", p.Message.ID)
}

// report applies a provider's status callback, as part of the transaction in ctx.
func (g *Gateway) report(ctx context.Context, c *running, u channel.StatusUpdate) error {
	changed, err := g.messages.Report(ctx, callback(c, u))
	if err != nil || changed == nil {
		return err
	}
	external := changed.ExternalID
	if external == "" {
		external = u.ExternalID
	}
	return g.tell(ctx, changed.Message, changed.Now, changed.Why, external, changed.Status)
}

func callback(c *running, u channel.StatusUpdate) message.Callback {
	return message.Callback{Channel: c.Key, MessageID: u.MessageID, ExternalID: core.Storable(u.ExternalID),
		Address: core.Storable(u.Address), Status: u.Status, Reason: core.Storable(u.Reason)}
}

// tell posts the events that a change of status means (docs/spec/vumi-sandbox.md 5): the provider's word that it took the
// message is an ack, its refusal a nack, and what comes later a delivery report.
func (g *Gateway) tell(ctx context.Context, m *core.Message, status core.Status, reason, externalID string, before core.Status) error {
	for _, e := range core.EventsOf(m.ID, before, status, reason, externalID, g.options.Now()) {
		if err := g.options.Notify(ctx, m, e); err != nil {
			return err
		}
	}
	return nil
}
