// Package app puts the parts together: it is the only package that knows all of them. Open gives the services of a
// database to whoever works on it, such as a command; Start makes a server of them.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"indaba/internal/account"
	"indaba/internal/api/vumi"
	"indaba/internal/bot"
	"indaba/internal/bot/bundle"
	"indaba/internal/bot/httpbot"
	"indaba/internal/bot/js"
	"indaba/internal/bot/sandbox"
	"indaba/internal/bot/source"
	"indaba/internal/bot/usage"
	"indaba/internal/bot/vumiwire"
	"indaba/internal/channel/all"
	"indaba/internal/config"
	"indaba/internal/contact"
	"indaba/internal/core"
	"indaba/internal/db"
	"indaba/internal/egress"
	"indaba/internal/gateway"
	"indaba/internal/kv"
	"indaba/internal/message"
	"indaba/internal/metric"
	"indaba/internal/optout"
	"indaba/internal/routing"
	"indaba/internal/secret"
	"indaba/internal/transfer"
	"indaba/internal/user"
)

// App is Indaba on one database.
type App struct {
	Config   *config.Config
	DB       *db.DB
	Accounts *account.Service
	Users    *user.Service
	Contacts *contact.Service
	Transfer *transfer.Service
	KV       *kv.Service
	Metrics  *metric.Service
	Optouts  *optout.Service
	Messages *message.Service
	Routes   *routing.Service
	Channels *gateway.Store
	Gateway  *gateway.Gateway
	Bots     *bot.Store
	Sources  *source.Service
	Runtime  *bot.Runtime
	Pushes   *httpbot.Queue
	Searches *message.Searches
	Exports  *vumiwire.Exporter

	now      func() time.Time
	egress   *egress.Guard
	fetches  *egress.Guard // of whole scripts, which are larger than what a script may fetch
	server   *http.Server
	limit    func(*http.Server)
	listener net.Listener
	release  func() error
	quit     context.CancelFunc // stops the taking of new work
	abort    context.CancelFunc // ends the work in hand
	working  sync.WaitGroup
	fatal    chan error
}

// Options put something else in the place of parts of the world, for tests and simulations of bots. The zero value is the
// world as it is.
type Options struct {
	Now    func() time.Time            // the clock; nil = time.Now
	HTTP   http.RoundTripper           // answers the calls of bots' scripts; nil = the network, behind the egress guard
	Loader func(bot.Loader) bot.Loader // wraps the loader of sandbox bots; nil = left alone
	Server func(*http.Server)          // changes the limits of the HTTP server; nil = left alone
	// Existing refuses, as [core.NotFound], a PostgreSQL database that nothing of ours was ever in, instead of beginning one.
	Existing bool
	// LostKey opens although the secret key is missing or opens nothing, to give up what it should open. Nothing may be sealed then.
	LostKey bool
}

// Open opens and migrates the database that the configuration names and makes the services. Nothing runs yet.
func Open(ctx context.Context, c *config.Config) (*App, error) { return OpenWith(ctx, c, Options{}) }

// OpenWith is Open in a world that o says.
func OpenWith(ctx context.Context, c *config.Config, o Options) (*App, error) {
	a := &App{Config: c, limit: o.Server, fatal: make(chan error, 1)}
	var err error
	a.DB, err = OpenDatabase(ctx, c, db.Options{Fatal: a.fail})
	if err != nil {
		return nil, err
	}
	if o.Existing {
		if err := NeedBegun(ctx, a.DB); err != nil {
			return nil, errors.Join(err, a.DB.Close())
		}
	}
	if _, err := db.Migrate(ctx, a.DB); err != nil {
		return nil, errors.Join(err, a.DB.Close())
	}
	sealer, err := a.sealer(ctx, o.LostKey)
	if err != nil {
		return nil, errors.Join(err, a.DB.Close())
	}
	if err := a.assemble(sealer, o); err != nil {
		return nil, errors.Join(err, a.DB.Close())
	}
	return a, nil
}

// makeData makes the data directory, as late as possible: a wrong address of a database is to leave nothing behind.
func makeData(c *config.Config) error {
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	return nil
}

