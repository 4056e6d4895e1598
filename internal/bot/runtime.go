package bot

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"indaba/internal/bot/js"
	"indaba/internal/core"
	"indaba/internal/db"
	"indaba/internal/message"
	"indaba/internal/optout"
	"indaba/internal/routing"
)

// Channels tells the runtime what it needs to know of the configured channels.
type Channels interface {
	// Line returns what is known of a channel; core.NotFound if there is no such channel.
	Line(ctx context.Context, key string) (core.Line, error)
	// Recipient returns an address of a person as the messages that the channel brings in have it; core.NotFound if there is
	// no such channel.
	Recipient(ctx context.Context, key, address string) (string, error)
}

// RuntimeDeps are what a Runtime works with.
type RuntimeDeps struct {
	DB       *db.DB
	Bots     *Store
	Messages *message.Service
	Routes   *routing.Service
	Channels Channels
	Optouts  *optout.Gate      // knows the texts by which people opt out
	Loaders  map[string]Loader // the dialect of each kind of bot
	Now      func() time.Time
}

// Runtime deals with mail: it finds the bot, runs the turn and commits what came of it.
type Runtime struct {
	db       *db.DB
	store    *Store
	messages *message.Service
	routes   *routing.Service
	channels Channels
	optouts  *optout.Gate
	loaders  map[string]Loader
	now      func() time.Time

	mu      sync.Mutex
	live    map[string]*live // by bot
	changes int              // changes of configuration so far
	loading sync.Map         // bot -> *sync.Mutex, held while its program is loaded
}

// live is a bot with its program in memory. It is closed when it has been replaced and its last turn is over.
type live struct {
	bot     *Bot
	config  map[string]string
	runner  Runner
	turns   int
	seen    int // Runtime.changes when it was last compared with the database
	retired bool
}

// NewRuntime returns a runtime.
func NewRuntime(d RuntimeDeps) *Runtime {
	r := &Runtime{db: d.DB, store: d.Bots, messages: d.Messages, routes: d.Routes, channels: d.Channels, optouts: d.Optouts,
		loaders: d.Loaders, now: d.Now, live: map[string]*live{}}
	d.DB.OnChange(func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.changes++
	})
	return r
}

// Close frees the programs in memory. No turn may be under way.
func (r *Runtime) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for key, l := range r.live {
		l.runner.Close()
		delete(r.live, key)
	}
}

// Handle deals with one mail; it is a [message.Handler].
func (r *Runtime) Handle(ctx context.Context, mail message.Mail) error {
	switch {
	case mail.Trigger != nil:
		return r.turn(ctx, mail, mail.Trigger.Bot, routing.Decision{})
	case mail.Message == nil:
		return &message.Poison{Reason: "the message that this mail is about is gone"}
	case mail.Event != nil:
		return r.turn(ctx, mail, mail.Message.Bot, routing.Decision{Message: mail.Message})
	}
	line, err := r.line(ctx, mail.Channel)
	if err != nil {
		return err
	}
	keyword, err := r.keyword(ctx, mail.Message, line)
	if err != nil {
		return err
	}
	if keyword != "" {
		return r.optOut(ctx, mail, keyword)
	}
	decision, err := r.routes.Inbound(ctx, mail.Message, line.DeliveryClass)
	if none, ok := errors.AsType[*routing.NoRoute](err); ok {
		return r.unrouted(ctx, mail, none.Error(), decision.Routers)
	}
	if err != nil {
		return fmt.Errorf("route: %w", err)
	}
	if decision.Reply != nil {
		return r.routerReply(ctx, mail, decision)
	}
	return r.turn(ctx, mail, decision.Bot, decision)
}

// line returns what is known of a channel; nothing of one that is gone.
func (r *Runtime) line(ctx context.Context, channel string) (core.Line, error) {
	line, err := r.channels.Line(ctx, channel)
	if err != nil && core.KindOf(err) == core.NotFound {
		return core.Line{}, nil
	}
	return line, err
}

// unrouted ends the way of a message that no bot gets, behind the routers that it passed. It stays in the log with the
// reason, and whoever sent it is told when the channel is set so (docs/spec/vumi-http.md 8).
func (r *Runtime) unrouted(ctx context.Context, mail message.Mail, reason string, routers []string) error {
	slog.WarnContext(ctx, "inbound message has no route", "message", mail.Message.ID, "channel", mail.Channel, "reason", reason)
	line, err := r.line(ctx, mail.Channel)
	if err != nil {
		return err
	}
	if line.Unroutable == nil && len(routers) == 0 {
		return r.messages.Refuse(ctx, mail, false, reason)
	}
	return r.db.Tx(ctx, func(ctx context.Context) error {
		if err := r.routes.Passed(ctx, mail.Message.ID, routers); err != nil {
			return err
		}
		if line.Unroutable == nil {
			return r.messages.Refuse(ctx, mail, false, reason)
		}
		return r.farewell(ctx, mail, *line.Unroutable, reason)
	})
}

