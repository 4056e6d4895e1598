package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"indaba/internal/app"
	"indaba/internal/bot"
	"indaba/internal/bot/vumiwire"
	"indaba/internal/core"
	"indaba/internal/gateway"
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

// readNames reads what there is, and what there was: the message log speaks of both.
func readNames(ctx context.Context, a *app.App, account string) (names, error) {
	found := names{}
	for _, list := range []func(context.Context, string) ([]*gateway.Channel, error){a.Channels.Removed, a.Channels.List} {
		channels, err := list(ctx, account)
		if err != nil {
			return nil, err
		}
		for _, c := range channels {
			found[c.Key] = c.Name
		}
	}
	for _, list := range []func(context.Context, string) ([]*bot.Bot, error){a.Bots.Archived, a.Bots.List} {
		bots, err := list(ctx, account)
		if err != nil {
			return nil, err
		}
		for _, b := range bots {
			found[b.Key] = b.Name
		}
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
		for _, e := range []routing.Endpoint{source, target} {
			if err := i.noteUnknown(ctx, a, account, e); err != nil {
				return err
			}
		}
		back := ""
		if c.Both {
			back = ", and back"
		}
		return i.say(routeView{source.String(), target.String()}, "%s now leads to %s%s.", c.Source, c.Target, back)
	})
}

// noteUnknown tells when an endpoint is not among those that its owner has. It may get it: with the next version of a bot, say.
func (i *invocation) noteUnknown(ctx context.Context, a *app.App, account string, e routing.Endpoint) error {
	known := []string{routing.Default}
	switch e.Kind {
	case routing.Bot:
		names, err := botEndpoints(ctx, a, account, e.Key)
		if err != nil {
			return err
		}
		known = append(known, names...)
	case routing.RouterOut:
		r, err := a.Routes.Router(ctx, account, e.Key)
		if err != nil {
			return err
		}
		known = r.Endpoints()
	}
	if slices.Contains(known, e.Name) {
		return nil
	}
	names, err := readNames(ctx, a, account)
	if err != nil {
		return err
	}
	hint := ""
	if near := core.Nearest(e.Name, known); near != "" {
		hint = "; did you mean " + oneLine(near) + "?"
	}
	_, _ = fmt.Fprintf(i.stderr, "note: there is no endpoint %s so far, only %s%s\n", oneLine(names.show(e)), oneLine(strings.Join(known, ", ")), hint)
	return nil
}

// botEndpoints returns the names of the endpoints that a bot's config asks for (docs/spec/vumi-http.md 8).
func botEndpoints(ctx context.Context, a *app.App, account, key string) ([]string, error) {
	b, err := a.Bots.Get(ctx, account, key)
	if err != nil {
		return nil, err
	}
	text, ok := b.Config["config"] // the operator's value wins over the version's
	if !ok && b.Version > 0 {
		program, err := a.Bots.Program(ctx, b.Key, b.Version)
		if err != nil {
			return nil, err
		}
		text = program.Config["config"]
	}
	return vumiwire.Endpoints(text), nil
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
