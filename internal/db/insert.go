package db

import (
	"context"
	"database/sql"
	"strconv"
	"strings"
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
	return d.inChunks(table, columns, rows, suffix, func(text string, args []any) error {
		return d.ExecLater(ctx, nil, text, args...)
	})
}

// InsertEach is InsertMany with a RETURNING clause in its suffix: scan gets each row that was inserted, in no particular
// order. It belongs into a transaction.
func (d *DB) InsertEach(ctx context.Context, table string, columns []string, rows [][]any, suffix string,
	scan func(*sql.Rows) error) error {
	return d.inChunks(table, columns, rows, suffix, func(text string, args []any) error {
		return d.each(ctx, scan, text, args...)
	})
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

func (d *DB) each(ctx context.Context, scan func(*sql.Rows) error, text string, args ...any) error {
	rows, err := d.Query(ctx, text, args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // Err below tells what matters
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
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
