package cli

import (
	"context"
	"io"
	"maps"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"indaba/internal/app"
	"indaba/internal/channel"
	"indaba/internal/channel/all"
	"indaba/internal/core"
	"indaba/internal/gateway"
)

type channelCommands struct {
	Create  channelCreate  `cmd:"" help:"Connect a channel to a provider."`
	List    channelList    `cmd:"" help:"List the channels of an account."`
	Show    channelShow    `cmd:"" help:"Show a channel, its settings and the URL for its provider."`
	Set     channelSet     `cmd:"" help:"Change settings of a channel; the others stay."`
	Enable  channelEnable  `cmd:"" help:"Switch a channel on."`
	Disable channelDisable `cmd:"" help:"Switch a channel off: its webhooks are refused, and its messages wait."`
	Resume  channelResume  `cmd:"" help:"Deliver again on a channel that was paused because its provider refused us."`
	Rename  channelRename  `cmd:"" help:"Give a channel another name."`
	Remove  channelRemove  `cmd:"" help:"Take a channel away for good, with its settings and routes. What waits to be sent by it fails."`
	Types   channelTypes   `cmd:"" help:"List the types of channels, or the settings of one."`
}

// channelView is a channel as JSON. Secret settings are masked unless they were asked for.
type channelView struct {
	Key       string            `json:"key"`
	Name      string            `json:"name"`
	Type      string            `json:"type"`
	Address   string            `json:"address"`
	Enabled   bool              `json:"enabled"`
	Trouble   string            `json:"trouble,omitempty"`
	Problem   string            `json:"problem,omitempty"` // why there are no settings
	Webhook   string            `json:"webhook"`
	Settings  map[string]string `json:"settings"`
	CreatedAt time.Time         `json:"created_at"`
}

func (i *invocation) viewChannel(c *gateway.Channel, reveal bool) channelView {
	settings := c.Settings
	if t, ok := all.Type(c.Type); !reveal {
		if !ok {
			t = channel.Type{} // knows no setting, so that all are masked
		}
		settings = t.Redacted(c.Settings)
	}
	view := channelView{c.Key, c.Name, c.Type, c.Address, c.Enabled, c.Trouble, "", i.webhook(c.Key, settings), settings, c.CreatedAt}
	if c.Unopened != nil { // the path of the webhook is a setting
		view.Problem, view.Webhook = c.Unopened.Error(), ""
	}
	return view
}

// webhook returns the URL that a provider calls, with the secret path where the channel has one.
func (i *invocation) webhook(key string, settings map[string]string) string {
	url := i.baseURL() + "/channels/" + key
	if secret := settings["path_secret"]; secret != "" {
		url += "/" + secret
	}
	return url
}

// baseURL returns where a server on this data directory is reached: as the settings say, as a running server says, or
// where one would listen.
func (i *invocation) baseURL() string {
	if i.config.PublicURL != "" {
		return strings.TrimRight(i.config.PublicURL, "/")
	}
	if running, err := app.ReadRunning(i.config.Data); err == nil {
		return running.URL
	}
	addr, err := net.ResolveTCPAddr("tcp", i.config.Listen)
	if err != nil {
		return "http://" + i.config.Listen
	}
	return i.config.BaseURL(addr)
}

func (v channelView) state() string {
	switch {
	case v.Problem == gateway.ErrGivenUp.Error():
		return "off: settings given up"
	case v.Problem != "":
		return "settings cannot be opened"
	case !v.Enabled:
		return "off"
	case v.Trouble != "":
		return "paused: " + v.Trouble
	}
	return "on"
}

func (i *invocation) showChannel(c *gateway.Channel, reveal bool) error {
	view := i.viewChannel(c, reveal)
	lines := []field{{"key", view.Key}, {"name", view.Name}, {"type", view.Type}, {"address", view.Address},
		{"state", view.state()}, {"webhook", view.Webhook}, {"created", at(view.CreatedAt)}}
	if view.Problem != "" {
		lines = append(lines, field{"problem", view.Problem})
	}
	for _, name := range slices.Sorted(maps.Keys(view.Settings)) {
		lines = append(lines, field{"setting " + name, view.Settings[name]})
	}
	return i.fields(view, lines...)
}

type channelCreate struct {
	Type    string   `arg:"" help:"Its type: see indaba channel types."`
	Name    string   `required:"" help:"Its name, for people and in other commands."`
	Address string   `help:"Our address on it: the number, short code or service code."`
	Set     []string `sep:"none" placeholder:"NAME=VALUE" help:"A setting. VALUE may be @FILE for what is in a file, or - for a line of standard input; @@ stands for an @ at the beginning."`
}

func (c *channelCreate) Run(i *invocation) error {
	settings, err := i.settings(c.Set)
	if err != nil {
		return err
	}
	return i.inAccount(func(ctx context.Context, a *app.App, account string) error {
		made := &gateway.Channel{Account: account, Type: c.Type, Name: c.Name, Address: c.Address, Settings: settings}
		if err := a.Channels.Create(ctx, made); err != nil {
			return err
		}
		// The one time that the whole URL is shown without being asked for: it has to be given to the provider now.
		view := i.viewChannel(made, false)
		view.Webhook = i.webhook(made.Key, settings)
		return i.fields(view, field{"key", view.Key}, field{"name", view.Name}, field{"webhook", view.Webhook})
	})
}

