package db

import (
	"context"
	"sync"
	"time"

	"indaba/internal/core"
)

// knownFor is how long an outcome speaks for the database.
const knownFor = time.Second

// pulse is what is known of whether the database takes writes.
type pulse struct {
	mu    sync.Mutex
	until time.Time // how long err is taken for true
	err   error
	probe *probe // under way; nil when none is
	group sync.WaitGroup
}

// probe is a write that is made to see whether one can be made.
type probe struct {
	done chan struct{}
	err  error // once done is closed
}

// Writable returns nil while the database takes writes. It makes a small one to find out, at most one in a second and only
// when somebody asks: those who ask meanwhile share it. A commit that failed, of whomever, is known for as long. ctx bounds
// the wait: when the database hangs, one write waits for it, and no more.
func (d *DB) Writable(ctx context.Context) error {
	if d.Closed() {
		return errClosed
	}
	p, err := d.pulse.feel(d.probe)
	if p == nil {
		return err
	}
	select {
	case <-p.done:
		return p.err
	case <-ctx.Done():
		return &core.Error{Kind: core.Timeout, Message: "the database did not take a write in time", Cause: ctx.Err()}
	}
}

// probe makes a write that changes nothing. The value must become another one on the way: SQLite leaves alone a page that
// would stay as it is.
func (d *DB) probe() error {
	return d.Tx(context.Background(), func(ctx context.Context) error {
		for _, step := range []string{"+ 1", "- 1"} {
			if _, err := d.Exec(ctx, "UPDATE generation SET value = value "+step+" WHERE id = 1"); err != nil {
				return err
			}
		}
		return nil
	})
}

// feel returns the write that will tell, or what is known already.
func (u *pulse) feel(write func() error) (*probe, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.probe == nil {
		if time.Now().Before(u.until) {
			return nil, u.err
		}
		p := &probe{done: make(chan struct{})}
		u.probe = p
		u.group.Go(func() { u.finish(p, write()) })
	}
	return u.probe, nil
}

// finish ends a probe.
func (u *pulse) finish(p *probe, err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.probe, u.err, u.until = nil, err, time.Now().Add(knownFor)
	p.err = err
	close(p.done)
}

// failed notes that a commit failed.
func (u *pulse) failed(err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.err, u.until = err, time.Now().Add(knownFor)
}
