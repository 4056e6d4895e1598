package db

import (
	"context"
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
		args := make([]any, 0, n*len(columns))
		for _, row := range rows[:n] {
			args = append(args, row...)
		}
		inserted, err := d.Exec(ctx, InsertText(table, columns, n, suffix), args...)
		if err != nil {
			return total, err
		}
		total += inserted
		rows = rows[n:]
	}
	return total, nil
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
