package main

import (
	"context"
	"errors"
	"time"
)

// start measures how long a server takes from the start of its process to its first answer.
func start(ctx context.Context, o *options) (*table, error) {
	l, err := open(ctx, o, "start", &program{code: bare})
	if err != nil {
		return nil, err
	}
	var after, killed []time.Duration
	for range 10 {
		if err := l.server.Stop(ctx); err != nil {
			return nil, errors.Join(err, l.peer.close())
		}
		took, err := l.server.Start(ctx)
		if err != nil {
			return nil, errors.Join(err, l.peer.close())
		}
		after = append(after, took)
		if err := l.server.Kill(); err != nil {
			return nil, errors.Join(err, l.peer.close())
		}
		if took, err = l.server.Start(ctx); err != nil {
			return nil, errors.Join(err, l.peer.close())
		}
		killed = append(killed, took)
	}
	t := &table{}
	t.row("after a stop", "median "+short(quantile(after, 0.5))+", slowest "+short(quantile(after, 1)), "", "", "≤ 100 ms")
	t.row("after kill -9", "median "+short(quantile(killed, 0.5))+", slowest "+short(quantile(killed, 1)), "", "", "≤ 1 s")
	return t, l.close()
}
