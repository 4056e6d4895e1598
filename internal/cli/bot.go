package cli

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"time"

	"indaba/internal/app"
	"indaba/internal/bot"
	"indaba/internal/bot/bundle"
	"indaba/internal/core"
)

type botCommands struct {
	Create   botCreate         `cmd:"" help:"Make a bot: an application elsewhere (--kind http), or one without a program yet. Deploying makes one by itself."`
	Deploy   botDeploy         `cmd:"" help:"Make a version of what is in a folder, and let it answer from now on."`
	List     botList           `cmd:"" help:"List the bots of an account."`
	Show     botShow           `cmd:"" help:"Show a bot and its versions."`
	Config   botConfigCommands `cmd:"" help:"Values that a bot reads. Yours win over those in its folder."`
	Logs     botLogs           `cmd:"" help:"Show what a bot logged."`
	Turns    botTurns          `cmd:"" help:"List the newest turns of a bot, or show one whole."`
	Replay   botReplay         `cmd:"" help:"Run a recorded turn again, without effects, and show where it differs."`
	Use      botUse            `cmd:"" help:"Let another version answer."`
	Rollback botRollback       `cmd:"" help:"Go back to the version before the one that answers."`
	Push     botPush           `cmd:"" help:"Let a bot begin a conversation with somebody."`
	Token    botTokenCommands  `cmd:"" help:"The tokens by which an application speaks for a bot of kind http."`
	Source   botSourceCommands `cmd:"" help:"URLs that a bot's script and values are fetched from when you or a web hook ask for it."`
	Test     botTest           `cmd:"" help:"Play the conversation scripts of a folder against the bot in it."`
	botLifeCommands
}

// botView is a bot as JSON.
type botView struct {
	Key       string        `json:"key"`
	Name      string        `json:"name"`
	Kind      string        `json:"kind"`
	State     string        `json:"state"` // running, stopped or archived
	Version   int64         `json:"version"`
	Versions  []versionView `json:"versions,omitempty"`
	Warnings  []string      `json:"warnings,omitempty"`
	CreatedAt time.Time     `json:"created_at"`
	// Of kind http only.
	Type  string `json:"type,omitempty"`  // http_api_nostream or http_api
	URL   string `json:"url,omitempty"`   // below it are messages.json and the rest
	Token string `json:"token,omitempty"` // only of a new one
}

type versionView struct {
	Number    int64     `json:"version"`
	Hash      string    `json:"hash"`
	CreatedAt time.Time `json:"created_at"`
}

func viewBot(b *bot.Bot) botView {
	return botView{Key: b.Key, Name: b.Name, Kind: b.Kind, State: botState(b), Version: b.Version, CreatedAt: b.CreatedAt}
}

// botName is the argument of commands on one bot.
type botName struct {
	Bot string `arg:"" help:"Its key or name."`
}

// with runs do for the bot.
func (n *botName) with(i *invocation, do func(context.Context, *app.App, *bot.Bot) error) error {
	return i.inAccount(func(ctx context.Context, a *app.App, account string) error {
		b, err := a.Bots.Find(ctx, account, n.Bot)
		if err != nil {
			return err
		}
		return do(ctx, a, b)
	})
}

type botDeploy struct {
	Dir string `arg:"" type:"existingdir" help:"The folder of the bot."`
	Bot given  `placeholder:"KEY|NAME" help:"The bot to deploy to, if not the one of the folder's name, which is made when there is none."`
	New bool   `name:"create" help:"Make the bot of --bot when there is none."`
	App given  `name:"app" placeholder:"NAME" help:"Which app, in a folder that builds several."`
}

func (c *botDeploy) Run(i *invocation) error {
	if c.New && c.Bot == "" {
		return misused("--create goes with --bot: the bot of the folder's name is made anyway")
	}
	program, err := i.readBundle(c.Dir, string(c.App))
	if err != nil {
		return err
	}
	for _, warning := range program.Warnings {
		_, _ = fmt.Fprintln(i.stderr, "warning:", warning)
	}
	name := string(c.Bot)
	if name == "" {
		name = program.Name
	}
	return i.inAccount(func(ctx context.Context, a *app.App, account string) error {
		if err := a.Runtime.Check(program); err != nil {
			return err
		}
		b, err := c.find(ctx, a, account, name)
		if err != nil {
			return err
		}
		v, err := a.Bots.Deploy(ctx, account, b.Key, program)
		if err != nil {
			return err
		}
		outcome := "now answers"
		if v.Number == b.Version {
			outcome = "answers already: nothing has changed"
		}
		if b.Stopped {
			outcome = "is there and the bot is stopped: start it"
		}
		b.Version = v.Number
		view := viewBot(b)
		view.Warnings = program.Warnings
		return i.say(view, "Bot %s (%s): version %d %s.", b.Name, b.Key, v.Number, outcome)
	})
}

