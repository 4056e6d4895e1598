package simulate

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"

	"indaba/internal/app"
	"indaba/internal/bot"
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

// find finds the bot and its channels.
func (x *exchange) find(ctx context.Context, t *talk, base string) (err error) {
	if x.bot, err = x.app.Bots.Find(ctx, t.options.Account, t.options.Bot); err != nil {
		return err
	}
	settings := appConfig{class: "sms"} // of an application elsewhere, which says nothing of itself
	if x.bot.HasProgram() {
		if settings, err = x.settings(ctx); err != nil {
			return err
		}
	}
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

// settings reads what the bot's configuration says about its channels.
func (x *exchange) settings(ctx context.Context) (appConfig, error) {
	if x.bot.Version == 0 {
		return appConfig{}, core.Errorf(core.Conflict, "bot %s has no program yet: deploy one with indaba bot deploy", x.bot.Name)
	}
	program, err := x.app.Bots.Program(ctx, x.bot.Key, x.bot.Version)
	if err != nil {
		return appConfig{}, err
	}
	text, own := x.bot.Config["config"]
	if !own {
		text = program.Config["config"]
	}
	return readApp(text), nil
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
	err := x.app.Channels.Create(ctx, c)
	if core.KindOf(err) == core.Conflict { // an earlier one is there whose routes were taken away, or that is switched off
		c.Name += " " + core.NewKey()[:8]
		err = x.app.Channels.Create(ctx, c)
	}
	return c, err
}

// lead returns the channel that an endpoint of the bot leads to. An endpoint that leads nowhere is linked to fallback;
// one that leads somewhere is left alone: it may be in use.
func (x *exchange) lead(ctx context.Context, endpoint string, fallback *gateway.Channel) (*gateway.Channel, error) {
	key, _, err := x.app.Routes.Outbound(ctx, x.bot.Account, x.bot.Key, endpoint)
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
