package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"indaba/internal/app"
	"indaba/internal/bot"
)

// Where bots are reloaded from (docs/spec/vumi-http.md 9.9).

type botSourceCommands struct {
	Set    botSourceSet    `cmd:"" help:"Say where the script, or a configuration value, comes from. Nothing is fetched yet."`
	List   botSourceList   `cmd:"" help:"List the sources of a bot."`
	Unset  botSourceUnset  `cmd:"" help:"Forget a source. What was fetched from it stays."`
	Reload botSourceReload `cmd:"" help:"Fetch all sources; deploy the script and set the values if they have changed. If anything is wrong, nothing is changed."`
}

// sourceView is a source as JSON.
type sourceView struct {
	Target string    `json:"target"`
	URL    string    `json:"url"`
	SetAt  time.Time `json:"set_at"`
}

type botSourceSet struct {
	botName
	Target string `arg:"" help:"What comes from there: script, or config:KEY."`
	URL    string `arg:"" help:"An http or https URL, which may hold USER:PASSWORD@; @FILE, or - for a line of standard input. It is kept sealed."`
}

func (c *botSourceSet) Run(i *invocation) error {
	url, err := i.value("URL", c.URL)
	if err != nil {
		return err
	}
	return c.with(i, func(ctx context.Context, a *app.App, b *bot.Bot) error {
		if err := a.Sources.Set(ctx, b.Account, b.Key, c.Target, strings.TrimSpace(url)); err != nil {
			return err
		}
		return i.say(map[string]string{"set": c.Target}, "Bot %s: the source of %s is set. It is fetched by: indaba bot source reload %s",
			b.Name, c.Target, b.Name)
	})
}

type botSourceList struct {
	botName
	Reveal bool `help:"Show URLs whole: with user, password and query."`
}

func (c *botSourceList) Run(i *invocation) error {
	return c.with(i, func(ctx context.Context, a *app.App, b *bot.Bot) error {
		sources, err := a.Sources.List(ctx, b.Account, b.Key)
		if err != nil {
			return err
		}
		views, rows := make([]sourceView, len(sources)), make([][]string, len(sources))
		for n, from := range sources {
			url := from.Redacted()
			switch {
			case from.Unopened != nil:
				url = from.Unopened.Error()
			case c.Reveal:
				url = from.URL
			}
			views[n] = sourceView{from.Target, url, from.SetAt}
			rows[n] = []string{from.Target, url, at(from.SetAt)}
		}
		return i.table(views, []string{"TARGET", "URL", "SET"}, rows)
	})
}

type botSourceUnset struct {
	botName
	Target string `arg:"" help:"As indaba bot source list shows it."`
}

func (c *botSourceUnset) Run(i *invocation) error {
	return c.with(i, func(ctx context.Context, a *app.App, b *bot.Bot) error {
		if err := a.Sources.Unset(ctx, b.Account, b.Key, c.Target); err != nil {
			return err
		}
		return i.say(map[string]string{"unset": c.Target}, "Bot %s: the source of %s is forgotten.", b.Name, c.Target)
	})
}

// reloadView is what came of a reload, as JSON.
type reloadView struct {
	Version  int64    `json:"version"`
	Deployed bool     `json:"deployed"`
	Changed  []string `json:"changed"` // keys of configuration values
	Warnings []string `json:"warnings,omitempty"`
}

type botSourceReload struct{ botName }

func (c *botSourceReload) Run(i *invocation) error {
	return c.with(i, func(ctx context.Context, a *app.App, b *bot.Bot) error {
		done, err := a.Sources.Reload(ctx, b.Account, b.Key)
		if err != nil {
			return err
		}
		for _, warning := range done.Warnings {
			_, _ = fmt.Fprintln(i.stderr, "warning:", warning)
		}
		var outcome []string
		switch {
		case done.Deployed && b.Stopped:
			outcome = append(outcome, fmt.Sprintf("version %d is there and the bot is stopped: start it", done.Version))
		case done.Deployed:
			outcome = append(outcome, fmt.Sprintf("version %d now answers", done.Version))
		}
		if len(done.Changed) > 0 {
			outcome = append(outcome, strings.Join(done.Changed, ", ")+" changed")
		}
		if len(outcome) == 0 {
			outcome = []string{"nothing has changed"}
		}
		view := reloadView{done.Version, done.Deployed, append([]string{}, done.Changed...), done.Warnings}
		return i.say(view, "Bot %s: %s.", b.Name, strings.Join(outcome, "; "))
	})
}
