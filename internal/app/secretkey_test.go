package app_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"indaba/internal/app"
	"indaba/internal/bot"
	"indaba/internal/config"
	"indaba/internal/core"
	"indaba/internal/db/dbtest"
	"indaba/internal/gateway"
)

// keyed is a database in which something is sealed, closed again.
type keyed struct {
	config                *config.Config
	account, channel, bot string
}

func newKeyed(t *testing.T, url string) *keyed {
	t.Helper()
	k := &keyed{config: settings(t, url)}
	k.open(t, app.Options{}, func(ctx context.Context, a *app.App) {
		owner, err := a.Accounts.Create(ctx, "Clinic", "")
		if err != nil {
			t.Fatal(err)
		}
		k.account = owner.Key
		k.channel = k.create(t, a, "phone")
		b, err := a.Bots.Create(ctx, owner.Key, "b", bot.Sandbox)
		if err != nil {
			t.Fatal(err)
		}
		k.bot = b.Key
		if err := a.Sources.Set(ctx, owner.Key, b.Key, "script", "https://example.org/app.js"); err != nil {
			t.Fatal(err)
		}
	})
	return k
}

func (k *keyed) create(t *testing.T, a *app.App, name string) string {
	t.Helper()
	c := &gateway.Channel{Account: k.account, Type: "simulator", Name: name, Settings: map[string]string{"secret": "hunter2"}}
	if err := a.Channels.Create(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	return c.Key
}

func (k *keyed) open(t *testing.T, o app.Options, do func(context.Context, *app.App)) {
	t.Helper()
	a, err := app.OpenWith(t.Context(), k.config, o)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}()
	do(t.Context(), a)
}

func (k *keyed) refused(t *testing.T, want ...string) {
	t.Helper()
	a, err := app.Open(t.Context(), k.config)
	if err == nil {
		_ = a.Close()
		t.Fatal("it opens")
	}
	for _, word := range append(want, "indaba lost-key") {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%v does not say %q", err, word)
		}
	}
}

func (k *keyed) file() string { return filepath.Join(k.config.Data, "secret.key") }

// replace puts another key into the place of the right one, and returns that.
func (k *keyed) replace(t *testing.T) (right []byte) {
	t.Helper()
	right, err := os.ReadFile(k.file())
	if err != nil {
		t.Fatal(err)
	}
	k.write(t, []byte(strings.Repeat("0f", 32)))
	return right
}

func (k *keyed) write(t *testing.T, key []byte) {
	t.Helper()
	if err := os.WriteFile(k.file(), key, 0o600); err != nil {
		t.Fatal(err)
	}
}

// With a wrong key nothing opens, so that nothing is sealed with it, and everything is there when the right one is back.
func TestWrongKeyIsRefused(t *testing.T) {
	dbtest.EachURL(t, func(t *testing.T, url string) {
		k := newKeyed(t, url)
		right := k.replace(t)
		k.refused(t, k.file()+" is not the key", "put the right one back")
		k.config.SecretKey = strings.Repeat("0e", 32)
		k.refused(t, "secret_key is not the key", k.file())
		k.config.SecretKey = ""
		if err := os.Remove(k.file()); err != nil {
			t.Fatal(err)
		}
		k.refused(t, "their key is missing", k.file())
		if _, err := os.Stat(k.file()); !os.IsNotExist(err) {
			t.Errorf("another key was made: %v", err)
		}
		k.write(t, right)
		k.open(t, app.Options{}, func(ctx context.Context, a *app.App) {
			if c, err := a.Channels.Get(ctx, k.account, k.channel); err != nil || c.Settings["secret"] != "hunter2" {
				t.Errorf("%+v %v", c, err)
			}
			// Sources alone tell a wrong key, too.
			if err := a.Gateway.Remove(ctx, k.account, k.channel); err != nil {
				t.Error(err)
			}
		})
		k.replace(t)
		k.refused(t, k.file()+" is not the key")
	})
}

// A key fits a database in which nothing is sealed yet, or any more.
func TestAnyKeyFitsWhereNothingIsSealed(t *testing.T) {
	dbtest.EachURL(t, func(t *testing.T, url string) {
		k := newKeyed(t, url)
		k.open(t, app.Options{}, func(ctx context.Context, a *app.App) {
			if err := a.Gateway.Remove(ctx, k.account, k.channel); err != nil {
				t.Error(err)
			}
			if err := a.Sources.Unset(ctx, k.account, k.bot, "script"); err != nil {
				t.Error(err)
			}
		})
		k.replace(t)
		k.open(t, app.Options{}, func(context.Context, *app.App) {})
	})
}

