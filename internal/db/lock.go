package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"indaba/internal/core"
)

// lockPatience is how long Lock waits for a process that is just going away.
const lockPatience = 5 * time.Second

// Lock makes this process the only one that works off the queues of the database, and the only one on the directory of the
// lock file at path, until release is called or the process dies. Another process that holds a lock for five seconds, or
// until ctx ends, is a core.Conflict error. Should the lock be lost while it is held, Options.Fatal is called: two servers
// would send everything twice.
func (d *DB) Lock(ctx context.Context, path string) (release func() error, err error) {
	deadline := time.Now().Add(lockPatience)
	for {
		release, err = d.lock(ctx, path)
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

// lock tries once. On SQLite the lock of the file is that of the database.
func (d *DB) lock(ctx context.Context, path string) (release func() error, err error) {
	file, err := lockFile(path)
	if err != nil || d.dialect == SQLite {
		return file, err
	}
	server, err := d.lockServer(ctx)
	if err != nil {
		return nil, errors.Join(err, file())
	}
	return func() error { return errors.Join(server(), file()) }, nil
}

func errLocked(where, more string) error {
	return core.Errorf(core.Conflict, "another server is running on %s: stop it first%s", where, more)
}

// lockFile takes the lock of a file, which the kernel gives back when the process ends, however it ends. With PostgreSQL there
// may be no directory yet.
func lockFile(path string) (func() error, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("lock the data directory: %w", err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the data directory: %w", err)
	}
	if err := flock(f); err != nil {
		_ = f.Close() // it was opened for nothing
		if errors.Is(err, errWouldBlock) {
			return nil, errLocked("this data directory", "")
		}
		return nil, fmt.Errorf("lock the data directory: %w", err)
	}
	return f.Close, nil
}

// Locked reports whether a process holds the lock file at path, or would not let us see. It makes none.
func Locked(path string) bool {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return !errors.Is(err, fs.ErrNotExist)
	}
	err = flock(f)
	_ = f.Close() // which gives back what was taken: whoever wants it tries again
	return err != nil
}

// lockServer takes an advisory lock on a connection of its own, which the server gives back when the connection ends.
func (d *DB) lockServer(ctx context.Context) (func() error, error) {
	conn, err := d.pool.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("lock the database: %w", err)
	}
	var ok bool
	err = conn.QueryRowContext(ctx, "SELECT pg_try_advisory_lock(hashtext('indaba'), hashtext(current_schema()))").Scan(&ok)
	if err == nil && !ok {
		err = errLocked("this database", holder(ctx, conn))
	}
	if err != nil {
		_ = conn.Close() // it was opened for nothing
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

// holder says who holds the lock, and what to do when that server is gone and its session is not: PostgreSQL may not have
// heard of its end yet. It says nothing when the lock has been given back, or PostgreSQL does not tell.
func holder(ctx context.Context, conn *sql.Conn) string {
	var pid int
	var from string
	var since time.Time
	err := conn.QueryRowContext(ctx, `SELECT a.pid, coalesce(host(a.client_addr), 'its own machine'), a.backend_start
		FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid JOIN pg_database b ON b.oid = l.database AND b.datname = current_database()
		WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2 AND (l.classid, l.objid) = `+
		"(hashtext('indaba')::oid, hashtext(current_schema())::oid)").Scan(&pid, &from, &since)
	if err != nil {
		return ""
	}
	return fmt.Sprintf(". It has session %d of PostgreSQL, from %s, since %s. If it is gone for good, PostgreSQL ends the session "+
		"when it notices, usually within half a minute; \"SELECT pg_terminate_backend(%[1]d)\" ends it at once", pid, from, since.UTC().Format(time.DateTime+"Z"))
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
