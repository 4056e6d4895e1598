package cli

import (
	"context"
	"strconv"

	"indaba/internal/app"
)

// numbered is the argument of commands on what is kept by number until somebody looks after it.
type numbered struct {
	Number []int64 `arg:"" optional:"" help:"Numbers, as the list shows them."`
	All    bool    `help:"All that the list has, in the place of numbers."`
}

// numberedBatch is how many of them one transaction changes.
const numberedBatch = 500

// labour is what a command does to each of them.
type labour struct {
	action, outcome string // in the audit log, and in what the command says
	all             func(ctx context.Context, a *app.App, account string) ([]int64, error)
	do              func(ctx context.Context, a *app.App, account string, number int64) error
}

// each does it to those that are named, all or none, and notes it; with --all to as many as there are.
func (c *numbered) each(i *invocation, l labour) error {
	if c.All == (len(c.Number) > 0) {
		return misused("name them by their numbers, or write --all")
	}
	return i.inAccount(func(ctx context.Context, a *app.App, account string) error {
		numbers := c.Number
		if c.All {
			var err error
			if numbers, err = l.all(ctx, a, account); err != nil {
				return err
			}
		}
		for rest := numbers; len(rest) > 0; {
			batch := rest[:min(len(rest), numberedBatch)]
			rest = rest[len(batch):]
			if err := l.batch(ctx, a, account, batch); err != nil {
				return err
			}
		}
		if numbers == nil {
			numbers = []int64{} // an empty list, not null
		}
		return i.say(map[string]any{l.outcome: numbers}, "%d %s.", len(numbers), l.outcome)
	})
}

func (l labour) batch(ctx context.Context, a *app.App, account string, numbers []int64) error {
	return a.DB.TxOn(ctx, account, func(ctx context.Context) error {
		for _, number := range numbers {
			if err := l.do(ctx, a, account, number); err != nil {
				return err
			}
			if err := a.Accounts.Audit(ctx, account, l.action, strconv.FormatInt(number, 10), nil); err != nil {
				return err
			}
		}
		return nil
	})
}
