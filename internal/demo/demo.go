// Package demo fills a new data directory with something to try: an account, a user, channels and bots that belong
// together, and a small clinic directory for the bots to call. Everything in it is made through the same services as an
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
	Clinics  string    `json:"clinics"` // address of the clinic directory, HOST:PORT
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
	Secret  string `json:"secret,omitempty"` // of a simulator: the bearer token of programs that play people
}

// Bot is a sample bot.
type Bot struct {
	Key   string `json:"key"`
	Name  string `json:"name"`
	Kind  string `json:"kind"`
	Token string `json:"token"` // of an API token that is for this bot only
}

// FileName is the name of the file in the data directory in which the facts of a demonstration are kept.
const FileName = "demo.json"

// Prepare makes the sample data in the database of a running server, or finds what an earlier start has made. clinics is
// the address of the clinic directory. Bots that could not be made before, because the built-in packages were missing,
// are made now if they are there; missing says why they are not. A database that has accounts but is no demonstration is
// refused with core.Conflict.
func Prepare(ctx context.Context, a *app.App, clinics string) (f *Facts, missing error, err error) {
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
	s.facts.Clinics = clinics
	if missing, err = s.bots(ctx); err != nil {
		return nil, nil, fmt.Errorf("make the sample bots: %w", err)
	}
	if err := s.pointToClinics(ctx); err != nil {
		return nil, nil, fmt.Errorf("tell the sample bots where the clinic directory is: %w", err)
	}
	if err := s.facts.place(ctx, a); err != nil {
		return nil, nil, fmt.Errorf("find the sample channels: %w", err)
	}
	return s.facts, missing, WriteFile(path, s.facts)
}

// Read returns the facts in a file, or empty ones when there is no file.
func Read(path string) (*Facts, error) {
	f := &Facts{Channels: []Channel{}, Bots: []Bot{}}
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
	return nil
}
