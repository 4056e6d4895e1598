package cli

import (
	"context"
	"errors"
	"path/filepath"

	"indaba/internal/app"
	"indaba/internal/demo"
)

type demoCommand struct {
	Ready string `placeholder:"FILE" help:"Write addresses, keys and secrets to this file, as JSON, once the server answers."`
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
	clinics, err := demo.OpenClinics(i.ctx, earlier.Clinics)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, clinics.Close()) }()
	// Scripts may not call this machine; the demonstration needs exactly this one address of it.
	i.config.Egress.AllowHosts = append(i.config.Egress.AllowHosts, clinics.Addr())
	return serve(i.config, i.stderr, func(ctx context.Context, a *app.App) error {
		facts, missing, err := demo.Prepare(ctx, a, clinics.Addr())
		if err != nil {
			return err
		}
		if c.Ready != "" {
			if err := demo.WriteFile(c.Ready, facts); err != nil {
				return err
			}
		}
		if i.json {
			return i.print(facts, nil)
		}
		return facts.Guide(i.w, i.config.Data, missing)
	})
}
