package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"

	"indaba/internal/app"
	"indaba/internal/transfer"
)

type importCommands struct {
	List    importsList    `cmd:"" help:"List the imports of an account, newest first."`
	Show    importsShow    `cmd:"" help:"Show an import."`
	Report  importsReport  `cmd:"" help:"Print what became of each row, as JSON lines."`
	Discard importsDiscard `cmd:"" help:"End an import and forget it. The contacts that it brought in stay."`
}

type importsList struct {
	Limit amount `short:"n" default:"20" help:"How many imports."`
}

func (c *importsList) Run(i *invocation) error {
	return i.inAccount(func(ctx context.Context, a *app.App, account string) error {
		found, err := a.Transfer.List(ctx, account, "", int(c.Limit))
		if err != nil {
			return err
		}
		rows := make([][]string, len(found))
		for n, im := range found {
			rows[n] = []string{im.Key, shortened(im.Spec.Name, 40), importState(im), fmt.Sprintf("%d/%d", im.Position, im.Total),
				fmt.Sprint(im.Created), fmt.Sprint(im.Updated), fmt.Sprint(im.Unchanged), fmt.Sprint(im.Skipped), at(im.CreatedAt)}
		}
		return i.table(append([]*transfer.Import{}, found...), []string{"KEY", "FILE", "STATE", "ROWS", "CREATED", "UPDATED", "UNCHANGED", "SKIPPED", "BEGUN"}, rows)
	})
}

func importState(im *transfer.Import) string {
	if im.Spec.DryRun {
		return "dry run, " + im.State.String()
	}
	return im.State.String()
}

// importKey is the argument of commands about one import.
type importKey struct {
	Key string `arg:"" help:"Its key, as indaba contact imports list shows it."`
}

type importsShow struct{ importKey }

func (c *importsShow) Run(i *invocation) error {
	return i.inAccount(func(ctx context.Context, a *app.App, account string) error {
		im, err := a.Transfer.Get(ctx, account, c.Key)
		if err != nil {
			return err
		}
		lines := []field{{"key", im.Key}, {"file", im.Spec.Name}, {"state", importState(im)}, {"problem", im.Problem}, {"mode", string(im.Spec.Mode)},
			{"found by", im.Spec.Match}, {"rows", fmt.Sprintf("%d of %d", im.Position, im.Total)}, {"created", fmt.Sprint(im.Created)},
			{"updated", fmt.Sprint(im.Updated)}, {"unchanged", fmt.Sprint(im.Unchanged)}, {"skipped", fmt.Sprint(im.Skipped)},
			{"begun", at(im.CreatedAt)}, {"last row", at(im.UpdatedAt)}}
		for _, column := range im.Columns {
			lines = append(lines, field{"column", column.Name + " → " + column.Target.String()})
		}
		return i.fields(im, lines...)
	})
}

type importsReport struct {
	importKey
	Only string `enum:",created,updated,unchanged,skipped" default:"" placeholder:"OUTCOME" help:"Only rows that were created, updated, unchanged or skipped."`
}

func (c *importsReport) Run(i *invocation) error {
	return i.inAccount(func(ctx context.Context, a *app.App, account string) error {
		outcome, _ := transfer.ParseOutcome(c.Only) // kong knows the names; none is all
		w := bufio.NewWriter(i.w)
		encoder := json.NewEncoder(w)
		encoder.SetEscapeHTML(false)
		if err := a.Transfer.Report(ctx, account, c.Key, outcome, func(r transfer.Row) error { return encoder.Encode(r) }); err != nil {
			return err
		}
		return w.Flush()
	})
}

type importsDiscard struct{ importKey }

func (c *importsDiscard) Run(i *invocation) error {
	return i.inAccount(func(ctx context.Context, a *app.App, account string) error {
		if err := a.Transfer.Discard(ctx, account, c.Key); err != nil {
			return err
		}
		return i.say(map[string]string{"discarded": c.Key}, "Import %s is forgotten. The contacts that it brought in stay.", c.Key)
	})
}
