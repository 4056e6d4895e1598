package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"hash/maphash"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"indaba/internal/core"
)

// How many callers share one commit, so that the first of them does not wait for ever: those that come while the work of the
// first ones is done, which may be much for each.
const (
	maxBatch  = 512
	atOnce    = 128 // taken in before the clock is looked at
	gathering = 50 * time.Millisecond
)

// retries is how often a transaction that lost against another one is run again, alone.
const retries = 8

// request is one call of Tx on its way to a writer.
type request struct {
	ctx    context.Context
	fn     func(context.Context) error
	gather gatherer // what does this request together with its like; nil when nothing does
	item   any      // of the Gather
	hooks  []func()
	err    error
	done   chan struct{}
}

// Tx runs fn in a transaction and returns after its changes are on disk, or not made at all when fn or the commit
// failed. The one error after which they may be on disk all the same is core.Unavailable and [InDoubt]. The transaction
// travels in the context given to fn; a Tx inside it joins. fn may be run more than once, but never after a run that may
// have been committed; it must have no effects but on the database and must not wait for anything else. An error of fn
// undoes all of the outermost transaction only if the caller hands it on. Cancelling ctx prevents a transaction that has
// not begun and does not interrupt one that has.
func (d *DB) Tx(ctx context.Context, fn func(context.Context) error) error {
	if d.InTx(ctx) {
		return fn(ctx)
	}
	return d.submit(ctx, d.shared, &request{ctx: ctx, fn: fn})
}

// TxOn is Tx for transactions that would disturb each other: those of one key run one after the other, in the order of
// their calls. Use it for read-modify-write on rows that concurrent callers share, with the account as the key.
func (d *DB) TxOn(ctx context.Context, key string, fn func(context.Context) error) error {
	if d.InTx(ctx) {
		return fn(ctx)
	}
	return d.submit(ctx, d.lane(key), &request{ctx: ctx, fn: fn})
}

// lane returns the queue of the writer that serves a key.
func (d *DB) lane(key string) chan *request {
	return d.writers[maphash.String(d.seed, key)%uint64(len(d.writers))].own
}

// submit hands a request to a writer and waits until it has been served.
func (d *DB) submit(ctx context.Context, queue chan *request, r *request) error {
	r.done = make(chan struct{})
	select {
	case queue <- r:
	case <-ctx.Done():
		return ctx.Err()
	case <-d.dead:
		return errDead
	case <-d.closing:
		return errClosed
	}
	return d.wait(r)
}

// wait returns how a request ended. What was served before the database ended has its answer.
func (d *DB) wait(r *request) error {
	err := errClosed
	select {
	case <-r.done:
	case <-d.dead:
		err = errDeadMeanwhile
	case <-d.closed:
	}
	select {
	case <-r.done:
		return r.err
	default:
		return err
	}
}

// writer owns one connection and commits on it.
type writer struct {
	d          *DB
	conn       *sql.Conn
	statements *statements
	own        chan *request // from TxOn; the shared queue comes from Tx
	pending    *pgx.Batch    // statements kept back, on PostgreSQL
	commit     func(context.Context) error
	lost       error // what ended the whole transaction under a caller's hands
	broken     error // the first statement of the request in hand that failed
}

func newWriter(d *DB, conn *sql.Conn) *writer {
	w := &writer{d: d, own: make(chan *request, 1024)}
	w.commit = w.sayCommit
	w.use(conn)
	return w
}

func (w *writer) use(conn *sql.Conn) {
	w.conn = conn
	w.statements = newStatements(w.d.dialect, conn.PrepareContext)
}

func (w *writer) close() error {
	return errors.Join(w.statements.close(), w.conn.Close())
}

// run commits until the database closes; what is queued by then is still committed.
func (w *writer) run() {
	for {
		var first *request
		select {
		case first = <-w.own:
		case first = <-w.d.shared:
		case <-w.d.dead:
			return
		case <-w.d.closing:
			first = w.next()
			if first == nil {
				return
			}
		}
		if !first.turnedAway() {
			w.serve(first)
		}
	}
}

// next returns a queued request, or nil.
func (w *writer) next() *request {
	select {
	case r := <-w.own:
		return r
	default:
	}
	select {
	case r := <-w.d.shared:
		return r
	default:
		return nil
	}
}

// turnedAway answers a request whose caller has gone away before it was begun, and reports whether that was so.
func (r *request) turnedAway() bool {
	if r.err = r.ctx.Err(); r.err == nil {
		return false
	}
	close(r.done)
	return true
}

// drain returns what is queued, at most n requests.
func (w *writer) drain(n int) (queued []*request) {
	for len(queued) < n {
		r := w.next()
		if r == nil {
			break
		}
		if !r.turnedAway() {
			queued = append(queued, r)
		}
	}
	return queued
}

