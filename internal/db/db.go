// Package db opens Indaba's database and gives every feature one way to read and write it: SQLite in the data directory,
// or PostgreSQL by URL. Writers share commits: Tx hands its function to a writer that runs what is queued, commits once
// and then wakes the callers. It holds no table of its own: SQL stands beside the feature that owns the table.
package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"hash/maphash"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"indaba/internal/core"
)

// Dialect names the engine behind a DB, for the few statements that differ.
type Dialect string

// The engines.
const (
	SQLite   Dialect = "sqlite"
	Postgres Dialect = "postgres"
)

// Options tune a DB. The zero value is right for a server.
type Options struct {
	// Fatal is called once when a commit failed in a way that leaves the state of the disk unknown. Nothing is
	// acknowledged after it. It should end the process; the default panics.
	Fatal func(error)
	// Writers is the number of connections that commit on PostgreSQL; default 4. SQLite always has one.
	Writers int
	// Readers is the number of connections that read outside transactions; default 2 per core, at least 4.
	Readers int
}

// DB is an open database. It is safe for concurrent use.
type DB struct {
	dialect Dialect
	pool    *sql.DB
	reads   *statements
	writers []*writer
	shared  chan *request
	fatal   func(error)
	dead    chan struct{} // closed by the first fatal failure
	die     sync.Once
	closing chan struct{}
	closed  chan struct{} // closed when the writers have stopped
	group   sync.WaitGroup
	seed    maphash.Seed
	changes listeners
	asked   Inquiry[struct{}, int64]
	pulse   pulse
	inserts sync.Map // insertKey -> text
}

// Open opens the database at url: "postgres://…" or the path of a SQLite file, which is created when missing. It does
// not migrate: see [Migrate].
func Open(ctx context.Context, url string, o Options) (*DB, error) {
	if o.Readers == 0 {
		o.Readers = max(4, 2*runtime.GOMAXPROCS(0))
	}
	if o.Writers == 0 {
		o.Writers = 4
	}
	if o.Fatal == nil {
		o.Fatal = func(err error) { panic(err) }
	}
	d := &DB{fatal: o.Fatal, dead: make(chan struct{}), closing: make(chan struct{}), closed: make(chan struct{}),
		shared: make(chan *request, 1024), seed: maphash.MakeSeed()}
	var err error
	if isPostgres(url) {
		d.dialect = Postgres
		d.pool, err = openPostgres(url)
	} else {
		d.dialect = SQLite
		o.Writers = 1
		d.pool, err = openSQLite(url)
	}
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	d.pool.SetMaxOpenConns(o.Readers + o.Writers + 1) // one for Lock
	d.pool.SetMaxIdleConns(o.Readers + o.Writers)
	d.reads = newStatements(d.dialect, d.pool.PrepareContext)
	if err := d.start(ctx, o.Writers); err != nil {
		_ = d.Close()
		return nil, fmt.Errorf("open database: %w", err)
	}
	return d, nil
}

func isPostgres(url string) bool {
	return strings.HasPrefix(url, "postgres://") || strings.HasPrefix(url, "postgresql://")
}

// sessionSettings make PostgreSQL end a session soon after its process, or the way to it, is gone. It would else keep its
// locks, and with them the next server away, until the system gives the connection up: by default, two hours after a power cut.
// The last two are for plans that are made while a table is small, and kept: where there is an index, they use it. Where there
// is none, the cost that PostgreSQL pretends is no reason to compile.
var sessionSettings = []string{
	"SET client_connection_check_interval = 100", // milliseconds, while a statement runs or waits
	"SET tcp_keepalives_idle = 10",               // seconds
	"SET tcp_keepalives_interval = 5",
	"SET tcp_keepalives_count = 3",
	"SET tcp_user_timeout = 20000", // milliseconds, for an answer that nobody takes
	"SET enable_seqscan = off",
	"SET jit = off",
}

// openPostgres opens a pool whose connections have those settings. What does not know one of them does without it.
func openPostgres(url string) (*sql.DB, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	return stdlib.OpenDB(*config, stdlib.OptionAfterConnect(func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, strings.Join(sessionSettings, ";"))
		if postgresCode(err) == "" {
			return err
		}
		for _, setting := range sessionSettings {
			if _, err := conn.Exec(ctx, setting); err != nil && postgresCode(err) == "" {
				return err
			}
		}
		return nil
	})), nil
}

// openSQLite opens the file with the settings that durability needs: a commit returns when the write-ahead log is synced.
func openSQLite(path string) (*sql.DB, error) {
	path = strings.TrimPrefix(path, "sqlite:")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	// The file is made here so that it is never readable by others, not even for a moment.
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	const pragmas = "?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)" +
		"&_pragma=foreign_keys(ON)&_pragma=temp_store(MEMORY)&_pragma=cache_size(-16000)&_pragma=wal_autocheckpoint(4000)"
	return sql.Open("sqlite", "file:"+escapePath(path)+pragmas)
}

// escapePath keeps characters of a file name from being read as parts of a URI.
func escapePath(path string) string {
	return strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(path)
}

func (d *DB) start(ctx context.Context, writers int) error {
	for range writers {
		conn, err := d.pool.Conn(ctx)
		if err != nil {
			return err
		}
		w := newWriter(d, conn)
		d.writers = append(d.writers, w)
		d.group.Go(w.run)
	}
	return nil
}

