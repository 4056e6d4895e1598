package query

import (
	"strings"
	"unicode/utf8"

	"indaba/internal/core"
)

// What a query may ask for at most, besides [MaxCost]. Anything beyond is an error of kind core.Invalid.
const (
	MaxBytes        = 128 << 10 // of text
	MaxDepth        = 64        // of nested parentheses
	MaxClauses      = 4096      // tests of a field
	MaxPatternBytes = 1024      // of one prefix, wildcard, fuzzy term or regular expression
	MaxPhraseTokens = 256       // of one phrase
	maxFieldBytes   = 256
	maxSlop         = 1_000_000
)

// Parse reads Lucene query text; the package comment describes the language. An error has kind core.Invalid, and its
// message gives the character (counted from 1) where the text is wrong and what was expected there.
func Parse(text string, schema Schema) (*Query, error) {
	if len(text) > MaxBytes {
		return nil, core.Errorf(core.Invalid, "the query has %d bytes, at most %d are allowed", len(text), MaxBytes)
	}
	return parse(text, schema)
}

func parse(text string, schema Schema) (*Query, error) {
	if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
		return nil, core.Errorf(core.Invalid, "the query is not valid UTF-8 text, or holds a NUL character")
	}
	p := parser{scanner: scanner{text: text}, schema: schema}
	p.space()
	if p.peek() == eof {
		return newQuery(Or{}, schema, 0)
	}
	root, err := p.sequence("")
	if err != nil {
		return nil, err
	}
	if p.peek() != eof {
		return nil, p.refuse(p.pos, "this parenthesis closes nothing")
	}
	return newQuery(root, schema, p.cost)
}

// parser is a recursive descent over
//
//	sequence    = conjunction { ["OR"] conjunction }
//	conjunction = clause { "AND" clause }
//	clause      = { "NOT" | "-" } operand | "+" operand
//	operand     = [ field ":" ] ( "(" sequence ")" | phrase | range | regex | word ) [ "~" [number] ] [ "^" number ]
type parser struct {
	scanner
	schema  Schema
	depth   int
	clauses int
	cost    int
}

// clause is one member of a sequence with the sign before it.
type clause struct {
	node     Node
	required bool
	excluded bool
	besideOr bool // has a written OR before or after it
}

// signed returns the clause as it counts in a conjunction.
func (c clause) signed() Node {
	if c.excluded {
		return not(c.node)
	}
	return c.node
}

// sequence reads up to the end of the query or a closing parenthesis. Words without a field mean the given one.
func (p *parser) sequence(field string) (Node, error) {
	var clauses []clause
	for {
		isOr := p.takeOperator("OR", "||")
		p.space()
		if r := p.peek(); (r == eof || r == ')') && !isOr && len(clauses) > 0 {
			return combine(clauses), nil
		}
		if isOr && len(clauses) == 0 {
			return nil, p.expected(p.pos, "something before OR")
		}
		c, err := p.conjunction(field)
		if err != nil {
			return nil, err
		}
		if isOr {
			clauses[len(clauses)-1].besideOr, c.besideOr = true, true
		}
		clauses = append(clauses, c)
	}
}

// combine makes one node of neighbours: what is required, or else the alternatives, without what is excluded.
func combine(clauses []clause) Node {
	var required, alternatives, excluded []Node
	for _, c := range clauses {
		switch {
		case c.required:
			required = append(required, c.node)
		case c.excluded && !c.besideOr:
			excluded = append(excluded, c.signed())
		default:
			alternatives = append(alternatives, c.signed())
		}
	}
	if len(required) == 0 && len(alternatives) > 0 {
		required = []Node{or(alternatives...)}
	}
	return and(append(required, excluded...)...)
}

// conjunction reads clauses joined by AND. A lone clause keeps its sign for the sequence around it.
func (p *parser) conjunction(field string) (clause, error) {
	first, err := p.clause(field)
	if err != nil || !p.takeOperator("AND", "&&") {
		return first, err
	}
	nodes := []Node{first.signed()}
	for {
		c, err := p.clause(field)
		if err != nil {
			return clause{}, err
		}
		nodes = append(nodes, c.signed())
		if !p.takeOperator("AND", "&&") {
			return clause{node: and(nodes...)}, nil
		}
	}
}

func (p *parser) clause(field string) (clause, error) {
	var c clause
	p.space()
	if p.take("+") {
		c.required = true
	} else {
		for p.takeOperator("NOT", "!") || p.take("-") {
			c.excluded = !c.excluded
		}
	}
	var err error
	c.node, err = p.operand(field)
	return c, err
}

// operand reads one test or group, with or without a field before it.
func (p *parser) operand(field string) (Node, error) {
	p.space()
	start := p.pos
	if !p.atWord(wordStops + "+-") {
		return p.enclosed(field, "a term, a phrase or a group")
	}
	w, err := p.word(wordStops)
	if err != nil {
		return nil, err
	}
	end := p.pos
	p.space()
	if !p.take(":") {
		p.pos = end
		return p.wordTest(field, w, start)
	}
	if w.is("*") {
		if !p.take("*") {
			return nil, p.refuse(start, `"*:" goes with "*" only, which matches everything`)
		}
		return p.suffixes(MatchAll{}, start)
	}
	if err := p.checkField(w, start); err != nil {
		return nil, err
	}
	return p.fieldValue(w.literal)
}

// fieldValue reads what stands after "field:", where a word may hold colons and begin with a sign.
func (p *parser) fieldValue(field string) (Node, error) {
	p.space()
	start := p.pos
	if !p.atWord(valueStops) {
		return p.enclosed(field, "a value after the colon")
	}
	w, err := p.word(valueStops)
	if err != nil {
		return nil, err
	}
	if w.is("+") || w.is("-") {
		return nil, p.expected(start, "a value after the colon (signs go before the field)")
	}
	return p.wordTest(field, w, start)
}

// checkField refuses a name that is no field of the schema.
func (p *parser) checkField(w word, start int) error {
	switch {
	case w.wildcard:
		return p.refuse(start, "a field name has no wildcards")
	case len(w.literal) > maxFieldBytes:
		return p.refuse(start, "a field name has at most %d bytes", maxFieldBytes)
	}
	if _, known := p.schema.Kind(w.literal); !known && !p.schema.AllowUnknown {
		return p.refuse(start, "there is no field %q", w.literal)
	}
	return nil
}

// atWord reports whether a word comes next: none of stops, no operator, no regular expression.
func (p *parser) atWord(stops string) bool {
	r := p.peek()
	if r == eof || r == '/' || strings.ContainsRune(stops, r) {
		return false
	}
	ahead := p.scanner
	return !ahead.takeOperator("AND", "&&") && !ahead.takeOperator("OR", "||") && !ahead.takeOperator("NOT", "!")
}
