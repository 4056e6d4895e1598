package db_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"indaba/internal/core"
	"indaba/internal/db"
	"indaba/internal/db/dbtest"
)

// pair is an item of the gathered work of these tests: a row, and whether it was new.
type pair struct {
	k     int
	fresh bool
}

func putAll(d *db.DB, most *atomic.Int64) *db.Gather[*pair] {
	return db.NewGather(d, func(ctx context.Context, pairs []*pair) error {
		if n := int64(len(pairs)); n > most.Load() {
			most.Store(n)
		}
		for _, p := range pairs {
			if p.k < 0 {
				return errors.New("below zero")
			}
			n, err := d.InsertMany(ctx, "pair", []string{"k", "v"}, [][]any{{p.k, "v"}}, "ON CONFLICT DO NOTHING")
			if err != nil {
				return err
			}
			p.fresh = n == 1
		}
		return nil
	})
}

func TestGatheredWorkSharesAndDoesNotSpoil(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		table(t, d)
		var most atomic.Int64
		g := putAll(d, &most)
		const callers = 200
		release := hold(t, d, "lane")
		var all sync.WaitGroup
		pairs, errs := make([]*pair, callers), make([]error, callers)
		for i := range callers {
			pairs[i] = &pair{k: i / 2} // each key twice
			if i%50 == 49 {
				pairs[i].k = -1
			}
			all.Go(func() {
				switch {
				case i%20 == 0: // other work in the same commit
					errs[i] = d.TxOn(t.Context(), "lane", func(ctx context.Context) error { return g.Do(ctx, "lane", pairs[i]) })
				default:
					errs[i] = g.Do(t.Context(), "lane", pairs[i])
				}
			})
		}
		release()
		all.Wait()
		fresh := 0
		for i, p := range pairs {
			if (errs[i] != nil) != (p.k < 0) {
				t.Errorf("caller %d with %d: %v", i, p.k, errs[i])
			}
			if errs[i] == nil && p.fresh {
				fresh++
			}
		}
		if n := count(t, d); n != 100 || fresh != 100 {
			t.Fatalf("%d rows, %d callers were told that theirs was new, want 100", n, fresh)
		}
	})
}

// hold keeps the writer of a key busy until the returned function is called.
func hold(t *testing.T, d *db.DB, key string) (release func()) {
	t.Helper()
	begun, end := make(chan struct{}), make(chan struct{})
	var once sync.Once
	var all sync.WaitGroup
	all.Go(func() {
		if err := d.TxOn(t.Context(), key, func(context.Context) error {
			once.Do(func() { close(begun) })
			<-end
			return nil
		}); err != nil {
			t.Error(err)
		}
	})
	<-begun
	return func() {
		close(end)
		all.Wait()
	}
}

func TestGatheredWorkTogether(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		table(t, d)
		var most atomic.Int64
		g := putAll(d, &most)
		// While one transaction waits, all callers queue up: the next commit has them all, or nearly.
		release := hold(t, d, "lane")
		var all sync.WaitGroup
		var started atomic.Int64
		queued := make(chan struct{})
		for k := range 100 {
			all.Go(func() {
				if started.Add(1) == 100 {
					close(queued)
				}
				if err := g.Do(t.Context(), "lane", &pair{k: k}); err != nil {
					t.Error(err)
				}
			})
		}
		<-queued
		release()
		all.Wait()
		if most.Load() < 2 || count(t, d) != 100 {
			t.Fatalf("at most %d done together, %d rows", most.Load(), count(t, d))
		}
	})
}

func TestLaterStatements(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		table(t, d)
		if _, err := d.Exec(t.Context(), "CREATE TABLE numbered (id "+serial(d)+", v TEXT NOT NULL)"); err != nil {
			t.Fatal(err)
		}
		const put = "INSERT INTO pair (k, v) VALUES ($1, $2)"
		var ids [2]int64
		var told []int64
		err := d.Tx(t.Context(), func(ctx context.Context) error {
			d.AfterCommit(ctx, func() { told = ids[:] })
			for i := range ids {
				if err := d.Insert(ctx, &ids[i], "INSERT INTO numbered (v) VALUES ($1)", "v"); err != nil {
					return err
				}
			}
			if err := d.ExecLater(ctx, nil, put, 1, "one"); err != nil {
				return err
			}
			var v string // sees what was kept back
			if err := d.Row(ctx, "SELECT v FROM pair WHERE k = $1", []any{1}, &v); err != nil || v != "one" {
				t.Errorf("read back %q %v", v, err)
			}
			return d.ExecLater(ctx, func(n int64) error {
				if n != 1 {
					t.Errorf("%d rows deleted", n)
				}
				return nil
			}, "DELETE FROM pair WHERE k = $1", 1)
		})
		if err != nil || len(told) != 2 || told[0] == 0 || told[1] <= told[0] || count(t, d) != 0 {
			t.Fatalf("ids %v, %d rows, err %v", told, count(t, d), err)
		}
	})
}

