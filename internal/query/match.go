package query

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode"
)

// Document is what a query is matched against.
type Document interface {
	// Values returns the values of a field: none when the field is missing or null, several when it is a list. Time
	// fields are given as text. The slice is not kept and not changed.
	Values(field string) []string
}

// Match reports whether the document satisfies the query.
func (q *Query) Match(document Document) bool { return q.match(document) }

// predicate decides a node for a document, valueTest a leaf for one value of a field.
type (
	predicate func(Document) bool
	valueTest func(value string) bool
)

// predicate prepares a tree for matching.
func (s Schema) predicate(n Node) (predicate, error) {
	switch n := n.(type) {
	case And:
		tests, err := s.predicates(n.Nodes)
		return func(d Document) bool {
			for _, test := range tests {
				if !test(d) {
					return false
				}
			}
			return true
		}, err
	case Or:
		tests, err := s.predicates(n.Nodes)
		return func(d Document) bool {
			for _, test := range tests {
				if test(d) {
					return true
				}
			}
			return false
		}, err
	case Not:
		test, err := s.predicate(n.Node)
		return func(d Document) bool { return !test(d) }, err
	case Boost:
		return s.predicate(n.Node)
	case MatchAll:
		return func(Document) bool { return true }, nil
	case leaf:
		return s.leafPredicate(n)
	}
	return nil, fmt.Errorf("a filter tree cannot hold a %T", n)
}

func (s Schema) predicates(nodes []Node) ([]predicate, error) {
	tests := make([]predicate, len(nodes))
	for i, n := range nodes {
		var err error
		if tests[i], err = s.predicate(n); err != nil {
			return nil, err
		}
	}
	return tests, nil
}

// leafPredicate tests the values of each field that the leaf looks at.
func (s Schema) leafPredicate(l leaf) (predicate, error) {
	type fieldTest struct {
		field string
		test  valueTest
	}
	var tests []fieldTest
	for _, field := range s.fieldsOf(l) {
		kind, known := s.Kind(field)
		if !known {
			continue
		}
		test, err := newValueTest(l, kind)
		if err != nil {
			return nil, err
		}
		tests = append(tests, fieldTest{field, test})
	}
	return func(d Document) bool {
		for _, t := range tests {
			if slices.ContainsFunc(d.Values(t.field), t.test) {
				return true
			}
		}
		return false
	}, nil
}

// newValueTest prepares a leaf for values of a kind.
func newValueTest(l leaf, kind Kind) (valueTest, error) {
	if kind == Time {
		if p, ok := periodOf(l); ok {
			return p.contains, nil
		}
	}
	if text, slop, ok := phraseOf(l); ok && kind == Text {
		return textTest(strings.Fields(text), slop), nil
	}
	test, err := tokenTest(l)
	if err != nil || kind != Text {
		return test, err
	}
	return func(value string) bool { return anyToken(value, test) }, nil
}

// anyToken reports whether a test holds for one of the tokens that [Kind.Tokens] gives for a text. It makes no garbage,
// which counts when a million documents are looked at.
func anyToken(text string, test valueTest) bool {
	for {
		start := strings.IndexFunc(text, isNoSpace)
		if start < 0 {
			return false
		}
		text = text[start:]
		end := strings.IndexFunc(text, unicode.IsSpace)
		if end < 0 {
			return test(text)
		}
		if test(text[:end]) {
			return true
		}
		text = text[end:]
	}
}

func isNoSpace(r rune) bool { return !unicode.IsSpace(r) }

// phraseOf returns the text of a leaf that is analysed like the field.
func phraseOf(l leaf) (text string, slop int, ok bool) {
	switch l := l.(type) {
	case Term:
		return l.Value, 0, true
	case Phrase:
		return l.Text, l.Slop, true
	}
	return "", 0, false
}

// textTest looks for a phrase among the tokens of a text. A phrase without tokens is in no text.
func textTest(phrase []string, slop int) valueTest {
	switch {
	case len(phrase) == 0:
		return func(string) bool { return false }
	case len(phrase) == 1:
		isWanted := func(token string) bool { return token == phrase[0] }
		return func(value string) bool { return anyToken(value, isWanted) }
	}
	return func(value string) bool { return holdsPhrase(strings.Fields(value), phrase, slop) }
}

// tokenTest prepares a leaf for single tokens.
func tokenTest(l leaf) (valueTest, error) {
	switch l := l.(type) {
	case Term:
		return func(token string) bool { return token == l.Value }, nil
	case Phrase:
		return func(token string) bool { return token == l.Text }, nil
	case Prefix:
		return func(token string) bool { return strings.HasPrefix(token, l.Value) }, nil
	case Wildcard:
		return parsePattern(l.Pattern).match, nil
	case Range:
		return l.contains, nil
	case Regex:
		re, err := compileRegex(l.Pattern)
		if err != nil {
			return nil, err
		}
		return re.MatchString, nil
	case Fuzzy:
		value := []rune(l.Value)
		return func(token string) bool { return withinEdits(value, token, l.Distance) }, nil
	case Exists:
		return func(string) bool { return true }, nil
	}
	return nil, fmt.Errorf("a filter tree cannot hold a %T", l)
}

// maxRegexInstructions bounds what a regular expression costs per rune of a token: x{1000}y{1000} is short to write.
const maxRegexInstructions = 4096

// compileRegex compiles a pattern for whole tokens.
func compileRegex(pattern string) (*regexp.Regexp, error) {
	// Looked at alone first, so that "a)|(b" cannot break out of the anchors.
	tree, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return nil, err
	}
	program, err := syntax.Compile(tree.Simplify())
	if err != nil {
		return nil, err
	}
	if len(program.Inst) > maxRegexInstructions {
		return nil, errors.New("its repetitions make it too large")
	}
	return regexp.Compile(`\A(?s:` + pattern + `)\z`)
}

// regexPrefix returns the literal text that every token matching a valid pattern begins with; complete means that the
// token is that text.
func regexPrefix(pattern string) (prefix string, complete bool) {
	re, err := regexp.Compile("(?s:" + pattern + ")")
	if err != nil {
		return "", false
	}
	return re.LiteralPrefix()
}

// contains compares a token with the ends as text, by code points.
func (n Range) contains(token string) bool {
	if !n.Low.Open {
		if c := strings.Compare(token, n.Low.Value); c < 0 || c == 0 && !n.Low.Inclusive {
			return false
		}
	}
	if !n.High.Open {
		if c := strings.Compare(token, n.High.Value); c > 0 || c == 0 && !n.High.Inclusive {
			return false
		}
	}
	return true
}
