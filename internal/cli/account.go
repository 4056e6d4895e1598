package cli

import (
	"context"
	"strings"
	"time"

	"indaba/internal/account"
	"indaba/internal/app"
)

type accountCommands struct {
	Create accountCreate `cmd:"" help:"Make an account, and the database when there is none."`
	List   accountList   `cmd:"" help:"List all accounts."`
	Show   accountShow   `cmd:"" help:"Show one account."`
	Flags  accountFlags  `cmd:"" help:"Switch on or off what an account may do."`

	Keywords accountKeywords `cmd:"" help:"Show or set the texts by which people opt out."`
}

// accountView is an account as JSON.
type accountView struct {
	Key       string        `json:"key"`
	Name      string        `json:"name"`
	Parent    string        `json:"parent,omitempty"`
	Flags     account.Flags `json:"flags"`
	Keywords  []string      `json:"optout_keywords"`
	CreatedAt time.Time     `json:"created_at"`
}

func viewAccount(a *account.Account) accountView {
	return accountView{a.Key, a.Name, a.Parent, a.Flags, a.OptoutKeywords, a.CreatedAt}
}

type accountCreate struct {
	Name   string `arg:"" help:"Its name, for people."`
	Parent given  `placeholder:"KEY|NAME" help:"The account that it belongs to."`
}

func (c *accountCreate) Run(i *invocation) error {
	return i.open(app.Options{}, func(ctx context.Context, a *app.App) error {
		parent := ""
		if c.Parent != "" {
			above, err := i.findAccount(ctx, a, string(c.Parent))
			if err != nil {
				return err
			}
			parent = above.Key
		}
		made, err := a.Accounts.Create(ctx, c.Name, parent)
		if err != nil {
			return err
		}
		return i.say(viewAccount(made), "Account %s has the key %s.", made.Name, made.Key)
	})
}

type accountList struct{}

func (*accountList) Run(i *invocation) error {
	return i.openExisting(func(ctx context.Context, a *app.App) error {
		all, err := allAccounts(ctx, a)
		if err != nil {
			return err
		}
		views, rows := make([]accountView, len(all)), make([][]string, len(all))
		for n, one := range all {
			views[n] = viewAccount(one)
			rows[n] = []string{one.Key, one.Name, one.Parent, at(one.CreatedAt)}
		}
		return i.table(views, []string{"KEY", "NAME", "PARENT", "CREATED"}, rows)
	})
}

type accountShow struct{}

func (*accountShow) Run(i *invocation) error {
	return i.inAccount(func(ctx context.Context, a *app.App, key string) error {
		one, err := a.Accounts.Get(ctx, key)
		if err != nil {
			return err
		}
		return i.showAccount(one)
	})
}

func (i *invocation) showAccount(one *account.Account) error {
	return i.fields(viewAccount(one), field{"key", one.Key}, field{"name", one.Name}, field{"parent", one.Parent},
		field{"can_manage_optouts", yesNo(one.Flags.CanManageOptouts)}, field{"disable_optouts", yesNo(one.Flags.DisableOptouts)},
		field{"is_developer", yesNo(one.Flags.IsDeveloper)}, field{"optout_keywords", strings.Join(one.OptoutKeywords, ", ")},
		field{"created", at(one.CreatedAt)})
}

type accountFlags struct {
	Set []string `arg:"" name:"flag" placeholder:"FLAG=on|off" help:"can_manage_optouts (bots may read and change opt-outs), disable_optouts (messages go out although their receiver opted out, and no keyword opts anybody out) or is_developer, as FLAG=on or FLAG=off."`
}

func (c *accountFlags) Run(i *invocation) error {
	return i.inAccount(func(ctx context.Context, a *app.App, key string) error {
		one, err := a.Accounts.Get(ctx, key)
		if err != nil {
			return err
		}
		for _, text := range c.Set {
			if err := setFlag(&one.Flags, text); err != nil {
				return err
			}
		}
		if err := a.Accounts.SetFlags(ctx, key, one.Flags); err != nil {
			return err
		}
		return i.showAccount(one)
	})
}

func setFlag(flags *account.Flags, text string) error {
	name, value, _ := strings.Cut(text, "=")
	if value != "on" && value != "off" {
		return misused("%q: write FLAG=on or FLAG=off", text)
	}
	switch name {
	case "can_manage_optouts":
		flags.CanManageOptouts = value == "on"
	case "disable_optouts":
		flags.DisableOptouts = value == "on"
	case "is_developer":
		flags.IsDeveloper = value == "on"
	default:
		return misused("there is no flag %q: choose from can_manage_optouts, disable_optouts, is_developer", name)
	}
	return nil
}

type accountKeywords struct {
	Keywords []string `arg:"" optional:"" sep:"none" name:"keyword" help:"The texts, in place of those that were set before. Whoever sends nothing but one of them has opted out; capitals do not matter."`
	None     bool     `help:"Set none: no text opts anybody out."`
}

// Run sets keywords when some are given, and shows those that there are.
func (c *accountKeywords) Run(i *invocation) error {
	if c.None && len(c.Keywords) > 0 {
		return misused("give keywords or --none, not both")
	}
	return i.inAccount(func(ctx context.Context, a *app.App, key string) error {
		if c.None || len(c.Keywords) > 0 {
			if err := a.Accounts.SetOptoutKeywords(ctx, key, c.Keywords); err != nil {
				return err
			}
		}
		one, err := a.Accounts.Get(ctx, key)
		if err != nil {
			return err
		}
		if len(one.OptoutKeywords) == 0 {
			return i.say(viewAccount(one), "No text opts anybody out.")
		}
		return i.say(viewAccount(one), "People opt out by: %s", strings.Join(one.OptoutKeywords, ", "))
	})
}

type auditCommand struct {
	Limit amountOrAll `short:"n" default:"50" help:"How many entries; 0 for all."`
}

// Run prints the newest entries of the audit log.
func (c *auditCommand) Run(i *invocation) error {
	return i.inAccount(func(ctx context.Context, a *app.App, key string) error {
		entries, err := pageByPage(c.Limit, account.MaxPage, func(last **account.Entry, size int) ([]*account.Entry, error) {
			before := int64(0)
			if last != nil {
				before = (*last).ID
			}
			return a.Accounts.AuditLog(ctx, key, size, before)
		})
		if err != nil {
			return err
		}
		type view struct {
			ID     int64     `json:"id"`
			Actor  string    `json:"actor"`
			Action string    `json:"action"`
			Object string    `json:"object"`
			Detail any       `json:"detail"`
			At     time.Time `json:"at"`
		}
		views, rows := make([]view, len(entries)), make([][]string, len(entries))
		for n, e := range entries {
			views[n] = view{e.ID, e.Actor, e.Action, e.Object, e.Detail, e.At}
			rows[n] = []string{at(e.At), e.Actor, e.Action, e.Object, shortened(string(e.Detail), 80)}
		}
		return i.table(views, []string{"TIME", "ACTOR", "ACTION", "OBJECT", "DETAIL"}, rows)
	})
}
