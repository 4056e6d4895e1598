package db_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"indaba/internal/core"
	"indaba/internal/db"
	"indaba/internal/db/dbtest"
)

func table(t *testing.T, d *db.DB) {
	t.Helper()
	if _, err := d.Exec(t.Context(), "CREATE TABLE pair (k BIGINT PRIMARY KEY, v TEXT NOT NULL)"); err != nil {
		t.Fatal(err)
	}
}

func count(t *testing.T, d *db.DB) (n int) {
	t.Helper()
	if err := d.Row(t.Context(), "SELECT count(*) FROM pair", nil, &n); err != nil {
		t.Fatal(err)
	}
	return n
}

func put(ctx context.Context, d *db.DB, k int) error {
	_, err := d.Exec(ctx, "INSERT INTO pair (k, v) VALUES ($1, $2)", k, fmt.Sprint("value ", k))
	return err
}

func TestManyCallersShareCommitsAndKeepTheirOwnFailures(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		table(t, d)
		const callers = 2000 // several full batches
		errs := make([]error, callers)
		var wg sync.WaitGroup
		for i := range callers {
			wg.Go(func() {
				errs[i] = d.Tx(t.Context(), func(ctx context.Context) error {
					if err := put(ctx, d, i); err != nil {
						return err
					}
					switch i % 10 {
					case 3:
						return errors.New("changed my mind")
					case 7:
						return put(ctx, d, i) // breaks the primary key
					case 9:
						panic("a bug")
					}
					return nil
				})
			})
		}
		wg.Wait()
		for i, err := range errs {
			switch i % 10 {
			case 3:
				if err == nil || err.Error() != "changed my mind" {
					t.Fatalf("caller %d: %v", i, err)
				}
			case 7:
				if !db.IsUnique(err) {
					t.Fatalf("caller %d: %v is no uniqueness error", i, err)
				}
			case 9:
				if err == nil || !strings.Contains(err.Error(), "a bug") {
					t.Fatalf("caller %d: %v", i, err)
				}
			default:
				if err != nil {
					t.Fatalf("caller %d: %v", i, err)
				}
			}
		}
		if n := count(t, d); n != callers*7/10 {
			t.Fatalf("%d rows committed, want %d", n, callers*7/10)
		}
	})
}

func TestNestedTransactionJoins(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		table(t, d)
		var hooks []string
		failed := errors.New("failed")
		err := d.Tx(t.Context(), func(ctx context.Context) error {
			d.AfterCommit(ctx, func() { hooks = append(hooks, "lost") })
			if err := d.Tx(ctx, func(ctx context.Context) error { return put(ctx, d, 1) }); err != nil {
				return err
			}
			return failed
		})
		if !errors.Is(err, failed) || count(t, d) != 0 || len(hooks) != 0 {
			t.Fatalf("err %v, %d rows, hooks %v", err, count(t, d), hooks)
		}
		err = d.Tx(t.Context(), func(ctx context.Context) error {
			d.AfterCommit(ctx, func() { hooks = append(hooks, "first") })
			return d.TxOn(ctx, "key", func(ctx context.Context) error {
				d.AfterCommit(ctx, func() { hooks = append(hooks, "second") })
				if err := put(ctx, d, 1); err != nil {
					return err
				}
				var v string // reads its own write
				return d.Row(ctx, "SELECT v FROM pair WHERE k = $1", []any{1}, &v)
			})
		})
		if err != nil || strings.Join(hooks, " ") != "first second" {
			t.Fatalf("err %v, hooks %v", err, hooks)
		}
	})
}

func TestKeyedTransactionsDoNotDisturbEachOther(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		table(t, d)
		if _, err := d.Exec(t.Context(), "INSERT INTO pair (k, v) VALUES (1, '0')"); err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				err := d.TxOn(t.Context(), "account", func(ctx context.Context) error {
					var v string
					if err := d.Row(ctx, "SELECT v FROM pair WHERE k = 1", nil, &v); err != nil {
						return err
					}
					var n int
					if _, err := fmt.Sscan(v, &n); err != nil {
						return err
					}
					_, err := d.Exec(ctx, "UPDATE pair SET v = $1 WHERE k = 1", fmt.Sprint(n+1))
					return err
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		var v string
		if err := d.Row(t.Context(), "SELECT v FROM pair WHERE k = 1", nil, &v); err != nil || v != "100" {
			t.Fatalf("%q %v", v, err)
		}
	})
}

