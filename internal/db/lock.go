package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"indaba/internal/core"
)

// lockPatience is how long Lock waits for a process that is just going away.
const lockPatience = 5 * time.Second

// Lock makes this process the only one that works off the queues of the database, until release is called or the process
// dies. path is the lock file's, used on SQLite. Another process that holds the lock for five seconds, or until ctx ends,
// is a core.Conflict error. Should
// the lock be lost while it is held, Options.Fatal is called: two servers would send everything twice.
func (d *DB) Lock(ctx context.Context, path string) (release func() error, err error) {
	deadline := time.Now().Add(lockPatience)
	for {
		if d.dialect == SQLite {
			release, err = lockFile(path)
		} else {
			release, err = d.lockServer(ctx)
		}
		if core.KindOf(err) != core.Conflict || time.Now().After(deadline) {
			return release, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(lockPatience / 50):
		}
	}
}

func errLocked(where string) error {
	return core.Errorf(core.Conflict, "another server is running on %s: stop it first", where)
}

// lockFile takes the lock of a file, which the kernel gives back when the process ends, however it ends.
func lockFile(path string) (func() error, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the data directory: %w", err)
	}
	if err := flock(f); err != nil {
		_ = f.Close() // it was opened for nothing
		if errors.Is(err, errWouldBlock) {
			return nil, errLocked("this data directory")
		}
		return nil, fmt.Errorf("lock the data directory: %w", err)
	}
	return f.Close, nil
}

// lockServer takes an advisory lock on a connection of its own, which the server gives back when the connection ends.
func (d *DB) lockServer(ctx context.Context) (func() error, error) {
	conn, err := d.pool.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("lock the database: %w", err)
	}
	var ok bool
	if err := conn.QueryRowContext(ctx, "SELECT pg_try_advisory_lock(hashtext('indaba'), hashtext(current_schema()))").Scan(&ok); err != nil || !ok {
		_ = conn.Close() // it was opened for nothing
		if err == nil {
			err = errLocked("this database")
		}
		return nil, err
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		d.guardLock(conn, stop)
	}()
	return func() error {
		close(stop)
		<-stopped
		_, err := conn.ExecContext(context.Background(), "SELECT pg_advisory_unlock_all()")
		return errors.Join(err, conn.Close())
	}, nil
}

// guardLock ends the process when the connection that holds the lock is gone.
func (d *DB) guardLock(conn *sql.Conn, stop <-chan struct{}) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-stop:
			return
		case <-ticker.C:
		}
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		err := conn.PingContext(ctx)
		cancel()
		if err != nil {
			slog.Error("the connection that keeps other servers out is gone", "error", err)
			d.fail(fmt.Errorf("lost the lock of the database: %w", err))
			return
		}
	}
}
