package cli

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"indaba/internal/app"
	"indaba/internal/demo"
)

type demoCommand struct {
	Ready string `placeholder:"FILE" help:"Write addresses, keys and secrets to this file, as JSON, once the server answers."`
}

// Help says what the short help has no room for.
func (*demoCommand) Help() string {
	return "It begins an account with channels, bots and credentials of its own, prints what to try, and plays the world around them: " +
		"nothing leaves this machine. Its data live in ./" + demoData + " unless --data names another directory, and the next start goes on with " +
		"them."
}

// demoData is where a demonstration lives unless somebody says otherwise: never among an operator's own data.
const demoData = "data/demo"

// Run serves the demonstration until a signal asks for the end.
func (c *demoCommand) Run(i *invocation) (err error) {
	if i.defaulted("data") {
		i.config.Data = filepath.FromSlash(demoData)
	}
	if err := i.config.Check(); err != nil {
		return err
	}
	earlier, err := demo.Read(filepath.Join(i.config.Data, demo.FileName))
	if err != nil {
		return err
	}
	outside, err := demo.OpenOutside(i.ctx, earlier.Clinics)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, outside.Close()) }()
	// Scripts may not call this machine; the demonstration needs exactly this one address of it.
	i.config.Egress.AllowHosts = append(i.config.Egress.AllowHosts, outside.Addr())
	return serve(i.config, i.stderr, func(ctx context.Context, a *app.App) error {
		facts, missing, err := demo.Prepare(ctx, a, outside.Addr())
		if err != nil {
			return err
		}
		outside.Meet(facts, a.Addr())
		if c.Ready != "" {
			if err := demo.WriteFile(c.Ready, facts); err != nil {
				return err
			}
		}
		if i.json {
			return i.print(facts, nil)
		}
		return facts.Guide(i.w, os.Args[0], i.config.Data, missing)
	})
}