// serve runs first and everything queued behind it in one transaction, then wakes the callers.
func (w *writer) serve(first *request) {
	batch, err := w.together(first)
	if errors.Is(err, errOneFailed) {
		err = w.apart(batch)
	}
	switch {
	case err == nil:
	case isFatal(err):
		w.d.fail(unknownState(err))
		return
	case InDoubt(err):
		for _, r := range batch {
			if r.err == nil {
				r.err = err
			}
		}
	case len(batch) == 1 && !isRetryable(err):
		batch[0].err = w.outage(err)
	default:
		// One of them broke the shared transaction: run each alone so that nobody pays for another's fault.
		for _, r := range batch {
			if !w.alone(r) {
				return
			}
		}
	}
	for _, r := range batch {
		if r.err == nil {
			for _, hook := range r.hooks {
				hook()
			}
		}
		close(r.done)
	}
}

// errOneFailed says that a request of a batch failed, and with it the transaction that it shared.
var errOneFailed = errors.New("a request of a shared transaction failed")

// together runs a batch in one transaction, in the hope that none fails: failures are rare, and savepoints are not free.
// Requests that come in meanwhile join.
func (w *writer) together(first *request) (batch []*request, err error) {
	ctx := context.Background()
	batch = []*request{first}
	if err := w.begin(ctx); err != nil {
		return batch, err
	}
	begun := time.Now()
	batch = append(batch, w.drain(atOnce-1)...)
	for queued := batch; len(queued) > 0; batch = append(batch, queued...) {
		if err = w.perform(queued); err != nil || time.Since(begun) > gathering {
			break
		}
		queued = w.drain(min(atOnce, maxBatch-len(batch)))
	}
	if err == nil {
		err = w.flush()
	}
	if err == nil {
		return batch, w.end(ctx)
	}
	if lost := w.rollback(ctx); lost != nil || isRetryable(err) {
		return batch, errors.Join(lost, err)
	}
	if len(batch) == 1 {
		first.err = err // it had the transaction to itself
		return batch, nil
	}
	return batch, errOneFailed
}

// perform runs requests, those for the same Gather together. It ends with the first error.
func (w *writer) perform(queued []*request) error {
	var gathered []gatherer
	for i, r := range queued {
		if r.gather == nil {
			if err := w.call(r, r.fn); err != nil {
				return err
			}
			continue
		}
		if slices.Contains(gathered, r.gather) {
			continue
		}
		gathered = append(gathered, r.gather)
		like := alike(queued[i:], r.gather)
		all := &request{ctx: context.Background()}
		if err := w.call(all, func(ctx context.Context) error { return r.gather.together(ctx, like) }); err != nil {
			return err
		}
		r.hooks = all.hooks
	}
	return nil
}

// apart runs a batch in one transaction, each request behind a savepoint of its own.
func (w *writer) apart(batch []*request) error {
	ctx := context.Background()
	if err := w.begin(ctx); err != nil {
		return err
	}
	for _, r := range batch {
		if err := w.step(ctx, r); err != nil {
			return errors.Join(err, w.rollback(ctx))
		}
	}
	return w.end(ctx)
}

// end commits. After a failed commit the connection has no transaction, and nothing was made unless the error is [InDoubt]
// or fatal.
func (w *writer) end(ctx context.Context) error {
	err := w.commit(ctx)
	if err == nil {
		return nil
	}
	_ = w.rollback(ctx) // the commit's error is the one that matters
	if !isUndone(w.d.dialect, err) {
		return w.doubt(err)
	}
	return err
}

// step runs one request of a batch. An error means that the whole transaction is lost.
func (w *writer) step(ctx context.Context, r *request) error {
	if err := w.run1(ctx, "SAVEPOINT one"); err != nil {
		return err
	}
	if r.err = w.call(r, r.fn); r.err == nil {
		r.err = w.flush()
	}
	if w.lost != nil {
		return w.lost
	}
	if r.err != nil {
		w.pending = nil
		if err := w.run1(ctx, "ROLLBACK TO SAVEPOINT one"); err != nil {
			return err
		}
	}
	return w.run1(ctx, "RELEASE SAVEPOINT one")
}

// alone runs one request in its own transaction, again when it lost against another; false after a fatal failure.
func (w *writer) alone(r *request) bool {
	ctx := context.Background()
	var err error
	for range retries {
		if err = w.begin(ctx); err != nil {
			continue
		}
		if r.err = w.call(r, r.fn); r.err == nil {
			r.err = w.flush()
		}
		if r.err != nil {
			err = errors.Join(w.lost, w.rollback(ctx))
			if isRetryable(r.err) {
				err = r.err
				continue
			}
			break
		}
		if err = w.end(ctx); err == nil {
			return true
		}
		if isFatal(err) {
			w.d.fail(unknownState(err))
			return false
		}
		if !isRetryable(err) {
			break
		}
	}
	if r.err == nil {
		r.err = w.outage(err)
	}
	return true
}

