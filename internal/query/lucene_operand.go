package query

import (
	"math"
	"regexp/syntax"
	"strconv"
	"strings"
	"unicode/utf8"
)

// enclosed reads an operand that shows its own end: a group, phrase, range or regular expression. what says what else
// could have stood here.
func (p *parser) enclosed(field, what string) (Node, error) {
	switch p.peek() {
	case '(':
		return p.group(field)
	case '"':
		return p.phrase(field)
	case '[', '{':
		return p.rangeTest(field)
	case '/':
		return p.regexTest(field)
	}
	return nil, p.expected(p.pos, what)
}

// group reads a sequence in parentheses.
func (p *parser) group(field string) (Node, error) {
	open := p.pos
	if p.depth++; p.depth > MaxDepth {
		return nil, p.refuse(open, "parentheses are nested more than %d deep", MaxDepth)
	}
	p.next()
	n, err := p.sequence(field)
	if err != nil {
		return nil, err
	}
	if !p.take(")") {
		return nil, p.refuse(open, "this parenthesis is never closed")
	}
	p.depth--
	return p.suffixes(n, open)
}

func (p *parser) phrase(field string) (Node, error) {
	start := p.pos
	text, err := p.quoted()
	if err != nil {
		return nil, err
	}
	if err := p.checkTokens(text, start); err != nil {
		return nil, err
	}
	n := Phrase{Field: field, Text: text}
	if p.take("~") {
		at := p.pos
		if digits := p.number(); digits != "" {
			n.Slop, err = strconv.Atoi(digits)
			if err != nil || n.Slop > maxSlop {
				return nil, p.expected(at, "a whole number of positions, at most "+strconv.Itoa(maxSlop))
			}
		}
	}
	return p.test(n, start)
}

// checkTokens limits the work of matching a phrase.
func (p *parser) checkTokens(text string, start int) error {
	tokens := 0
	for range strings.FieldsSeq(text) {
		tokens++
	}
	if tokens > MaxPhraseTokens {
		return p.refuse(start, "a phrase has at most %d words", MaxPhraseTokens)
	}
	return nil
}

func (p *parser) rangeTest(field string) (Node, error) {
	start := p.pos
	n := Range{Field: field}
	var err error
	inclusive := p.next() == '['
	if n.Low, err = p.bound(inclusive); err != nil {
		return nil, err
	}
	p.space()
	toStart := p.pos
	if to, err := p.word(boundStops); err != nil || !to.is("TO") {
		return nil, p.expected(toStart, "TO between the ends of a range")
	}
	if n.High, err = p.bound(false); err != nil {
		return nil, err
	}
	p.space()
	switch {
	case p.take("]"):
		n.High.Inclusive = !n.High.Open
	case !p.take("}"):
		return nil, p.expected(p.pos, "] or } at the end of a range")
	}
	switch {
	case !n.Low.Open || !n.High.Open:
		return p.test(n, start)
	case field == "":
		return p.suffixes(MatchAll{}, start)
	default:
		return p.test(Exists{field}, start)
	}
}

func (p *parser) bound(inclusive bool) (Bound, error) {
	p.space()
	start := p.pos
	if p.peek() == '"' {
		text, err := p.quoted()
		return Bound{Value: text, Inclusive: inclusive}, err
	}
	w, err := p.word(boundStops)
	switch {
	case err != nil:
		return Bound{}, err
	case w.literal == "", w.is("TO"):
		return Bound{}, p.expected(start, "an end of the range, or * for none")
	case w.is("*"):
		return Bound{Open: true}, nil
	}
	return Bound{Value: w.literal, Inclusive: inclusive}, nil
}

func (p *parser) regexTest(field string) (Node, error) {
	start := p.pos
	pattern, err := p.regex()
	if err != nil {
		return nil, err
	}
	if err := p.checkPattern(pattern, start); err != nil {
		return nil, err
	}
	if _, err := syntax.Parse(pattern, syntax.Perl); err != nil {
		return nil, p.refuseRegex(start, err)
	}
	// What it costs is looked at first, for compiling costs memory.
	n, err := p.test(Regex{field, pattern}, start)
	if err != nil {
		return nil, err
	}
	if _, err := compileRegex(pattern); err != nil {
		return nil, p.refuseRegex(start, err)
	}
	return n, nil
}