// Where the key is lost, what it sealed can be given up: channels are off until all of their settings are entered again.
func TestLostKeyIsGivenUp(t *testing.T) {
	dbtest.EachURL(t, func(t *testing.T, url string) {
		k := newKeyed(t, url)
		if err := os.Remove(k.file()); err != nil {
			t.Fatal(err)
		}
		k.open(t, app.Options{LostKey: true}, func(ctx context.Context, a *app.App) {
			lost, err := a.Channels.Unopened(ctx)
			if err != nil || len(lost) != 1 || lost[0].Key != k.channel || lost[0].Unopened == nil {
				t.Errorf("%+v %v", lost, err)
			}
			if lost, err := a.Sources.Lost(ctx); err != nil || len(lost) != 1 || lost[0].Account != k.account || lost[0].Bot != k.bot ||
				lost[0].Target != "script" {
				t.Errorf("%+v %v", lost, err)
			}
			if err := a.Channels.GiveUp(ctx, k.account, k.channel); err != nil {
				t.Error(err)
			}
			if err := a.Sources.Unset(ctx, k.account, k.bot, "script"); err != nil {
				t.Error(err)
			}
		})
		if _, err := os.Stat(k.file()); !os.IsNotExist(err) {
			t.Errorf("a key was made before it was needed: %v", err)
		}
		k.open(t, app.Options{}, func(ctx context.Context, a *app.App) {
			c, err := a.Channels.Known(ctx, k.account, k.channel)
			if err != nil || c.Unopened != gateway.ErrGivenUp || c.Enabled || c.Settings != nil {
				t.Fatalf("%+v %v", c, err)
			}
			if err := a.Channels.SetEnabled(ctx, k.account, k.channel, true); err != gateway.ErrGivenUp {
				t.Errorf("switched on without settings: %v", err)
			}
			if err := a.Channels.SetSettings(ctx, k.account, k.channel, map[string]string{"kind": "sms"}); core.KindOf(err) != core.Invalid || err == nil {
				t.Errorf("settings without what is required: %v", err)
			}
			if err := a.Channels.SetSettings(ctx, k.account, k.channel, map[string]string{"secret": "hunter3"}); err != nil {
				t.Fatal(err)
			}
			if c, err = a.Channels.Get(ctx, k.account, k.channel); err != nil || c.Enabled || c.Settings["secret"] != "hunter3" {
				t.Errorf("%+v %v", c, err)
			}
			if err := a.Channels.SetEnabled(ctx, k.account, k.channel, true); err != nil {
				t.Error(err)
			}
		})
		k.replace(t)
		k.refused(t, "is not the key")
	})
}

// One channel that cannot be opened, in a database that two keys were used on, is out of order alone.
func TestOneUnopenedChannelHidesNoOther(t *testing.T) {
	dbtest.EachURL(t, func(t *testing.T, url string) {
		k := newKeyed(t, url)
		a, _ := start(t, k.config)
		ctx := t.Context()
		if _, err := a.DB.Exec(ctx, "UPDATE channel SET settings = 's1:AAAA'"); err != nil {
			t.Fatal(err)
		}
		other := k.create(t, a, "other")
		if _, err := a.DB.Exec(ctx, "UPDATE bot_source SET url = 's1:AAAA'"); err != nil {
			t.Fatal(err)
		}
		all, err := a.Channels.List(ctx, k.account)
		if err != nil || len(all) != 2 {
			t.Fatalf("%+v %v", all, err)
		}
		for _, c := range all {
			if (c.Unopened == nil) != (c.Key == other) {
				t.Errorf("%+v", c)
			}
		}
		if c, err := a.Channels.Find(ctx, k.account, "phone"); err != nil || c.Key != k.channel {
			t.Errorf("it is not found: %+v %v", c, err)
		}
		for name, err := range map[string]error{
			"set":    a.Channels.SetSettings(ctx, k.account, k.channel, map[string]string{"secret": "x"}),
			"enable": a.Channels.SetEnabled(ctx, k.account, k.channel, true),
		} {
			if err == nil || !strings.Contains(err.Error(), "cannot be opened") {
				t.Errorf("%s: %v", name, err)
			}
		}
		answer, err := http.Post(a.Gateway.WebhookURL(k.channel), "application/json", strings.NewReader("{}"))
		if err != nil || answer.StatusCode != http.StatusInternalServerError || answer.Body.Close() != nil {
			t.Errorf("its webhook: %+v %v", answer, err)
		}
		if err := a.Channels.SetEnabled(ctx, k.account, k.channel, false); err != nil {
			t.Error(err)
		}
		if err := a.Gateway.Remove(ctx, k.account, k.channel); err != nil {
			t.Error(err)
		}
		if sources, err := a.Sources.List(ctx, k.account, k.bot); err != nil || len(sources) != 1 || sources[0].Unopened == nil {
			t.Errorf("%+v %v", sources, err)
		}
		if _, err := a.Sources.Reload(ctx, k.account, k.bot); core.KindOf(err) != core.Invalid || !strings.Contains(err.Error(), "script: the URL cannot be opened") {
			t.Error(err)
		}
	})
}

// A backup that was put back may have a mode by which others can read it.
func TestDatabaseIsTakenFromOthers(t *testing.T) {
	k := newKeyed(t, "")
	var logged bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&logged, nil)))
	defer slog.SetDefault(before)
	database := filepath.Join(k.config.Data, "indaba.db")
	if err := os.WriteFile(database+"-wal", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{database, database + "-wal"} { // whatever mask this process has
		if err := os.Chmod(name, 0o664); err != nil {
			t.Fatal(err)
		}
	}
	k.open(t, app.Options{}, func(context.Context, *app.App) {
		for _, name := range []string{database, database + "-wal", database + "-shm"} {
			if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%s: %v %v", name, info, err)
			}
		}
	})
	if !strings.Contains(logged.String(), "others could read the database") || !strings.Contains(logged.String(), database) {
		t.Errorf("nobody is told: %s", logged.String())
	}
	logged.Reset()
	k.open(t, app.Options{}, func(context.Context, *app.App) {})
	if logged.Len() > 0 {
		t.Errorf("told again: %s", logged.String())
	}
}
