// Package httpbot is the dialect of bots of kind http: HTTP API conversations, whose program is an application elsewhere
// (docs/spec/vumi-http.md 9). It pushes what comes in to the application's URLs, or holds it for the streams that the
// application has open, and sends what the application asks for. It is not the HTTP face that applications talk to: that
// is package api/vumi.
package httpbot

import (
	"context"
	"fmt"
	"time"

	"indaba/internal/bot"
	"indaba/internal/bot/bundle"
	"indaba/internal/bot/js"
	"indaba/internal/core"
)

// Tags tells what a channel is called on this wire.
type Tags interface {
	// Tag returns pool and tag of a channel of the account; found is false when there is no such channel.
	Tag(ctx context.Context, account, channel string) (pool, tag string, found bool, err error)
}

// Deps are what turns work with.
type Deps struct {
	Queue *Queue
	Tags  Tags
	Now   func() time.Time
}

// Loader returns the loader of bots of kind http. Settings that cannot be read are an error.
func Loader(d Deps) bot.Loader {
	return func(b *bot.Bot, _ bot.Version, _ *bundle.Bundle) (bot.Runner, error) {
		settings, err := ReadSettings(b.Config)
		if err != nil {
			return nil, err
		}
		return &runner{d, settings}, nil
	}
}

// runner hands on what one bot gets.
type runner struct {
	Deps
	settings Settings
}

// Wants reports whether the application is to be told of events.
func (r *runner) Wants(map[string]string) bool {
	return !r.settings.IgnoreEvents && (r.settings.PushEventURL != "" || r.settings.Streaming())
}

// Run makes the push of a message or an event, which is queued in the commit of the turn.
func (r *runner) Run(ctx context.Context, t *bot.Turn) (bot.Result, error) {
	began := r.Now()
	if t.Trigger || t.Message == nil {
		return bot.Result{Outcome: js.HostErr, Err: "an application behind the HTTP API cannot be asked to begin a conversation: " +
			"it sends by itself"}, nil
	}
	p, dropped, err := r.push(ctx, t)
	if err != nil {
		return bot.Result{}, err
	}
	// The record leaves the configuration out: it holds tokens and passwords.
	result := bot.Result{Outcome: js.Done, Wall: r.Now().Sub(began), Record: bot.Record{Command: p.Body, Seed: t.Seed[:]}}
	if p.State != 0 {
		result.Commit = func(ctx context.Context) error { return r.Queue.Post(ctx, p) }
		result.RepliesLater = p.Kind == Messages // what the application never hears of, it does not answer
	}
	if dropped != "" {
		result.Log = []bot.LogLine{{Level: bot.Warning, Text: dropped, At: began}}
	}
	return result, nil
}

// push makes the push of a turn. Its state is zero when there is none; dropped then tells the operator what is amiss.
func (r *runner) push(ctx context.Context, t *bot.Turn) (p Push, dropped string, err error) {
	p = Push{Account: t.Bot.Account, Bot: t.Bot.Key, Kind: Messages, Subject: t.Message.ID, Address: t.Address}
	ignored := r.settings.IgnoreMessages
	if t.Event != nil {
		p.Kind, p.Subject, ignored = Events, t.Event.ID, r.settings.IgnoreEvents
	}
	body, err := r.body(ctx, t)
	if err != nil {
		return p, "", fmt.Errorf("make the push of %s %s: %w", p.Kind, p.Subject, err)
	}
	p.Body = string(body)
	switch {
	case ignored:
	case r.settings.url(p.Kind) != "":
		p.State = Waiting
	case r.settings.Streaming():
		p.State = Held
	default:
		dropped = fmt.Sprintf("%s was dropped: push_%s_url is not set", p.named(), p.Kind)
	}
	return p, dropped, nil
}

// Replay is [core.Invalid]: what an application elsewhere did cannot be repeated.
func (r *runner) Replay(context.Context, *bot.Turn, bot.Record) (bot.Result, []js.Difference, error) {
	return bot.Result{}, nil, core.Errorf(core.Invalid, "a bot of kind %s has no program that could be replayed", bot.HTTP)
}

// Close has nothing to free.
func (r *runner) Close() {}
