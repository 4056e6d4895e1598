// Package cli is the command line: the commands of the indaba program, what each asks for and what it prints. Commands
// work on the database directly, with or without a server running on it; a running server notices what they changed.
// The package holds no rule of its own: what can be done is decided by the features that the commands call.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"indaba/internal/config"
)

// Exit statuses of the program.
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2
)

// commands is the command line: its flags and its commands, as kong reads them.
type commands struct {
	config.Config
	JSON    bool   `name:"json" help:"Print JSON instead of text for people."`
	Account string `name:"account" placeholder:"KEY|NAME" help:"Account to work on. Not needed while there is only one."`

	Serve   serveCommand    `cmd:"" help:"Run the server."`
	Demo    demoCommand     `cmd:"" help:"Run a server with sample channels and bots to try."`
	Check   configCommand   `cmd:"" name:"config" help:"Print the settings, where each comes from, and what is wrong with them."`
	Migrate migrateCommand  `cmd:"" help:"Bring the database to this program's schema."`
	LostKey lostKeyCommand  `cmd:"" name:"lost-key" help:"Show what the secret key does not open, and give it up when the right key is lost."`
	Version versionCommand  `cmd:"" help:"Print the version of this program."`
	Tenant  accountCommands `cmd:"" name:"account" help:"Accounts: the tenants that everything else belongs to."`
	Token   tokenCommands   `cmd:"" help:"API tokens, by which programs act for an account."`
	User    userCommands    `cmd:"" help:"People who can log in."`
	Channel channelCommands `cmd:"" help:"Channels: the connections to providers."`
	Route   routeCommands   `cmd:"" help:"Routes: which bot gets the messages of which channel, and the way back."`
	Router  routerCommands  `cmd:"" help:"Routers, which choose between bots."`
	Bot     botCommands     `cmd:"" help:"Bots: deploy, configure, watch and replay them."`
	Talk    simulateCommand `cmd:"" name:"simulate" help:"Talk to a bot in the terminal, over a simulated phone."`
	Parked  parkedCommands  `cmd:"" help:"Messages that a bot failed on and that wait for you."`
	Push    pushCommands    `cmd:"" help:"Pushes to applications that failed."`
	Contact contactCommands `cmd:"" help:"Contacts: find them, bring them in from files and out to files."`
	Group   groupCommands   `cmd:"" help:"Contact groups."`
	Optout  optoutCommands  `cmd:"" help:"Who does not want to be written to."`
	Metric  metricCommands  `cmd:"" help:"Numbers over time that bots and applications fire."`
	Message messageCommands `cmd:"" help:"The message log."`
	Audit   auditCommand    `cmd:"" help:"Who changed what, newest first."`
}

// Main runs one command and returns the exit status of the program: 0 when it did what was asked, 1 when it could not,
// and 2 when the command line makes no sense. args does not hold the program's name; environ is as os.Environ gives it.
func Main(args, environ []string, stdin io.Reader, stdout, stderr io.Writer) int {
	switch {
	case len(args) == 0:
		args = []string{"--help"}
	case args[0] == "help":
		args = append(slices.Clone(args[1:]), "--help")
	}
	var c commands
	sources := config.NewSources(environ)
	exited := false
	parser, err := kong.New(&c, append(sources.Options(),
		kong.Name("indaba"),
		kong.Description("A self-hosted server for conversations between an organisation and people."),
		kong.Writers(stdout, stderr),
		kong.Vars{"endpoint": endpointHelp},
		kong.Exit(func(int) { exited = true }), // kong asks for it after --help only
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true, WrapUpperBound: 120}),
		kong.Help(printHelp),
	)...)
	if err != nil {
		panic("the tags of the commands are wrong: " + err.Error())
	}
	parsed, err := parser.Parse(args)
	if exited {
		return exitOK
	}
	if mistake, ok := errors.AsType[*config.SourceError](err); ok {
		complain(stderr, mistake)
		return exitFailure
	}
	if err != nil {
		complain(stderr, err)
		_, _ = fmt.Fprintln(stderr, "Run it with --help to see what there is.")
		return exitUsage
	}
	level := c.Log.Level
	if sources.Origin("log_level") == "default" {
		level = usualLevel(parsed.Selected().Name, level)
	}
	setLog(c.Log.Format, level, stderr)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err = parsed.Run(&invocation{ctx: ctx, config: &c.Config, sources: sources, account: c.Account, stdin: stdin, stderr: stderr,
		output: output{w: stdout, json: c.JSON}})
	if err == nil {
		return exitOK
	}
	complain(stderr, err)
	if _, ok := errors.AsType[*usageError](err); ok {
		return exitUsage
	}
	return exitFailure
}

// usageError is a command line that makes no sense in a way that kong cannot know.
type usageError struct{ text string }

func (u *usageError) Error() string { return u.text }

func misused(format string, args ...any) error { return &usageError{fmt.Sprintf(format, args...)} }

// complain writes an error, each of its lines with the program's name before it.
func complain(w io.Writer, err error) {
	for line := range strings.SplitSeq(strings.TrimRight(err.Error(), "\n"), "\n") {
		_, _ = fmt.Fprintln(w, "indaba:", line) // there is no other place to tell it
	}
}

// printHelp puts the flags of a command before those of all commands, and leaves the server's settings out of the help of
// commands that they do not change much: they would hide the few flags that such a command has of its own.
func printHelp(options kong.HelpOptions, ctx *kong.Context) error {
	selected := ctx.Selected()
	for selected != nil && selected.Parent != nil && selected.Parent.Type != kong.ApplicationNode {
		selected = selected.Parent
	}
	general := &kong.Group{Key: "general", Title: "Flags of all commands:"}
	server := false
	if selected != nil {
		switch selected.Name {
		case "serve", "demo", "config":
			server, general.Title = true, "General:"
		}
	}
	for _, flag := range ctx.Model.Flags {
		switch flag.Name {
		case "help":
			continue
		case "json", "account", "data", "config", "database":
		default:
			flag.Hidden = flag.Hidden || !server
		}
		if flag.Group == nil && selected != nil {
			flag.Group = general
		}
	}
	return kong.DefaultHelpPrinter(options, ctx)
}
