package query

// Node is one node of a filter tree: an operator ([And], [Or], [Not], [Boost]), [MatchAll], or a test of one field
// ([Term], [Phrase], [Prefix], [Wildcard], [Range], [Regex], [Fuzzy], [Exists]). The Field of a test is empty when the
// schema's default fields are meant: then it holds when it holds for one of them.
type Node interface{ isNode() }

// And holds when all of Nodes hold.
type And struct{ Nodes []Node }

// Or holds when one of Nodes holds. Without nodes it never does: that is the empty query.
type Or struct{ Nodes []Node }

// Not holds when Node does not, also when the field it asks for has no value.
type Not struct{ Node Node }

// Boost holds when Node holds. Factor ranked results in Lucene; here it is only printed again.
type Boost struct {
	Node   Node
	Factor float64
}

// MatchAll always holds.
type MatchAll struct{}

// Term asks for a value, which is analysed like the field: several tokens in a [Text] field make a phrase.
type Term struct{ Field, Value string }

// Phrase asks for consecutive tokens of a [Text] field, or for a whole [Keyword] or [Time] value. With Slop, each token
// may stand up to that many positions off, relative to the others: 2 is what lets two neighbours change places.
type Phrase struct {
	Field, Text string
	Slop        int
}

// Prefix asks for a token that begins with Value, which is never empty.
type Prefix struct{ Field, Value string }

// Wildcard asks for a whole token that fits Pattern: * stands for any runes or none, ? for exactly one, and a backslash
// makes the next rune literal.
type Wildcard struct{ Field, Pattern string }

// Range asks for a token between two ends. At least one end is not open.
type Range struct {
	Field     string
	Low, High Bound
}

// Bound is one end of a [Range]. When Open, the other fields are zero.
type Bound struct {
	Value     string
	Inclusive bool
	Open      bool
}

// Regex asks for a token that matches Pattern (RE2 syntax) from beginning to end.
type Regex struct{ Field, Pattern string }

// Fuzzy asks for a token at most Distance edits (1 or 2) away from Value, where an edit inserts, deletes or replaces a
// rune, or swaps two neighbours.
type Fuzzy struct {
	Field, Value string
	Distance     int
}

// Exists asks for any token: an empty text has none, an empty keyword is one.
type Exists struct{ Field string }

func (And) isNode()      {}
func (Or) isNode()       {}
func (Not) isNode()      {}
func (Boost) isNode()    {}
func (MatchAll) isNode() {}
func (Term) isNode()     {}
func (Phrase) isNode()   {}
func (Prefix) isNode()   {}
func (Wildcard) isNode() {}
func (Range) isNode()    {}
func (Regex) isNode()    {}
func (Fuzzy) isNode()    {}
func (Exists) isNode()   {}

// leaf is a node that tests one field, or the default fields.
type leaf interface {
	Node
	field() string
}

func (n Term) field() string     { return n.Field }
func (n Phrase) field() string   { return n.Field }
func (n Prefix) field() string   { return n.Field }
func (n Wildcard) field() string { return n.Field }
func (n Range) field() string    { return n.Field }
func (n Regex) field() string    { return n.Field }
func (n Fuzzy) field() string    { return n.Field }
func (n Exists) field() string   { return n.Field }

// and joins nodes without nesting one And in another, and without an And of one.
func and(nodes ...Node) Node {
	var flat []Node
	for _, n := range nodes {
		if inner, ok := n.(And); ok {
			flat = append(flat, inner.Nodes...)
		} else {
			flat = append(flat, n)
		}
	}
	if len(flat) == 1 {
		return flat[0]
	}
	return And{flat}
}

// or is to Or what and is to And.
func or(nodes ...Node) Node {
	var flat []Node
	for _, n := range nodes {
		if inner, ok := n.(Or); ok {
			flat = append(flat, inner.Nodes...)
		} else {
			flat = append(flat, n)
		}
	}
	if len(flat) == 1 {
		return flat[0]
	}
	return Or{flat}
}

// not negates n; a double negation is none.
func not(n Node) Node {
	if inner, ok := n.(Not); ok {
		return inner.Node
	}
	return Not{n}
}