func TestLaterStatementsThatFail(t *testing.T) {
	gone := errors.New("gone")
	wants := func(n int64) error {
		if n == 0 {
			return gone
		}
		return nil
	}
	const put, drop = "INSERT INTO pair (k, v) VALUES ($1, 'v')", "DELETE FROM pair WHERE k = $1"
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		table(t, d)
		const callers = 60
		release := hold(t, d, "lane")
		var all sync.WaitGroup
		errs := make([]error, callers)
		for i := range callers {
			all.Go(func() {
				errs[i] = d.TxOn(t.Context(), "lane", func(ctx context.Context) error {
					if err := d.ExecLater(ctx, nil, put, i); err != nil {
						return err
					}
					switch i % 4 {
					case 1:
						return d.ExecLater(ctx, wants, drop, 1000)
					case 2:
						return d.ExecLater(ctx, nil, put, i)
					case 3: // meets what others have left unsent
						var n int
						return d.Row(ctx, "SELECT count(*) FROM pair WHERE k = $1", []any{i}, &n)
					}
					return nil
				})
			})
		}
		release()
		all.Wait()
		for i, err := range errs {
			if ok := map[int]bool{0: err == nil, 1: errors.Is(err, gone), 2: db.IsUnique(err), 3: err == nil}[i%4]; !ok {
				t.Errorf("caller %d: %v", i, err)
			}
		}
		if n := count(t, d); n != callers/2 {
			t.Fatalf("%d rows, want %d", n, callers/2)
		}
		// Alone, without a transaction of their own, and with nobody in their way.
		if err := d.ExecLater(t.Context(), wants, drop, 1000); !errors.Is(err, gone) {
			t.Errorf("nothing to delete: %v", err)
		}
		if err := d.ExecLater(t.Context(), nil, put, 0); !db.IsUnique(err) {
			t.Errorf("the same key twice: %v", err)
		}
		if err := d.ExecLater(t.Context(), nil, put, 2000); err != nil || count(t, d) != callers/2+1 {
			t.Errorf("alone: %v", err)
		}
	})
}

func TestManyRows(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		table(t, d)
		rows := make([][]any, 333)
		for i := range rows {
			rows[i] = []any{i % 300, "it's $1"}
		}
		seen := map[int]bool{}
		err := d.Tx(t.Context(), func(ctx context.Context) error {
			return d.InsertEach(ctx, "pair", []string{"k", "v"}, rows, "ON CONFLICT DO NOTHING RETURNING k", func(r db.Row) error {
				var k int
				err := r.Scan(&k)
				if seen[k] {
					t.Errorf("%d came twice", k)
				}
				seen[k] = true
				return err
			})
		})
		if err != nil || len(seen) != 300 || count(t, d) != 300 {
			t.Fatalf("%d told, %d stored, err %v", len(seen), count(t, d), err)
		}
		insert := func(rows [][]any) error {
			return d.Tx(t.Context(), func(ctx context.Context) error {
				return d.InsertLater(ctx, "pair", []string{"k", "v"}, rows, "")
			})
		}
		if err := insert(rows[:300]); !db.IsUnique(err) || count(t, d) != 300 {
			t.Fatalf("the same keys again: %v", err)
		}
		for i := range rows {
			rows[i][0] = 1000 + i
		}
		if err := insert(rows); err != nil || count(t, d) != 633 {
			t.Fatalf("%d stored, err %v", count(t, d), err)
		}
		var v string
		if err := d.Row(t.Context(), "SELECT v FROM pair WHERE v = 'it''s $1' AND k = $1", []any{1}, &v); err != nil || v != "it's $1" {
			t.Fatalf("read back %q %v", v, err)
		}
	})
}