// settings reads NAME=VALUE pairs.
func (i *invocation) settings(pairs []string) (map[string]string, error) {
	settings := map[string]string{}
	for _, pair := range pairs {
		name, value, ok := strings.Cut(pair, "=")
		if !ok || name == "" {
			return nil, misused("%q is no setting: write NAME=VALUE", pair)
		}
		if _, twice := settings[name]; twice {
			return nil, misused("setting %s is given twice", name)
		}
		value, err := i.value(name, value)
		if err != nil {
			return nil, err
		}
		settings[name] = value
	}
	return settings, nil
}

// value returns what a value stands for: itself, the content of @FILE, or a line of standard input.
func (i *invocation) value(name, text string) (string, error) {
	switch {
	case text == "-":
		return i.line(name)
	case strings.HasPrefix(text, "@@"):
		return text[1:], nil
	case strings.HasPrefix(text, "@"):
		data, err := os.ReadFile(text[1:])
		return strings.TrimRight(string(data), "\r\n"), err
	}
	return text, nil
}

type channelList struct{}

func (*channelList) Run(i *invocation) error {
	return i.inAccount(func(ctx context.Context, a *app.App, account string) error {
		channels, err := a.Channels.List(ctx, account)
		if err != nil {
			return err
		}
		views, rows := make([]channelView, len(channels)), make([][]string, len(channels))
		for n, c := range channels {
			views[n] = i.viewChannel(c, false)
			rows[n] = []string{c.Key, c.Name, c.Type, c.Address, views[n].state()}
		}
		return i.table(views, []string{"KEY", "NAME", "TYPE", "ADDRESS", "STATE"}, rows)
	})
}

// channelName is the argument of commands on one channel.
type channelName struct {
	Channel string `arg:"" help:"Its key or name."`
}

// with runs do on the channel and shows it as it is then.
func (n *channelName) with(i *invocation, reveal bool, do func(context.Context, *app.App, *gateway.Channel) error) error {
	return i.inAccount(func(ctx context.Context, a *app.App, account string) error {
		c, err := a.Channels.Find(ctx, account, n.Channel)
		if err != nil {
			return err
		}
		if err := do(ctx, a, c); err != nil {
			return err
		}
		if c, err = a.Channels.Known(ctx, account, c.Key); err != nil {
			return err
		}
		return i.showChannel(c, reveal)
	})
}

type channelShow struct {
	channelName
	Reveal bool `help:"Show secret settings, and the whole URL for the provider."`
}

func (c *channelShow) Run(i *invocation) error {
	return c.with(i, c.Reveal, func(context.Context, *app.App, *gateway.Channel) error { return nil })
}

type channelSet struct {
	channelName
	Set []string `arg:"" sep:"none" name:"setting" placeholder:"NAME=VALUE" help:"Settings as NAME=VALUE; VALUE may be @FILE, or - for a line of standard input."`
}

func (c *channelSet) Run(i *invocation) error {
	settings, err := i.settings(c.Set)
	if err != nil {
		return err
	}
	return c.with(i, false, func(ctx context.Context, a *app.App, one *gateway.Channel) error {
		return a.Channels.SetSettings(ctx, one.Account, one.Key, settings)
	})
}

type channelEnable struct{ channelName }

func (c *channelEnable) Run(i *invocation) error {
	return c.with(i, false, func(ctx context.Context, a *app.App, one *gateway.Channel) error {
		return a.Channels.SetEnabled(ctx, one.Account, one.Key, true)
	})
}

type channelDisable struct{ channelName }

func (c *channelDisable) Run(i *invocation) error {
	return c.with(i, false, func(ctx context.Context, a *app.App, one *gateway.Channel) error {
		return a.Channels.SetEnabled(ctx, one.Account, one.Key, false)
	})
}

type channelResume struct{ channelName }

func (c *channelResume) Run(i *invocation) error {
	return c.with(i, false, func(ctx context.Context, a *app.App, one *gateway.Channel) error {
		return a.Channels.SetTrouble(ctx, one.Account, one.Key, "")
	})
}

type channelRename struct {
	channelName
	Name string `arg:"" help:"Its new name."`
}

func (c *channelRename) Run(i *invocation) error {
	return c.with(i, false, func(ctx context.Context, a *app.App, one *gateway.Channel) error {
		return a.Channels.Rename(ctx, one.Account, one.Key, c.Name)
	})
}

type channelRemove struct{ channelName }

func (c *channelRemove) Run(i *invocation) error {
	return i.inAccount(func(ctx context.Context, a *app.App, account string) error {
		one, err := a.Channels.Find(ctx, account, c.Channel)
		if err != nil {
			return err
		}
		if err := a.Gateway.Remove(ctx, account, one.Key); err != nil {
			return err
		}
		return i.say(map[string]string{"removed": one.Key}, "Channel %s is gone, and its settings and routes with it. "+
			"What waits to be sent by it fails as soon as a server runs.", one.Name)
	})
}

type channelTypes struct {
	Type string `arg:"" optional:"" help:"The type whose settings to list."`
}

func (c *channelTypes) Run(i *invocation) error {
	if c.Type != "" {
		t, ok := all.Type(c.Type)
		if !ok {
			return core.Errorf(core.NotFound, "there is no channel type %q: see indaba channel types", c.Type)
		}
		return i.print(viewType(t), func(w io.Writer) error { return writeType(w, t) })
	}
	var views []typeView
	var rows [][]string
	for _, t := range all.Types() {
		views = append(views, viewType(t))
		rows = append(rows, []string{t.Name, t.Title, t.Help})
	}
	return i.table(views, []string{"TYPE", "TITLE", "WHAT IT IS"}, rows)
}