func TestCrossingUpdatesAreRunAgain(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		table(t, d)
		for k := range 2 {
			if err := put(t.Context(), d, k); err != nil {
				t.Fatal(err)
			}
		}
		var wg sync.WaitGroup
		for i := range 60 {
			wg.Go(func() {
				err := d.Tx(t.Context(), func(ctx context.Context) error {
					for j := range 2 {
						if _, err := d.Exec(ctx, "UPDATE pair SET v = v || 'x' WHERE k = $1", (i+j)%2); err != nil {
							return err
						}
					}
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		var n int
		err := d.Row(t.Context(), "SELECT sum(length(v)) FROM pair", nil, &n)
		if want := 2*len("value 0") + 120; err != nil || n != want {
			t.Fatalf("length %d, want %d (%v)", n, want, err)
		}
	})
}

func TestInsertMany(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		table(t, d)
		rows := make([][]any, 333)
		for i := range rows {
			rows[i] = []any{i % 300, "v"}
		}
		n, err := d.InsertMany(t.Context(), "pair", []string{"k", "v"}, rows, "ON CONFLICT DO NOTHING")
		if err != nil || n != 300 || count(t, d) != 300 {
			t.Fatalf("inserted %d, stored %d, err %v", n, count(t, d), err)
		}
	})
}

func TestClosedAndCancelled(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		table(t, d)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := d.Tx(ctx, func(ctx context.Context) error { return put(ctx, d, 1) }); !errors.Is(err, context.Canceled) {
			t.Fatalf("cancelled: %v", err)
		}
		err := d.Tx(t.Context(), func(ctx context.Context) error {
			_, err := d.Exec(ctx, "SELECT 1/0 FROM nothing_here")
			return err
		})
		if err == nil {
			t.Fatal("a broken statement gave no error")
		}
		if err := put(t.Context(), d, 2); err != nil || count(t, d) != 1 {
			t.Fatalf("after failures: %v", err)
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		if err := put(t.Context(), d, 3); core.KindOf(err) != core.Unavailable {
			t.Fatalf("closed: %v", err)
		}
	})
}

