package bot

import (
	"context"
	"crypto/rand"
	"maps"
	"strings"
	"sync"

	"indaba/internal/bot/bundle"
	"indaba/internal/bot/js"
	"indaba/internal/core"
	"indaba/internal/message"
	"indaba/internal/routing"
)

// acquire returns the bot with its program in memory, loading it when it is not there or has changed. The caller
// releases it after the turn.
func (r *Runtime) acquire(ctx context.Context, account, key string) (*live, error) {
	r.mu.Lock()
	l, changes := r.live[key], r.changes
	if l != nil && l.seen == changes && l.bot.Account == account {
		l.turns++
		r.mu.Unlock()
		return l, nil
	}
	r.mu.Unlock()

	b, err := r.store.Get(ctx, account, key)
	if err != nil {
		return nil, err
	}
	if b.rests() {
		r.unload(key)
		return nil, &resting{b}
	}
	if b.HasProgram() && b.Version == 0 {
		return nil, &message.Poison{Reason: "bot " + b.Name + " has no program yet: deploy one"}
	}
	// Compiling takes long: who needs this bot waits for it, who needs another does not.
	loading, _ := r.loading.LoadOrStore(key, &sync.Mutex{})
	loading.(*sync.Mutex).Lock()
	defer loading.(*sync.Mutex).Unlock()
	if l := r.loaded(b, changes); l != nil {
		return l, nil
	}
	fresh, err := r.load(ctx, b)
	if err != nil {
		return nil, err
	}
	fresh.seen = changes // what changed while it was read is looked at before the next turn
	fresh.turns = 1
	r.mu.Lock()
	defer r.mu.Unlock()
	if old := r.live[key]; old != nil {
		r.retire(old)
	}
	r.live[key] = fresh
	return fresh, nil
}

// loaded returns the bot for a turn if it is in memory as it was read after so many changes, and nil if it is not.
func (r *Runtime) loaded(b *Bot, changes int) *live {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := r.live[b.Key]
	if l == nil || !same(l.bot, b) {
		return nil
	}
	l.seen = max(l.seen, changes)
	l.turns++
	return l
}

// same reports whether nothing of what a turn goes by has changed.
func same(a, b *Bot) bool {
	return a.Version == b.Version && a.Name == b.Name && a.Stopped == b.Stopped && maps.Equal(a.Config, b.Config)
}

// unload takes a bot that is not run out of memory.
func (r *Runtime) unload(key string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if old := r.live[key]; old != nil {
		delete(r.live, key)
		r.retire(old)
	}
}

// Check loads a program of a sandbox bot as it will be loaded for turns. One that does not load is core.Invalid, with file
// and line where they are known: it is not to be deployed.
func (r *Runtime) Check(program *bundle.Bundle) error {
	return r.loaders[Sandbox].Check(&Bot{Name: program.Name, Kind: Sandbox}, program)
}

// unloadable is the error of a bot whose version does not load, which is the bot's fault.
type unloadable struct {
	bot   *Bot
	cause error
}

// Error says why the version does not load.
func (e *unloadable) Error() string {
	return "bot " + e.bot.Name + " does not load: " + e.cause.Error()
}

// Unwrap returns what becomes of the mail.
func (e *unloadable) Unwrap() error { return &message.Poison{Reason: core.Storable(e.Error())} }

// logged writes into a bot's log, where its author looks, why it does not load, and returns the error.
func (r *Runtime) logged(ctx context.Context, e *unloadable) error {
	line := LogLine{Level: Error, Text: e.Error(), At: r.now()}
	if err := r.db.Tx(ctx, func(ctx context.Context) error { return r.store.Append(ctx, e.bot.Key, line) }); err != nil {
		return err
	}
	return e
}

// load makes the runner of a bot's current version.
func (r *Runtime) load(ctx context.Context, b *Bot) (*live, error) {
	loader := r.loaders[b.Kind]
	if loader == nil {
		return nil, &message.Poison{Reason: "bot " + b.Name + " is of kind " + b.Kind + ", which this server does not run"}
	}
	var program *bundle.Bundle
	var version Version
	var err error
	if b.HasProgram() {
		if program, err = r.store.Program(ctx, b.Key, b.Version); err != nil {
			return nil, err
		}
		if version, err = r.store.Version(ctx, b.Key, b.Version); err != nil {
			return nil, err
		}
	}
	runner, err := loader(b, version, program)
	if err != nil {
		return nil, &unloadable{b, err}
	}
	return &live{bot: b, config: effective(b, program), runner: runner}, nil
}

func (r *Runtime) release(l *live) {
	r.mu.Lock()
	defer r.mu.Unlock()
	l.turns--
	if l.retired && l.turns == 0 {
		l.runner.Close()
	}
}

// retire closes a replaced program once its last turn is over. The caller holds the lock.
func (r *Runtime) retire(l *live) {
	l.retired = true
	if l.turns == 0 {
		l.runner.Close()
	}
}

// Trigger asks a bot to begin a conversation with an address, on the channel that its default endpoint leads to.
func (r *Runtime) Trigger(ctx context.Context, account, key, address string) error {
	if address = strings.TrimSpace(address); address == "" {
		return core.Errorf(core.Invalid, "the address of the person to begin with is empty")
	}
	b, err := r.store.active(ctx, account, key)
	if err != nil {
		return err
	}
	if b.Stopped {
		return core.Errorf(core.Conflict, "bot %s is stopped: start it first", b.Name)
	}
	channel, _, err := r.routes.Outbound(ctx, account, key, routing.Default)
	if err != nil {
		return core.Errorf(core.Conflict, "the bot cannot reach anybody: %v", err)
	}
	return r.db.Tx(ctx, func(ctx context.Context) error {
		if err := r.messages.Mailbox.Post(ctx, message.Mail{Account: account, Channel: channel, Address: address,
			Trigger: &message.Trigger{Bot: key}}); err != nil {
			return err
		}
		return r.db.Changed(ctx) // the server that works off the queue may be another process
	})
}

// Replay runs a recorded turn again on a version of its bot, without any effect, and returns where the commands differ.
func (r *Runtime) Replay(ctx context.Context, account, key string, turn, version int64) (TurnRecord, Result, []js.Difference, error) {
	b, err := r.store.Get(ctx, account, key)
	if err != nil {
		return TurnRecord{}, Result{}, nil, err
	}
	old, record, err := r.store.Turn(ctx, key, turn)
	if err != nil {
		return old, Result{}, nil, err
	}
	if version == 0 {
		version = old.Version
	}
	b.Version = version
	l, err := r.load(ctx, b)
	if err != nil {
		return old, Result{}, nil, err
	}
	defer l.runner.Close()
	t := &Turn{Bot: b, Version: version, Config: record.Config, Channel: old.Channel, Address: old.Address}
	copy(t.Seed[:], record.Seed)
	res, diffs, err := l.runner.Replay(ctx, t, record)
	return old, res, diffs, err
}

// newSeed returns fresh randomness for a turn.
func newSeed() (seed [32]byte) {
	_, _ = rand.Read(seed[:]) // never fails since Go 1.24
	return seed
}
