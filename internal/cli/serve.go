package cli

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"indaba/internal/app"
	"indaba/internal/config"
)

type serveCommand struct{}

// Run serves until a signal asks for the end.
func (*serveCommand) Run(i *invocation) error {
	if err := i.config.Check(); err != nil {
		return err
	}
	return serve(i.config, i.stderr, func(ctx context.Context, a *app.App) error {
		slog.InfoContext(ctx, "listening", "address", a.Addr().String(), "url", a.URL(), "version", version())
		accounts, err := a.Accounts.List(ctx, "", 1)
		if err == nil && len(accounts) == 0 {
			slog.WarnContext(ctx, "there is no account yet: make one with \"indaba account create NAME\"; the server takes notice by itself",
				"data", a.Config.Data)
		}
		return err
	})
}

// heapFloor is memory that is reserved and never touched, so that it is none to the system. It makes the garbage collector
// wait until as much has been used: on the few megabytes that a busy server keeps it would run a hundred times a second.
const heapFloor = 16 << 20

// serve runs a server. started is called once it answers; its error stops the server. The first interrupt stops the
// server in order; a second one, and whatever the server cannot live with, end the process at once: no further byte may
// be written then.
func serve(c *config.Config, stderr io.Writer, started func(context.Context, *app.App) error) error {
	defer runtime.KeepAlive(make([]byte, heapFloor))
	ctx := context.Background()
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	a, err := app.Open(ctx, c)
	if err != nil {
		return err
	}
	if err := a.Start(ctx); err != nil {
		return errors.Join(err, a.Close())
	}
	err = started(ctx, a)
	if err == nil {
		select {
		case s := <-signals:
			slog.InfoContext(ctx, "stopping", "signal", s.String(), "grace", c.ShutdownGrace.String())
		case err := <-a.Fatal():
			die(stderr, err)
		}
	}
	stopped := make(chan struct{})
	defer close(stopped)
	go watchStop(a, signals, stopped, stderr)
	grace, cancel := context.WithTimeout(ctx, c.ShutdownGrace)
	defer cancel()
	return errors.Join(err, a.Stop(grace))
}

// echo is how long further signals are taken for the first one: some who stop a process signal it and its group.
const echo = time.Second

// watchStop ends the process at once when a stop that is under way is interrupted or fails.
func watchStop(a *app.App, signals <-chan os.Signal, stopped <-chan struct{}, stderr io.Writer) {
	begun := time.Now()
	for {
		select {
		case <-stopped:
			return
		case <-signals:
			if time.Since(begun) > echo {
				die(stderr, errors.New("interrupted again: ended at once; what was under way is done again at the next start"))
			}
		case err := <-a.Fatal():
			die(stderr, err)
		}
	}
}

// die ends the process without another write to the database.
func die(stderr io.Writer, err error) {
	complain(stderr, err)
	os.Exit(exitFailure)
}
