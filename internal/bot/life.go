package bot

import (
	"context"
	"errors"
	"fmt"

	"indaba/internal/core"
	"indaba/internal/message"
)

// active returns a bot of the account that was not archived: one that was is core.Conflict.
func (s *Store) active(ctx context.Context, account, key string) (*Bot, error) {
	b, err := s.Get(ctx, account, key)
	if err == nil && b.Archived() {
		err = core.Errorf(core.Conflict, "bot %s is archived", b.Name)
	}
	return b, err
}

// Rename gives a bot another name, which no other bot of the account has.
func (s *Store) Rename(ctx context.Context, account, key, name string) error {
	name, err := core.CheckName("bot", name)
	if err != nil {
		return err
	}
	return s.db.TxOn(ctx, account, func(ctx context.Context) error {
		if _, err := s.active(ctx, account, key); err != nil {
			return err
		}
		if err := s.nameIsFree(ctx, account, key, name); err != nil {
			return err
		}
		return s.live(ctx, account, key, "name = $3", name, "bot.rename", name)
	})
}

// nameIsFree makes sure that no other bot of the account has a name, so that commands can go by it. Archived bots have
// given theirs up.
func (s *Store) nameIsFree(ctx context.Context, account, key, name string) error {
	var others int
	err := s.db.Row(ctx, "SELECT count(*) FROM bot WHERE account = $1 AND name = $2 AND key <> $3 AND archived_at = 0",
		[]any{account, name, key}, &others)
	if err == nil && others > 0 {
		err = core.Errorf(core.Conflict, "another bot is called %s", name)
	}
	return err
}

// SetStopped stops a bot, or starts it. To stop one that is stopped, and the like, changes nothing. A program that was
// never deployed cannot be started.
func (s *Store) SetStopped(ctx context.Context, account, key string, stopped bool) error {
	return s.db.TxOn(ctx, account, func(ctx context.Context) error {
		b, err := s.active(ctx, account, key)
		if err != nil {
			return err
		}
		if !stopped && b.HasProgram() && b.Version == 0 {
			return core.Errorf(core.Conflict, "bot %s has no program yet: deploy one", b.Name)
		}
		if b.Stopped == stopped {
			return nil
		}
		action := "bot.start"
		if stopped {
			action = "bot.stop"
		}
		return s.live(ctx, account, key, "stopped = $3", stopped, action, nil)
	})
}

// live changes what a bot's life is about.
func (s *Store) live(ctx context.Context, account, key, set string, value any, action string, detail any) error {
	if _, err := s.db.Exec(ctx, "UPDATE bot SET "+set+" WHERE key = $1 AND account = $2", key, account, value); err != nil {
		return fmt.Errorf("%s: %w", action, err)
	}
	if err := s.audit.Audit(ctx, account, action, key, detail); err != nil {
		return err
	}
	return s.db.Changed(ctx)
}

// Archive puts a bot away for good, with every route from or to it (docs/spec/vumi-http.md 8). Messages that wait for it
// end without a bot, with the reason; what it has sent goes out; nobody is told of events any more. Its versions, turns
// and log stay.
func (r *Runtime) Archive(ctx context.Context, account, key string) error {
	return r.db.TxOn(ctx, account, func(ctx context.Context) error {
		if err := r.routes.Forget(ctx, account, key); err != nil {
			return err
		}
		b, err := r.store.active(ctx, account, key)
		if err != nil {
			return err
		}
		return r.store.live(ctx, account, key, "archived_at = $3", r.now().UnixMicro(), "bot.archive",
			map[string]string{"name": b.Name})
	})
}

// resting is the error of a bot that is there and is not run.
type resting struct{ bot *Bot }

// Error tells an operator why, and what to do.
func (e *resting) Error() string {
	if e.bot.Archived() {
		return "bot " + e.bot.Name + " is archived"
	}
	return "bot " + e.bot.Name + " is stopped: start it, then retry or drop what is parked"
}

// rests reports whether a bot is not run. An application behind the HTTP API gets messages while it is stopped
// (docs/spec/vumi-http.md 9.7).
func (b *Bot) rests() bool { return b.Archived() || b.Stopped && b.HasProgram() }

// wantsEvents reports whether the bot is to be told of events now.
func (l *live) wantsEvents() bool { return !l.bot.Stopped && l.runner.Wants(l.config) }

// nobodyListens reports whether an error of acquire means that events are of no use: the bot cannot run, does not run, or
// is gone.
func nobodyListens(err error) bool {
	_, broken := errors.AsType[*message.Poison](err)
	_, rests := errors.AsType[*resting](err)
	return broken || rests || err != nil && core.KindOf(err) == core.NotFound
}

// withoutBot deals with a mail whose bot was not to be had, for the reason in err. A message that a stopped bot missed is
// parked, one that comes too late for an archived bot ends like one without a route.
func (r *Runtime) withoutBot(ctx context.Context, mail message.Mail, err error) error {
	rest, rests := errors.AsType[*resting](err)
	broken, isBroken := errors.AsType[*unloadable](err)
	switch {
	case isBroken:
		return r.logged(ctx, broken)
	case mail.Event != nil && (rests || core.KindOf(err) == core.NotFound):
		return r.messages.Mailbox.Done(ctx, mail, false) // nobody wants to know
	case !rests:
		return err
	case !rest.bot.Archived():
		return &message.Poison{Reason: rest.Error()}
	case mail.Trigger == nil:
		return r.unrouted(ctx, mail, rest.Error(), nil)
	}
	return r.db.Tx(ctx, func(ctx context.Context) error {
		line := LogLine{Level: Warning, At: r.now(), Text: "did not begin with " + mail.Address + ": the bot is archived"}
		if err := r.store.Append(ctx, rest.bot.Key, line); err != nil {
			return err
		}
		return r.messages.Mailbox.Done(ctx, mail, false)
	})
}