func (p *parser) refuseRegex(start int, err error) error {
	return p.refuse(start, "this is no usable regular expression (RE2 syntax): %v", err)
}

func (p *parser) checkPattern(pattern string, start int) error {
	if len(pattern) > MaxPatternBytes {
		return p.refuse(start, "a pattern has at most %d bytes", MaxPatternBytes)
	}
	return nil
}

// wordTest makes a test of a word that has just been read.
func (p *parser) wordTest(field string, w word, start int) (Node, error) {
	fuzzy := p.peek() == '~'
	if fuzzy || w.wildcard {
		if err := p.checkPattern(w.pattern, start); err != nil {
			return nil, err
		}
	} else if err := p.checkTokens(w.literal, start); err != nil {
		return nil, err
	}
	switch {
	case fuzzy && w.wildcard:
		return nil, p.refuse(start, "a fuzzy term has no wildcards")
	case fuzzy:
		return p.fuzzyTest(field, w.literal, start)
	case !w.wildcard:
		return p.test(Term{field, w.literal}, start)
	case w.pattern == "*" && field == "":
		return p.suffixes(MatchAll{}, start)
	case w.pattern == "*":
		return p.test(Exists{field}, start)
	}
	if value, ok := parsePattern(w.pattern).prefixOnly(); ok {
		return p.test(Prefix{field, value}, start)
	}
	return p.test(Wildcard{field, w.pattern}, start)
}

// fuzzyTest reads "~", "~1" or the older "~0.8", a similarity that stands for edits in proportion to the length.
func (p *parser) fuzzyTest(field, value string, start int) (Node, error) {
	const most = 2
	p.take("~")
	at := p.pos
	edits := most
	if digits := p.number(); digits != "" {
		n, err := strconv.ParseFloat(digits, 64)
		switch {
		case err != nil, n > 1 && n != math.Trunc(n):
			return nil, p.refuse(at, "a fuzzy term allows a whole number of edits, or has a similarity between 0 and 1")
		case n > 0 && n < 1:
			const rounding = 1e-9 // 0.8 of 5 is one edit, not 0.99999
			edits = int((1-n)*float64(utf8.RuneCountInString(value)) + rounding)
		default:
			edits = int(min(n, most))
		}
	}
	if edits == 0 {
		return p.test(Term{field, value}, start)
	}
	return p.test(Fuzzy{field, value, min(edits, most)}, start)
}

// test counts a test of a field and what it costs, and reads what may follow it.
func (p *parser) test(n leaf, start int) (Node, error) {
	if n.field() == "" && len(p.schema.Default) == 0 {
		return nil, p.refuse(start, "a field is needed here, as in field:value")
	}
	if p.clauses++; p.clauses > MaxClauses {
		return nil, p.refuse(start, "a query has at most %d terms", MaxClauses)
	}
	if p.cost += p.schema.cost(n); p.cost > MaxCost {
		return nil, p.refuse(start, "up to here the query takes %d steps to match, at most %d are allowed: use fewer or "+
			"simpler regular expressions, wildcards, fuzzy terms and phrases", p.cost, MaxCost)
	}
	return p.suffixes(n, start)
}

// suffixes reads a boost.
func (p *parser) suffixes(n Node, start int) (Node, error) {
	if p.peek() == '~' {
		return nil, p.refuse(start, "~ goes with a single word or phrase only, and before a boost")
	}
	if !p.take("^") {
		return n, nil
	}
	at := p.pos
	factor, err := strconv.ParseFloat(p.number(), 64)
	if err != nil {
		return nil, p.expected(at, "a boost, as in ^2 or ^0.5")
	}
	return Boost{n, factor}, nil
}
