package query

import (
	"slices"
	"strconv"
	"strings"
)

// placeholder stands in a fragment for an argument until the whole condition is known: a fragment may be dropped, and
// PostgreSQL accepts no arguments without use.
const placeholder = "\x00"

// number replaces placeholders by $first, $first+1, ….
func number(sql string, first int) string {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(sql, placeholder)
		b.WriteString(before)
		if !found {
			return b.String()
		}
		b.WriteString("$" + strconv.Itoa(first))
		first++
		sql = after
	}
}

// fragment is a part of the condition. A comparison with null counts as false: AND and OR keep that meaning as long as
// only the outcome "true" is asked for, and NOT is written as IS NOT TRUE.
type fragment struct {
	sql        string
	args       []any
	exact      bool
	narrow     bool // an index leads to the few rows for which it holds
	subqueries int
}

// fits reports whether the fragment keeps to the limits of a condition.
func (f fragment) fits() bool { return f.subqueries <= maxSubqueries && len(f.args) <= maxArgs }

var (
	always = fragment{sql: "TRUE", exact: true}
	never  = fragment{sql: "FALSE", exact: true, narrow: true}
)

// conjoin joins by AND, the most useful first, and drops what would be too much.
func conjoin(parts []fragment) (f fragment, ok bool) {
	slices.SortStableFunc(parts, func(a, b fragment) int {
		switch {
		case a.narrow == b.narrow:
			return 0
		case a.narrow:
			return -1
		}
		return 1
	})
	f.exact = true
	var conditions []string
	for _, part := range parts {
		tooMuch := len(conditions) == maxConjuncts || f.subqueries+part.subqueries > maxSubqueries ||
			len(f.args)+len(part.args) > maxArgs
		if tooMuch {
			f.exact = false
			continue
		}
		conditions = append(conditions, part.sql)
		f.args = append(f.args, part.args...)
		f.exact = f.exact && part.exact
		f.narrow = f.narrow || part.narrow
		f.subqueries += part.subqueries
	}
	f.sql = balanced(conditions, " AND ")
	return f, len(conditions) > 0
}

// disjoin joins by OR. Engines join what indexes say about columns, but not what subqueries say.
func disjoin(parts []fragment) fragment {
	f := fragment{exact: true, narrow: true}
	conditions := make([]string, len(parts))
	for i, part := range parts {
		conditions[i] = part.sql
		f.args = append(f.args, part.args...)
		f.exact = f.exact && part.exact
		f.narrow = f.narrow && part.narrow && part.subqueries == 0
		f.subqueries += part.subqueries
	}
	f.sql = balanced(conditions, " OR ")
	return f
}

// balanced joins conditions as a balanced tree: SQLite limits the depth of an expression, and a plain chain of 1,000 is
// that deep.
func balanced(conditions []string, operator string) string {
	if len(conditions) == 0 {
		return ""
	}
	if len(conditions) == 1 {
		return conditions[0]
	}
	half := len(conditions) / 2
	return "(" + balanced(conditions[:half], operator) + operator + balanced(conditions[half:], operator) + ")"
}