// NeedBegun refuses, as [core.NotFound], a PostgreSQL database that nothing of ours was ever in: most likely its address is
// wrong.
func NeedBegun(ctx context.Context, d *db.DB) error {
	if d.Dialect() != db.Postgres {
		return nil // its file has been looked for
	}
	begun, err := account.Begun(ctx, d)
	if err == nil && !begun {
		err = core.Errorf(core.NotFound, "there is nothing of Indaba in the database: correct its address in --database, or begin with "+
			"\"indaba account create\"")
	}
	return err
}

// fail hands on what the server cannot live with.
func (a *App) fail(err error) {
	select {
	case a.fatal <- err:
	default:
	}
}

// Fatal gives the error after which the process must end without a further write.
func (a *App) Fatal() <-chan error { return a.fatal }

// assemble makes the services and connects them.
func (a *App) assemble(sealer *secret.Sealer, o Options) (err error) {
	c, now := a.Config, o.Now
	if now == nil {
		now = time.Now
	}
	a.now = now
	a.Accounts = account.New(a.DB, now)
	a.Users = user.New(a.DB, a.Accounts, now, user.Options{SessionLife: c.SessionLife})
	a.Contacts = contact.New(a.DB, now, contact.Options{OnError: func(err error) {
		slog.Error("work on contact groups failed, trying again", "error", err)
	}})
	a.Transfer = transfer.New(a.DB, a.Contacts, a.Accounts, now, transfer.Options{Dir: filepath.Join(c.Data, "imports"),
		MaxFileBytes: int64(c.Import.MaxFile), Keep: c.Import.Keep})
	a.KV = kv.New(a.DB, kv.Quota{Keys: int64(c.KV.Quota)}, now)
	a.Metrics = metric.New(a.DB, now, metric.Options{})
	a.Optouts = optout.New(a.DB, now)
	a.Messages = message.New(a.DB, c.Bot.Turns, now)
	gate := optout.NewGate(a.Optouts, a.Accounts)
	a.Routes = routing.New(a.DB, groups{a.Contacts}, a.Accounts, now)
	a.Channels = gateway.NewStore(a.DB, sealer, a.Accounts, all.Types(), now)
	a.Gateway = gateway.New(a.DB, a.Channels, a.Messages, gateway.Options{
		PublicURL: c.PublicURL, MaxBody: int64(c.MaxBody), TrustProxy: c.TrustProxy, GiveUpAfter: c.Delivery.GiveUpAfter, Now: now,
		Notify:  func(ctx context.Context, m *core.Message, e core.Event) error { return a.Runtime.Notify(ctx, m, e) },
		Optouts: gate, Forget: a.Routes.Forget,
	})
	if a.Bots, err = bot.NewStore(a.DB, a.Accounts, now); err != nil {
		return err
	}
	a.egress, err = egress.New(egress.Options{AllowHosts: c.Egress.AllowHosts, Timeout: c.Egress.Timeout,
		MaxBodyBytes: int64(c.Egress.MaxBody), Transport: o.HTTP})
	if err != nil {
		return err
	}
	loader := sandbox.Loader(sandbox.Deps{
		Contacts: a.Contacts, KV: a.KV, Metrics: a.Metrics, Optouts: a.Optouts, Messages: a.Messages, Egress: a.egress,
		Accounts: flags{a.Accounts}, Bots: owners{a.Bots}, Now: now, Isolation: js.Isolation(c.Bot.Isolation),
		Limits: js.Limits{CPU: c.Bot.CPU, Wall: c.Bot.Wall, MemoryBytes: int64(c.Bot.Memory)}, Log: slog.Default(),
		HelperMetadata: c.Bot.HelperMetadata,
	})
	if o.Loader != nil {
		loader = o.Loader(loader)
	}
	a.fetches, err = egress.New(egress.Options{AllowHosts: c.Egress.AllowHosts, Timeout: c.Egress.Timeout,
		MaxBodyBytes: bundle.MaxScriptBytes, Transport: o.HTTP})
	if err != nil {
		return err
	}
	a.Sources = source.New(source.Deps{DB: a.DB, Bots: a.Bots, Seal: sealer, Audit: a.Accounts, Fetch: a.fetches, Load: loader,
		CheckConfig: sandbox.CheckConfig, Now: now})
	a.Pushes = httpbot.NewQueue(httpbot.QueueDeps{DB: a.DB, Bots: a.Bots, Egress: a.egress, Now: now, Log: slog.Default(),
		GivenUp: a.Gateway.NoReply})
	tags := vumi.NewTags(a.DB, a.Channels)
	applications := httpbot.Loader(httpbot.Deps{Queue: a.Pushes, Tags: tags, Now: now})
	a.Searches = message.NewSearches(a.Messages, slog.Default())
	a.Exports = &vumiwire.Exporter{Messages: a.Messages, Names: vumi.Names{Tags: tags, Bots: a.Bots}}
	a.Runtime = bot.NewRuntime(bot.RuntimeDeps{DB: a.DB, Bots: a.Bots, Messages: a.Messages, Routes: a.Routes, Channels: a.Gateway,
		Optouts: gate, Loaders: map[string]bot.Loader{bot.Sandbox: loader, bot.HTTP: applications}, Now: now})
	return nil
}

