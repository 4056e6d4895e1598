package db

import (
	"context"
	"database/sql"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"indaba/internal/core"
)

var update = flag.Bool("update", false, "write the golden files anew")

func openForTest(t *testing.T, url string) *DB {
	t.Helper()
	d, err := Open(t.Context(), url, Options{Fatal: func(err error) { t.Errorf("fatal: %v", err) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() }) // a test may have closed it
	return d
}

// schema returns what the database is made of, as text.
func schema(t *testing.T, d *DB) string {
	t.Helper()
	text := "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' AND name NOT LIKE 'goose_%' ORDER BY type DESC, name"
	if d.dialect == Postgres {
		text = "SELECT table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable || ' ' || coalesce(collation_name, '') " +
			"FROM information_schema.columns WHERE table_schema = current_schema() AND table_name NOT LIKE 'goose_%' " +
			"UNION ALL SELECT replace(indexdef, current_schema() || '.', '') FROM pg_indexes WHERE schemaname = current_schema() " +
			"AND tablename NOT LIKE 'goose_%' ORDER BY 1"
	}
	lines, err := Collect(t.Context(), d, func(r *sql.Rows) (line string, err error) { return line, r.Scan(&line) }, text)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(lines, "\n") + "\n"
}

// engines runs a test on a file and on a schema of the test server, which dbtest would give if it could be imported here.
func engines(t *testing.T, test func(t *testing.T, url func() string)) {
	t.Run("sqlite", func(t *testing.T) {
		test(t, func() string { return filepath.Join(t.TempDir(), "x.db") })
	})
	t.Run("postgres", func(t *testing.T) {
		test(t, func() string { return postgresSchema(t) })
	})
}

func postgresSchema(t *testing.T) string {
	t.Helper()
	server := os.Getenv("INDABA_TEST_POSTGRES")
	if server == "" {
		server = "postgres://postgres@127.0.0.1:5432/test?sslmode=disable"
	}
	pool, err := sql.Open("pgx", server)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pool.Close() }) // nothing was left to lose
	if err := pool.PingContext(t.Context()); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("PostgreSQL is needed in CI: %v", err)
		}
		t.Skipf("no PostgreSQL: start one on 127.0.0.1:5432 or set INDABA_TEST_POSTGRES (%v)", err)
	}
	name := "t" + core.NewKey()
	if _, err := pool.ExecContext(t.Context(), "CREATE SCHEMA "+name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := pool.ExecContext(context.Background(), "DROP SCHEMA "+name+" CASCADE"); err != nil {
			t.Error(err)
		}
	})
	separator := "?"
	if strings.Contains(server, "?") {
		separator = "&"
	}
	return server + separator + "search_path=" + name
}

// The golden files hold the schema of the newest version: whoever changes a migration that was released sees it here.
func TestFreshSchemaEqualsMigratedSchema(t *testing.T) {
	engines(t, func(t *testing.T, url func() string) {
		fresh := openForTest(t, url())
		newest, err := Migrate(t.Context(), fresh)
		if err != nil {
			t.Fatal(err)
		}
		stepped := openForTest(t, url())
		for version := range newest {
			if got, err := migrateTo(t.Context(), stepped, version+1); err != nil || got != version+1 {
				t.Fatalf("to version %d: %d, %v", version+1, got, err)
			}
		}
		if a, b := schema(t, fresh), schema(t, stepped); a != b {
			t.Errorf("fresh:\n%s\nstepped:\n%s", a, b)
		}
		golden := filepath.Join("testdata", "schema_"+string(fresh.dialect)+".txt")
		if *update {
			if err := os.WriteFile(golden, []byte(schema(t, fresh)), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if got := schema(t, fresh); got != string(want) {
			t.Errorf("the schema is not that of %s: run the test with -update if that is meant. Got:\n%s", golden, got)
		}
	})
}

func TestOlderBinaryRefusesNewerDatabase(t *testing.T) {
	engines(t, func(t *testing.T, url func() string) {
		d := openForTest(t, url())
		newest, err := Migrate(t.Context(), d)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.Exec(t.Context(), "INSERT INTO goose_db_version (version_id, is_applied) VALUES ($1, $2)", newest+1, true); err != nil {
			t.Fatal(err)
		}
		before := schema(t, d)
		have, err := Migrate(t.Context(), d)
		if core.KindOf(err) != core.Conflict || have != newest+1 || schema(t, d) != before {
			t.Fatalf("version %d, %v", have, err)
		}
	})
}

func TestMigrationGoesOnWhereItStopped(t *testing.T) {
	engines(t, func(t *testing.T, url func() string) {
		place := url()
		d := openForTest(t, place)
		if _, err := migrateTo(t.Context(), d, 1); err != nil {
			t.Fatal(err)
		}
		// The next migration meets a table of the same name, fails, and leaves nothing half done.
		if _, err := d.Exec(t.Context(), "CREATE TABLE generation (nonsense BIGINT)"); err != nil {
			t.Fatal(err)
		}
		if _, err := Migrate(t.Context(), d); err == nil {
			t.Fatal("a broken migration went through")
		}
		if strings.Contains(schema(t, d), "mailbox") {
			t.Fatal("a failed migration left tables behind")
		}
		if _, err := d.Exec(t.Context(), "DROP TABLE generation"); err != nil {
			t.Fatal(err)
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		d = openForTest(t, place)
		version, err := Migrate(t.Context(), d)
		if err != nil {
			t.Fatal(err)
		}
		if have, newest, err := SchemaVersion(t.Context(), d); have != version || newest != version || err != nil {
			t.Fatal(have, newest, err)
		}
	})
}

func TestLockKeepsSecondServerOut(t *testing.T) {
	engines(t, func(t *testing.T, url func() string) {
		place, path := url(), filepath.Join(t.TempDir(), "lock")
		first, second := openForTest(t, place), openForTest(t, place)
		release, err := first.Lock(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		if _, err := second.Lock(ctx, path); core.KindOf(err) != core.Conflict {
			t.Fatalf("two servers hold the lock: %v", err)
		}
		if err := release(); err != nil {
			t.Fatal(err)
		}
		release, err = second.Lock(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		if err := release(); err != nil {
			t.Fatal(err)
		}
	})
}
