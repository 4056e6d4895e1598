package simulate

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"indaba/internal/app"
	"indaba/internal/bot"
	"indaba/internal/bot/bundle"
	"indaba/internal/bot/js"
	"indaba/internal/config"
)

// A stage is a whole server in a folder of its own, on which one bot's conversations are played. It has a clock that can
// be turned, an internet of fixtures, and one program in memory that all accounts share.
type stage struct {
	app     *app.App
	dir     string
	clock   *clock
	net     *internet
	program *bundle.Bundle

	mu      sync.Mutex
	runners map[string]bot.Runner // the real ones, by hash of their version
	scenes  map[string]*scene     // by account
}

// newStage starts a server for a program.
func newStage(ctx context.Context, program *bundle.Bundle) (_ *stage, err error) {
	s := &stage{clock: newClock(), net: &internet{}, program: program, runners: map[string]bot.Runner{}, scenes: map[string]*scene{}}
	if s.dir, err = os.MkdirTemp("", "indaba-test-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(s.dir))
		}
	}()
	c := config.Default()
	c.Data, c.Listen = s.dir, "127.0.0.1:0"
	s.app, err = app.OpenWith(ctx, c, app.Options{Now: s.clock.now, HTTP: s.net, Loader: s.watch})
	if err != nil {
		return nil, err
	}
	if err := s.app.Runtime.Check(program); err != nil {
		return nil, errors.Join(err, s.app.Close())
	}
	if err := s.app.Start(ctx); err != nil {
		return nil, errors.Join(err, s.app.Close())
	}
	return s, nil
}

// stopGrace is how long a server gets to stop on which nothing is under way any more.
const stopGrace = 5 * time.Second

// close stops the server and deletes what it wrote.
func (s *stage) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopGrace)
	defer cancel()
	err := s.app.Stop(ctx)
	for _, r := range s.runners {
		r.Close()
	}
	return errors.Join(err, os.RemoveAll(s.dir))
}

// watch makes loaders that load a program once for all accounts and let the scene see each turn.
func (s *stage) watch(next bot.Loader) bot.Loader {
	return func(b *bot.Bot, v bot.Version, program *bundle.Bundle) (bot.Runner, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		r := s.runners[v.Hash]
		if r == nil {
			var err error
			if r, err = next(b, v, program); err != nil {
				return nil, err
			}
			s.runners[v.Hash] = r
		}
		return &watched{Runner: r, scene: s.scenes[b.Account]}, nil
	}
}

// A watched runner shows the turns of one account's bot to its scene.
type watched struct {
	bot.Runner
	scene *scene
}

// Run runs a turn with randomness that is the same each time. Of events it runs only those that the conversation asks
// for: what the simulated channel itself reports would come at a moment that nobody chose.
func (w *watched) Run(ctx context.Context, t *bot.Turn) (bot.Result, error) {
	if w.scene == nil {
		return bot.Result{}, fmt.Errorf("account %s is not part of a conversation", t.Bot.Account)
	}
	number, wanted := w.scene.enter(t)
	if !wanted {
		return bot.Result{Outcome: js.Done}, nil
	}
	t.Seed = sha256.Sum256(fmt.Appendf(nil, "%s turn %d", w.scene.seed, number))
	defer func() {
		if p := recover(); p != nil {
			w.scene.saw(seen{turn: t, err: fmt.Errorf("panic: %v", p)})
			panic(p) // the mailbox knows what to do
		}
	}()
	result, err := w.Runner.Run(ctx, t)
	w.scene.saw(seen{turn: t, result: result, err: err})
	return result, err
}

// Close leaves the shared program in memory: the stage closes it.
func (w *watched) Close() {}

// How a stage waits until everything has been dealt with.
const (
	lookEvery = time.Millisecond
	patience  = 3 * time.Minute // more than the limits of a turn allow
)

// settle waits until neither the mailbox nor the outbox of an account has anything left to do.
func (s *stage) settle(ctx context.Context, c *scene) error {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, errors.New("the bot has not been done for minutes"))
	defer cancel()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case err := <-s.app.Fatal():
			return fmt.Errorf("the server failed: %w", err)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		mails, parcels, err := s.app.Messages.Waiting(ctx, c.account)
		if err != nil {
			return fmt.Errorf("look whether the bot is done: %w", err)
		}
		if err := c.fault(); err != nil {
			return fmt.Errorf("the server failed a turn: %w", err)
		}
		if mails+parcels == 0 {
			return nil
		}
		timer.Reset(lookEvery)
	}
}
