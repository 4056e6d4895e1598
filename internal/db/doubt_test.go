package db

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"indaba/internal/core"
)

// wire stands between us and PostgreSQL, and breaks when it is told to.
type wire struct {
	loseAnswer  atomic.Bool // of the server: the next one, with its connection
	loseRequest atomic.Bool // of ours: likewise
}

// newWire returns a wire to the server of an address, and the address by which one goes over it.
func newWire(t *testing.T, place string) (w *wire, over string) {
	t.Helper()
	u, err := url.Parse(place)
	if err != nil {
		t.Fatal(err)
	}
	if u.Host == "" || u.Query().Has("host") {
		t.Skip("the server is not reached over TCP")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w = &wire{}
	server := u.Host
	var all sync.WaitGroup
	all.Go(func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", server)
			if err != nil {
				t.Error(err)
				_ = near.Close() // nobody is there
				continue
			}
			all.Go(func() { carry(near, far, &w.loseAnswer) })
			all.Go(func() { carry(far, near, &w.loseRequest) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close() // nobody comes any more
		all.Wait()
	})
	u.Host = listener.Addr().String()
	return w, u.String()
}

// carry hands bytes on until one side closes, or what comes next is to be lost.
func carry(to, from net.Conn, lose *atomic.Bool) {
	defer func() { _, _ = to.Close(), from.Close() }() // the other direction may have
	part := make([]byte, 32<<10)
	for {
		n, err := from.Read(part)
		if n > 0 && lose.CompareAndSwap(true, false) {
			return
		}
		if _, werr := to.Write(part[:n]); err != nil || werr != nil {
			return
		}
	}
}

// When the connection is lost while PostgreSQL is told to commit, nobody knows whether it did: no caller is told that his
// change was made, or that it was not, and none is made twice. The next ones go through.
func TestCommitWithoutAnswer(t *testing.T) {
	boom := errors.New("boom")
	for _, test := range []struct {
		name            string
		callers, failed int
		arrives         bool // at the server
	}{
		{"one, the answer is lost", 1, 0, true},
		{"one, the request is lost", 1, 0, false},
		{"ten, the answer is lost", 10, 0, true},
		{"ten, the request is lost", 10, 0, false},
		{"behind savepoints, the answer is lost", 10, 1, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			wire, place := newWire(t, postgresSchema(t))
			d, err := Open(t.Context(), place, Options{Writers: 1})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = d.Close() }() // one of its connections was broken on purpose
			for _, text := range []string{"CREATE TABLE counter (n BIGINT)", "INSERT INTO counter VALUES (0)"} {
				if _, err := d.Exec(t.Context(), text); err != nil {
					t.Fatal(err)
				}
			}
			var looks atomic.Int64
			d.OnChange(func() { looks.Add(1) })
			var first sync.Once
			begun := make(chan struct{})
			errs := make([]error, test.callers)
			call := func(i int) {
				errs[i] = d.Tx(t.Context(), func(ctx context.Context) error {
					if i == 0 { // the others share its commit
						first.Do(func() {
							close(begun)
							for len(d.shared) < test.callers-1 {
								runtime.Gosched()
							}
						})
					}
					if i >= test.callers-test.failed {
						return boom
					}
					_, err := d.Exec(ctx, "UPDATE counter SET n = n + 1")
					return err
				})
			}
			w := d.writers[0]
			w.commit = func(ctx context.Context) error {
				w.commit = w.sayCommit
				wire.loseAnswer.Store(test.arrives)
				wire.loseRequest.Store(!test.arrives)
				return w.sayCommit(ctx)
			}
			var all sync.WaitGroup
			all.Go(func() { call(0) })
			<-begun
			for i := 1; i < test.callers; i++ {
				all.Go(func() { call(i) })
			}
			all.Wait()
			for i, err := range errs {
				if i >= test.callers-test.failed {
					if !errors.Is(err, boom) {
						t.Errorf("caller %d: %v", i, err)
					}
				} else if !InDoubt(err) || core.KindOf(err) != core.Unavailable {
					t.Errorf("caller %d was told %v", i, err)
				}
			}
			want := 0
			if test.arrives {
				want = test.callers - test.failed
			}
			var n int
			if err := d.Row(t.Context(), "SELECT n FROM counter", nil, &n); err != nil || n != want || looks.Load() != 1 {
				t.Errorf("%d changes were made, want %d; %d looks, %v", n, want, looks.Load(), err)
			}
			if !InDoubt(d.pulse.err) {
				t.Errorf("the state of the database is known as %v", d.pulse.err)
			}
			if _, err := d.Exec(t.Context(), "UPDATE counter SET n = n + 1"); err != nil {
				t.Errorf("the next caller: %v", err)
			}
		})
	}
}

