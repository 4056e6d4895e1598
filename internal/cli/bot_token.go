package cli

import (
	"context"
	"slices"

	"indaba/internal/app"
	"indaba/internal/bot"
	"indaba/internal/bot/httpbot"
	"indaba/internal/core"
)

type botTokenCommands struct {
	Create botTokenCreate `cmd:"" help:"Make another token, which is shown this once. Those before it go on working."`
	List   botTokenList   `cmd:"" help:"List tokens by their names."`
	Revoke botTokenRevoke `cmd:"" help:"End a token."`
}

type botTokenCreate struct {
	botName
	Replace bool `help:"End all others at once."`
}

func (c *botTokenCreate) Run(i *invocation) error {
	token, entry := httpbot.NewToken()
	return c.with(i, func(ctx context.Context, a *app.App, b *bot.Bot) error {
		err := changeTokens(ctx, a, b, func(entries []string) ([]string, error) {
			if c.Replace {
				entries = nil
			}
			return append(slices.Clone(entries), entry), nil
		})
		if err != nil {
			return err
		}
		name := httpbot.TokenName(entry)
		return i.say(map[string]string{"name": name, "token": token},
			"Token %s of bot %s. This is it, and it is not shown again:\n%s", name, b.Name, token)
	})
}

type botTokenList struct{ botName }

func (c *botTokenList) Run(i *invocation) error {
	return c.with(i, func(_ context.Context, _ *app.App, b *bot.Bot) error {
		settings, err := conversationOf(b)
		if err != nil {
			return err
		}
		names, rows := tokenNames(settings), [][]string{}
		for _, name := range names {
			rows = append(rows, []string{name})
		}
		return i.table(names, []string{"NAME"}, rows)
	})
}

type botTokenRevoke struct {
	botName
	Name string `arg:"" help:"The token's name, as indaba bot token list shows it."`
}

func (c *botTokenRevoke) Run(i *invocation) error {
	return c.with(i, func(ctx context.Context, a *app.App, b *bot.Bot) error {
		err := changeTokens(ctx, a, b, func(entries []string) ([]string, error) {
			left := slices.DeleteFunc(slices.Clone(entries), func(entry string) bool { return httpbot.TokenName(entry) == c.Name })
			if len(left) == len(entries) {
				return nil, core.Errorf(core.NotFound, "bot %s has no token %s: see indaba bot token list", b.Name, c.Name)
			}
			return left, nil
		})
		if err != nil {
			return err
		}
		return i.say(map[string]string{"revoked": c.Name}, "Token %s of bot %s is revoked.", c.Name, b.Name)
	})
}

// conversationOf returns the settings of a bot of kind http.
func conversationOf(b *bot.Bot) (httpbot.Settings, error) {
	if b.Kind != bot.HTTP {
		return httpbot.Settings{}, core.Errorf(core.Conflict, "bot %s is of kind %s: only those of kind http have such tokens; "+
			"for others see indaba token", b.Name, b.Kind)
	}
	return httpbot.ReadSettings(b.Config)
}

// changeTokens replaces the tokens of a bot by what change makes of them, and notes which are new and which have ended.
func changeTokens(ctx context.Context, a *app.App, b *bot.Bot, change func(entries []string) ([]string, error)) error {
	return a.DB.TxOn(ctx, b.Account, func(ctx context.Context) error {
		current, err := a.Bots.Get(ctx, b.Account, b.Key)
		if err != nil {
			return err
		}
		settings, err := conversationOf(current)
		if err != nil {
			return err
		}
		before := tokenNames(settings)
		if settings.APITokens, err = change(settings.APITokens); err != nil {
			return err
		}
		after := tokenNames(settings)
		if err := saveSettings(ctx, a, current, settings); err != nil {
			return err
		}
		return a.Accounts.Audit(ctx, b.Account, "bot.tokens", b.Key, map[string][]string{"created": without(after, before),
			"revoked": without(before, after)})
	})
}

// without returns the names that are not among the others.
func without(names, others []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return slices.Contains(others, name) })
}
