// Package demo fills a new data directory with something to try: an account, a user, channels and bots that belong
// together, and a small world outside of it: a clinic directory, an SMS provider and a help desk. Everything in it is made through the same services as an
// operator's own data; nothing of it is special to the server.
package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"indaba/internal/app"
	"indaba/internal/core"
)

// Facts are what a person or a program needs to know of a demonstration. They hold secrets.
type Facts struct {
	URL      string    `json:"url"`
	Account  Account   `json:"account"`
	Token    string    `json:"token"` // of an API token that may do everything in the account
	Admin    Admin     `json:"admin"`
	Channels []Channel `json:"channels"`
	Bots     []Bot     `json:"bots"`
	Routers  []Router  `json:"routers"`
	Clinics  string    `json:"clinics"` // address of the clinic directory and the rest of the outside, HOST:PORT
}

// Account is the account that all belongs to.
type Account struct {
	Key string `json:"key"`
}

// Admin can log in.
type Admin struct {
	Email    string `json:"email"`
	Password string `json:"password"`
}

// Channel is a sample channel.
type Channel struct {
	Key     string `json:"key"`
	Name    string `json:"name"`
	Type    string `json:"type"`
	Address string `json:"address"`
	Webhook string `json:"webhook"`          // the URL that a provider posts to
	Secret  string `json:"secret,omitempty"` // of a simulator: the bearer token of programs that play people; of voice: what Twilio signs with
}

// Bot is a sample bot.
type Bot struct {
	Key   string `json:"key"`
	Name  string `json:"name"`
	Kind  string `json:"kind"`
	Token string `json:"token"` // of kind http: the conversation's, as password; else of an API token for this bot only, which opens nothing yet
	// Of kind http only.
	Type string `json:"type,omitempty"` // http_api_nostream or http_api
	URL  string `json:"url,omitempty"`  // below it are messages.json and the rest
}

// Router is a sample router.
type Router struct {
	Key  string `json:"key"`
	Name string `json:"name"`
	Type string `json:"type"`
}

// FileName is the name of the file in the data directory in which the facts of a demonstration are kept.
const FileName = "demo.json"

// Prepare makes the sample data in the database of a running server, or finds what an earlier start has made and adds what
// that did not know yet; keys and secrets never change. outside is the address of [Outside]. Bots that could not be made
// before, because the built-in packages were missing, are made now if they are there; missing says why they are not. A
// database that has accounts but is no demonstration is refused with core.Conflict.
func Prepare(ctx context.Context, a *app.App, outside string) (f *Facts, missing error, err error) {
	path := filepath.Join(a.Config.Data, FileName)
	f, err = Read(path)
	if err != nil {
		return nil, nil, err
	}
	known, err := has(ctx, a, f)
	if err != nil {
		return nil, nil, err
	}
	s := &sampler{app: a, path: path, facts: f}
	if !known {
		if s.facts, err = s.begin(ctx); err != nil {
			return nil, nil, fmt.Errorf("make the sample data: %w", err)
		}
	}
	if err := s.prune(ctx); err != nil {
		return nil, nil, fmt.Errorf("look at the sample data: %w", err)
	}
	earlier := s.facts.Clinics
	s.facts.Clinics = outside
	if err := s.channels(ctx); err != nil {
		return nil, nil, fmt.Errorf("make the sample channels: %w", err)
	}
	if missing, err = s.bots(ctx); err != nil {
		return nil, nil, fmt.Errorf("make the sample bots: %w", err)
	}
	if err := s.router(ctx); err != nil {
		return nil, nil, fmt.Errorf("make the sample router: %w", err)
	}
	if err := s.pointOutside(ctx, earlier); err != nil {
		return nil, nil, fmt.Errorf("tell the sample bots and channels where the outside is: %w", err)
	}
	if err := s.facts.place(ctx, a); err != nil {
		return nil, nil, fmt.Errorf("find the sample channels: %w", err)
	}
	return s.facts, missing, WriteFile(path, s.facts)
}

// Read returns the facts in a file, or empty ones when there is no file.
func Read(path string) (*Facts, error) {
	f := &Facts{Channels: []Channel{}, Bots: []Bot{}, Routers: []Router{}}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return f, nil
	}
	if err != nil {
		return nil, fmt.Errorf("facts of the demonstration: %w", err)
	}
	if err := json.Unmarshal(text, f); err != nil {
		return nil, fmt.Errorf("facts of the demonstration in %s: %w", path, err)
	}
	return f, nil
}

// has reports whether the database is the one that the facts are about. One that is neither that nor empty is not ours
// to write to.
func has(ctx context.Context, a *app.App, f *Facts) (bool, error) {
	if f.Account.Key != "" {
		_, err := a.Accounts.Get(ctx, f.Account.Key)
		if err == nil || core.KindOf(err) != core.NotFound {
			return err == nil, err
		}
	}
	accounts, err := a.Accounts.List(ctx, "", 1)
	if err == nil && len(accounts) > 0 {
		err = core.Errorf(core.Conflict, "what is in %s is no demonstration: name another directory with --data", a.Config.Data)
	}
	return false, err
}

// bot returns the sample bot of a name; nil when there is none.
func (f *Facts) bot(name string) *Bot {
	for i := range f.Bots {
		if f.Bots[i].Name == name {
			return &f.Bots[i]
		}
	}
	return nil
}

// withBot returns the facts with one more bot, and leaves f as it is: the transaction that asks may be run again.
func (f *Facts) withBot(b Bot) *Facts {
	more := *f
	more.Bots = append(slices.Clone(f.Bots), b)
	return &more
}

// place puts the addresses into the facts that this start of the server has.
func (f *Facts) place(ctx context.Context, a *app.App) error {
	f.URL = a.URL()
	for i := range f.Channels {
		c := &f.Channels[i]
		stored, err := a.Channels.Get(ctx, f.Account.Key, c.Key)
		if err != nil {
			return err
		}
		c.Webhook = a.Gateway.WebhookURL(c.Key)
		if secret := stored.Settings["path_secret"]; secret != "" {
			c.Webhook += "/" + secret
		}
	}
	for i := range f.Bots {
		if b := &f.Bots[i]; b.Type != "" {
			b.URL = conversationURL(f.URL, b)
		}
	}
	return nil
}

// conversationURL is where an application reaches its conversation on the server at base.
func conversationURL(base string, b *Bot) string { return base + "/api/v1/go/" + b.Type + "/" + b.Key }