// farewell answers a message that no bot gets, ends its session, and takes its mail out of the queue with the reason, as
// part of the transaction in ctx. Somebody who has ended the session is told nothing.
func (r *Runtime) farewell(ctx context.Context, mail message.Mail, text, reason string) error {
	if mail.Message.SessionEvent == core.SessionClose {
		return r.messages.Refuse(ctx, mail, false, reason)
	}
	if err := r.messages.Send(ctx, r.reply(mail.Message, Send{Content: &text, SessionEvent: core.SessionClose})); err != nil {
		return err
	}
	return r.messages.Refuse(ctx, mail, true, reason)
}

// routerReply sends what a router itself has to say.
func (r *Runtime) routerReply(ctx context.Context, mail message.Mail, d routing.Decision) error {
	return r.db.Tx(ctx, func(ctx context.Context) error {
		reply := r.reply(mail.Message, Send{Content: d.Reply, SessionEvent: d.ReplySession})
		if err := r.messages.Send(ctx, reply); err != nil {
			return err
		}
		if err := d.Commit(ctx); err != nil {
			return err
		}
		if err := r.routes.Passed(ctx, mail.Message.ID, d.Routers); err != nil {
			return err
		}
		return r.messages.Mailbox.Done(ctx, mail, true)
	})
}

// turn runs a bot for a mail and commits what came of it.
func (r *Runtime) turn(ctx context.Context, mail message.Mail, key string, d routing.Decision) error {
	l, err := r.acquire(ctx, mail.Account, key)
	if err != nil {
		return r.withoutBot(ctx, mail, err)
	}
	defer r.release(l)
	if mail.Event != nil && !l.wantsEvents() {
		return r.messages.Mailbox.Done(ctx, mail, false)
	}
	t := &Turn{Bot: l.bot, Version: l.bot.Version, Config: l.config, Message: d.Message, Event: mail.Event,
		Trigger: mail.Trigger != nil, Channel: mail.Channel, Address: mail.Address, Alone: mail.Attempts > 0, Seed: newSeed()}
	if d.Message != nil && mail.Event == nil {
		m := *d.Message
		m.Bot, m.Endpoint = l.bot.Key, d.Endpoint
		t.Message = &m
	}
	res, err := l.runner.Run(ctx, t)
	if err != nil {
		return err
	}
	switch res.Outcome {
	case js.Done:
		return r.commit(ctx, mail, t, d, &res)
	case js.Canceled, js.Evicted:
		return fmt.Errorf("turn %s: %s", res.Outcome, res.Err)
	}
	return r.failed(ctx, t, &res)
}

// failed keeps the record of a turn that came to nothing, and parks its mail.
func (r *Runtime) failed(ctx context.Context, t *Turn, res *Result) error {
	reason := fmt.Sprintf("bot %s version %d: %s: %s", t.Bot.Name, t.Version, res.Outcome, res.Err)
	record, err := r.store.packRecord(&res.Record)
	if err != nil {
		return err
	}
	err = r.db.Tx(ctx, func(ctx context.Context) error { return r.store.keep(ctx, t, res, record) })
	if err != nil {
		return err
	}
	return &message.Poison{Reason: core.Storable(reason)}
}

// commit sends what the turn wants sent, keeps its record and marks its mail as done, all together.
func (r *Runtime) commit(ctx context.Context, mail message.Mail, t *Turn, d routing.Decision, res *Result) error {
	record, err := r.store.packRecord(&res.Record)
	if err != nil {
		return err
	}
	within := r.db.Tx
	if res.Commit != nil {
		within = func(ctx context.Context, fn func(context.Context) error) error { return r.db.TxOn(ctx, t.Bot.Key, fn) }
	}
	return within(ctx, func(ctx context.Context) error {
		reply := res.RepliesLater
		for _, send := range res.Sends {
			reply = reply || send.Reply
			if err := r.send(ctx, t, send); err != nil {
				return err
			}
		}
		for _, commit := range []func(context.Context) error{d.Commit, res.Commit} {
			if commit == nil {
				continue
			}
			if err := commit(ctx); err != nil {
				return err
			}
		}
		if t.Message != nil && t.Event == nil {
			if err := r.messages.SetBot(ctx, t.Message.ID, t.Bot.Key, t.Message.Endpoint); err != nil {
				return err
			}
			if err := r.routes.Passed(ctx, t.Message.ID, d.Routers); err != nil {
				return err
			}
		}
		if err := r.store.keep(ctx, t, res, record); err != nil {
			return err
		}
		return r.messages.Mailbox.Done(ctx, mail, reply)
	})
}