// Close closes the database of an App that was opened and not started.
func (a *App) Close() error {
	a.Runtime.Close()
	a.egress.Close()
	a.fetches.Close()
	return a.DB.Close()
}

// Start takes the database for this process, listens, and begins to work.
func (a *App) Start(ctx context.Context) (err error) {
	if err := makeData(a.Config); err != nil {
		return err
	}
	if a.release, err = a.Lock(ctx); err != nil {
		return err
	}
	if a.listener, err = net.Listen("tcp", a.Config.Listen); err != nil {
		return errors.Join(fmt.Errorf("listen: %w", err), a.release())
	}
	if err := announce(a.Config.Data, a.Addr()); err != nil {
		return errors.Join(err, a.listener.Close(), a.release())
	}
	a.Gateway.SetPublicURL(a.URL())
	work, abort := context.WithCancel(context.Background())
	taking, quit := context.WithCancel(work)
	a.abort, a.quit = abort, quit
	a.run("mailbox", func() error {
		return a.Messages.Mailbox.Run(taking, func(_ context.Context, mail message.Mail) error { return a.Runtime.Handle(work, mail) })
	})
	a.run("outbox", func() error { return a.Messages.Outbox.Run(taking, a.Gateway.Deliver) })
	a.run("pushes", func() error { return a.Pushes.Run(taking) })
	a.run("searches", func() error { return a.Searches.Run(taking) })
	a.run("metrics of conversations", func() error {
		return usage.New(usage.Deps{DB: a.DB, Accounts: a.Accounts, Bots: a.Bots, Messages: a.Messages, Metrics: a.Metrics,
			Now: a.now, Log: slog.Default()}).Run(taking)
	})
	a.run("contact groups", func() error { return a.Contacts.Run(taking) })
	a.run("imports", func() error { return a.Transfer.Run(taking) })
	a.run("configuration watch", func() error { return a.DB.WatchChanges(taking, changesEvery) })
	a.run("housekeeping", func() error { return a.housekeeping(taking) })
	a.server = a.newServer()
	if a.limit != nil {
		a.limit(a.server)
	}
	a.server.RegisterOnShutdown(a.Gateway.StopWaiting)
	a.server.RegisterOnShutdown(a.Pushes.StopStreams)
	a.run("http", func() error {
		if err := a.server.Serve(a.listener); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	return nil
}

// run runs one long-lived part. A part that ends with an error takes the server down.
func (a *App) run(name string, part func() error) {
	a.working.Go(func() {
		if err := part(); err != nil {
			a.fail(fmt.Errorf("%s: %w", name, err))
		}
	})
}

// Addr returns the address that the server listens on.
func (a *App) Addr() net.Addr { return a.listener.Addr() }

// URL returns where the outside reaches the server.
func (a *App) URL() string { return a.Config.BaseURL(a.Addr()) }

// Stop ends the server in order: no new requests; those under way get their answers, for as long as ctx lasts; no new
// turns or deliveries, and those under way end; then the database. What was not finished waits for the next start.
func (a *App) Stop(ctx context.Context) error {
	if err := a.server.Shutdown(ctx); err != nil {
		slog.WarnContext(ctx, "requests were cut off", "error", err)
		_ = a.server.Close() // nobody waits any more
	}
	a.quit()
	ended := make(chan struct{})
	go func() {
		a.working.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-ctx.Done():
		a.abort()
		<-ended
	}
	a.abort()
	a.Runtime.Close()
	a.egress.Close()
	a.fetches.Close()
	return errors.Join(withdraw(a.Config.Data), a.release(), a.DB.Close())
}
