package db

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"indaba/internal/core"
)

var (
	// errDoubt is in the chain of every error that leaves it open whether a transaction was made.
	errDoubt = errors.New("the answer to the commit was lost")
	// errUndone says that PostgreSQL ended a transaction in which a statement had failed, when it was told to commit.
	errUndone = errors.New("a statement of the transaction failed, and PostgreSQL undid all of it")
)

// InDoubt reports that nobody knows whether a transaction was made: the database was told to commit, and its answer was
// lost. Who runs it again may do everything twice.
func InDoubt(err error) bool { return errors.Is(err, errDoubt) }

// doubt makes the error that the callers get whose commit nobody has confirmed, of what was the matter. They are not run
// again. What they have made, if they have, nobody was told of: whoever keeps something in memory is made to look.
func (w *writer) doubt(cause error) error {
	w.d.changes.tell()
	err := &core.Error{Kind: core.Unavailable, Message: "the connection to the database was lost during the commit: it is not known " +
		"whether the change was made. Look before you try again", Cause: fmt.Errorf("%w: %v", errDoubt, cause)}
	w.d.pulse.failed(err)
	return err
}

// sayCommit commits.
func (w *writer) sayCommit(ctx context.Context) error {
	if w.d.dialect == SQLite {
		return w.run1(ctx, "COMMIT")
	}
	return w.conn.Raw(func(driver any) error {
		tag, err := driver.(*stdlib.Conn).Conn().Exec(ctx, "COMMIT")
		if err == nil && tag.String() == "ROLLBACK" {
			err = errUndone
		}
		return err
	})
}

// isUndone reports that a commit that failed has made nothing, for certain, because PostgreSQL says so. That nothing was
// sent is no error's word to take: pgx says it of answers that were lost, too. SQLite always says what it did, but for what
// [isFatal] tells.
func isUndone(dialect Dialect, err error) bool {
	if dialect == SQLite || errors.Is(err, errUndone) {
		return true
	}
	answer, ok := errors.AsType[*pgconn.PgError](err)
	if !ok || answer.Severity != "ERROR" && answer.SeverityUnlocalized != "ERROR" {
		return false // such as the end of the session, which may come after the commit and before the word of it
	}
	// Connection exceptions, and statement completion unknown, are what those say who stand between PostgreSQL and us.
	return !strings.HasPrefix(answer.Code, "08") && answer.Code != "40003"
}
