package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime/pprof"
	"strings"
	"time"

	"indaba/internal/account"
	"indaba/internal/app"
	"indaba/internal/bot"
	"indaba/internal/bot/bundle"
	"indaba/internal/cli"
	"indaba/internal/config"
	"indaba/internal/db"
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
	account string
	drop    func() error // of the schema, on PostgreSQL
	token   string       // of the account, for the HTTP API
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
	l := &place{config: config.Default(), peer: newPeer(), drop: func() error { return nil }}
	l.config.Data = filepath.Join(o.dir, name)
	if o.database != "" {
		var err error
		if l.config.Database, l.drop, err = schema(ctx, o.database, name); err != nil {
			return nil, errors.Join(err, l.peer.close())
		}
	}
	l.server = &process.Server{Program: o.program, Data: l.config.Data, Database: l.config.Database,
		Flags: []string{"--log-level", "error", "--kv-quota", "1000000", "--api-token-rate", "1000000",
			"--api-address-rate", "1000000"}}
	if o.profile != "" {
		l.server.Env = []string{profileVariable + "=" + filepath.Join(o.profile, name+".cpu")}
	}
	if err := os.MkdirAll(l.config.Data, 0o700); err != nil {
		return nil, err
	}
	if err := l.populate(ctx, name, p); err != nil {
		return nil, errors.Join(err, l.peer.close(), l.drop())
	}
	if _, err := l.server.Start(ctx); err != nil {
		return nil, errors.Join(err, l.peer.close(), l.drop())
	}
	return l, nil
}

// schema makes a schema of its own for one place, and returns the URL that leads into it and what drops it.
func schema(ctx context.Context, database, name string) (place string, drop func() error, err error) {
	u, err := url.Parse(database)
	if err != nil {
		return "", nil, fmt.Errorf("database: %w", err)
	}
	own := fmt.Sprintf("bench_%s_%d", strings.ReplaceAll(name, "-", "_"), os.Getpid())
	do := func(ctx context.Context, text string) error {
		d, err := db.Open(ctx, database, db.Options{Writers: 1})
		if err != nil {
			return err
		}
		_, err = d.Exec(ctx, text)
		return errors.Join(err, d.Close())
	}
	if err := do(ctx, "CREATE SCHEMA "+own); err != nil {
		return "", nil, fmt.Errorf("make a schema: %w", err)
	}
	q := u.Query()
	q.Set("search_path", own)
	u.RawQuery = q.Encode()
	return u.String(), func() error { return do(context.Background(), "DROP SCHEMA "+own+" CASCADE") }, nil
}

// close stops the server in order.
func (l *place) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	return errors.Join(l.server.Stop(ctx), l.peer.close(), l.drop())
}

// cost notes what each of n things took of the processor in the server, which has stopped, and the most memory it held.
func (l *place) cost(t *table, n int) {
	cpu, memory := l.server.Usage()
	t.row("", fmt.Sprintf("%s of processor each, %d MB", short(cpu/time.Duration(max(1, n))), memory>>20), "", "", "")
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
		l.channel, l.path, l.account = c.Key, "/channels/"+c.Key, owner.Key
		if l.token, _, err = a.Accounts.CreateToken(ctx, account.TokenSpec{Account: owner.Key, Name: name, Scopes: []string{account.ScopeAdmin}}); err != nil {
			return err
		}
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
