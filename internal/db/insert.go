package db

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// InsertMany inserts rows into a table with as few statements as the engines take, in order. suffix is appended to each
// statement, for example "ON CONFLICT DO NOTHING"; it may be empty. It returns the number of rows inserted. Every row
// has a value for every column.
func (d *DB) InsertMany(ctx context.Context, table string, columns []string, rows [][]any, suffix string) (total int64, err error) {
	err = d.inChunks(table, columns, rows, suffix, func(text string, args []any) error {
		inserted, err := d.Exec(ctx, text, args...)
		total += inserted
		return err
	})
	return total, err
}

// InsertLater is InsertMany for rows whose number nobody asks for; see [DB.ExecLater]. It belongs into a transaction.
func (d *DB) InsertLater(ctx context.Context, table string, columns []string, rows [][]any, suffix string) error {
	if s := d.session(ctx); s != nil && d.dialect == Postgres && suffix == "" && len(rows) >= minCopied {
		return s.w.copy(table, columns, rows)
	}
	return d.inChunks(table, columns, rows, suffix, func(text string, args []any) error {
		return d.ExecLater(ctx, nil, text, args...)
	})
}

// InsertEach is InsertMany with a RETURNING clause in its suffix: scan gets each row that was inserted, in no particular
// order. It belongs into a transaction.
func (d *DB) InsertEach(ctx context.Context, table string, columns []string, rows [][]any, suffix string, scan func(Row) error) error {
	if err := d.InsertEachLater(ctx, table, columns, rows, suffix, scan); err != nil {
		return err
	}
	return d.session(ctx).w.flush()
}

// InsertEachLater is InsertEach for rows that nobody needs before the transaction has committed; see [DB.ExecLater].
func (d *DB) InsertEachLater(ctx context.Context, table string, columns []string, rows [][]any, suffix string, scan func(Row) error) error {
	return d.inChunks(table, columns, rows, suffix, func(text string, args []any) error {
		if d.dialect == Postgres {
			d.session(ctx).w.queue(text, args).Query(func(rows pgx.Rows) error { return scanEach(rows, scan) })
			return nil
		}
		rows, err := d.Query(ctx, text, args...)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }() // its Err tells what matters
		return scanEach(rows, scan)
	})
}

// Row is a row of an answer.
type Row interface {
	// Scan is that of [sql.Rows].
	Scan(dest ...any) error
}

func scanEach(rows interface {
	Row
	Next() bool
	Err() error
}, scan func(Row) error) error {
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// minCopied is how many rows are worth the round trips of a COPY, which PostgreSQL takes in at less cost than an INSERT.
const minCopied = 1000

// copy inserts rows on PostgreSQL.
func (w *writer) copy(table string, columns []string, rows [][]any) error {
	if err := w.flush(); err != nil {
		return err
	}
	return w.note(w.conn.Raw(func(driver any) error {
		_, err := driver.(*stdlib.Conn).Conn().CopyFrom(context.Background(), pgx.Identifier{table}, columns, pgx.CopyFromRows(rows))
		return err
	}))
}

// inChunks calls run with the text and the parameters of each statement that the rows take, until an error.
func (d *DB) inChunks(table string, columns []string, rows [][]any, suffix string, run func(text string, args []any) error) error {
	for len(rows) > 0 {
		n := chunk(len(rows), len(columns))
		if err := run(d.insertText(table, columns, n, suffix), flatten(rows[:n], len(columns))); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}

// ExecIn runs a statement that ends with the word IN for a list of values, with as few calls as the engines take. args are
// the parameters before the list. check, which may be nil, gets for each call the number of values in it and of rows
// changed; see [DB.ExecLater]. It belongs into a transaction.
func (d *DB) ExecIn(ctx context.Context, check func(values int, changed int64) error, text string, args, values []any) error {
	for len(values) > 0 {
		n := chunk(len(values), 1)
		one := func(changed int64) error {
			if check == nil {
				return nil
			}
			return check(n, changed)
		}
		err := d.ExecLater(ctx, one, text+" ("+Places(len(args)+1, n)+")", slices.Concat(args, values[:n])...)
		if err != nil {
			return err
		}
		values = values[n:]
	}
	return nil
}

func flatten(rows [][]any, columns int) []any {
	args := make([]any, 0, len(rows)*columns)
	for _, row := range rows {
		args = append(args, row...)
	}
	return args
}

// chunk returns how many rows the next statement takes: a power of two, so that few texts are ever prepared.
func chunk(rows, columns int) int {
	const maxParameters = 4096 // PostgreSQL allows 65,535, SQLite 32,766; beyond some thousand nothing is gained
	n := 1
	for n*2 <= rows && n*2*columns <= maxParameters && n < 128 {
		n *= 2
	}
	return n
}

// insertKey is what the text of an INSERT follows from.
type insertKey struct {
	table, columns, suffix string
	rows                   int
}

// insertText is InsertText that remembers: the long ones take longer to write than a row to insert.
func (d *DB) insertText(table string, columns []string, n int, suffix string) string {
	key := insertKey{table, strings.Join(columns, ", "), suffix, n}
	if text, ok := d.inserts.Load(key); ok {
		return text.(string)
	}
	text := InsertText(table, columns, n, suffix)
	d.inserts.Store(key, text)
	return text
}

// Places returns n parameters for a list in brackets, of which the first has the given number: "$3, $4".
func Places(first, n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteByte('$')
		b.WriteString(strconv.Itoa(first + i))
	}
	return b.String()
}

// Filled returns n parameters for such a list of at most n values: the last one again and again, so that one text serves
// lists of every length. There is at least one value.
func Filled(values []string, n int) []any {
	args := make([]any, n)
	for i := range args {
		args[i] = values[min(i, len(values)-1)]
	}
	return args
}

// InsertText returns the text of an INSERT of n rows with $n parameters.
func InsertText(table string, columns []string, n int, suffix string) string {
	var b strings.Builder
	b.WriteString("INSERT INTO " + table + " (" + strings.Join(columns, ", ") + ") VALUES ")
	for i := range n {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString("(" + Places(1+i*len(columns), len(columns)) + ")")
	}
	if suffix != "" {
		b.WriteString(" " + suffix)
	}
	return b.String()
}