// When PostgreSQL answers that it did not commit, each caller is run again alone, and the one at fault is told.
func TestRefusedCommitIsRunAgain(t *testing.T) {
	d := openForTest(t, postgresSchema(t))
	if _, err := d.Exec(t.Context(), "CREATE TABLE pair (k BIGINT UNIQUE DEFERRABLE INITIALLY DEFERRED)"); err != nil {
		t.Fatal(err)
	}
	const callers = 100
	errs := make([]error, callers)
	var all sync.WaitGroup
	for i := range errs {
		all.Go(func() {
			errs[i] = d.Tx(t.Context(), func(ctx context.Context) error {
				for range 1 + i%10/9 { // every tenth of them twice
					if _, err := d.Exec(ctx, "INSERT INTO pair (k) VALUES ($1)", i); err != nil {
						return err
					}
				}
				return nil
			})
		})
	}
	all.Wait()
	for i, err := range errs {
		if bad := i%10 == 9; bad != IsUnique(err) || !bad && err != nil || InDoubt(err) {
			t.Errorf("caller %d: %v", i, err)
		}
	}
	var n int
	if err := d.Row(t.Context(), "SELECT count(*) FROM pair", nil, &n); err != nil || n != callers/10*9 {
		t.Errorf("%d rows, %v", n, err)
	}
}

// PostgreSQL takes COMMIT for ROLLBACK when a statement has failed, also when it failed while its rows were read and
// nobody looked. That is no success.
func TestUndoneCommitIsNoSuccess(t *testing.T) {
	d := openForTest(t, postgresSchema(t))
	if _, err := d.Exec(t.Context(), "CREATE TABLE pair (k BIGINT)"); err != nil {
		t.Fatal(err)
	}
	err := d.Tx(t.Context(), func(ctx context.Context) error {
		if _, err := d.Exec(ctx, "INSERT INTO pair (k) VALUES (1)"); err != nil {
			return err
		}
		rows, err := d.Query(ctx, "SELECT 1 / (n - 2000) FROM generate_series(1, 2000) n")
		if err != nil {
			return err
		}
		for rows.Next() {
		}
		//lint:ignore sqlclosecheck this is what is tested
		_ = rows.Close()
		return nil
	})
	var n int
	if rerr := d.Row(t.Context(), "SELECT count(*) FROM pair", nil, &n); rerr != nil || n != 0 {
		t.Fatal(n, rerr)
	}
	if err == nil || InDoubt(err) {
		t.Errorf("it ended with %v", err)
	}
}

// lostAnswer is what pgx makes of one.
type lostAnswer struct{}

func (lostAnswer) Error() string     { return "conn closed" }
func (lostAnswer) SafeToRetry() bool { return true }

func TestWhatACommitsErrorMeans(t *testing.T) {
	answer := func(severity, code string) error {
		return fmt.Errorf("commit: %w", &pgconn.PgError{Severity: severity, SeverityUnlocalized: severity, Code: code})
	}
	for _, test := range []struct {
		err    error
		undone bool
	}{
		{answer("ERROR", "40001"), true},
		{answer("ERROR", "23505"), true},
		{answer("ERROR", "57014"), true},
		{&pgconn.PgError{Severity: "FEHLER", SeverityUnlocalized: "ERROR", Code: "23505"}, true},
		{&pgconn.PgError{Severity: "ERROR", Code: "23505"}, true}, // of a server that has one severity only
		{errUndone, true},
		{answer("FATAL", "57P01"), false}, // the administrator ends the session, perhaps after the commit
		{answer("PANIC", "XX000"), false},
		{answer("ERROR", "40003"), false},
		{answer("ERROR", "08007"), false},
		{io.ErrUnexpectedEOF, false},
		{lostAnswer{}, false},
		{&net.OpError{Op: "read", Err: errors.New("connection reset by peer")}, false},
	} {
		if got := isUndone(Postgres, test.err); got != test.undone {
			t.Errorf("%v: undone is %v", test.err, got)
		}
	}
}

// Who was served before the database ended hears it, also when he comes late to listen.
func TestServedBeforeTheEnd(t *testing.T) {
	closed := make(chan struct{})
	close(closed)
	for range 100 {
		for _, d := range []*DB{{dead: closed}, {closed: closed}} {
			if err := d.wait(&request{done: closed}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := (&DB{dead: closed}).wait(&request{}); !InDoubt(err) {
		t.Errorf("under way when the disk failed: %v", err)
	}
	if err := (&DB{closed: closed}).wait(&request{}); err == nil || InDoubt(err) {
		t.Errorf("never begun: %v", err)
	}
}