// Rows by the thousand may go another way; they keep their place between the statements before and after them.
func TestRowsByTheThousand(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		table(t, d)
		rows := make([][]any, 2500)
		for i := range rows {
			rows[i] = []any{i, "it's \t\\N\n"}
		}
		insert := func(ctx context.Context) error {
			return d.InsertLater(ctx, "pair", []string{"k", "v"}, rows, "")
		}
		err := d.Tx(t.Context(), func(ctx context.Context) error {
			if err := d.ExecLater(ctx, nil, "INSERT INTO pair (k, v) VALUES (-1, 'before')"); err != nil {
				return err
			}
			if err := insert(ctx); err != nil {
				return err
			}
			return d.ExecLater(ctx, func(changed int64) error {
				if changed != 2501 {
					t.Errorf("%d rows there", changed)
				}
				return nil
			}, "UPDATE pair SET v = v")
		})
		if err != nil || count(t, d) != 2501 {
			t.Fatalf("%d stored, err %v", count(t, d), err)
		}
		var v string
		if err := d.Row(t.Context(), "SELECT v FROM pair WHERE k = $1", []any{2499}, &v); err != nil || v != rows[0][1] {
			t.Fatalf("read back %q %v", v, err)
		}
		if err := d.Tx(t.Context(), insert); !db.IsUnique(err) || count(t, d) != 2501 {
			t.Fatalf("the same keys again: %v, %d stored", err, count(t, d))
		}
		if err := put(t.Context(), d, 9999); err != nil {
			t.Fatalf("after a failure: %v", err)
		}
	})
}

// Parameters may stand in any order, more than once, or not at all.
func TestParametersInAnyOrder(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		for text, want := range map[string]string{
			"SELECT CAST($1 AS TEXT) || CAST($2 AS TEXT)":                                   "ab",
			"SELECT CAST($2 AS TEXT) || CAST($1 AS TEXT)":                                   "ba",
			"SELECT CAST($1 AS TEXT) || CAST($2 AS TEXT) || CAST($1 AS TEXT)":               "aba",
			"SELECT '$2' || CAST($1 AS TEXT) || 'it''s $1' || CAST($2 AS TEXT)":             "$2ait's $1b",
			"SELECT CAST($2 AS TEXT) || CAST($2 AS TEXT) || substr(CAST($1 AS TEXT), 1, 0)": "bb",
			"SELECT /* no parameter: */ '?1 and $' || CAST($1 AS TEXT) || CAST($2 AS TEXT)": "?1 and $ab",
		} {
			var got string
			if err := d.Row(t.Context(), text, []any{"a", "b"}, &got); err != nil || got != want {
				t.Errorf("%s: %q %v, want %q", text, got, err, want)
			}
		}
	})
}

// A caller who has gone away costs the others nothing, and nothing of it is done.
func TestCallersThatGoAway(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		table(t, d)
		release := hold(t, d, "lane")
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		var ran atomic.Int64
		for k := range 20 {
			all.Go(func() {
				mine := t.Context()
				if k%2 == 0 {
					mine = ctx
				}
				err := d.TxOn(mine, "lane", func(ctx context.Context) error {
					ran.Add(1)
					return put(ctx, d, k)
				})
				if (err != nil) != (k%2 == 0) {
					t.Errorf("caller %d: %v", k, err)
				}
			})
		}
		cancel()
		release()
		all.Wait()
		if n := count(t, d); n != 10 || ran.Load() != 10 {
			t.Fatalf("%d rows, %d ran", n, ran.Load())
		}
	})
}

// More texts than are kept prepared: the oldest make room, also while others run them.
func TestManyTexts(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		var all sync.WaitGroup
		for g := range 4 {
			all.Go(func() {
				for i := range 700 {
					var n int
					if err := d.Row(t.Context(), fmt.Sprintf("SELECT %d + 0", (i*(g+1))%650), nil, &n); err != nil || n != (i*(g+1))%650 {
						t.Errorf("text %d: %d %v", i, n, err)
						return
					}
				}
			})
		}
		all.Wait()
	})
}

func serial(d *db.DB) string {
	if d.Dialect() == db.Postgres {
		return "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY"
	}
	return "INTEGER PRIMARY KEY AUTOINCREMENT"
}

func TestGatherAfterClose(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		table(t, d)
		var most atomic.Int64
		g := putAll(d, &most)
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		if err := g.Do(t.Context(), "lane", &pair{k: 1}); core.KindOf(err) != core.Unavailable {
			t.Fatalf("closed: %v", err)
		}
	})
}
