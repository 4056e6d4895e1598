// Package sandbox is the Vumi dialect: it runs bots that are written for the Vumi JavaScript sandbox and answers their
// commands, resource by resource, one file each (docs/spec/vumi-sandbox.md). It turns messages and events into what such
// a bot expects and what the bot wants sent into a result. It sends nothing itself and keeps no data of its own: the
// features do, and package bot commits the result of a turn.
package sandbox

import (
	"context"
	"log/slog"
	"time"

	"indaba/internal/bot"
	"indaba/internal/bot/bundle"
	"indaba/internal/bot/js"
	"indaba/internal/contact"
	"indaba/internal/core"
	"indaba/internal/egress"
	"indaba/internal/kv"
	"indaba/internal/message"
	"indaba/internal/metric"
	"indaba/internal/optout"
)

// Accounts tells what an account may do.
type Accounts interface {
	// CanManageOptouts reports whether the account's bots may read and change opt-outs.
	CanManageOptouts(ctx context.Context, account string) (bool, error)
}

// Bots tells whose a bot is.
type Bots interface {
	// OwnsBot reports whether there is a bot of that key in the account.
	OwnsBot(ctx context.Context, account, key string) (bool, error)
}

// Deps are the parts of the server that bots reach.
type Deps struct {
	Contacts *contact.Service
	KV       *kv.Service
	Metrics  *metric.Service
	Optouts  *optout.Service
	Messages *message.Service
	Egress   *egress.Guard
	Accounts Accounts
	Bots     Bots

	Limits    js.Limits    // of the server: a bot's own limits may be lower; zero fields are js.DefaultLimits
	Isolation js.Isolation // unless the bot asks for a stricter one; "" = js.Pooled
	Machines  int          // JavaScript machines of one bot version; 0 = one per processor
	// HelperMetadata lists what bots may put into the helper_metadata of what they send
	// (docs/spec/vumi-sandbox.md 9.5, allowed_helper_metadata).
	HelperMetadata []string
	Log            *slog.Logger     // for the operator; nil = slog.Default()
	Now            func() time.Time // nil = time.Now

	found int // tests set it; 0 = maxFound
}

// maxFound is how many contacts a search may find. The keys of many more would not fit into a JavaScript machine.
const maxFound = 100_000

// callsPerTurn and callsPerBot bound the HTTP calls that are under way at once; further ones wait.
const (
	callsPerTurn = 8
	callsPerBot  = 64
)

// Loader returns the loader of sandbox bots.
func Loader(d Deps) bot.Loader {
	if d.Log == nil {
		d.Log = slog.Default()
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.found == 0 {
		d.found = maxFound
	}
	return func(b *bot.Bot, v bot.Version, program *bundle.Bundle) (bot.Runner, error) {
		return newRunner(d, b, program)
	}
}

func newRunner(d Deps, b *bot.Bot, program *bundle.Bundle) (*runner, error) {
	only, err := egress.ParseHosts(program.AllowHosts)
	if err != nil {
		return nil, core.Errorf(core.Invalid, "allow_hosts: %v", err)
	}
	places := program.Places()
	pool, err := js.NewPool(program.Program(), js.PoolOptions{
		Limits: limits(d.Limits, program.Limits), Isolation: isolation(d.Isolation, program.Isolation),
		Size: d.Machines, Now: d.Now,
		OnHang: func() {
			slog.Error("a script hangs in an operation that cannot be interrupted and takes a processor until it ends: "+
				"further turns of the bot run in child processes", "bot", b.Key)
		},
	})
	if err != nil {
		return nil, core.Errorf(core.Invalid, "%s", places.Map(err.Error()))
	}
	ctx, cancel := context.WithCancel(context.Background())
	return &runner{deps: d, pool: pool, places: places, only: only, calls: make(chan struct{}, callsPerBot), ctx: ctx, cancel: cancel}, nil
}

// limits returns the limits of a bot: what it asks for, and never more than the server gives.
func limits(server js.Limits, own bundle.Limits) js.Limits {
	defaults := js.DefaultLimits()
	lower(&server.CPU, defaults.CPU, time.Duration(own.CPUMillis)*time.Millisecond)
	lower(&server.Wall, defaults.Wall, time.Duration(own.WallMillis)*time.Millisecond)
	lower(&server.MemoryBytes, defaults.MemoryBytes, int64(own.MemoryMiB)<<20)
	lower(&server.OutputBytes, defaults.OutputBytes, own.OutputKiB<<10)
	lower(&server.Calls, defaults.Calls, own.Commands)
	return server
}

// lower gives a limit its default if it has no value, and the bot's own value if that is lower.
func lower[T int | int64 | time.Duration](limit *T, fallback, own T) {
	if *limit <= 0 {
		*limit = fallback
	}
	if own > 0 && own < *limit {
		*limit = own
	}
}

// isolation returns the stricter of two: pooled < fresh < process.
func isolation(server js.Isolation, own string) js.Isolation {
	rank := map[js.Isolation]int{"": 0, js.Pooled: 1, js.Fresh: 2, js.Process: 3}
	if asked := js.Isolation(own); rank[asked] > rank[server] {
		return asked
	}
	return server
}
