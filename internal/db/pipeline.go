package db

import (
	"context"
	"database/sql"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

// On PostgreSQL each statement that waits for its answer costs a round trip. Statements whose answers nobody needs before
// the end of the transaction are therefore kept back and sent with the first one after them that does need it, or before
// the commit: often one round trip serves the statements of all callers who share the commit.

// ExecLater is Exec for a statement whose answer nobody needs before the end of the transaction. check, which may be nil,
// then gets the number of rows changed, and an error of it undoes the transaction. So does an error of the statement,
// which may be reported by a later statement, or by Tx only. Without a transaction in ctx it is one of its own.
func (d *DB) ExecLater(ctx context.Context, check func(changed int64) error, text string, args ...any) error {
	s := d.session(ctx)
	if s == nil {
		return d.Tx(ctx, func(ctx context.Context) error { return d.ExecLater(ctx, check, text, args...) })
	}
	if d.dialect == Postgres {
		queued := s.w.queue(text, args)
		if check != nil {
			queued.Exec(func(tag pgconn.CommandTag) error { return check(tag.RowsAffected()) })
		}
		return nil
	}
	n, err := s.w.exec(ctx, text, args)
	if err == nil && check != nil {
		err = check(n)
	}
	return err
}

// Insert runs the INSERT of one row into a table with a serial column id and gives the new row's number. It is known once
// the transaction has committed, functions of AfterCommit included; errors are those of ExecLater.
func (d *DB) Insert(ctx context.Context, id *int64, text string, args ...any) error {
	s := d.session(ctx)
	if s == nil {
		return d.Tx(ctx, func(ctx context.Context) error { return d.Insert(ctx, id, text, args...) })
	}
	if d.dialect == Postgres {
		return d.RowLater(ctx, text+" RETURNING id", args, id)
	}
	res, err := s.w.statements.exec(context.WithoutCancel(ctx), text, args)
	if err != nil {
		return s.w.note(err)
	}
	*id, err = res.LastInsertId()
	return err
}

// RowLater is Row for a query whose row is certain to be there, and not needed before the transaction has committed. No row
// undoes the transaction; errors are those of ExecLater. It belongs into a transaction.
func (d *DB) RowLater(ctx context.Context, text string, args []any, dest ...any) error {
	s := d.session(ctx)
	if s == nil || d.dialect != Postgres {
		return d.Row(ctx, text, args, dest...)
	}
	s.w.queue(text, args).QueryRow(func(row pgx.Row) error { return row.Scan(dest...) })
	return nil
}

// exec runs a statement and returns the number of rows it changed.
func (w *writer) exec(ctx context.Context, text string, args []any) (changed int64, err error) {
	if w.d.dialect == Postgres {
		w.queue(text, args).Exec(func(tag pgconn.CommandTag) error {
			changed = tag.RowsAffected()
			return nil
		})
		err = w.flush()
		return changed, err
	}
	res, err := w.statements.exec(context.WithoutCancel(ctx), text, args)
	if err != nil {
		return 0, w.note(err)
	}
	return res.RowsAffected()
}

// row runs a query for at most one row on PostgreSQL; see [DB.Row].
func (w *writer) row(text string, args, dest []any) error {
	none := false
	w.queue(text, args).QueryRow(func(row pgx.Row) error {
		err := row.Scan(dest...)
		if none = errors.Is(err, pgx.ErrNoRows); none {
			return nil // which is an answer, and spoils nothing
		}
		return err
	})
	if err := w.flush(); err != nil {
		return err
	}
	if none {
		return sql.ErrNoRows
	}
	return nil
}

// queue keeps a statement back until flush.
func (w *writer) queue(text string, args []any) *pgx.QueuedQuery {
	if w.pending == nil {
		w.pending = &pgx.Batch{}
	}
	return w.pending.Queue(text, args...)
}

// flush sends what was kept back and reads the answers. An error may be that of an earlier request of the transaction.
func (w *writer) flush() error {
	batch := w.pending
	if batch == nil {
		return nil
	}
	w.pending = nil
	return w.note(w.conn.Raw(func(driver any) error {
		return driver.(*stdlib.Conn).Conn().SendBatch(context.Background(), batch).Close()
	}))
}
