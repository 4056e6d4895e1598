package simulate

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"indaba/internal/app"
	"indaba/internal/config"
	"indaba/internal/core"
	"indaba/internal/gateway"
)

// connect finds the server and the bot, or starts a server, and makes the channels that are missing.
func (t *talk) connect(ctx context.Context, c *config.Config) (stop func() error, err error) {
	own := *c
	own.Listen, own.PublicURL = "127.0.0.1:0", ""
	x := &exchange{arrivals: make(chan arrival, 16), shown: map[string]bool{}, leads: map[string]*gateway.Channel{}, hush: func() {}}
	if x.app, err = app.Open(ctx, &own); err != nil {
		return nil, err
	}
	end := x.app.Close
	defer func() {
		if err != nil {
			err = errors.Join(err, end())
		}
	}()
	base, err := runningAt(ctx, c.Data)
	if err != nil {
		return nil, err
	}
	if base == "" {
		if err := x.app.Start(ctx); err != nil {
			return nil, err
		}
		base, x.fatal = x.app.URL(), x.app.Fatal()
		end = func() error {
			ctx, cancel := context.WithTimeout(context.Background(), stopGrace)
			defer cancel()
			return x.app.Stop(ctx)
		}
		if err := t.print.note("no server runs on %s: one runs here until you leave", c.Data); err != nil {
			return nil, err
		}
	}
	if err := x.find(ctx, t, base); err != nil {
		return nil, err
	}
	t.line = x
	return func() error {
		x.hush()
		x.ears.Wait()
		return end()
	}, nil
}

// runningAt returns the URL of the server that runs on a data directory, or "" when none does.
func runningAt(ctx context.Context, data string) (string, error) {
	r, err := app.ReadRunning(data)
	if core.KindOf(err) == core.NotFound && err != nil {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.URL+"/healthz", nil)
	if err != nil {
		return "", fmt.Errorf("the address of the running server: %w", err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", nil // it was killed: the lock tells for sure
	}
	return r.URL, res.Body.Close()
}
