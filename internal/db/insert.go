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
func (d *DB) InsertMany(ctx context.Context, table string, columns []string, rows [][]any, suffix string) (int64, error) {
	var total int64
	for len(rows) > 0 {
		n := chunk(len(rows), len(columns))
		inserted, err := d.Exec(ctx, d.insertText(table, columns, n, suffix), flatten(rows[:n], len(columns))...)
		if err != nil {
			return total, err
		}
		total += inserted
		rows = rows[n:]
	}
	return total, nil
}

// InsertLater is InsertMany for rows whose number nobody asks for; see [DB.ExecLater]. It belongs into a transaction.
func (d *DB) InsertLater(ctx context.Context, table string, columns []string, rows [][]any, suffix string) error {
	for len(rows) > 0 {
		n := chunk(len(rows), len(columns))
		if err := d.ExecLater(ctx, nil, d.insertText(table, columns, n, suffix), flatten(rows[:n], len(columns))...); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}

// InsertEach is InsertMany with a RETURNING clause in its suffix: scan gets each row that was inserted, in no particular
// order. It belongs into a transaction.
func (d *DB) InsertEach(ctx context.Context, table string, columns []string, rows [][]any, suffix string,
	scan func(*sql.Rows) error) error {
	for len(rows) > 0 {
		n := chunk(len(rows), len(columns))
		if err := d.each(ctx, scan, d.insertText(table, columns, n, suffix), flatten(rows[:n], len(columns))...); err != nil {
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

// InsertText returns the text of an INSERT of n rows with $n parameters.
func InsertText(table string, columns []string, n int, suffix string) string {
	var b strings.Builder
	b.WriteString("INSERT INTO " + table + " (" + strings.Join(columns, ", ") + ") VALUES ")
	p := 1
	for i := range n {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteByte('(')
		for j := range columns {
			if j > 0 {
				b.WriteString(", ")
			}
			b.WriteByte('$')
			b.WriteString(strconv.Itoa(p))
			p++
		}
		b.WriteByte(')')
	}
	if suffix != "" {
		b.WriteString(" " + suffix)
	}
	return b.String()
}
