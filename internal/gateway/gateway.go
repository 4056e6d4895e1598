package gateway

import (
	"context"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"indaba/internal/channel"
	"indaba/internal/core"
	"indaba/internal/db"
	"indaba/internal/message"
	"indaba/internal/optout"
)

// Options tune a Gateway.
type Options struct {
	PublicURL string // where providers reach this server, without a trailing slash
	MaxBody   int64  // bytes of a webhook's body; 0 means 1 MiB
	// TrustProxy takes the caller's address from X-Forwarded-For, for servers behind a proxy that sets it.
	TrustProxy bool
	// Notify tells the bot that sent a message what became of it, as part of the transaction in ctx.
	Notify func(ctx context.Context, m *core.Message, e core.Event) error
	// Optouts says, at the last moment, who is not written to.
	Optouts *optout.Gate
	// Forget removes the routes of a channel that is being removed, as part of the transaction in ctx.
	Forget func(ctx context.Context, account, key string) error
	Client *channel.Client // connections to providers; nil means a client of its own
	// GiveUpAfter is the age at which a message that could not be sent is failed; 0 means 24 hours.
	GiveUpAfter time.Duration
	Now         func() time.Time
}

// Gateway runs channels.
type Gateway struct {
	db       *db.DB
	store    *Store
	messages *message.Service
	options  Options
	waiting  sessions

	mu      sync.Mutex
	running map[string]*running // by channel key
	changes atomic.Int64        // counts changes of configuration
	changed core.Broadcast      // tells of them

	stopping context.Context // ends when providers that wait for news are to be sent away
	stop     context.CancelFunc
}

// running is a channel with its adapter.
type running struct {
	*Channel
	channel.Adapter
	line          core.Line
	idempotent    bool
	limiter       *rate.Limiter // nil without a limit
	first         chan struct{} // holds who is next to be let go by the limiter
	maxAttempts   int
	resendUnknown bool
	seen          int64 // Gateway.changes when it was last read
}

// New returns a gateway. Deliveries stand still until Deliver is given to the outbox.
func New(d *db.DB, store *Store, messages *message.Service, o Options) *Gateway {
	if o.MaxBody == 0 {
		o.MaxBody = 1 << 20
	}
	if o.GiveUpAfter == 0 {
		o.GiveUpAfter = 24 * time.Hour
	}
	if o.Client == nil {
		o.Client = channel.NewClient(nil)
	}
	g := &Gateway{db: d, store: store, messages: messages, options: o, running: map[string]*running{}}
	g.stopping, g.stop = context.WithCancel(context.Background())
	d.OnChange(func() {
		g.changes.Add(1)
		g.changed.Tell()
		messages.Outbox.Rouse()
	})
	messages.Mailbox.OnSettled(func(mail message.Mail, reply bool) {
		if mail.Message != nil && mail.Event == nil && !reply {
			g.waiting.nothing(mail.Message.ID)
		}
	})
	return g
}

// Line returns what the way of a message needs to know of a channel. A channel that is not there, or was removed, is
// core.NotFound.
func (g *Gateway) Line(ctx context.Context, key string) (core.Line, error) {
	c, err := g.channel(ctx, key)
	if err != nil {
		return core.Line{}, err
	}
	return c.line, nil
}

// channel returns a running channel. Its adapter is made anew only when the channel itself has changed: adapters may
// hold state.
func (g *Gateway) channel(ctx context.Context, key string) (*running, error) {
	changes := g.changes.Load()
	g.mu.Lock()
	c := g.running[key]
	g.mu.Unlock()
	if c != nil && c.seen == changes {
		return c, nil
	}
	read, err := g.store.one(ctx, key, "WHERE key = $1", key)
	if err != nil {
		return nil, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if read.Removed() {
		delete(g.running, key)
		return nil, core.Errorf(core.NotFound, "channel %s was removed", read.Name)
	}
	if c = g.running[key]; c != nil && maps.Equal(c.Settings, read.Settings) {
		same := *c
		same.Channel, same.seen = read, changes
		g.running[key] = &same
		return &same, nil
	}
	if c, err = g.start(read); err != nil {
		return nil, err
	}
	c.seen = changes
	g.running[key] = c
	return c, nil
}

// start makes the adapter of a channel.
func (g *Gateway) start(c *Channel) (*running, error) {
	t, err := g.store.Type(c.Type)
	if err != nil {
		return nil, err
	}
	settings, err := t.Check(c.Settings)
	if err != nil {
		return nil, err
	}
	config := channel.Config{Key: c.Key, Address: c.Address, WebhookURL: g.WebhookURL(c.Key), Settings: c.Settings,
		HTTP: g.options.Client, Now: g.options.Now, LastInput: func(ctx context.Context, session string) (string, error) {
			m, err := g.messages.LastInSession(ctx, c.Key, session)
			if core.KindOf(err) == core.NotFound && err != nil {
				return "", nil
			}
			if err != nil {
				return "", err
			}
			return m.Continuation, nil
		}}
	adapter, err := t.Open(config)
	if err != nil {
		return nil, err
	}
	config.Settings = settings
	r := &running{Channel: c, Adapter: adapter, idempotent: t.Idempotent,
		line: core.Line{Address: c.Address, TransportType: t.Transport, DeliveryClass: t.DeliveryClass,
			KeepsKeywords: config.Bool(channel.DisableGlobalOptOut)},
		maxAttempts: max(1, int(config.Number("max_attempts"))), resendUnknown: settings["resend_unknown"] == "once"}
	if transporter, ok := adapter.(channel.Transporter); ok {
		r.line.TransportType, r.line.DeliveryClass = transporter.Transport()
	}
	if answer := settings[channel.UnroutableReply]; config.Bool(channel.ReplyToUnroutable) {
		r.line.Unroutable = &answer
	}
	perSecond := t.PerSecond
	if settings["rate"] != "" {
		perSecond = config.Number("rate")
	}
	if perSecond > 0 {
		r.limiter, r.first = rate.NewLimiter(rate.Limit(perSecond), max(1, int(perSecond))), make(chan struct{}, 1)
	}
	return r, nil
}

// WebhookURL returns where a provider reaches a channel.
func (g *Gateway) WebhookURL(key string) string {
	return strings.TrimRight(g.options.PublicURL, "/") + "/channels/" + key
}

// StopWaiting sends those away that wait for news in a long request, so that the server can stop. Requests that wait for
// the reply to a message go on.
func (g *Gateway) StopWaiting() { g.stop() }

// SetPublicURL sets Options.PublicURL once the server knows where it listens. It must come before any traffic.
func (g *Gateway) SetPublicURL(url string) { g.options.PublicURL = url }