// call runs a function with the transaction in its context, and notes its hooks with the request. A panic becomes an
// error.
func (w *writer) call(r *request, fn func(context.Context) error) (err error) {
	r.hooks, w.lost, w.broken = nil, nil, nil
	if err := r.ctx.Err(); err != nil {
		return err
	}
	s := &session{w: w}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic in a transaction: %v\n%s", p, debug.Stack())
		}
		r.hooks = s.hooks
	}()
	if err := fn(context.WithValue(r.ctx, txKey{w.d}, s)); err != nil || w.d.dialect == SQLite {
		return err
	}
	return w.broken // PostgreSQL undoes all of a transaction in which a statement failed, even if nobody minded
}

func (w *writer) begin(ctx context.Context) error {
	w.lost, w.pending = nil, nil
	text := "BEGIN"
	if w.d.dialect == SQLite {
		text = "BEGIN IMMEDIATE"
	}
	err := w.run1(ctx, text)
	if err == nil || w.d.dialect == SQLite {
		return err
	}
	// The connection may have died with the server at its other end: one fresh one, once.
	conn, cerr := w.d.pool.Conn(ctx)
	if cerr != nil {
		return errors.Join(err, cerr)
	}
	_ = w.close() // it is broken
	w.use(conn)
	return w.run1(ctx, text)
}

// rollback ends a failed transaction. The engine may have ended it already, which is no error.
func (w *writer) rollback(ctx context.Context) error {
	w.pending = nil
	err := w.run1(ctx, "ROLLBACK")
	if err != nil && (strings.Contains(err.Error(), "no transaction is active") || w.d.dialect == Postgres) {
		return nil // on PostgreSQL a broken connection is replaced by the next begin
	}
	return err
}

func (w *writer) run1(ctx context.Context, text string) error {
	_, err := w.statements.exec(ctx, text, nil)
	return err
}

// note remembers an error that ended the whole transaction and not just the statement.
func (w *writer) note(err error) error {
	if err != nil && endsTransaction(err) {
		w.lost = err
	}
	if err != nil && w.broken == nil {
		w.broken = err
	}
	return err
}

// outage makes a failure of the database itself one that callers can tell from their own mistakes.
func (w *writer) outage(err error) error {
	if err == nil || InDoubt(err) || errors.Is(err, errUndone) {
		return err
	}
	err = &core.Error{Kind: core.Unavailable, Message: "the database could not commit", Cause: err}
	w.d.pulse.failed(err)
	return err
}

func sqliteCode(err error) (code int, ok bool) {
	if e, is := errors.AsType[*sqlite.Error](err); is {
		return e.Code(), true
	}
	return 0, false
}

func postgresCode(err error) string {
	if e, is := errors.AsType[*pgconn.PgError](err); is {
		return e.Code
	}
	return ""
}

// endsTransaction reports errors after which SQLite may have rolled the whole transaction back, and PostgreSQL's losers.
func endsTransaction(err error) bool {
	if code, ok := sqliteCode(err); ok {
		switch code & 0xff {
		case sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_INTERRUPT:
			return true
		}
		return false
	}
	return isRetryable(err)
}

// isRetryable reports that a transaction lost against a concurrent one and may simply be run again.
func isRetryable(err error) bool {
	switch postgresCode(err) {
	case "40001", "40P01", "55P03": // serialization failure, deadlock, lock not available
		return true
	}
	code, ok := sqliteCode(err)
	return ok && code&0xff == sqlite3.SQLITE_BUSY
}

// isFatal reports a failed sync or write of the log: what is on disk is unknown, and a later sync that succeeds proves
// nothing about the earlier one.
func isFatal(err error) bool {
	code, ok := sqliteCode(err)
	return ok && (code&0xff == sqlite3.SQLITE_IOERR || code&0xff == sqlite3.SQLITE_CORRUPT)
}

// unknownState is what [DB.fail] is told of such an error.
func unknownState(err error) error {
	return fmt.Errorf("commit failed, state on disk unknown: %w", err)
}

// IsUnique reports that a statement broke a uniqueness rule.
func IsUnique(err error) bool {
	if postgresCode(err) == "23505" {
		return true
	}
	code, ok := sqliteCode(err)
	return ok && (code == sqlite3.SQLITE_CONSTRAINT_UNIQUE || code == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY)
}
