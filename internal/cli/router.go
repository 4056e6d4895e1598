package cli

import (
	"context"
	"encoding/json"

	"indaba/internal/app"
	"indaba/internal/core"
	"indaba/internal/routing"
)

type routerCommands struct {
	Create routerCreate `cmd:"" help:"Make a router."`
	List   routerList   `cmd:"" help:"List the routers of an account."`
	Rename routerRename `cmd:"" help:"Give a router another name."`
	Delete routerDelete `cmd:"" aliases:"remove" help:"Remove a router and its routes."`
}

// routerView is a router as JSON.
type routerView struct {
	Key       string               `json:"key"`
	Name      string               `json:"name"`
	Type      string               `json:"type"`
	Endpoints []string             `json:"endpoints"`
	Config    routing.RouterConfig `json:"config"`
}

func viewRouter(r *routing.Router) routerView {
	return routerView{r.Key, r.Name, r.Type, r.Endpoints(), r.Config}
}

type routerCreate struct {
	Type   string `arg:"" enum:"keyword,group,app_multiplexer" help:"By the first word (keyword), by the sender's groups (group), or by a menu (app_multiplexer)."`
	Name   string `arg:"" help:"Its name, for people and in other commands."`
	Config string `name:"with" default:"{}" placeholder:"JSON" help:"What it goes by, as JSON, or @FILE, or - for a line of standard input."`
}

func (c *routerCreate) Run(i *invocation) error {
	text, err := i.value("the configuration", c.Config)
	if err != nil {
		return err
	}
	r := &routing.Router{Type: c.Type, Name: c.Name}
	if err := decodeStrictly(text, &r.Config); err != nil {
		return misused("--with: %v", err)
	}
	return i.inAccount(func(ctx context.Context, a *app.App, account string) error {
		r.Account = account
		if err := a.Routes.CreateRouter(ctx, r); err != nil {
			return err
		}
		return i.say(viewRouter(r), "Router %s has the key %s.", r.Name, r.Key)
	})
}

type routerList struct{}

func (*routerList) Run(i *invocation) error {
	return i.inAccount(func(ctx context.Context, a *app.App, account string) error {
		routers, err := a.Routes.Routers(ctx, account)
		if err != nil {
			return err
		}
		views, rows := make([]routerView, len(routers)), make([][]string, len(routers))
		for n, r := range routers {
			config, err := json.Marshal(r.Config)
			if err != nil {
				return err
			}
			views[n] = viewRouter(r)
			rows[n] = []string{r.Key, r.Name, r.Type, shortened(string(config), 100)}
		}
		return i.table(views, []string{"KEY", "NAME", "TYPE", "CONFIG"}, rows)
	})
}

type routerRename struct {
	Router string `arg:"" help:"Its key or name."`
	Name   string `arg:"" help:"Its new name."`
}

func (c *routerRename) Run(i *invocation) error {
	return i.inAccount(func(ctx context.Context, a *app.App, account string) error {
		r, err := findRouter(ctx, a, account, c.Router)
		if err != nil {
			return err
		}
		if err := a.Routes.RenameRouter(ctx, account, r.Key, c.Name); err != nil {
			return err
		}
		if r, err = findRouter(ctx, a, account, r.Key); err != nil {
			return err
		}
		return i.say(viewRouter(r), "Router %s is called %s now.", c.Router, r.Name)
	})
}

type routerDelete struct {
	Router string `arg:"" help:"Its key or name."`
}

func (c *routerDelete) Run(i *invocation) error {
	return i.inAccount(func(ctx context.Context, a *app.App, account string) error {
		r, err := findRouter(ctx, a, account, c.Router)
		if err != nil {
			return err
		}
		if err := a.Routes.DeleteRouter(ctx, account, r.Key); err != nil {
			return err
		}
		return i.say(viewRouter(r), "Router %s is gone, and its routes with it.", r.Name)
	})
}

func findRouter(ctx context.Context, a *app.App, account, keyOrName string) (*routing.Router, error) {
	routers, err := a.Routes.Routers(ctx, account)
	if err != nil {
		return nil, err
	}
	var found *routing.Router
	for _, r := range routers {
		switch {
		case r.Key == keyOrName:
			return r, nil
		case r.Name == keyOrName && found != nil:
			return nil, core.Errorf(core.Conflict, "several routers are called %s: name one by its key", keyOrName)
		case r.Name == keyOrName:
			found = r
		}
	}
	if found == nil {
		return nil, core.Errorf(core.NotFound, "there is no router %s", keyOrName)
	}
	return found, nil
}
