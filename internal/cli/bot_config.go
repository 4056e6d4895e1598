package cli

import (
	"context"
	"maps"
	"slices"
	"strings"

	"indaba/internal/app"
	"indaba/internal/bot"
	"indaba/internal/bot/sandbox"
	"indaba/internal/core"
)

type botConfigCommands struct {
	List  botConfigList  `cmd:"" help:"List the values that a bot sees, or the settings of one of kind http."`
	Get   botConfigGet   `cmd:"" help:"Print one value whole."`
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
		if b.Kind == bot.HTTP {
			return i.listSettings(b)
		}
		views, err := values(ctx, a, b)
		if err != nil {
			return err
		}
		var rows [][]string
		for _, key := range slices.Sorted(maps.Keys(views)) {
			rows = append(rows, []string{key, views[key].From, shortened(views[key].Value, 100)})
		}
		return i.table(views, []string{"KEY", "FROM", "VALUE"}, rows)
	})
}

// values returns what a bot sees: the operator's values, and those of its version that they leave.
func values(ctx context.Context, a *app.App, b *bot.Bot) (map[string]valueView, error) {
	views := map[string]valueView{}
	if b.Version != 0 {
		program, err := a.Bots.Program(ctx, b.Key, b.Version)
		if err != nil {
			return nil, err
		}
		for key, value := range program.Config {
			views[key] = valueView{value, "version"}
		}
	}
	for key, value := range b.Config {
		views[key] = valueView{value, "operator"}
	}
	return views, nil
}

type botConfigGet struct {
	botName
	Key    string `arg:"" help:"The key of the value, or the name of the setting."`
	Reveal bool   `help:"Show the password in a push URL."`
}

func (c *botConfigGet) Run(i *invocation) error {
	return c.with(i, func(ctx context.Context, a *app.App, b *bot.Bot) error {
		if b.Kind == bot.HTTP {
			return i.showSetting(b, c.Key, c.Reveal)
		}
		views, err := values(ctx, a, b)
		if err != nil {
			return err
		}
		view, ok := views[c.Key]
		if !ok {
			return core.Errorf(core.NotFound, "bot %s has no value %s: see indaba bot config list %s", b.Name, c.Key, b.Name)
		}
		return i.say(view, "%s", view.Value)
	})
}

type botConfigSet struct {
	botName
	Set  []string `arg:"" sep:"none" name:"value" placeholder:"KEY=VALUE" help:"Values as KEY=VALUE; VALUE may be @FILE, or - for a line of standard input. Of a bot of kind http: its settings, such as push_message_url=https://example.org/in."`
	Text bool     `help:"Take values as they are, without looking whether they are JSON as bots on the toolkit need it."`
}

func (c *botConfigSet) Run(i *invocation) error {
	values, err := i.settings(c.Set)
	if err != nil {
		return err
	}
	return c.with(i, func(ctx context.Context, a *app.App, b *bot.Bot) error {
		if b.Kind == bot.HTTP {
			return i.changeSettings(ctx, a, b, values)
		}
		changes := map[string]*string{}
		for key, value := range values {
			if !c.Text {
				if err := sandbox.CheckConfig(key, value); err != nil {
					return err
				}
			}
			changes[key] = &value
		}
		return i.changeConfig(ctx, a, b, changes)
	})
}

type botConfigUnset struct {
	botName
	Keys []string `arg:"" name:"key" help:"The keys of the values."`
}

func (c *botConfigUnset) Run(i *invocation) error {
	return c.with(i, func(ctx context.Context, a *app.App, b *bot.Bot) error {
		changes := map[string]*string{}
		if b.Kind == bot.HTTP {
			unset := map[string]string{}
			for _, key := range c.Keys {
				unset[key] = ""
			}
			return i.changeSettings(ctx, a, b, unset)
		}
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
