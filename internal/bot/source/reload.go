package source

import (
	"context"
	"errors"
	"net/url"
	"path"
	"regexp"
	"strings"
	"time"

	"indaba/internal/bot"
	"indaba/internal/bot/bundle"
	"indaba/internal/core"
)

const (
	// patience is for one reload, with its wait for the one before it. It ends before the server gives up on the request.
	patience = 50 * time.Second
	tries    = 3 // when others change the bot meanwhile
)

// Reloaded is what came of a reload.
type Reloaded struct {
	bot.Renewed
	Warnings []string // what the author of the script should look at
}

// Reload fetches all sources of a bot, checks everything, and then replaces the program and the values that differ in one
// commit. What a value was that nobody has a source of stays, and so do the settings that came with the present version,
// such as its limits; packages come from the built-in set. Reloads of one bot run one after the other. When anything
// fails nothing is changed: a source that cannot be had or used is core.Invalid, and its message names it.
func (s *Service) Reload(ctx context.Context, account, key string) (done Reloaded, err error) {
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	leave, err := s.enter(limited, key)
	if err == nil {
		defer leave()
		for range tries {
			if done, err = s.reload(limited, account, key); !errors.Is(err, bot.ErrOvertaken) {
				break
			}
		}
	}
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		return done, core.Errorf(core.Timeout, "the bot was not reloaded within %v: nothing has changed", patience)
	}
	return done, err
}

// enter waits for the reload of the bot that is under way in this process. Those of other processes are noticed when they
// have changed something.
func (s *Service) enter(ctx context.Context, key string) (leave func(), err error) {
	place, _ := s.reloading.LoadOrStore(key, make(chan struct{}, 1))
	select {
	case place.(chan struct{}) <- struct{}{}:
		return func() { <-place.(chan struct{}) }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (s *Service) reload(ctx context.Context, account, key string) (done Reloaded, err error) {
	b, err := s.bot(ctx, account, key)
	if err != nil {
		return done, err
	}
	sources, err := s.List(ctx, account, key)
	if err != nil {
		return done, err
	}
	if len(sources) == 0 {
		return done, core.Errorf(core.Conflict, "bot %s has no sources to reload from: name one with indaba bot source set", b.Name)
	}
	renewal := bot.Renewal{Config: map[string]string{}}
	var problems []string
	for n, got := range s.fetch(ctx, sources) {
		err := got.err
		if err == nil {
			err = s.take(ctx, b, sources[n], got.text, &renewal)
		}
		if err != nil && (core.KindOf(err) == core.Internal || ctx.Err() != nil) {
			return done, err
		}
		if err != nil {
			problems = append(problems, sources[n].Target+": "+core.SafeMessage(err))
		}
	}
	if len(problems) > 0 {
		return done, core.Errorf(core.Invalid, "nothing has changed:\n%s", strings.Join(problems, "\n"))
	}
	if renewal.Program != nil {
		done.Warnings = renewal.Program.Warnings
	}
	done.Renewed, err = s.Bots.Renew(ctx, b, renewal)
	return done, err
}

// take checks what a source brought and puts it into the renewal.
func (s *Service) take(ctx context.Context, b *bot.Bot, from Source, text string, into *bot.Renewal) (err error) {
	if key, ok := from.Key(); ok {
		into.Config[key] = text
		return s.CheckConfig(key, text)
	}
	into.Program, err = s.build(ctx, b, from, text)
	return err
}

// build makes the program of a script, with the settings of the version that answers, and sees that it compiles.
func (s *Service) build(ctx context.Context, b *bot.Bot, from Source, script string) (*bundle.Bundle, error) {
	settings := bundle.Settings{Name: b.Name}
	if b.Version != 0 {
		present, err := s.Bots.Program(ctx, b.Key, b.Version)
		if err != nil {
			return nil, err
		}
		settings = present.Settings
	}
	set, err := bundle.BuiltinSet()
	if err != nil && core.KindOf(err) != core.NotFound { // without it scripts that require nothing still work
		return nil, err
	}
	program, err := bundle.FromScript(script, scriptName(from), settings, "", bundle.Options{Set: set})
	if err != nil {
		return nil, err
	}
	return program, s.Load.Check(b, program)
}

var plainScript = regexp.MustCompile(`^[\w.-]+\.js$`)

// scriptName returns the name of a script in stack traces: its file's, as if that had been deployed from a folder.
func scriptName(from Source) string {
	if u, err := url.Parse(from.URL); err == nil && plainScript.MatchString(path.Base(u.Path)) {
		return path.Base(u.Path)
	}
	return "app.js"
}
