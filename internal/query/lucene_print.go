package query

import (
	"strconv"
	"strings"
	"unicode"
)

// How tightly a node binds in printed text. A node that binds less tightly than its place asks for gets parentheses.
const (
	bindOr = iota + 1
	bindAnd
	bindNot
	bindBoost
	bindLeaf
)

// printTree returns the canonical text of a tree.
func printTree(n Node) string {
	var b strings.Builder
	write(&b, n, bindOr)
	return b.String()
}

func write(b *strings.Builder, n Node, place int) {
	if binding(n) < place {
		b.WriteByte('(')
		defer b.WriteByte(')')
	}
	switch n := n.(type) {
	case And:
		writeJoined(b, n.Nodes, " AND ", bindNot)
	case Or:
		writeJoined(b, n.Nodes, " OR ", bindAnd)
	case Not:
		b.WriteString("NOT ")
		write(b, n.Node, bindNot)
	case Boost:
		write(b, n.Node, bindLeaf)
		b.WriteString("^" + strconv.FormatFloat(n.Factor, 'f', -1, 64))
	case MatchAll:
		b.WriteString("*:*")
	case leaf:
		writeLeaf(b, n)
	}
}

func binding(n Node) int {
	switch n.(type) {
	case Or:
		return bindOr
	case And:
		return bindAnd
	case Not:
		return bindNot
	case Boost:
		return bindBoost
	}
	return bindLeaf
}

func writeJoined(b *strings.Builder, nodes []Node, operator string, place int) {
	for i, n := range nodes {
		if i > 0 {
			b.WriteString(operator)
		}
		write(b, n, place)
	}
}

func writeLeaf(b *strings.Builder, n leaf) {
	if field := n.field(); field != "" {
		b.WriteString(escape(field) + ":")
	}
	switch n := n.(type) {
	case Term:
		b.WriteString(escape(n.Value))
	case Phrase:
		b.WriteString(quote(n.Text))
		if n.Slop > 0 {
			b.WriteString("~" + strconv.Itoa(n.Slop))
		}
	case Prefix:
		b.WriteString(escape(n.Value) + "*")
	case Wildcard:
		for i, r := range parsePattern(n.Pattern) {
			if r.wild {
				b.WriteRune(r.rune)
			} else {
				writeEscaped(b, r.rune, i == 0)
			}
		}
	case Range:
		writeRange(b, n)
	case Regex:
		b.WriteString("/" + strings.ReplaceAll(n.Pattern, "/", `\/`) + "/")
	case Fuzzy:
		b.WriteString(escape(n.Value) + "~" + strconv.Itoa(n.Distance))
	case Exists:
		b.WriteString("*")
	}
}

func writeRange(b *strings.Builder, n Range) {
	open, closing := "{", "}"
	if n.Low.Inclusive || n.Low.Open {
		open = "["
	}
	if n.High.Inclusive || n.High.Open {
		closing = "]"
	}
	b.WriteString(open + printBound(n.Low) + " TO " + printBound(n.High) + closing)
}

func printBound(bound Bound) string {
	switch {
	case bound.Open:
		return "*"
	case bound.Value == "":
		return `""`
	}
	return escape(bound.Value)
}

// escape writes text so that it is read as one literal word.
func escape(text string) string {
	var b strings.Builder
	switch text {
	case "AND", "OR", "NOT", "TO":
		b.WriteByte('\\')
	}
	for i, r := range text {
		writeEscaped(&b, r, i == 0)
	}
	return b.String()
}

func writeEscaped(b *strings.Builder, r rune, first bool) {
	special := `(){}[]^"~*?:\`
	if first {
		special = `(){}[]^"~*?:\+-&|!/`
	}
	if unicode.IsSpace(r) || strings.ContainsRune(special, r) {
		b.WriteByte('\\')
	}
	b.WriteRune(r)
}

func quote(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
}
