package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/pprof"
	"strings"
	"time"

	"indaba/internal/app"
	"indaba/internal/bot"
	"indaba/internal/bot/bundle"
	"indaba/internal/cli"
	"indaba/internal/config"
	"indaba/internal/gateway"
	"indaba/internal/routing"
	"indaba/test/process"
)

// place is a running server with a custom channel and a bot behind it.
type place struct {
	config  *config.Config
	server  *process.Server
	peer    *peer
	path    string // of the channel's webhooks
	channel string
}

// program is the bot to run: its code, and its configuration.
type program struct {
	code   string
	set    *bundle.Set
	config map[string]string
}

// open makes an empty server with a channel whose provider is in this process. Without a program the channel leads
// nowhere.
func open(ctx context.Context, o *options, name string, p *program) (*place, error) {
	l := &place{config: config.Default(), peer: newPeer()}
	l.config.Data, l.config.Database = filepath.Join(o.dir, name), o.database
	l.server = &process.Server{Program: o.program, Data: l.config.Data, Database: o.database,
		Flags: []string{"--log-level", "error", "--kv-quota", "1000000"}}
	if o.profile != "" {
		l.server.Env = []string{profileVariable + "=" + filepath.Join(o.profile, name+".cpu")}
	}
	if err := os.MkdirAll(l.config.Data, 0o700); err != nil {
		return nil, err
	}
	if err := l.populate(ctx, name, p); err != nil {
		return nil, errors.Join(err, l.peer.close())
	}
	if _, err := l.server.Start(ctx); err != nil {
		return nil, errors.Join(err, l.peer.close())
	}
	return l, nil
}

// close stops the server in order.
func (l *place) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	return errors.Join(l.server.Stop(ctx), l.peer.close())
}

func (l *place) address() string { return strings.TrimPrefix(l.server.URL(), "http://") }

// with runs do on the database, beside the server.
func (l *place) with(ctx context.Context, do func(*app.App) error) (err error) {
	a, err := app.Open(ctx, l.config)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	return do(a)
}

func (l *place) populate(ctx context.Context, name string, p *program) error {
	return l.with(ctx, func(a *app.App) error {
		owner, err := a.Accounts.Create(ctx, name, "")
		if err != nil {
			return err
		}
		c := &gateway.Channel{Account: owner.Key, Type: "custom", Name: name, Settings: map[string]string{
			"base_url": l.peer.url, "secret": secret, "rate": "0", "transport_type": "sms"}}
		if err := a.Channels.Create(ctx, c); err != nil {
			return err
		}
		l.channel, l.path = c.Key, "/channels/"+c.Key
		if p == nil {
			return nil
		}
		b, err := a.Bots.Create(ctx, owner.Key, name, bot.Sandbox)
		if err != nil {
			return err
		}
		code, err := bundle.FromScript(p.code, "app.js", bundle.Settings{Config: p.config}, "", bundle.Options{Set: p.set})
		if err != nil {
			return err
		}
		if _, err := a.Bots.Deploy(ctx, owner.Key, b.Key, code); err != nil {
			return err
		}
		return a.Routes.Link(ctx, owner.Key, routing.Entry{
			Source: routing.Endpoint{Kind: routing.Channel, Key: c.Key, Name: routing.Default},
			Target: routing.Endpoint{Kind: routing.Bot, Key: b.Key, Name: routing.Default}})
	})
}

// drained waits until the server has nothing left to do, and fails unless every outbound message was sent.
func (l *place) drained(ctx context.Context) error {
	return l.with(ctx, func(a *app.App) error {
		for {
			var mails, parcels, unsent int
			if err := a.DB.Row(ctx, "SELECT (SELECT count(*) FROM mailbox), (SELECT count(*) FROM outbox)", nil, &mails, &parcels); err != nil {
				return err
			}
			if mails+parcels > 0 {
				select {
				case <-ctx.Done():
					return ctx.Err()
				case <-time.After(time.Millisecond):
				}
				continue
			}
			if err := a.DB.Row(ctx, "SELECT count(*) FROM message WHERE direction = 2 AND status <> 5 AND channel = $1", []any{l.channel}, &unsent); err != nil {
				return err
			}
			if unsent > 0 {
				return fmt.Errorf("%d messages were not sent", unsent)
			}
			return nil
		}
	})
}

// profileVariable makes this program the server, which writes its CPU profile to the file that is named.
const profileVariable = "INDABA_BENCH_PROFILE"

func serveProfiled() int {
	path := os.Getenv(profileVariable)
	f, err := os.Create(path)
	if err == nil {
		err = pprof.StartCPUProfile(f)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	var env []string
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, profileVariable) {
			env = append(env, variable)
		}
	}
	status := cli.Main(os.Args[1:], env, os.Stdin, os.Stdout, os.Stderr)
	pprof.StopCPUProfile()
	if err := f.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return status
}
