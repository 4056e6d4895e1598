package simulate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"indaba/internal/app"
	"indaba/internal/bot"
	"indaba/internal/bot/js"
	"indaba/internal/config"
	"indaba/internal/core"
	"indaba/internal/gateway"
	"indaba/internal/routing"
)

// An exchange joins a terminal to a bot: the server, the phone that people talk with, and what arrives on it.
type exchange struct {
	app      *app.App // services; a server of its own only when no other runs
	bot      *bot.Bot
	phone    *phone
	leads    map[string]*gateway.Channel // where the bot's other endpoints lead
	arrivals chan arrival
	shown    map[string]bool // ids of messages that were shown
	fatal    <-chan error    // of a server of its own
	hush     context.CancelFunc
	ears     sync.WaitGroup
}

// An arrival is a message to a person, or the error that ended the listening.
type arrival struct {
	address string
	message heard
	err     error
}

// connect finds the server and the bot, or starts a server, and makes the channels that are missing.
func (t *talk) connect(ctx context.Context, c *config.Config) (stop func() error, err error) {
	own := *c
	own.Listen, own.PublicURL = "127.0.0.1:0", ""
	x := &exchange{arrivals: make(chan arrival, 16), shown: map[string]bool{}, leads: map[string]*gateway.Channel{}, hush: func() {}}
	if x.app, err = app.Open(ctx, &own); err != nil {
		return nil, err
	}
	end := x.app.Close
	defer func() {
		if err != nil {
			err = errors.Join(err, end())
		}
	}()
	base, err := runningAt(ctx, c.Data)
	if err != nil {
		return nil, err
	}
	if base == "" {
		if err := x.app.Start(ctx); err != nil {
			return nil, err
		}
		base, x.fatal = x.app.URL(), x.app.Fatal()
		end = func() error {
			ctx, cancel := context.WithTimeout(context.Background(), stopGrace)
			defer cancel()
			return x.app.Stop(ctx)
		}
		if err := t.print.note("no server runs on %s: one runs here until you leave", c.Data); err != nil {
			return nil, err
		}
	}
	if err := x.find(ctx, t, base); err != nil {
		return nil, err
	}
	t.line = x
	return func() error {
		x.hush()
		x.ears.Wait()
		return end()
	}, nil
}

