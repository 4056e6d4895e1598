package cli

import (
	"context"
	"encoding/json"

	"indaba/internal/app"
	"indaba/internal/core"
	"indaba/internal/routing"
)

type routeCommands struct {
	List   routeList   `cmd:"" help:"List the routes of an account."`
	Link   routeLink   `cmd:"" help:"Lead what leaves one endpoint to another, in place of where it went before."`
	Unlink routeUnlink `cmd:"" help:"Remove the route from an endpoint."`
}

const endpointHelp = "KIND:NAME or KIND:NAME:ENDPOINT, where KIND is channel, bot, router-in (the side of people) or router-out (the side of bots), and NAME a key or a name."

// routeView is a route as JSON, by keys.
type routeView struct {
	Source string `json:"source"`
	Target string `json:"target"`
}

type routeList struct{}

func (*routeList) Run(i *invocation) error {
	return i.inAccount(func(ctx context.Context, a *app.App, account string) error {
		entries, err := a.Routes.Table(ctx, account)
		if err != nil {
			return err
		}
		names, err := readNames(ctx, a, account)
		if err != nil {
			return err
		}
		views, rows := make([]routeView, len(entries)), make([][]string, len(entries))
		for n, e := range entries {
			views[n] = routeView{e.Source.String(), e.Target.String()}
			rows[n] = []string{names.show(e.Source), names.show(e.Target)}
		}
		return i.table(views, []string{"FROM", "TO"}, rows)
	})
}

// names are what the things of an account are called, by key.
type names map[string]string

func readNames(ctx context.Context, a *app.App, account string) (names, error) {
	found := names{}
	channels, err := a.Channels.List(ctx, account)
	if err != nil {
		return nil, err
	}
	for _, c := range channels {
		found[c.Key] = c.Name
	}
	bots, err := a.Bots.List(ctx, account)
	if err != nil {
		return nil, err
	}
	for _, b := range bots {
		found[b.Key] = b.Name
	}
	routers, err := a.Routes.Routers(ctx, account)
	for _, r := range routers {
		found[r.Key] = r.Name
	}
	return found, err
}

// show writes an endpoint with the name of its owner.
func (n names) show(e routing.Endpoint) string {
	if name := n[e.Key]; name != "" {
		e.Key = name
	}
	return e.String()
}

// of returns the name of a key, or the key.
func (n names) of(key string) string {
	if name := n[key]; name != "" {
		return name
	}
	return key
}

// parseEndpoint reads an endpoint whose owner may be called by its name.
func parseEndpoint(ctx context.Context, a *app.App, account, text string) (routing.Endpoint, error) {
	e, err := routing.ParseEndpoint(text)
	if err != nil {
		return e, err
	}
	switch e.Kind {
	case routing.Channel:
		c, err := a.Channels.Find(ctx, account, e.Key)
		if err != nil {
			return e, err
		}
		e.Key = c.Key
	case routing.Bot:
		b, err := a.Bots.Find(ctx, account, e.Key)
		if err != nil {
			return e, err
		}
		e.Key = b.Key
	default:
		r, err := findRouter(ctx, a, account, e.Key)
		if err != nil {
			return e, err
		}
		e.Key = r.Key
	}
	return e, nil
}

type routeLink struct {
	Source string `arg:"" help:"${endpoint}"`
	Target string `arg:"" help:"Where it shall go, written the same way."`
	Both   bool   `help:"Link the way back too."`
}

func (c *routeLink) Run(i *invocation) error {
	return i.inAccount(func(ctx context.Context, a *app.App, account string) error {
		source, err := parseEndpoint(ctx, a, account, c.Source)
		if err != nil {
			return err
		}
		target, err := parseEndpoint(ctx, a, account, c.Target)
		if err != nil {
			return err
		}
		entries := []routing.Entry{{Source: source, Target: target}}
		if c.Both {
			entries = append(entries, routing.Entry{Source: target, Target: source})
		}
		if err := a.Routes.Link(ctx, account, entries...); err != nil {
			return err
		}
		way := "now leads to"
		if c.Both {
			way = "and back: now linked with"
		}
		return i.say(routeView{source.String(), target.String()}, "%s %s %s.", c.Source, way, c.Target)
	})
}

type routeUnlink struct {
	Source string `arg:"" help:"${endpoint}"`
}

func (c *routeUnlink) Run(i *invocation) error {
	return i.inAccount(func(ctx context.Context, a *app.App, account string) error {
		source, err := parseEndpoint(ctx, a, account, c.Source)
		if err != nil {
			return err
		}
		if err := a.Routes.Unlink(ctx, account, source); err != nil {
			return err
		}
		return i.say(map[string]string{"unlinked": source.String()}, "%s leads nowhere now.", c.Source)
	})
}

type routerCommands struct {
	Create routerCreate `cmd:"" help:"Make a router."`
	List   routerList   `cmd:"" help:"List the routers of an account."`
	Delete routerDelete `cmd:"" help:"Remove a router and its routes."`
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
