package cli

import (
	"context"

	"indaba/internal/app"
	"indaba/internal/bot"
)

type botLifeCommands struct {
	Stop    botStop    `cmd:"" help:"Stop a bot. What comes in for it is parked."`
	Start   botStart   `cmd:"" help:"Start a bot that was stopped."`
	Rename  botRename  `cmd:"" help:"Give a bot another name."`
	Archive botArchive `cmd:"" help:"Put a bot away for good, with its routes. Its turns and log stay."`
}

// botState is the word for whether a bot answers.
func botState(b *bot.Bot) string {
	switch {
	case b.Archived():
		return "archived"
	case b.Running():
		return "running"
	}
	return "stopped"
}

// change runs do, and tells what came of it.
func (n *botName) change(i *invocation, outcome string, do func(context.Context, *app.App, *bot.Bot) error) error {
	return n.with(i, func(ctx context.Context, a *app.App, b *bot.Bot) error {
		if err := do(ctx, a, b); err != nil {
			return err
		}
		b, err := a.Bots.Get(ctx, b.Account, b.Key)
		if err != nil {
			return err
		}
		return i.say(viewBot(b), "Bot %s %s.", b.Name, outcome)
	})
}

type botStop struct{ botName }

func (c *botStop) Run(i *invocation) error {
	return c.change(i, "is stopped", func(ctx context.Context, a *app.App, b *bot.Bot) error {
		return a.Bots.SetStopped(ctx, b.Account, b.Key, true)
	})
}

type botStart struct{ botName }

func (c *botStart) Run(i *invocation) error {
	return c.change(i, "is running", func(ctx context.Context, a *app.App, b *bot.Bot) error {
		return a.Bots.SetStopped(ctx, b.Account, b.Key, false)
	})
}

type botRename struct {
	botName
	Name string `arg:"" help:"Its new name."`
}

func (c *botRename) Run(i *invocation) error {
	return c.change(i, "has its new name", func(ctx context.Context, a *app.App, b *bot.Bot) error {
		return a.Bots.Rename(ctx, b.Account, b.Key, c.Name)
	})
}

type botArchive struct{ botName }

func (c *botArchive) Run(i *invocation) error {
	return c.change(i, "is archived, and its routes are gone", func(ctx context.Context, a *app.App, b *bot.Bot) error {
		return a.Runtime.Archive(ctx, b.Account, b.Key)
	})
}
