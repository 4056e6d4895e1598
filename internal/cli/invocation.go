package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"indaba/internal/account"
	"indaba/internal/app"
	"indaba/internal/config"
	"indaba/internal/core"
)

// invocation is what a command is run with.
type invocation struct {
	ctx     context.Context // ends when somebody interrupts the program
	config  *config.Config
	sources *config.Sources
	account string // as given
	stdin   io.Reader
	stderr  io.Writer
	output
}

// usualLevel returns the level at which a command logs unless somebody sets one: a server as the settings say, a command
// that tells itself how it went errors only, and one that shows what bots do wrong nothing.
func usualLevel(command string, configured slog.Level) slog.Level {
	switch command {
	case "serve", "demo":
		return configured
	case "simulate", "test":
		return slog.LevelError + 1
	}
	return slog.LevelError
}

// setLog makes the log of everything that this process does.
func setLog(format string, level slog.Level, w io.Writer) {
	options := &slog.HandlerOptions{Level: level}
	if format == "json" {
		slog.SetDefault(slog.New(slog.NewJSONHandler(w, options)))
		return
	}
	slog.SetDefault(slog.New(slog.NewTextHandler(w, options)))
}

// databasePath returns the file of a SQLite database, and "" with PostgreSQL.
func databasePath(c *config.Config) string {
	if c.Database != "" {
		return ""
	}
	return filepath.Join(c.Data, "indaba.db")
}

// needDatabase refuses to begin an empty database where one is expected to be: most likely the directory is wrong. Whether
// a PostgreSQL holds one shows when it is open: see [app.Options].
func (i *invocation) needDatabase() error {
	path := databasePath(i.config)
	if path == "" {
		return nil
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return core.Errorf(core.NotFound, "there is no database in %s: name the data directory with --data, or begin one with "+
			"\"indaba account create\"", i.config.Data)
	}
	return nil
}

// openExisting runs do on a database that is there.
func (i *invocation) openExisting(do func(ctx context.Context, a *app.App) error) error {
	if err := i.config.Check(); err != nil {
		return err
	}
	if err := i.needDatabase(); err != nil {
		return err
	}
	return i.open(app.Options{Existing: true}, do)
}

// open runs do on the opened database.
func (i *invocation) open(o app.Options, do func(ctx context.Context, a *app.App) error) (err error) {
	if err := i.config.Check(); err != nil {
		return err
	}
	a, err := app.OpenWith(i.ctx, i.config, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	return do(i.ctx, a)
}

// inAccount runs do on an existing database, for the account that was named or the only one.
func (i *invocation) inAccount(do func(ctx context.Context, a *app.App, account string) error) error {
	return i.openExisting(func(ctx context.Context, a *app.App) error {
		found, err := i.findAccount(ctx, a, i.account)
		if err != nil {
			return err
		}
		return do(ctx, a, found.Key)
	})
}

// findAccount returns the account of a key or name; without either the only one.
func (i *invocation) findAccount(ctx context.Context, a *app.App, keyOrName string) (*account.Account, error) {
	all, err := allAccounts(ctx, a)
	if err != nil {
		return nil, err
	}
	var found []*account.Account
	for _, one := range all {
		if one.Key == keyOrName {
			return one, nil
		}
		if keyOrName == "" || one.Name == keyOrName {
			found = append(found, one)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(all) == 0:
		return nil, core.Errorf(core.NotFound, "there is no account yet: make one with \"indaba account create NAME\"")
	case keyOrName == "":
		return nil, misused("there are several accounts: choose one with --account%s", listed(all))
	case len(found) == 0:
		return nil, core.Errorf(core.NotFound, "there is no account %s%s", keyOrName, listed(all))
	}
	return nil, misused("several accounts are called %s: name one by its key%s", keyOrName, listed(found))
}

// listed shows up to ten accounts, one to a line.
func listed(accounts []*account.Account) string {
	text := ""
	for n, one := range accounts {
		if n == 10 {
			return text + fmt.Sprintf("\n  and %d more", len(accounts)-n)
		}
		text += "\n  " + one.Key + "  " + one.Name
	}
	return text
}

// allAccounts reads every account: there are as many as an operator has tenants.
func allAccounts(ctx context.Context, a *app.App) (all []*account.Account, err error) {
	for after := ""; ; {
		page, err := a.Accounts.List(ctx, after, account.MaxPage)
		if err != nil {
			return nil, err
		}
		all = append(all, page...)
		if len(page) < account.MaxPage {
			return all, nil
		}
		after = page[len(page)-1].Key
	}
}