// runningAt returns the URL of the server that runs on a data directory, or "" when none does.
func runningAt(ctx context.Context, data string) (string, error) {
	r, err := app.ReadRunning(data)
	if core.KindOf(err) == core.NotFound && err != nil {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.URL+"/healthz", nil)
	if err != nil {
		return "", fmt.Errorf("the address of the running server: %w", err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", nil // it was killed: the lock tells for sure
	}
	return r.URL, res.Body.Close()
}

// find finds the bot and its channels.
func (x *exchange) find(ctx context.Context, t *talk, base string) (err error) {
	if x.bot, err = x.app.Bots.Find(ctx, t.options.Account, t.options.Bot); err != nil {
		return err
	}
	if x.bot.Version == 0 {
		return core.Errorf(core.Conflict, "bot %s has no program yet: deploy one with indaba bot deploy", x.bot.Name)
	}
	program, err := x.app.Bots.Program(ctx, x.bot.Key, x.bot.Version)
	if err != nil {
		return err
	}
	text, own := x.bot.Config["config"]
	if !own {
		text = program.Config["config"]
	}
	settings := readApp(text)
	kind := t.options.Kind
	first(&kind, kindOf(settings.class))
	c, err := x.simulator(ctx, kind)
	if err != nil {
		return err
	}
	x.phone = newPhone(base, c)
	// Replies go back as they came, but what the bot begins itself, such as a push, leaves by its default endpoint.
	if _, err := x.lead(ctx, routing.Default, c); err != nil {
		return err
	}
	for _, endpoint := range slices.Sorted(maps.Keys(settings.endpoints)) {
		if endpoint == routing.Default {
			continue
		}
		if err := x.join(ctx, t, endpoint, kindOf(settings.endpoints[endpoint])); err != nil {
			return err
		}
	}
	return nil
}

// simulator returns the simulator channel of a kind that leads to the bot, and makes one when there is none.
func (x *exchange) simulator(ctx context.Context, kind string) (*gateway.Channel, error) {
	inside := routing.Endpoint{Kind: routing.Bot, Key: x.bot.Key, Name: routing.Default}
	table, err := x.app.Routes.Table(ctx, x.bot.Account)
	if err != nil {
		return nil, err
	}
	for _, entry := range table {
		if entry.Target != inside || entry.Source.Kind != routing.Channel {
			continue
		}
		c, err := x.app.Channels.Get(ctx, x.bot.Account, entry.Source.Key)
		if err != nil {
			return nil, err
		}
		if c.Type == simulatorType && c.Enabled && newPhone("", c).kind() == kind {
			return c, nil
		}
	}
	address := map[string]string{"ussd": "*120*8864#", "sms": "55555", "chat": "simulator"}[kind]
	c, err := x.create(ctx, kind, routing.Default, address)
	if err != nil {
		return nil, err
	}
	outside := routing.Endpoint{Kind: routing.Channel, Key: c.Key, Name: routing.Default}
	return c, x.app.Routes.Link(ctx, x.bot.Account, routing.Entry{Source: outside, Target: inside})
}

func (x *exchange) create(ctx context.Context, kind, endpoint, address string) (*gateway.Channel, error) {
	name := "simulate " + x.bot.Name + " " + kind
	if endpoint != routing.Default {
		name += " " + endpoint
	}
	c := &gateway.Channel{Account: x.bot.Account, Type: simulatorType, Name: name, Address: address,
		Settings: map[string]string{"kind": kind, "secret": core.NewSecret()}}
	return c, x.app.Channels.Create(ctx, c)
}

// lead returns the channel that an endpoint of the bot leads to. An endpoint that leads nowhere is linked to fallback;
// one that leads somewhere is left alone: it may be in use.
func (x *exchange) lead(ctx context.Context, endpoint string, fallback *gateway.Channel) (*gateway.Channel, error) {
	key, err := x.app.Routes.Outbound(ctx, x.bot.Account, x.bot.Key, endpoint)
	if err == nil {
		return x.app.Channels.Get(ctx, x.bot.Account, key)
	}
	if _, none := errors.AsType[*routing.NoRoute](err); !none || fallback == nil {
		return nil, err
	}
	return fallback, x.app.Routes.Link(ctx, x.bot.Account, routing.Entry{
		Source: routing.Endpoint{Kind: routing.Bot, Key: x.bot.Key, Name: endpoint},
		Target: routing.Endpoint{Kind: routing.Channel, Key: fallback.Key, Name: routing.Default},
	})
}

// join makes sure that another endpoint of the bot leads somewhere, and says so when that is the outside world.
func (x *exchange) join(ctx context.Context, t *talk, endpoint, kind string) error {
	c, err := x.lead(ctx, endpoint, nil)
	if _, none := errors.AsType[*routing.NoRoute](err); none {
		if c, err = x.create(ctx, kind, endpoint, endpoint); err != nil {
			return err
		}
		_, err = x.lead(ctx, endpoint, c)
	}
	if err != nil {
		return err
	}
	x.leads[endpoint] = c
	if c.Type != simulatorType {
		return t.print.note("careful: what the bot sends to endpoint %s really leaves by channel %s (%s)", endpoint, c.Name, c.Type)
	}
	return nil
}

// listen begins to listen for messages to an address, and forgets any other.
func (x *exchange) listen(ctx context.Context, address string) error {
	x.hush()
	ctx, x.hush = context.WithCancel(ctx)
	var after int64
	old, err := x.phone.listen(ctx, address, 0, 0)
	if err != nil {
		return err
	}
	for _, m := range old {
		after = max(after, m.Seq)
	}
	x.ears.Go(func() {
		for {
			got, err := x.phone.listen(ctx, address, after, 25*time.Second)
			if ctx.Err() != nil {
				return
			}
			for _, m := range got {
				after = max(after, m.Seq)
				x.deliver(ctx, arrival{address: address, message: m})
			}
			if err != nil {
				x.deliver(ctx, arrival{err: err})
				return
			}
		}
	})
	return nil
}

func (x *exchange) deliver(ctx context.Context, a arrival) {
	select {
	case x.arrivals <- a:
	case <-ctx.Done():
	}
}

// An ending is what came of a message beside the replies.
type ending struct {
	sends   []event // messages that are no replies, and errors in the bot's log
	silent  bool    // there was no reply
	trouble string  // why the bot failed; empty when it did not
}

// outcome looks what became of a message. It returns nil while the bot is not done with it, or a reply has not been shown
// yet.
func (x *exchange) outcome(ctx context.Context, id string) (*ending, error) {
	m, err := x.app.Messages.Get(ctx, x.bot.Account, id)
	if err != nil {
		return nil, err
	}
	if m.StatusReason != "" {
		return &ending{trouble: "no bot got the message: " + m.StatusReason}, nil
	}
	if m.Bot == "" {
		return x.parked(ctx, id)
	}
	replies, err := x.app.Messages.Replies(ctx, id)
	if err != nil {
		return nil, err
	}
	end := &ending{silent: len(replies) == 0}
	for _, r := range replies {
		switch {
		case r.Status == core.Failed:
			end.trouble = "the answer could not be shown: " + r.StatusReason
			if r.Content != nil {
				end.trouble += "\n" + *r.Content
			}
		case !x.shown[r.ID]:
			return nil, nil
		}
	}
	turn, err := x.turnOf(ctx, id)
	if err != nil || turn == nil {
		return end, err
	}
	for _, c := range callsOf(*turn) {
		if e, ok := x.sent(c); ok {
			end.sends = append(end.sends, e)
		}
	}
	return end, nil
}

// parked tells why a message was put aside, or nil when it was not.
func (x *exchange) parked(ctx context.Context, id string) (*ending, error) {
	const enough = 1000
	all, err := x.app.Messages.Mailbox.Parked(ctx, x.bot.Account, enough)
	if err != nil {
		return nil, err
	}
	for _, p := range all {
		if p.Message != nil && p.Message.ID == id {
			return &ending{silent: true, trouble: fmt.Sprintf("the message was parked: %s\nsee: indaba bot logs %s, indaba parked list",
				p.Reason, x.bot.Name)}, nil
		}
	}
	return nil, nil
}

// turnOf returns the record of the turn for a message, or nil when it is not among the newest.
func (x *exchange) turnOf(ctx context.Context, id string) (*bot.Record, error) {
	const newest = 100
	turns, err := x.app.Bots.Turns(ctx, x.bot.Key, newest)
	if err != nil {
		return nil, err
	}
	for _, t := range turns {
		if t.Message == id && t.Outcome == string(js.Done) {
			_, record, err := x.app.Bots.Turn(ctx, x.bot.Key, t.ID)
			return &record, err
		}
	}
	return nil, nil
}

// sent makes an event of a command that sends a message which is no reply, or that logs an error.
func (x *exchange) sent(c call) (event, bool) {
	endpoint := routing.Default
	switch {
	case !c.success:
		return event{}, false
	case c.name == "log.error", c.name == "log.critical":
		return event{Event: "log", Text: c.text("msg")}, true
	case c.name == "outbound.send_to_tag":
		endpoint = c.text("tagpool") + ":" + c.text("tag")
	case strings.HasPrefix(c.name, "outbound.send_to"):
		if text := c.text("endpoint"); text != "" {
			endpoint = text
		}
	default:
		return event{}, false
	}
	var content *string
	_ = json.Unmarshal(c.args["content"], &content) // the sandbox has checked it
	e := event{Event: "send", Endpoint: endpoint, To: c.text("to_addr"), Kind: x.phone.kind()}
	if content != nil {
		e.Text = *content
	}
	if lead := x.leads[endpoint]; lead != nil {
		e.Kind = lead.Type
		if lead.Type == simulatorType {
			e.Kind = newPhone("", lead).kind()
		}
	}
	return e, true
}
