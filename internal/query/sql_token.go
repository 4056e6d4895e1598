package query

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// tokenCondition is what a test asks of one token, in SQL.
type tokenCondition struct {
	fragment // sql is empty when any token will do, and with isEqual

	equals  string // with isEqual: it asks for this token and no other
	isEqual bool
}

// on returns the condition for a column that is null when there is no token.
func (t tokenCondition) on(column string, d Dialect) fragment {
	switch {
	case t.isEqual:
		sql, args := equalsAny(column, []string{t.equals}, d)
		return fragment{sql: sql, args: args, exact: t.exact, narrow: true}
	case t.sql == "":
		t.sql = column + " IS NOT NULL"
	}
	return t.fragment
}

// onToken returns the condition for a token that stands in a column: whole, or cut as in table. Text tests that consist
// of several tokens are not for here.
func (c compiler) onToken(l leaf, column string, table *TokenTable) tokenCondition {
	s := tokenSQL{column: column, dialect: c.dialect, table: table}
	switch l := l.(type) {
	case Term:
		return s.equal(l.Value)
	case Phrase:
		return s.equal(l.Text)
	case Prefix:
		return s.prefix(l.Value, true)
	case Wildcard:
		return s.wildcard(parsePattern(l.Pattern))
	case Range:
		return s.between(l)
	case Regex:
		return s.regex(l.Pattern)
	case Fuzzy:
		return s.fuzzy(l)
	}
	// Exists. Its rows are few when few documents have the field, and when not, they are the answer.
	return tokenCondition{fragment: fragment{exact: true, narrow: true}}
}

// tokenSQL writes conditions on a column with tokens.
type tokenSQL struct {
	column  string
	dialect Dialect
	table   *TokenTable
}

// cut returns a value as the column holds it, and whether the column holds it in full and no other value looks like it.
func (s tokenSQL) cut(value string) (kept string, whole bool) {
	if s.table == nil || s.table.MaxRunes == 0 {
		return value, true
	}
	return s.table.Cut(value), utf8.RuneCountInString(value) < s.table.MaxRunes
}

func (s tokenSQL) equal(value string) tokenCondition {
	kept, whole := s.cut(value)
	return tokenCondition{fragment: fragment{exact: whole, narrow: true}, equals: kept, isEqual: true}
}

// prefix looks for what begins with value; exact says whether that is all that was asked for.
func (s tokenSQL) prefix(value string, exact bool) tokenCondition {
	f := fragment{exact: exact, narrow: value != ""}
	if s.table != nil {
		kept := s.table.Cut(value)
		f.exact = f.exact && kept == value
		value = kept
	}
	var conditions []string
	if value != "" {
		conditions = append(conditions, s.column+" >= "+placeholder)
		f.args = append(f.args, value)
	}
	if end, ok := afterPrefix(value); ok {
		conditions = append(conditions, s.column+" < "+placeholder)
		f.args = append(f.args, end)
	}
	f.sql = strings.Join(conditions, " AND ")
	return tokenCondition{fragment: f}
}

// afterPrefix returns the least text above everything that begins with prefix; ok is false when there is none. It is
// valid UTF-8, as PostgreSQL demands, so it steps whole code points and over the surrogates.
func afterPrefix(prefix string) (end string, ok bool) {
	const firstSurrogate, afterSurrogates = 0xD800, 0xE000
	for prefix != "" {
		r, size := utf8.DecodeLastRuneInString(prefix)
		prefix = prefix[:len(prefix)-size]
		if r == utf8.MaxRune {
			continue
		}
		r++
		if r == firstSurrogate {
			r = afterSurrogates
		}
		return prefix + string(r), true
	}
	return "", false
}

// between compares bounds as they are cut: a cut token is above a shorter bound exactly when the whole token is.
func (s tokenSQL) between(r Range) tokenCondition {
	f := fragment{exact: true, narrow: true}
	var conditions []string
	add := func(b Bound, strict, weak string) {
		if b.Open {
			return
		}
		kept, whole := s.cut(b.Value)
		f.exact = f.exact && whole
		operator := strict
		if b.Inclusive || !whole {
			operator = weak
		}
		conditions = append(conditions, s.column+operator+placeholder)
		f.args = append(f.args, kept)
	}
	add(r.Low, " > ", " >= ")
	add(r.High, " < ", " <= ")
	f.sql = strings.Join(conditions, " AND ")
	return tokenCondition{fragment: f}
}

