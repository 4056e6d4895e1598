// Command bench measures Indaba as a whole: the real program in a process of its own, with the load and the providers in
// this one, on the same machine. What it measures is compared with floors of the same run: what the disk, an HTTP
// handler that does nothing, and Node.js give. It proves nothing about correctness: test/crash does.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"indaba/internal/bot/js"
	"indaba/test/process"
)

// options are what the flags say.
type options struct {
	database string
	profile  string
	only     []string
	length   time.Duration
	contacts int
	dir      string
	program  string
	out      io.Writer

	// Floors and figures of this run, that later tables compare with.
	syncs float64 // of the disk per second, one by one
	empty float64 // requests per second to a handler that does nothing
	best  float64 // conversations per second of the scenario under way
}

// scenarios in the order in which they run.
var scenarios = []struct {
	name, title string
	run         func(context.Context, *options) (*table, error)
}{
	{"floor", "What the machine gives", floors},
	{"pipeline", "Webhook, disk, bot, disk, provider, status: a bare bot of a few lines", pipeline},
	{"toolkit", "The same with the contacts example of vumigo_v02", toolkit},
	{"ingest", "Signed webhooks, one in ten a duplicate", ingest},
	{"contacts", "Contacts, in an account with many of them", contacts},
	{"start", "Start", start},
}

func main() {
	js.ServeChild()
	if os.Getenv(profileVariable) != "" {
		os.Exit(serveProfiled())
	}
	o := options{out: os.Stdout}
	only := flag.String("only", "", "scenarios to run beside the floor, by commas: pipeline, toolkit, ingest, contacts, start; empty for all")
	flag.IntVar(&o.contacts, "n", 100_000, "number of contacts in the scenario contacts")
	flag.StringVar(&o.database, "db", "", "postgres:// URL of a database to make schemas in; empty for SQLite")
	flag.StringVar(&o.profile, "profile", "", "directory for CPU profiles of the server, one for each scenario")
	flag.DurationVar(&o.length, "time", 5*time.Second, "length of one measurement")
	flag.StringVar(&o.dir, "dir", ".", "directory to make the data directory in: it says which disk is measured")
	flag.Parse()
	if *only != "" {
		o.only = strings.Split(*only, ",")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	exit(run(ctx, &o))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// run runs the chosen scenarios, each on data of its own.
func run(ctx context.Context, o *options) (err error) {
	parent, err := filepath.Abs(o.dir)
	if err != nil {
		return err
	}
	o.dir, err = os.MkdirTemp(parent, ".bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(o.dir)) }()
	if o.profile != "" {
		if o.profile, err = filepath.Abs(o.profile); err != nil {
			return err
		}
		if err = os.MkdirAll(o.profile, 0o755); err != nil {
			return err
		}
		o.program, err = os.Executable()
	} else {
		o.program, err = process.Build(ctx, o.dir)
	}
	if err != nil {
		return err
	}
	engine := "SQLite"
	if o.database != "" {
		engine = "PostgreSQL"
	}
	_, _ = fmt.Fprintf(o.out, "%s, %s, %s/%s, %d processors, %s\n", time.Now().UTC().Format("2006-01-02 15:04 MST"), engine,
		runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version())
	for _, s := range scenarios {
		if len(o.only) > 0 && !slices.Contains(o.only, s.name) && s.name != "floor" { // which all others stand beside
			continue
		}
		t, err := s.run(ctx, o)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		t.title = s.title
		if err := t.write(o.out); err != nil {
			return err
		}
	}
	return nil
}
