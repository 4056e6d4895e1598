package cli

import (
	"context"
	"maps"
	"slices"
	"strings"

	"indaba/internal/app"
	"indaba/internal/bot"
	"indaba/internal/core"
)

type botConfigCommands struct {
	List  botConfigList  `cmd:"" help:"List the values that a bot sees."`
	Set   botConfigSet   `cmd:"" help:"Set values."`
	Unset botConfigUnset `cmd:"" help:"Remove values that you set, so that those of the bot's folder count again."`
}

// valueView is one configuration value as JSON.
type valueView struct {
	Value string `json:"value"`
	From  string `json:"from"` // operator or version
}

type botConfigList struct{ botName }

func (c *botConfigList) Run(i *invocation) error {
	return c.with(i, func(ctx context.Context, a *app.App, b *bot.Bot) error {
		views := map[string]valueView{}
		if b.Version != 0 {
			program, err := a.Bots.Program(ctx, b.Key, b.Version)
			if err != nil {
				return err
			}
			for key, value := range program.Config {
				views[key] = valueView{value, "version"}
			}
		}
		for key, value := range b.Config {
			views[key] = valueView{value, "operator"}
		}
		var rows [][]string
		for _, key := range slices.Sorted(maps.Keys(views)) {
			rows = append(rows, []string{key, views[key].From, shortened(views[key].Value, 100)})
		}
		return i.table(views, []string{"KEY", "FROM", "VALUE"}, rows)
	})
}

type botConfigSet struct {
	botName
	Set []string `arg:"" sep:"none" name:"value" placeholder:"KEY=VALUE" help:"Values as KEY=VALUE; VALUE may be @FILE, or - for a line of standard input."`
}

func (c *botConfigSet) Run(i *invocation) error {
	values, err := i.settings(c.Set)
	if err != nil {
		return err
	}
	changes := map[string]*string{}
	for key, value := range values {
		changes[key] = &value
	}
	return c.with(i, func(ctx context.Context, a *app.App, b *bot.Bot) error { return i.changeConfig(ctx, a, b, changes) })
}

type botConfigUnset struct {
	botName
	Keys []string `arg:"" name:"key" help:"The keys of the values."`
}

func (c *botConfigUnset) Run(i *invocation) error {
	return c.with(i, func(ctx context.Context, a *app.App, b *bot.Bot) error {
		changes := map[string]*string{}
		for _, key := range c.Keys {
			if _, ok := b.Config[key]; !ok {
				return core.Errorf(core.NotFound, "nobody has set %s on bot %s", key, b.Name)
			}
			changes[key] = nil
		}
		return i.changeConfig(ctx, a, b, changes)
	})
}

func (i *invocation) changeConfig(ctx context.Context, a *app.App, b *bot.Bot, changes map[string]*string) error {
	if err := a.Bots.SetConfig(ctx, b.Account, b.Key, changes); err != nil {
		return err
	}
	keys := slices.Sorted(maps.Keys(changes))
	return i.say(map[string]any{"changed": keys}, "Bot %s: %s changed.", b.Name, strings.Join(keys, ", "))
}
