package db

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"indaba/internal/core"
)

// Who is kept out by the session of a server that is gone is told which it is, and gets in when he has ended it. A server
// whose session ends that way, or with PostgreSQL, stops.
func TestLockTellsWhoHoldsIt(t *testing.T) {
	place, dir := postgresSchema(t), t.TempDir()
	fatal := make(chan error, 1)
	first, err := Open(t.Context(), place, Options{Fatal: func(err error) { fatal <- err }})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = first.Close() }() // one of its connections was broken on purpose
	if _, err := first.Lock(t.Context(), filepath.Join(dir, "first")); err != nil {
		t.Fatal(err)
	}
	second := openForTest(t, place)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err = second.Lock(ctx, filepath.Join(dir, "second"))
	told := regexp.MustCompile(`has session \d+ of PostgreSQL, from \S.*, since 20\S+ \S+Z\. .*"(SELECT pg_terminate_backend\(\d+\))"`).
		FindStringSubmatch(core.SafeMessage(err))
	if told == nil {
		t.Fatalf("told %v", err)
	}
	if _, err := second.Exec(t.Context(), told[1]); err != nil {
		t.Fatal(err)
	}
	release, err := second.Lock(t.Context(), filepath.Join(dir, "second"))
	if err != nil {
		t.Fatal(err)
	}
	if err := <-fatal; !strings.HasPrefix(err.Error(), "lost the lock of the database: ") {
		t.Errorf("the first server stops with %v", err)
	}
	if err := release(); err != nil {
		t.Error(err)
	}
}

// One server works on a directory, whatever its database, and it shows that there is one. Looking keeps nobody out.
func TestLockOfTheDirectory(t *testing.T) {
	engines(t, func(t *testing.T, url func() string) {
		path := filepath.Join(t.TempDir(), "new", "lock")
		if Locked(path) {
			t.Error("it is locked before there is one")
		}
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("looking made it: %v", err)
		}
		first, second := openForTest(t, url()), openForTest(t, url())
		for range 2 {
			release, err := first.Lock(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			if !Locked(path) {
				t.Error("nobody seems to hold it")
			}
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			if _, err := second.Lock(ctx, path); core.KindOf(err) != core.Conflict {
				t.Errorf("with another database: %v", err)
			}
			if err := release(); err != nil {
				t.Fatal(err)
			}
			if Locked(path) {
				t.Error("somebody seems to hold it")
			}
		}
	})
}

// PostgreSQL is told to notice soon when we are gone, on connections that read and on those that write.
func TestSessionsEndSoon(t *testing.T) {
	d := openForTest(t, postgresSchema(t))
	ask := func(ctx context.Context) error {
		for _, setting := range sessionSettings {
			name, _, _ := strings.Cut(strings.TrimPrefix(setting, "SET "), " ")
			var source string
			if err := d.Row(ctx, "SELECT source FROM pg_settings WHERE name = $1", []any{name}, &source); err != nil || source != "session" {
				t.Errorf("%s comes from %q, %v", name, source, err)
			}
		}
		return nil
	}
	if err := ask(t.Context()); err != nil {
		t.Error(err)
	}
	if err := d.Tx(t.Context(), ask); err != nil {
		t.Error(err)
	}
}
