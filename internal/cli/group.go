package cli

import (
	"context"
	"strconv"
	"time"

	"indaba/internal/app"
	"indaba/internal/contact"
	"indaba/internal/core"
)

type groupCommands struct {
	List    groupList    `cmd:"" help:"List the contact groups of an account, with the number of their members."`
	Create  groupCreate  `cmd:"" help:"Make a group: static, or smart by a query."`
	Show    groupShow    `cmd:"" help:"Show a group."`
	Members groupMembers `cmd:"" help:"List the members of a group."`
	Remove  groupRemove  `cmd:"" help:"Remove a group. Its contacts stay."`
}

// groupView is a group as JSON.
type groupView struct {
	Key       string    `json:"key"`
	Name      string    `json:"name"`
	Query     *string   `json:"query"`           // null: a static group
	Members   *int64    `json:"members"`         // null when the query is wrong
	Trouble   string    `json:"error,omitempty"` // what is wrong with the query
	CreatedAt time.Time `json:"created_at"`
}

// viewGroup counts the members, too.
func viewGroup(ctx context.Context, a *app.App, g contact.Group) (groupView, error) {
	view := groupView{Key: g.Key, Name: g.Name, Query: g.Query, CreatedAt: g.CreatedAt}
	n, err := a.Contacts.CountMembers(ctx, g.Account, g.Key)
	switch {
	case err == nil:
		view.Members = &n
	case core.KindOf(err) == core.Invalid:
		view.Trouble = err.Error()
	default:
		return view, err
	}
	return view, nil
}

// kind is "static", or the query of a smart group.
func (v groupView) kind() string {
	if v.Query == nil {
		return "static"
	}
	return *v.Query
}

func (v groupView) size() string {
	if v.Members == nil {
		return v.Trouble
	}
	return strconv.FormatInt(*v.Members, 10)
}

type groupList struct{}

func (*groupList) Run(i *invocation) error {
	return i.inAccount(func(ctx context.Context, a *app.App, account string) error {
		groups, err := a.Contacts.GroupsByName(ctx, account)
		if err != nil {
			return err
		}
		views, rows := make([]groupView, len(groups)), make([][]string, len(groups))
		for n, g := range groups {
			if views[n], err = viewGroup(ctx, a, g); err != nil {
				return err
			}
			rows[n] = []string{g.Key, g.Name, shortened(views[n].kind(), 60), shortened(views[n].size(), 60), at(g.CreatedAt)}
		}
		return i.table(views, []string{"KEY", "NAME", "QUERY", "MEMBERS", "CREATED"}, rows)
	})
}

type groupCreate struct {
	Name  string `arg:"" help:"Its name, for people and in other commands."`
	Query given  `placeholder:"QUERY" help:"Its members are the contacts that this matches, such as 'extras-city:Joburg AND msisdn:\\+27*'; without it they are those that are put into it."`
}

func (c *groupCreate) Run(i *invocation) error {
	return i.inAccount(func(ctx context.Context, a *app.App, account string) error {
		var query *string
		if c.Query != "" {
			if err := a.Contacts.CheckQuery(string(c.Query)); err != nil {
				return err
			}
			query = new(string(c.Query))
		}
		var made contact.Group
		err := a.DB.TxOn(ctx, account, func(ctx context.Context) (err error) {
			if made, err = a.Contacts.CreateGroup(ctx, account, c.Name, query); err != nil {
				return err
			}
			return a.Accounts.Audit(ctx, account, "group.create", made.Key, map[string]any{"name": c.Name, "query": query})
		})
		if err != nil {
			return err
		}
		view, err := viewGroup(ctx, a, made)
		if err != nil {
			return err
		}
		return i.say(view, "Group %s has the key %s.", oneLine(made.Name), made.Key)
	})
}

// groupName is the argument of commands on one group.
type groupName struct {
	Group string `arg:"" help:"Its key or name."`
}

// with runs do for the group.
func (n *groupName) with(i *invocation, do func(context.Context, *app.App, contact.Group) error) error {
	return i.inAccount(func(ctx context.Context, a *app.App, account string) error {
		g, err := a.Contacts.GetGroup(ctx, account, n.Group)
		if err != nil && core.KindOf(err) == core.NotFound {
			g, err = a.Contacts.GetGroupByName(ctx, account, n.Group)
		}
		switch {
		case err == nil:
			return do(ctx, a, g)
		case core.KindOf(err) == core.NotFound:
			return core.Errorf(core.NotFound, "there is no group %s", n.Group)
		case core.KindOf(err) == core.Conflict:
			return core.Errorf(core.Conflict, "several groups are called %s: name one by its key", n.Group)
		}
		return err
	})
}

type groupShow struct{ groupName }

func (c *groupShow) Run(i *invocation) error {
	return c.with(i, func(ctx context.Context, a *app.App, g contact.Group) error {
		view, err := viewGroup(ctx, a, g)
		if err != nil {
			return err
		}
		return i.fields(view, field{"key", g.Key}, field{"name", g.Name}, field{"query", view.kind()},
			field{"members", view.size()}, field{"created", at(g.CreatedAt)})
	})
}

type groupMembers struct {
	groupName
	Limit amountOrAll `short:"n" default:"100" help:"How many; 0 for all."`
}

func (c *groupMembers) Run(i *invocation) error {
	return c.with(i, func(ctx context.Context, a *app.App, g contact.Group) error {
		members, rows := []contact.Contact{}, [][]string{}
		for cursor := ""; c.Limit == 0 || len(members) < int(c.Limit); {
			page, err := a.Contacts.Members(ctx, g.Account, g.Key, cursor, contact.MaxPage)
			if err != nil {
				return err
			}
			members = append(members, page.Contacts...)
			if cursor = page.Next; cursor == "" {
				break
			}
		}
		if c.Limit > 0 {
			members = members[:min(len(members), int(c.Limit))]
		}
		for _, m := range members {
			rows = append(rows, []string{m.Key, m.Msisdn, text(m.Name), text(m.Surname), at(m.CreatedAt)})
		}
		return i.table(members, []string{"KEY", "MSISDN", "NAME", "SURNAME", "CREATED"}, rows)
	})
}

// text is a text that may not be there.
func text(t *string) string {
	if t == nil {
		return ""
	}
	return *t
}

type groupRemove struct{ groupName }

func (c *groupRemove) Run(i *invocation) error {
	return c.with(i, func(ctx context.Context, a *app.App, g contact.Group) error {
		err := a.DB.TxOn(ctx, g.Account, func(ctx context.Context) error {
			if _, err := a.Contacts.DeleteGroup(ctx, g.Account, g.Key); err != nil {
				return err
			}
			return a.Accounts.Audit(ctx, g.Account, "group.remove", g.Key, map[string]any{"name": g.Name, "query": g.Query})
		})
		if err != nil {
			return err
		}
		return i.say(map[string]string{"removed": g.Key}, "Group %s is removed.", oneLine(g.Name))
	})
}