// find returns the bot to deploy to. One that is there no more than by its name is made, unless the name was typed: a slip
// would answer nobody, and the bot that was meant would go on as it was.
func (c *botDeploy) find(ctx context.Context, a *app.App, account, name string) (*bot.Bot, error) {
	b, err := a.Bots.Find(ctx, account, name)
	if err == nil || core.KindOf(err) != core.NotFound {
		return b, err
	}
	if c.Bot == "" || c.New {
		return a.Bots.Create(ctx, account, name, bot.Sandbox)
	}
	bots, err := a.Bots.List(ctx, account)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(bots))
	for n, b := range bots {
		names[n] = b.Name
	}
	hint := ""
	if near := core.Nearest(name, names); near != "" {
		hint = "; did you mean " + near + "?"
	}
	return nil, core.Errorf(core.NotFound, "there is no bot %s%s With --create it is made", name, cmp.Or(hint, "."))
}

// readBundle reads the bot in a folder. Without the built-in packages it still reads bots that bring all they need.
func (i *invocation) readBundle(dir, app string) (*bundle.Bundle, error) {
	set, err := bundle.BuiltinSet()
	if err != nil && core.KindOf(err) != core.NotFound {
		return nil, err
	}
	if err != nil {
		_, _ = fmt.Fprintln(i.stderr, "note:", core.SafeMessage(err))
	}
	return bundle.Read(dir, bundle.Options{App: app, Set: set})
}

type botList struct {
	Archived bool `help:"List those that were archived."`
}

func (c *botList) Run(i *invocation) error {
	return i.inAccount(func(ctx context.Context, a *app.App, account string) error {
		list := a.Bots.List
		if c.Archived {
			list = a.Bots.Archived
		}
		bots, err := list(ctx, account)
		if err != nil {
			return err
		}
		views, rows := make([]botView, len(bots)), make([][]string, len(bots))
		for n, b := range bots {
			views[n] = viewBot(b)
			rows[n] = []string{b.Key, b.Name, b.Kind, botState(b), strconv.FormatInt(b.Version, 10), at(b.CreatedAt)}
		}
		return i.table(views, []string{"KEY", "NAME", "KIND", "STATE", "VERSION", "CREATED"}, rows)
	})
}

type botShow struct{ botName }

func (c *botShow) Run(i *invocation) error {
	return c.with(i, func(ctx context.Context, a *app.App, b *bot.Bot) error {
		versions, err := a.Bots.Versions(ctx, b.Key)
		if err != nil {
			return err
		}
		view := viewBot(b)
		lines := []field{{"key", b.Key}, {"name", b.Name}, {"kind", b.Kind}, {"state", botState(b)}, {"created", at(b.CreatedAt)}}
		for _, v := range versions {
			view.Versions = append(view.Versions, versionView{v.Number, v.Hash, v.CreatedAt})
			note := ""
			if v.Number == b.Version {
				note = "  answers"
			}
			lines = append(lines, field{fmt.Sprint("version ", v.Number), at(v.CreatedAt) + "  " + shortened(v.Hash, 13) + note})
		}
		if b.Kind == bot.HTTP {
			more, err := i.conversationFields(b, &view)
			if err != nil {
				return err
			}
			lines = append(lines, more...)
		}
		return i.fields(view, lines...)
	})
}

type botUse struct {
	botName
	Version int64 `arg:"" help:"The version's number."`
}

func (c *botUse) Run(i *invocation) error {
	return c.with(i, func(ctx context.Context, a *app.App, b *bot.Bot) error { return i.use(ctx, a, b, c.Version) })
}

func (i *invocation) use(ctx context.Context, a *app.App, b *bot.Bot, version int64) error {
	program, err := a.Bots.Program(ctx, b.Key, version)
	if err == nil {
		err = a.Runtime.Check(program)
	}
	if err == nil {
		err = a.Bots.Use(ctx, b.Account, b.Key, version)
	}
	if err != nil {
		return err
	}
	b.Version = version
	return i.say(viewBot(b), "Bot %s: version %d now answers.", b.Name, version)
}

type botRollback struct{ botName }

func (c *botRollback) Run(i *invocation) error {
	return c.with(i, func(ctx context.Context, a *app.App, b *bot.Bot) error {
		versions, err := a.Bots.Versions(ctx, b.Key) // newest first
		if err != nil {
			return err
		}
		for _, v := range versions {
			if v.Number < b.Version {
				return i.use(ctx, a, b, v.Number)
			}
		}
		return core.Errorf(core.Conflict, "bot %s has no version before %d", b.Name, b.Version)
	})
}

type botPush struct {
	botName
	Address string `arg:"" help:"Whom to talk to, as the channel writes addresses."`
}

func (c *botPush) Run(i *invocation) error {
	return c.with(i, func(ctx context.Context, a *app.App, b *bot.Bot) error {
		if !b.HasProgram() {
			return core.Errorf(core.Conflict, "bot %s is an application elsewhere, which begins by sending a message itself", b.Name)
		}
		err := a.DB.TxOn(ctx, b.Account, func(ctx context.Context) error {
			if err := a.Runtime.Trigger(ctx, b.Account, b.Key, c.Address); err != nil {
				return err
			}
			return a.Accounts.Audit(ctx, b.Account, "bot.push", b.Key, map[string]string{"address": c.Address})
		})
		if err != nil {
			return err
		}
		return i.say(map[string]string{"bot": b.Key, "address": c.Address},
			"Bot %s begins with %s: at once if a server runs on this database, else when one does.", b.Name, oneLine(c.Address))
	})
}
