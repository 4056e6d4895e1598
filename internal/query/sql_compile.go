package query

import (
	"slices"
	"strings"
)

// compiler turns nodes into fragments.
type compiler struct {
	schema  Schema
	target  Target
	dialect Dialect
}

// compile returns a condition that holds wherever the node does; ok is false when there is none better than TRUE.
func (c compiler) compile(n Node) (f fragment, ok bool) {
	switch n := n.(type) {
	case And:
		parts := make([]fragment, 0, len(n.Nodes))
		for _, child := range n.Nodes {
			if part, ok := c.compile(child); ok {
				parts = append(parts, part)
			}
		}
		f, ok = conjoin(parts)
		f.exact = f.exact && len(parts) == len(n.Nodes)
		return f, ok
	case Or:
		return c.alternatives(n.Nodes)
	case Not:
		f, ok = c.compile(n.Node)
		if !ok || !f.exact {
			return fragment{}, false // what lies outside a superset is not all that lies outside
		}
		f.sql, f.narrow = "("+f.sql+") IS NOT TRUE", false
		return f, true
	case Boost:
		return c.compile(n.Node)
	case MatchAll:
		return always, true
	}
	return c.alternatives([]Node{n})
}

// alternatives joins by OR. Without a condition for each alternative there is none at all.
func (c compiler) alternatives(nodes []Node) (fragment, bool) {
	var parts []fragment
	var rows []tokenRow
	for _, n := range nodes {
		if l, isLeaf := unboosted(n).(leaf); isLeaf {
			leafParts, leafRows, ok := c.leaf(l, len(nodes) > 1)
			if !ok {
				return fragment{}, false
			}
			parts, rows = append(parts, leafParts...), append(rows, leafRows...)
			continue
		}
		part, ok := c.compile(n)
		if !ok {
			return fragment{}, false
		}
		parts = append(parts, part)
	}
	if len(rows) > 0 {
		// One subquery for all: an engine answers it from the index, where for several it would read the whole table.
		parts = append(parts, c.subquery(rows))
	}
	switch len(parts) {
	case 0:
		return never, true
	case 1:
		return parts[0], parts[0].fits()
	}
	return c.led(disjoin(parts), nodes)
}

// led puts before alternatives a condition that follows from them and that one subquery can answer: engines use no
// index for "(in A and in B) or (in C and in D)", but they do for "in A or C".
func (c compiler) led(f fragment, nodes []Node) (fragment, bool) {
	if f.narrow {
		return f, f.fits()
	}
	rows, ok := c.lead(Or{nodes})
	if !ok || len(rows) == 0 {
		return f, f.fits()
	}
	lead := c.subquery(rows)
	if both, _ := conjoin([]fragment{lead, f}); both.fits() && f.fits() {
		both.exact = f.exact
		return both, true
	}
	lead.exact = false
	return lead, lead.fits()
}

// lead returns conditions on rows of the token table, one of which holds for every document for which the node holds.
// There are none when there is no such document; ok is false when no few rows can tell.
func (c compiler) lead(n Node) (rows []tokenRow, ok bool) {
	switch n := unboosted(n).(type) {
	case Or:
		for _, child := range n.Nodes {
			more, ok := c.lead(child)
			if !ok {
				return nil, false
			}
			rows = append(rows, more...)
		}
		return rows, true
	case And:
		for _, child := range n.Nodes {
			if found, isLead := c.lead(child); isLead && (!ok || len(found) < len(rows)) {
				rows, ok = found, true
			}
		}
		return rows, ok
	case leaf:
		return c.leafLead(n)
	}
	return nil, false
}

func (c compiler) leafLead(l leaf) (rows []tokenRow, ok bool) {
	for _, field := range c.schema.fieldsOf(l) {
		kind, known := c.schema.Kind(field)
		if !known {
			continue
		}
		if !c.hasTokens(field, kind) {
			return nil, false
		}
		wanted := l
		if text, _, isPhrase := phraseOf(l); isPhrase && kind == Text {
			tokens := strings.Fields(text)
			if len(tokens) == 0 {
				continue
			}
			// The longest word of a phrase is likely the rarest.
			longest := slices.MaxFunc(tokens, func(a, b string) int { return len(a) - len(b) })
			wanted = Term{field, longest}
		}
		row := tokenRow{field, c.onToken(wanted, c.target.Tokens.Token, c.target.Tokens)}
		if !row.narrow {
			return nil, false
		}
		rows = append(rows, row)
	}
	return rows, true
}

func unboosted(n Node) Node {
	for {
		boost, ok := n.(Boost)
		if !ok {
			return n
		}
		n = boost.Node
	}
}

// leaf returns a condition for each field that a test looks at, or for rows of the token table. besideOthers says that
// there are other alternatives, for which it is better to stay with the token table.
func (c compiler) leaf(l leaf, besideOthers bool) (parts []fragment, rows []tokenRow, ok bool) {
	fields := c.schema.fieldsOf(l)
	for _, field := range fields {
		kind, known := c.schema.Kind(field)
		if !known {
			continue // no document has a value
		}
		column, hasColumn := c.target.Columns[field]
		hasColumn = hasColumn && kind != Text
		switch {
		case c.hasTokens(field, kind) && (!hasColumn || besideOthers || len(fields) > 1):
			fieldParts, fieldRows := c.inTokens(l, field, kind)
			parts, rows = append(parts, fieldParts...), append(rows, fieldRows...)
		case !hasColumn:
			return nil, nil, false
		case kind == Time:
			part, ok := onTime(l, column)
			if !ok {
				return nil, nil, false
			}
			parts = append(parts, c.scoped(part))
		default:
			parts = append(parts, c.scoped(c.onToken(l, column, nil).on(column, c.dialect)))
		}
	}
	return parts, rows, true
}

// scoped puts the scope of columns before a condition on one.
func (c compiler) scoped(f fragment) fragment {
	if c.target.Scope != "" {
		f.sql = "(" + c.target.Scope + " AND " + f.sql + ")"
	}
	return f
}

func (c compiler) hasTokens(field string, kind Kind) bool {
	t := c.target.Tokens
	return t != nil && kind != Time && (t.Has == nil || t.Has(field))
}

// inTokens looks a test up in the token table: as a condition on one row, or on documents.
func (c compiler) inTokens(l leaf, field string, kind Kind) ([]fragment, []tokenRow) {
	row := func(l leaf) []tokenRow {
		return []tokenRow{{field, c.onToken(l, c.target.Tokens.Token, c.target.Tokens)}}
	}
	text, _, isPhrase := phraseOf(l)
	if !isPhrase || kind != Text {
		return nil, row(l)
	}
	tokens := strings.Fields(text)
	switch len(tokens) {
	case 0:
		return []fragment{never}, nil
	case 1:
		return nil, row(Term{field, tokens[0]})
	}
	slices.Sort(tokens)
	var parts []fragment
	for _, token := range slices.Compact(tokens) {
		parts = append(parts, c.subquery(row(Term{field, token})))
	}
	all, _ := conjoin(parts)
	all.exact = false // the tokens need not be next to each other
	return []fragment{all}, nil
}
