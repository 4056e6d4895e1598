package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"strings"
	"time"

	"indaba/internal/channel"
	"indaba/internal/contact"
	"indaba/internal/core"
	"indaba/internal/message"
	"indaba/internal/optout"
)

// How deliveries are paced.
const (
	pausedWait  = time.Minute // how often a channel that is off or paused is looked at unasked
	troubleWait = time.Second // after a fault of our own
	commitWait  = 200 * time.Millisecond
	commitPause = 10 * time.Second // the longest wait between two tries to record what happened
)

// Deliver sends one parcel and settles it; it is what message.Outbox.Run calls. A positive result asks for the parcel
// again after that time, or when configuration has changed.
func (g *Gateway) Deliver(ctx context.Context, p *message.Parcel) time.Duration {
	changed := g.changed.Next()
	c, err := g.channel(ctx, p.Message.Channel)
	if core.KindOf(err) == core.NotFound && err != nil {
		return g.abandon(ctx, p, core.SafeMessage(err))
	}
	if errors.Is(err, ErrGivenUp) { // it is off, too
		return pausedWait
	}
	if err != nil {
		slog.ErrorContext(ctx, "cannot deliver", "channel", p.Message.Channel, "error", err)
		return troubleWait
	}
	if _, ok := c.Adapter.(channel.SyncAdapter); ok {
		return g.hand(ctx, c, p)
	}
	if p.Started && !c.idempotent {
		return g.doubtful(ctx, c, p, "the server stopped while the message was being sent")
	}
	if g.tooOld(p) {
		return g.settle(ctx, c, p, unsent(c, p), fmt.Sprintf("given up: it could not be sent for %v", g.options.GiveUpAfter), "")
	}
	if !c.Enabled || c.Trouble != "" {
		return pausedWait
	}
	if wait := p.NotBefore.Sub(g.options.Now()); wait > 0 {
		return wait
	}
	if !g.pace(ctx, c, changed) {
		return time.Nanosecond // the channel may be another by now
	}
	return g.attempt(ctx, c, p)
}

// tooOld reports whether a message has waited for longer than anybody wants it.
func (g *Gateway) tooOld(p *message.Parcel) bool {
	return g.options.Now().Sub(p.Since) > g.options.GiveUpAfter
}