// Nobody waits longer than he wants for a database that hangs, and it is asked again when it goes on.
func TestWritableDoesNotHang(t *testing.T) {
	dbtest.EachURL(t, func(t *testing.T, url string) {
		d, other := openURL(t, url), openURL(t, url)
		if _, err := db.Migrate(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		release := dbtest.Hold(t, other)
		for range 3 {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
			if err := d.Writable(ctx); core.KindOf(err) != core.Timeout {
				t.Errorf("while another process holds it: %v", err)
			}
			cancel()
		}
		release()
		if err := d.Writable(t.Context()); err != nil {
			t.Errorf("when it goes on: %v", err)
		}
		if n, err := d.Generation(t.Context()); err != nil || n != 0 {
			t.Errorf("configuration seems to have changed: %d %v", n, err)
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		if err := d.Writable(t.Context()); core.KindOf(err) != core.Unavailable {
			t.Errorf("closed: %v", err)
		}
	})
}

func openURL(t *testing.T, url string) *db.DB {
	t.Helper()
	d, err := db.Open(t.Context(), url, db.Options{Fatal: func(err error) { t.Errorf("fatal: %v", err) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() }) // the test has looked at what matters
	return d
}

func TestOpenRefusesNonsense(t *testing.T) {
	for _, url := range []string{"postgres://127.0.0.1:1/none?connect_timeout=1", filepath.Join(t.TempDir(), "a\x00b")} {
		if d, err := db.Open(t.Context(), url, db.Options{}); err == nil {
			_ = d.Close() // the failure below is what matters
			t.Errorf("%q opened", url)
		}
	}
}

// PostgreSQL undoes a transaction in which a statement failed, also when its caller did not mind and the commit went
// well: that must not look like success.
func TestFailedStatementCannotBeIgnoredIntoLoss(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		table(t, d)
		err := d.Tx(t.Context(), func(ctx context.Context) error {
			if err := put(ctx, d, 1); err != nil {
				return err
			}
			if err := put(ctx, d, 1); !db.IsUnique(err) {
				t.Errorf("the same key twice: %v", err)
			}
			return nil
		})
		if rows := count(t, d); (err == nil) != (rows == 1) {
			t.Fatalf("%d rows, err %v", rows, err)
		}
	})
}

// A plan that is made while a table is small is kept when it has grown: it goes by the index from the first row.
func TestPlansForSmallTables(t *testing.T) {
	d := dbtest.Open(t, dbtest.PostgresURL(t))
	table(t, d)
	for _, text := range []string{"INSERT INTO pair VALUES (1, 'a')", "ANALYZE pair"} {
		if _, err := d.Exec(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
	plan := func(ctx context.Context) (text string) {
		lines, err := db.Collect(ctx, d, func(rows *sql.Rows) (line string, err error) { return line, rows.Scan(&line) },
			"EXPLAIN SELECT v FROM pair WHERE k = $1", 1)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(lines, "\n")
	}
	if text := plan(t.Context()); !strings.Contains(text, "Index") {
		t.Errorf("a reader's plan:\n%s", text)
	}
	if err := d.Tx(t.Context(), func(ctx context.Context) error {
		if text := plan(ctx); !strings.Contains(text, "Index") {
			t.Errorf("a writer's plan:\n%s", text)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// Who came first does not wait until the slow work of all who came after is done.
func TestSlowCallersShareNoCommitForLong(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		table(t, d)
		const callers = 300
		var all sync.WaitGroup
		var ran, atFirst atomic.Int64
		blocked, queued := make(chan struct{}), make(chan struct{})
		call := func(fn func(context.Context) error) {
			if err := d.TxOn(t.Context(), "one", fn); err != nil {
				t.Error(err)
			}
		}
		all.Go(func() {
			call(func(context.Context) error {
				close(blocked)
				<-queued
				return nil
			})
		})
		<-blocked
		for i := range callers {
			all.Go(func() {
				call(func(ctx context.Context) error {
					time.Sleep(time.Millisecond)
					ran.Add(1)
					d.AfterCommit(ctx, func() { atFirst.CompareAndSwap(0, ran.Load()) })
					return d.ExecLater(ctx, nil, "INSERT INTO pair VALUES ($1, '')", i)
				})
			})
		}
		time.Sleep(100 * time.Millisecond) // they come to wait for the one that blocks
		close(queued)
		all.Wait()
		if n := atFirst.Load(); n >= callers || count(t, d) != callers {
			t.Errorf("the first commit has %d of %d callers, and %d rows are there", n, callers, count(t, d))
		}
	})
}

// Nobody notices that a connection has died since it served the last one.
func TestConnectionDiesBetweenTransactions(t *testing.T) {
	url := dbtest.PostgresURL(t)
	d, err := db.Open(t.Context(), url, db.Options{Writers: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.Close() }() // one of its connections was broken on purpose
	table(t, d)
	other := dbtest.Open(t, url)
	for _, callers := range []int{1, 20} {
		var pid int
		if err := d.Tx(t.Context(), func(ctx context.Context) error {
			return d.Row(ctx, "SELECT pg_backend_pid()", nil, &pid)
		}); err != nil {
			t.Fatal(err)
		}
		if _, err := other.Exec(t.Context(), "SELECT pg_terminate_backend($1, 10000)", pid); err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		for i := range callers {
			all.Go(func() {
				if err := d.Tx(t.Context(), func(ctx context.Context) error {
					return d.ExecLater(ctx, nil, "INSERT INTO pair VALUES ($1, '')", 100*callers+i)
				}); err != nil {
					t.Errorf("%d callers: %v", callers, err)
				}
			})
		}
		all.Wait()
	}
	if n := count(t, d); n != 21 {
		t.Errorf("%d rows", n)
	}
}
