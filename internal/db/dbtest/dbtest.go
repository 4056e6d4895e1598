// Package dbtest runs store tests on every database engine that Indaba supports.
package dbtest

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"indaba/internal/core"
	"indaba/internal/db"
)

// Each runs test once per engine, as subtests named after it, each on a fresh, migrated database.
func Each(t *testing.T, test func(t *testing.T, d *db.DB)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { test(t, open(t, SQLiteURL(t), true)) })
	t.Run("postgres", func(t *testing.T) { test(t, open(t, PostgresURL(t), true)) })
}

// EachURL is Each for tests that open the database themselves.
func EachURL(t *testing.T, test func(t *testing.T, url string)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { test(t, SQLiteURL(t)) })
	t.Run("postgres", func(t *testing.T) { test(t, PostgresURL(t)) })
}

// Open opens and migrates a database of [EachURL]. Opened twice, it is that of two processes.
func Open(t testing.TB, url string) *db.DB {
	t.Helper()
	return open(t, url, true)
}

// UntilBlocked returns when somebody waits for the transaction in ctx to end. On SQLite it returns at once: nobody else can
// have begun one.
func UntilBlocked(ctx context.Context, d *db.DB) error {
	begun := time.Now()
	for blocked := d.Dialect() == db.SQLite; !blocked; runtime.Gosched() {
		if time.Since(begun) > 10*time.Second {
			return errors.New("nobody waits for the transaction")
		}
		if err := d.Row(ctx, "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid)))",
			nil, &blocked); err != nil {
			return err
		}
	}
	return nil
}

// Hold has d hold what others need to write, until the function that it returns is called.
func Hold(t testing.TB, d *db.DB) (release func()) {
	t.Helper()
	holding, let, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- d.Tx(context.Background(), func(ctx context.Context) error {
			if _, err := d.Exec(ctx, "UPDATE generation SET value = value WHERE id = 1"); err != nil {
				return err
			}
			close(holding)
			<-let
			return nil
		})
	}()
	select {
	case <-holding:
	case err := <-ended:
		t.Fatalf("nothing is held: %v", err)
	}
	return func() {
		close(let)
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

// SQLite returns a fresh, migrated SQLite database, for tests of parts that have no SQL of their own.
func SQLite(t testing.TB) *db.DB {
	t.Helper()
	return open(t, SQLiteURL(t), true)
}

// SQLiteURL returns the path of a SQLite file that does not exist yet.
func SQLiteURL(t testing.TB) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "indaba.db")
}

// PostgresURL returns the URL of an empty schema on the test server: INDABA_TEST_POSTGRES, or the local one on its usual
// port. Without a server the test is skipped, and fails when CI is set.
func PostgresURL(t testing.TB) string {
	t.Helper()
	server := os.Getenv("INDABA_TEST_POSTGRES")
	if server == "" {
		server = "postgres://postgres@127.0.0.1:5432/test?sslmode=disable"
	}
	pool, err := sql.Open("pgx", server)
	if err != nil {
		t.Fatalf("INDABA_TEST_POSTGRES: %v", err)
	}
	t.Cleanup(func() { _ = pool.Close() }) // nothing was left to lose
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := pool.PingContext(ctx); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("PostgreSQL is needed in CI: %v", err)
		}
		t.Skipf("no PostgreSQL: start one on 127.0.0.1:5432 or set INDABA_TEST_POSTGRES (%v)", err)
	}
	schema := "t" + core.NewKey()
	if _, err := pool.ExecContext(ctx, "CREATE SCHEMA "+schema); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := pool.ExecContext(context.Background(), "DROP SCHEMA "+schema+" CASCADE"); err != nil {
			t.Errorf("drop the test schema: %v", err)
		}
	})
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("search_path", schema)
	u.RawQuery = q.Encode()
	return u.String()
}

func open(t testing.TB, url string, migrated bool) *db.DB {
	t.Helper()
	d, err := db.Open(t.Context(), url, db.Options{Fatal: func(err error) { t.Errorf("fatal: %v", err) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	if migrated {
		if _, err := db.Migrate(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	return d
}
