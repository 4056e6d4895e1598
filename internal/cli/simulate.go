package cli

import (
	"errors"
	"io"

	"indaba/internal/simulate"
)

type botTest struct {
	Dir     string `arg:"" type:"existingdir" help:"The folder of the bot."`
	App     string `name:"app" placeholder:"NAME" help:"Only the scripts of this app, in a folder that builds several."`
	Filter  string `placeholder:"TEXT" help:"Only conversations whose \"FILE: NAME\" contains this."`
	Update  bool   `help:"Write what the bot says now into the scripts, in place of what they expect."`
	Verbose bool   `short:"v" help:"Show conversations that pass, too."`
}

// Run plays the conversation scripts of a folder and fails when one of them goes another way.
func (c *botTest) Run(i *invocation) error {
	w := i.w
	if i.json {
		w = i.stderr // the report is the result then
	}
	report, err := simulate.Test(i.ctx, simulate.TestOptions{Dir: c.Dir, App: c.App, Filter: c.Filter, Update: c.Update,
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
