package query

import (
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

// Match reports whether the document satisfies the query. Where several queries are matched with one document, it should
// be [Prepared].
func (q *Query) Match(document Document) bool {
	prepared, ok := document.(*Prepared)
	if !ok {
		prepared = Prepare(document)
	}
	return q.match(prepared)
}

// predicate decides a node for a document, valueTest a leaf for one value of a field, tokensTest for all of its tokens.
type (
	predicate  func(*Prepared) bool
	valueTest  func(value string) bool
	tokensTest func(sorted []string) bool
)

// predicate prepares a tree for matching.
func (s Schema) predicate(n Node) (predicate, error) {
	switch n := n.(type) {
	case And:
		tests, err := s.predicates(n.Nodes)
		return func(d *Prepared) bool {
			for _, test := range tests {
				if !test(d) {
					return false
				}
			}
			return true
		}, err
	case Or:
		tests, err := s.predicates(n.Nodes)
		return func(d *Prepared) bool {
			for _, test := range tests {
				if test(d) {
					return true
				}
			}
			return false
		}, err
	case Not:
		test, err := s.predicate(n.Node)
		return func(d *Prepared) bool { return !test(d) }, err
	case Boost:
		return s.predicate(n.Node)
	case MatchAll:
		return func(*Prepared) bool { return true }, nil
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
		tests = append(tests, fieldTest{field, kind, test, newTokensTest(l, kind)})
	}
	return func(d *Prepared) bool {
		for _, t := range tests {
			if t.holds(d) {
				return true
			}
		}
		return false
	}, nil
}

// fieldTest is a leaf for one field.
type fieldTest struct {
	field  string
	kind   Kind
	value  valueTest
	tokens tokensTest // nil when it only looks at the beginning
}

func (t fieldTest) holds(d *Prepared) bool {
	values := d.Values(t.field)
	if isShort(values) {
		return slices.ContainsFunc(values, t.value)
	}
	long := d.longField(t.field, t.kind, values)
	if t.tokens != nil {
		return t.tokens(long.tokens())
	}
	return slices.ContainsFunc(long.start(), t.value)
}

// newTokensTest returns a test that gives for the tokens of a field what the leaf's test of its values gives, with less
// work when they are many. It is nil for leaves that only look at the beginning of a field.
func newTokensTest(l leaf, kind Kind) tokensTest {
	if kind == Time {
		if p, ok := periodOf(l); ok {
			return func(sorted []string) bool { return slices.ContainsFunc(sorted, p.contains) }
		}
	}
	switch l := singleToken(l, kind).(type) {
	case Term:
		return func(sorted []string) bool {
			_, found := slices.BinarySearch(sorted, l.Value)
			return found
		}
	case Prefix:
		return func(sorted []string) bool {
			i, _ := slices.BinarySearch(sorted, l.Value)
			return i < len(sorted) && strings.HasPrefix(sorted[i], l.Value)
		}
	case Range:
		return l.containsOneOf
	case Exists:
		return func(sorted []string) bool { return len(sorted) > 0 }
	}
	return nil
}

// newValueTest prepares a leaf for values of a kind.
func newValueTest(l leaf, kind Kind) (valueTest, error) {
	if kind == Time {
		if p, ok := periodOf(l); ok {
			return p.contains, nil
		}
	}
	l = singleToken(l, kind)
	if phrase, ok := l.(Phrase); ok {
		return phraseTest(strings.Fields(phrase.Text), phrase.Slop), nil
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

// phraseTest looks for a phrase among the tokens of a text. A phrase without tokens is in no text.
func phraseTest(phrase []string, slop int) valueTest {
	if len(phrase) == 0 {
		return func(string) bool { return false }
	}
	return func(value string) bool { return holdsPhrase(strings.Fields(value), phrase, slop) }
}

// tokenTest prepares a leaf for single tokens.
func tokenTest(l leaf) (valueTest, error) {
	switch l := l.(type) {
	case Term:
		return func(token string) bool { return token == l.Value }, nil
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

// compileRegex compiles a pattern for whole tokens.
func compileRegex(pattern string) (*regexp.Regexp, error) {
	// Looked at alone first, so that "a)|(b" cannot break out of the anchors.
	if _, err := syntax.Parse(pattern, syntax.Perl); err != nil {
		return nil, err
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

// containsOneOf reports whether one of sorted tokens lies in the range: the first that is not below it tells.
func (n Range) containsOneOf(sorted []string) bool {
	i := 0
	if !n.Low.Open {
		var found bool
		if i, found = slices.BinarySearch(sorted, n.Low.Value); found && !n.Low.Inclusive {
			i++
		}
	}
	return i < len(sorted) && n.contains(sorted[i])
}