// send puts one message of a turn into the outbox, or into the log as failed, with a nack, when no route leads out.
func (r *Runtime) send(ctx context.Context, t *Turn, send Send) error {
	if send.Reply {
		m := r.reply(t.Message, send)
		m.Bot = t.Bot.Key
		return r.messages.Send(ctx, m)
	}
	m := &core.Message{ID: core.NewMessageID(r.now()), Account: t.Bot.Account, Direction: core.Outbound, To: send.To,
		Content: send.Content, SessionEvent: send.SessionEvent, HelperMetadata: send.HelperMetadata, Bot: t.Bot.Key,
		Endpoint: send.Endpoint, CreatedAt: r.now()}
	return r.Dispatch(ctx, m)
}

// Dispatch sends a message that answers nothing, by the channel that its bot's endpoint leads to, to whom the channel knows
// by the address. One that cannot leave is kept as failed, and its bot is told by a nack. It belongs into the transaction of
// what asks for the message.
func (r *Runtime) Dispatch(ctx context.Context, m *core.Message) error {
	channel, routers, err := r.routes.Outbound(ctx, m.Account, m.Bot, m.Endpoint)
	none, unroutable := errors.AsType[*routing.NoRoute](err)
	if err != nil && !unroutable {
		return err
	}
	if err := r.routes.Passed(ctx, m.ID, routers); err != nil {
		return err
	}
	if unroutable {
		return r.sendFailed(ctx, m, none.Error())
	}
	line, err := r.channels.Line(ctx, channel)
	to := m.To
	if err == nil {
		to, err = r.channels.Recipient(ctx, channel, m.To)
	}
	if core.KindOf(err) == core.NotFound && err != nil {
		return r.sendFailed(ctx, m, core.SafeMessage(err))
	}
	if err != nil {
		return err
	}
	m.Channel, m.From, m.To, m.TransportType = channel, line.Address, to, line.TransportType
	return r.messages.Send(ctx, m)
}

// sendFailed puts a message that cannot leave into the log, and tells its bot.
func (r *Runtime) sendFailed(ctx context.Context, m *core.Message, reason string) error {
	if err := r.messages.SendFailed(ctx, m, reason); err != nil {
		return err
	}
	for _, e := range core.EventsOf(m.ID, core.Queued, core.Failed, reason, "", r.now()) {
		if err := r.Notify(ctx, m, e); err != nil {
			return err
		}
	}
	return nil
}

// reply makes the answer to an inbound message: it goes back the way that came.
func (r *Runtime) reply(to *core.Message, send Send) *core.Message {
	m := &core.Message{ID: core.NewMessageID(r.now()), Account: to.Account, Channel: to.Channel, Direction: core.Outbound,
		From: to.To, To: to.From, Content: send.Content, SessionEvent: send.SessionEvent, SessionID: to.SessionID,
		InReplyTo: to.ID, RepliesTo: to.ExternalID, Group: to.Group, Provider: to.Provider, TransportType: to.TransportType,
		TransportMetadata: to.TransportMetadata, HelperMetadata: send.HelperMetadata, Bot: to.Bot, Endpoint: to.Endpoint,
		CreatedAt: r.now()}
	if send.ToGroup && to.Group != "" {
		m.To = to.Group
	}
	return m
}

// Notify posts an event about an outbound message to the bot that sent it, if that bot wants events. It belongs into the
// transaction that changes the message.
func (r *Runtime) Notify(ctx context.Context, m *core.Message, e core.Event) error {
	if m.Bot == "" {
		return nil
	}
	l, err := r.acquire(ctx, m.Account, m.Bot)
	if nobodyListens(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer r.release(l)
	if !l.wantsEvents() {
		return nil
	}
	return r.messages.Mailbox.Post(ctx, message.Mail{Account: m.Account, Channel: m.Channel, Address: m.To, Message: m, Event: &e})
}