func (s tokenSQL) wildcard(p pattern) tokenCondition {
	var text strings.Builder
	operator, special, brackets := " GLOB ", "*?[", true
	if s.dialect == PostgreSQL {
		operator, special, brackets = " LIKE ", `%_\`, false
	}
	for _, r := range p {
		switch {
		case r.any() && !brackets:
			text.WriteByte('%')
		case r.one() && !brackets:
			text.WriteByte('_')
		case r.wild || !strings.ContainsRune(special, r.rune):
			text.WriteRune(r.rune)
		case brackets:
			text.WriteString("[" + string(r.rune) + "]")
		default:
			text.WriteString(`\` + string(r.rune))
		}
	}
	condition := s.prefix(p.prefix(), false)
	// It is never exact, for the matcher looks at the beginning of a field only.
	fits := fragment{sql: s.column + operator + placeholder, args: []any{text.String()}}
	if s.table != nil && s.table.MaxRunes > 0 {
		// The end of a cut token is not known: let it through.
		fits.sql = "(" + fits.sql + " OR length(" + s.column + ") >= " + placeholder + ")"
		fits.args = append(fits.args, s.table.MaxRunes)
	}
	if condition.sql != "" {
		condition.sql += " AND "
	}
	condition.sql += fits.sql
	condition.args = append(condition.args, fits.args...)
	return condition
}

// regex looks for the literal text that every match begins with. It is never exact, as wildcards are not.
func (s tokenSQL) regex(pattern string) tokenCondition {
	prefix, complete := regexPrefix(pattern)
	if complete {
		condition := s.equal(prefix)
		condition.exact = false
		return condition
	}
	return s.prefix(prefix, false)
}

// fuzzy looks for tokens of a fitting length. The lengths are in the index, so that this reads no documents.
func (s tokenSQL) fuzzy(n Fuzzy) tokenCondition {
	runes := utf8.RuneCountInString(n.Value)
	least, most := runes-n.Distance, runes+n.Distance
	f := fragment{sql: "length(" + s.column + ") >= " + placeholder, args: []any{least}}
	if s.table == nil || s.table.MaxRunes == 0 || most < s.table.MaxRunes {
		f.sql += " AND length(" + s.column + ") <= " + placeholder
		f.args = append(f.args, most)
	} else {
		f.args[0] = min(least, s.table.MaxRunes)
	}
	return tokenCondition{fragment: f}
}

// onTime compares a column with microseconds; ok is false when the test looks at the text of the time.
func onTime(l leaf, column string) (f fragment, ok bool) {
	if _, exists := l.(Exists); exists {
		return fragment{sql: column + " IS NOT NULL", exact: true, narrow: true}, true
	}
	p, ok := periodOf(l)
	return fragment{
		sql:  "(" + column + " >= " + placeholder + " AND " + column + " < " + placeholder + ")",
		args: []any{p.start, p.end}, exact: true, narrow: true,
	}, ok
}

// tokenRow is a condition on one row of the token table.
type tokenRow struct {
	field string
	tokenCondition
}

// subquery looks for documents with a row for which one of the conditions holds.
func (c compiler) subquery(rows []tokenRow) fragment {
	t := c.target.Tokens
	f := fragment{exact: true, narrow: true, subqueries: 1}
	is := t.Field + " = " + placeholder
	if t.FieldID != nil {
		is = t.Field + " = " + t.FieldID(placeholder)
	}
	var conditions []string
	add := func(field, sql string, args []any) {
		if sql != "" {
			sql = " AND " + sql
		}
		conditions = append(conditions, "("+is+sql+")")
		f.args = append(append(f.args, field), args...)
	}
	equal := map[string][]string{}
	for _, row := range rows {
		f.exact = f.exact && row.exact
		f.narrow = f.narrow && row.narrow
		if row.isEqual {
			equal[row.field] = append(equal[row.field], row.equals)
		} else {
			add(row.field, row.sql, row.args)
		}
	}
	for _, field := range slices.Sorted(maps.Keys(equal)) {
		tokens := equal[field]
		slices.Sort(tokens)
		sql, args := equalsAny(t.Token, slices.Compact(tokens), c.dialect)
		add(field, sql, args)
	}
	where := balanced(conditions, " OR ")
	if t.Scope != "" {
		where = t.Scope + " AND " + where
	}
	f.sql = c.target.Document + " IN (SELECT " + t.Document + " FROM " + t.Table + " WHERE " + where + ")"
	return f
}

// equalsAny compares a column with one value or a list, which is one argument in any case.
func equalsAny(column string, values []string, d Dialect) (sql string, args []any) {
	switch {
	case len(values) == 1:
		return column + " = " + placeholder, []any{values[0]}
	case d == PostgreSQL:
		return column + " = ANY(" + placeholder + ")", []any{values}
	}
	list, _ := json.Marshal(values) // strings always can be
	return column + " IN (SELECT value FROM json_each(" + placeholder + "))", []any{string(list)}
}
