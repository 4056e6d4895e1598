package cli

import (
	"context"
	"errors"
	"io"
	"os"

	"golang.org/x/term"

	"indaba/internal/app"
	"indaba/internal/simulate"
)

type simulateCommand struct {
	Bot     string `arg:"" help:"The bot's key or name."`
	Kind    string `enum:",ussd,sms,chat" default:"" placeholder:"KIND" help:"The channel to play: ussd, sms or chat. Otherwise what the bot is made for."`
	Address string `default:"+27821234567" help:"The person to play."`
}

// Run lets somebody talk to a bot. Lines of standard input are what the person types.
func (c *simulateCommand) Run(i *invocation) error {
	options := simulate.TalkOptions{Kind: c.Kind, Address: c.Address, JSON: i.json}
	if err := i.inAccount(func(ctx context.Context, a *app.App, account string) error {
		b, err := a.Bots.Find(ctx, account, c.Bot)
		if err != nil {
			return err
		}
		options.Account, options.Bot = account, b.Key
		return nil
	}); err != nil {
		return err
	}
	file, ok := i.stdin.(*os.File)
	options.Interactive = ok && term.IsTerminal(int(file.Fd()))
	err := simulate.Talk(i.ctx, i.config, options, i.stdin, i.w)
	if i.ctx.Err() != nil && options.Interactive {
		return nil // Ctrl-C is a way to leave
	}
	return err
}

type botTest struct {
	Dir     string `arg:"" type:"existingdir" help:"The folder of the bot."`
	App     given  `name:"app" placeholder:"NAME" help:"Only the scripts of this app, in a folder that builds several."`
	Filter  given  `placeholder:"TEXT" help:"Only conversations whose \"FILE: NAME\" contains this."`
	Update  bool   `help:"Write what the bot says now into the scripts, in place of what they expect."`
	Verbose bool   `short:"v" help:"Show conversations that pass, too."`
}

// Run plays the conversation scripts of a folder and fails when one of them goes another way.
func (c *botTest) Run(i *invocation) error {
	w := i.w
	if i.json {
		w = i.stderr // the report is the result then
	}
	report, err := simulate.Test(i.ctx, simulate.TestOptions{Dir: c.Dir, App: string(c.App), Filter: string(c.Filter), Update: c.Update,
		Verbose: c.Verbose}, w)
	if err != nil {
		return err
	}
	if i.json {
		view := map[string]any{"files": report.Files, "conversations": report.Conversations, "failed": report.Failed,
			"updated": report.Updated, "elapsed_ms": report.Elapsed.Milliseconds()}
		if err := i.print(view, func(io.Writer) error { return nil }); err != nil {
			return err
		}
	}
	if !report.OK() {
		return errors.New("the bot does not do what its conversations expect")
	}
	return nil
}
