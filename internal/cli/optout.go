package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"indaba/internal/app"
	"indaba/internal/contact"
	"indaba/internal/core"
	"indaba/internal/optout"
)

type optoutCommands struct {
	List   optoutList   `cmd:"" help:"List addresses that opted out."`
	Add    optoutAdd    `cmd:"" help:"Opt an address out."`
	Remove optoutRemove `cmd:"" help:"Let an address be written to again."`
	Count  optoutCount  `cmd:"" help:"Count the addresses that opted out."`
}

// optoutView is an opt-out as JSON.
type optoutView struct {
	Type      string    `json:"type"`
	Address   string    `json:"address"`
	Message   string    `json:"message,omitempty"` // id of the message that caused it
	CreatedAt time.Time `json:"created_at"`
}

func viewOptout(o optout.OptOut) optoutView {
	return optoutView{o.Type, o.Address, o.MessageID, o.CreatedAt}
}

type optoutList struct {
	Limit amountOrAll `short:"n" default:"100" help:"How many; 0 for all."`
}

func (c *optoutList) Run(i *invocation) error {
	return i.inAccount(func(ctx context.Context, a *app.App, account string) error {
		all, err := pageByPage(c.Limit, optout.MaxPage, func(last *optout.OptOut, size int) ([]optout.OptOut, error) {
			if last == nil {
				last = &optout.OptOut{}
			}
			return a.Optouts.List(ctx, account, *last, size)
		})
		if err != nil {
			return err
		}
		views, rows := make([]optoutView, len(all)), make([][]string, len(all))
		for n, o := range all {
			views[n] = viewOptout(o)
			rows[n] = []string{o.Type, o.Address, at(o.CreatedAt), o.MessageID}
		}
		return i.table(views, []string{"TYPE", "ADDRESS", "SINCE", "MESSAGE"}, rows)
	})
}

// optoutAddress is the argument of commands on one opt-out.
type optoutAddress struct {
	Address string `arg:"" help:"The address, exactly as messages to it are addressed: +27821234567 and 27821234567 are two."`
	Type    string `default:"msisdn" help:"The type of address: msisdn for phone numbers, gtalk, twitter_handle, … Any text is one; applications may look for their own."`
}

type optoutAdd struct{ optoutAddress }

func (c *optoutAdd) Run(i *invocation) error {
	if strings.TrimSpace(c.Address) == "" {
		return misused("the address is empty")
	}
	return i.inAccount(func(ctx context.Context, a *app.App, account string) error {
		var made optout.OptOut
		err := a.DB.TxOn(ctx, account, func(ctx context.Context) (err error) {
			if made, err = a.Optouts.Create(ctx, account, c.Type, c.Address, ""); err != nil {
				return err
			}
			return a.Accounts.Audit(ctx, account, "optout.add", c.Type+":"+c.Address, nil)
		})
		if err != nil {
			return err
		}
		if !heeded(c.Type) {
			_, _ = fmt.Fprintf(i.stderr, "note: no channel looks for opt-outs of type %s: only applications that ask for it are told\n", oneLine(c.Type))
		}
		return i.say(viewOptout(made), "%s has opted out.", oneLine(c.Address))
	})
}

// heeded reports whether an opt-out of a type keeps messages of some channel back (docs/spec/vumi-http.md 11).
func heeded(addressType string) bool {
	if slices.Contains(contact.AddressFields(), addressType) {
		return true
	}
	field, err := contact.ClassField(addressType)
	return err == nil && field != optout.Phone // telephone numbers are not recorded under their class
}

type optoutRemove struct{ optoutAddress }

func (c *optoutRemove) Run(i *invocation) error {
	return i.inAccount(func(ctx context.Context, a *app.App, account string) error {
		var removed optout.OptOut
		err := a.DB.TxOn(ctx, account, func(ctx context.Context) (err error) {
			var found bool
			removed, found, err = a.Optouts.Delete(ctx, account, c.Type, c.Address)
			if err == nil && !found {
				err = core.Errorf(core.NotFound, "%s %s has not opted out", c.Type, c.Address)
			}
			if err != nil {
				return err
			}
			return a.Accounts.Audit(ctx, account, "optout.remove", c.Type+":"+c.Address, nil)
		})
		if err != nil {
			return err
		}
		// Messages are held back by either spelling of a number.
		other := otherSpelling(c.Address)
		_, still, err := a.Optouts.Get(ctx, account, c.Type, other)
		if err != nil {
			return err
		}
		if still && c.Type == optout.Phone {
			_, _ = fmt.Fprintf(i.stderr, "note: %s has opted out, too, which counts for %s: remove it as well\n", oneLine(other), oneLine(c.Address))
			return i.say(viewOptout(removed), "%s is removed.", oneLine(c.Address))
		}
		return i.say(viewOptout(removed), "%s may be written to again.", oneLine(c.Address))
	})
}

// otherSpelling returns a telephone number with its plus when it is without, and the other way round.
func otherSpelling(number string) string {
	if digits, plus := strings.CutPrefix(number, "+"); plus {
		return digits
	}
	return "+" + number
}

type optoutCount struct{}

func (*optoutCount) Run(i *invocation) error {
	return i.inAccount(func(ctx context.Context, a *app.App, account string) error {
		n, err := a.Optouts.Count(ctx, account)
		if err != nil {
			return err
		}
		return i.say(map[string]int64{"count": n}, "%d", n)
	})
}
