package cli

import (
	"context"
	"errors"
	"fmt"

	"indaba/internal/app"
)

type lostKeyCommand struct {
	GiveUp bool `help:"Give it up: channels are off until their settings are entered again, and sources of bots are forgotten. No server may run."`
}

// Help is shown below the first line.
func (*lostKeyCommand) Help() string {
	return "The secret key (secret_key, or secret.key in the data directory) seals the settings of channels, and the URLs that bots are " +
		"reloaded from. With another key nothing starts. Put the right one back if it is anywhere: nothing is changed without " +
		"--give-up, and nothing brings back what was given up. Tokens and passwords do not depend on the key."
}

// lostView is something that the secret key does not open, as JSON.
type lostView struct {
	Account string `json:"account"`
	Kind    string `json:"kind"` // channel or source
	Key     string `json:"key"`  // of the channel, or of the source's bot
	Name    string `json:"name"` // of the channel, or the source's target
	giveUp  func(context.Context) error
}

// Run shows what is lost, after it was given up if that is asked for.
func (c *lostKeyCommand) Run(i *invocation) error {
	if err := i.needDatabase(); err != nil {
		return err
	}
	return i.open(app.Options{Existing: true, LostKey: true}, func(ctx context.Context, a *app.App) error {
		views, err := viewLost(ctx, a)
		if err == nil && c.GiveUp {
			err = giveUp(ctx, a, views)
		}
		if err != nil {
			return err
		}
		return c.show(i, views)
	})
}

// viewLost returns what the secret key does not open.
func viewLost(ctx context.Context, a *app.App) ([]lostView, error) {
	views := []lostView{}
	channels, err := a.Channels.Unopened(ctx)
	if err != nil {
		return nil, err
	}
	for _, one := range channels {
		views = append(views, lostView{one.Account, "channel", one.Key, one.Name, func(ctx context.Context) error {
			return a.Channels.GiveUp(ctx, one.Account, one.Key)
		}})
	}
	sources, err := a.Sources.Lost(ctx)
	for _, one := range sources {
		views = append(views, lostView{one.Account, "source", one.Bot, one.Target, func(ctx context.Context) error {
			return a.Sources.Unset(ctx, one.Account, one.Bot, one.Target)
		}})
	}
	return views, err
}

// giveUp gives up all of it, while no server runs: one that runs has the right key.
func giveUp(ctx context.Context, a *app.App, lost []lostView) (err error) {
	release, err := a.Lock(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	for _, one := range lost {
		if err := one.giveUp(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (c *lostKeyCommand) show(i *invocation, lost []lostView) error {
	rows := make([][]string, len(lost))
	for n, v := range lost {
		rows[n] = []string{v.Account, v.Kind, v.Key, v.Name}
	}
	if err := i.table(lost, []string{"ACCOUNT", "WHAT", "KEY", "NAME"}, rows); err != nil || i.json || len(lost) == 0 {
		return err
	}
	next := "Put the right key back. If it is lost for good: indaba lost-key --give-up"
	if c.GiveUp {
		next = "All that was given up. Enter settings with \"indaba channel set\", then switch channels on with \"indaba channel enable\"."
	}
	_, err := fmt.Fprintln(i.w, next)
	return err
}
