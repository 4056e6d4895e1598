package app

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"
)

// How often the server looks after itself.
const (
	changesEvery      = 250 * time.Millisecond // for configuration changed by other processes
	housekeepingEvery = time.Minute
)

// newServer returns the HTTP server with all that it serves. Every wait has an end.
func (a *App) newServer() *http.Server {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintln(w, "OK") })
	mux.HandleFunc("GET /readyz", a.ready)
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintln(w, "Indaba is running. Providers reach their channels under /channels/KEY.")
	})
	return &http.Server{
		Handler:           a.faces(mux),
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       time.Minute,
		WriteTimeout:      2 * time.Minute,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(slog.Default().Handler(), slog.LevelDebug),
	}
}

// ready answers 200 while the database takes writes.
func (a *App) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	if err := a.DB.Writable(ctx); err != nil {
		http.Error(w, "the database takes no writes", http.StatusServiceUnavailable)
		return
	}
	_, _ = fmt.Fprintln(w, "OK")
}

// housekeeping deletes what has had its time, until ctx ends.
func (a *App) housekeeping(ctx context.Context) error {
	ticker := time.NewTicker(housekeepingEvery)
	defer ticker.Stop()
	for {
		for name, sweep := range map[string]func(context.Context) error{
			"bots": func(ctx context.Context) error {
				return a.Bots.Sweep(ctx, a.Config.Retention.Turns, a.Config.Retention.TurnsPerBot, a.Config.Bot.LogLines)
			},
			"messages": a.Messages.Sweep,
			"pushes":   a.Pushes.Sweep,
			"imports":  a.Transfer.Sweep,
			"sessions": a.Users.Sweep,
			"keys":     func(ctx context.Context) error { _, err := a.KV.Sweep(ctx, a.now()); return err },
			"metrics":  func(ctx context.Context) error { return a.Metrics.Rollup(ctx, a.now()) },
		} {
			if err := sweep(ctx); err != nil && ctx.Err() == nil {
				slog.ErrorContext(ctx, "housekeeping failed, trying again later", "part", name, "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}