// Dialect returns the engine.
func (d *DB) Dialect() Dialect { return d.dialect }

// Close waits for the commits under way, refuses new ones and closes the connections.
func (d *DB) Close() error {
	select {
	case <-d.closing:
		return nil
	default:
	}
	close(d.closing)
	d.group.Wait()
	close(d.closed)
	d.pulse.group.Wait()
	errs := []error{d.reads.close()}
	for _, w := range d.writers {
		errs = append(errs, w.close())
	}
	return errors.Join(append(errs, d.pool.Close())...)
}

// Closed reports whether nothing can be written any more: Close was called, or a commit failed for good.
func (d *DB) Closed() bool {
	select {
	case <-d.dead:
		return true
	case <-d.closing:
		return true
	default:
		return false
	}
}

var (
	errClosed = core.Errorf(core.Unavailable, "the database is closed")
	errDead   = core.Errorf(core.Unavailable, "the database failed to write and the server is stopping")
	// errDeadMeanwhile is for those who had been let in before.
	errDeadMeanwhile error = &core.Error{Kind: core.Unavailable, Message: core.SafeMessage(errDead), Cause: errDoubt}
)

// fail marks the database as dead and tells the owner, once.
func (d *DB) fail(err error) {
	d.die.Do(func() {
		close(d.dead)
		d.fatal(err)
	})
}

type txKey struct{ d *DB }

// session is the transaction that a context carries.
type session struct {
	w     *writer
	hooks []func()
}

func (d *DB) session(ctx context.Context) *session {
	s, _ := ctx.Value(txKey{d}).(*session)
	return s
}

// InTx reports whether ctx carries a transaction of this database.
func (d *DB) InTx(ctx context.Context) bool { return d.session(ctx) != nil }

// AfterCommit arranges for fn to run after the transaction in ctx has committed, in commit order and before the call of
// Tx returns; it does not run when the transaction fails. fn runs on the writer: it must be quick and must not use the
// database. Without a transaction fn runs at once.
func (d *DB) AfterCommit(ctx context.Context, fn func()) {
	if s := d.session(ctx); s != nil {
		s.hooks = append(s.hooks, fn)
		return
	}
	fn()
}

// Exec runs a statement with $n parameters and returns the number of rows it changed. Outside a transaction it runs in
// one of its own.
func (d *DB) Exec(ctx context.Context, text string, args ...any) (int64, error) {
	s := d.session(ctx)
	if s == nil {
		var n int64
		err := d.Tx(ctx, func(ctx context.Context) (err error) {
			n, err = d.Exec(ctx, text, args...)
			return err
		})
		return n, err
	}
	return s.w.exec(ctx, text, args)
}

// Query runs a query with $n parameters: in the transaction of ctx when it carries one, else on a reading connection.
// The caller closes the rows, inside a transaction before the next statement.
func (d *DB) Query(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	if s := d.session(ctx); s != nil {
		if err := s.w.flush(); err != nil {
			return nil, err
		}
		rows, err := s.w.statements.query(context.WithoutCancel(ctx), text, args)
		return rows, s.w.note(err)
	}
	return d.reads.query(ctx, text, args)
}

// QueryOnce is Query for texts that are made up as they go: they are not kept prepared, where they would crowd out those
// that come again.
func (d *DB) QueryOnce(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	if s := d.session(ctx); s != nil {
		if err := s.w.flush(); err != nil {
			return nil, err
		}
		rows, err := s.w.conn.QueryContext(context.WithoutCancel(ctx), engineText(d.dialect, text), d.once(args)...)
		return rows, s.w.note(err)
	}
	return d.pool.QueryContext(ctx, engineText(d.dialect, text), d.once(args)...)
}

// once returns the arguments of a query that the driver shall not keep prepared. PostgreSQL's would.
func (d *DB) once(args []any) []any {
	if d.dialect == Postgres {
		return slices.Concat([]any{pgx.QueryExecModeExec}, args)
	}
	return args
}

// Row runs a query that gives at most one row and scans it into dest. No row is [sql.ErrNoRows].
func (d *DB) Row(ctx context.Context, text string, args []any, dest ...any) error {
	if s := d.session(ctx); s != nil && d.dialect == Postgres {
		return s.w.row(text, args, dest)
	}
	rows, err := d.Query(ctx, text, args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // Err below tells what matters
	if !rows.Next() {
		if err := rows.Err(); err != nil {
			return err
		}
		return sql.ErrNoRows
	}
	if err := rows.Scan(dest...); err != nil {
		return err
	}
	return rows.Close()
}

// Collect runs a query and returns what scan makes of each row. It is for results that are known to be small: use Query
// to stream.
func Collect[T any](ctx context.Context, d *DB, scan func(*sql.Rows) (T, error), text string, args ...any) ([]T, error) {
	rows, err := d.Query(ctx, text, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // Err below tells what matters
	var all []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, rows.Err()
}

// Column is Collect for a query of one column.
func Column[T any](ctx context.Context, d *DB, text string, args ...any) ([]T, error) {
	return Collect(ctx, d, func(rows *sql.Rows) (v T, err error) { return v, rows.Scan(&v) }, text, args...)
}