// abandon ends a parcel whose channel is gone.
func (g *Gateway) abandon(ctx context.Context, p *message.Parcel, reason string) time.Duration {
	repeatable, err := g.store.wasIdempotent(ctx, p.Message.Channel)
	if err != nil {
		slog.ErrorContext(ctx, "cannot look at a channel that is gone", "channel", p.Message.Channel, "error", err)
		return troubleWait
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

// pace waits until the channel's rate lets one more message go. Parcels go in the order in which they came to wait, and
// only the first of them has asked the limiter, so that a change of the rate counts at once. It is false when the wait
// ended early: configuration has changed, or the server stops.
func (g *Gateway) pace(ctx context.Context, c *running, changed <-chan struct{}) bool {
	if c.limiter == nil {
		return true
	}
	select {
	case c.first <- struct{}{}:
		defer func() { <-c.first }()
	case <-changed:
		return false
	case <-ctx.Done():
		return false
	}
	turn := c.limiter.Reserve()
	timer := time.NewTimer(turn.Delay())
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-changed:
	case <-ctx.Done():
	}
	turn.Cancel()
	return false
}

// attempt makes one request to the provider. It is not interrupted when the server stops: the answer tells whether the
// message arrived.
func (g *Gateway) attempt(ctx context.Context, c *running, p *message.Parcel) time.Duration {
	ctx = context.WithoutCancel(ctx)
	reason, err := g.unwanted(ctx, c, p.Message)
	if err != nil {
		slog.ErrorContext(ctx, "cannot look for an opt-out before a delivery", "channel", c.Key, "error", err)
		return troubleWait
	}
	if reason != "" {
		refusal := &channel.SendError{Class: channel.Recipient, Message: reason}
		return g.settle(ctx, c, p, unsent(c, p), refusal.Error(), "")
	}
	wanted, err := g.begin(ctx, c, p)
	if err != nil {
		slog.ErrorContext(ctx, "cannot note a delivery", "channel", c.Key, "error", err)
		return troubleWait
	}
	if !wanted {
		return g.settle(ctx, c, p, core.Unknown, "", "") // the status that it has stays
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

// begin notes that an attempt begins. wanted is false when a status callback has settled the message before: it has
// arrived, or never will.
func (g *Gateway) begin(ctx context.Context, c *running, p *message.Parcel) (wanted bool, err error) {
	if !c.idempotent {
		return g.messages.Outbox.Start(ctx, p)
	}
	if p.Attempts > 0 || p.Inherited {
		settled, err := g.messages.Outbox.Settled(ctx, p)
		if err != nil || settled {
			return false, err
		}
	}
	p.Attempts++ // a repeated request does no harm, so the beginning of one need not be on disk
	return true, nil
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
		if c.idempotent {
			p.Doubted = true
			return g.later(ctx, c, p, failure)
		}
		return g.doubtful(ctx, c, p, failure.Error())
	case channel.Retry:
		return g.later(ctx, c, p, failure)
	case channel.AccountFault:
		return g.pause(ctx, c, p, failure)
	default:
		// The refusal of this request tells nothing of an earlier one.
		return g.settle(ctx, c, p, end(p.Doubted), failure.Error(), "")
	}
}

// end returns the status of a message that is not tried again: failed, unless an attempt may have arrived.
func end(doubted bool) core.Status {
	if doubted {
		return core.Unknown
	}
	return core.Failed
}

// unsent returns the status of a message of which nobody knows more than that it is not tried again.
func unsent(c *running, p *message.Parcel) core.Status {
	return end(p.Doubted || c.idempotent && p.Inherited)
}

// later keeps a parcel for another attempt, unless it has had its share.
func (g *Gateway) later(ctx context.Context, c *running, p *message.Parcel, failure *channel.SendError) time.Duration {
	now := g.options.Now()
	if p.Attempts >= c.maxAttempts || g.tooOld(p) {
		return g.settle(ctx, c, p, unsent(c, p), fmt.Sprintf("given up after %d attempts: %s", p.Attempts, failure), "")
	}
	wait := failure.After
	if wait == 0 {
		wait = channel.Backoff(p.Attempts, rand.Float64())
	}
	wait = max(min(wait, p.Since.Add(g.options.GiveUpAfter).Sub(now)), time.Millisecond) // nobody waits for an attempt that comes too late
	if err := g.postpone(ctx, c, p, now.Add(wait), failure); err != nil {
		return troubleWait
	}
	return wait
}

// postpone notes until when a parcel waits, and why.
func (g *Gateway) postpone(ctx context.Context, c *running, p *message.Parcel, until time.Time, failure *channel.SendError) error {
	err := g.messages.Outbox.Postpone(ctx, p, until, p.Doubted && c.idempotent, core.Storable(failure.Error()))
	if err != nil {
		slog.ErrorContext(ctx, "cannot postpone a delivery", "channel", c.Key, "error", err)
	}
	return err
}

// pause stops a channel whose account the provider refuses. The parcel stays first in line. A refusal of settings that
// somebody has changed since says nothing of the new ones.
func (g *Gateway) pause(ctx context.Context, c *running, p *message.Parcel, failure *channel.SendError) time.Duration {
	if err := g.postpone(ctx, c, p, g.options.Now(), failure); err != nil {
		return troubleWait
	}
	if now, err := g.channel(ctx, c.Key); err == nil && !maps.Equal(now.Settings, c.Settings) {
		return time.Nanosecond
	}
	slog.ErrorContext(ctx, "channel paused: the provider refuses our account", "channel", c.Key, "reason", failure.Error())
	if err := g.store.SetTrouble(ctx, c.Account, c.Key, failure.Error()); err != nil {
		slog.ErrorContext(ctx, "cannot pause a channel", "channel", c.Key, "error", err)
		return troubleWait
	}
	return pausedWait
}

// doubtful settles a parcel that may have arrived: its message becomes unknown, which is on disk before any further
// attempt that the channel's policy allows.
func (g *Gateway) doubtful(ctx context.Context, c *running, p *message.Parcel, reason string) time.Duration {
	p.Doubted = true
	if c.resendUnknown && !p.Noted {
		if _, err := g.messages.SetStatus(ctx, p.Message.ID, core.Unknown, reason, ""); err != nil {
			slog.ErrorContext(ctx, "cannot note a doubtful delivery", "channel", c.Key, "error", err)
			return troubleWait
		}
		p.Noted = true
		return g.later(ctx, c, p, &channel.SendError{Class: channel.UnknownResult, Message: reason})
	}
	return g.settle(ctx, c, p, core.Unknown, reason, "")
}

// settle records how a delivery ended, with the events that follow from it, and does not give up before the server stops:
// what the provider has done cannot be undone.
func (g *Gateway) settle(ctx context.Context, c *running, p *message.Parcel, status core.Status, reason, externalID string, back ...channel.Message) time.Duration {
	ctx = context.WithoutCancel(ctx)
	externalID = providerID(externalID)
	for wait := commitWait; ; wait = min(2*wait, commitPause) {
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
			return g.messages.Settle(ctx, p, status, core.Storable(reason), externalID, func(ctx context.Context, now core.Status, why string) error {
				defer func() { before = now }()
				return g.tell(ctx, p.Message, now, why, externalID, before)
			})
		})
		if err == nil {
			return 0
		}
		slog.ErrorContext(ctx, "cannot record a delivery, trying again", "message", p.Message.ID, "error", err)
		select {
		case <-time.After(wait):
		case <-g.stopping.Done():
			return troubleWait // the row tells the next start that its fate is unknown
		}
		if g.db.Closed() {
			return troubleWait // likewise
		}
	}
}

// providerID returns a provider's id as it is stored: what is longer than any index takes is cut, wherever it comes from.
func providerID(id string) string {
	const longest = 255
	id = core.Storable(id)
	if len(id) > longest {
		id = strings.ToValidUTF8(id[:longest], "")
	}
	return id
}

// hand gives a parcel of a synchronous channel to the request that waits for it.
func (g *Gateway) hand(ctx context.Context, c *running, p *message.Parcel) time.Duration {
	if p.Message.InReplyTo == "" {
		return g.settle(ctx, c, p, core.Failed, "this channel can only answer: nobody can be called on it", "")
	}
	if err := g.waiting.answer(ctx, p.Message); err != nil {
		if ctx.Err() != nil {
			return troubleWait
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
		external = providerID(u.ExternalID)
	}
	return g.tell(ctx, changed.Message, changed.Now, changed.Why, external, changed.Status)
}

func callback(c *running, u channel.StatusUpdate) message.Callback {
	return message.Callback{Channel: c.Key, MessageID: u.MessageID, ExternalID: providerID(u.ExternalID),
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
