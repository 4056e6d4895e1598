package query

import (
	"regexp/syntax"
	"strings"
	"unicode/utf8"
)

// Queries are matched where others wait: in the transaction that changes a contact, for all smart groups of its account.
// So what a query can cost is bounded when it is parsed, whatever it will be matched against. It is counted in steps of
// some 100 nanoseconds, for the worst text there is; BenchmarkMatchAtWorst shows what they come to.

// MaxCost is how many steps a query may take: some tens of milliseconds.
const MaxCost = 200_000

// BeginningBytes is how much of a field those tests look at whose work grows with more than the length of the text:
// phrases of several words, wildcards, regular expressions and fuzzy terms. The rest of the field is not there for them,
// nor is a token that goes on in the rest.
const BeginningBytes = 1 << 10

// Steps of one test of one field. Tests of the second kind are those that only look at the beginning.
const (
	stepsOfToken       = 2  // the whole value is the token
	stepsOfWord        = 10 // the value is split into tokens
	stepsOfPhrase      = 300
	stepsPerWord       = 25 // of a phrase
	stepsOfSlop        = 2000
	stepsPerSlopWord   = 300
	stepsOfWildcard    = 300
	stepsPerRune       = 60 // of a wildcard's pattern
	stepsOfFuzzy       = 500
	stepsOfRegex       = 500
	stepsPerRegexState = 150
)

// Cost returns how many steps a match takes at most: at least 1, and no more than [MaxCost].
func (q *Query) Cost() int { return max(1, q.cost) }

// cost returns the steps of a test, in all fields that it looks at. A field that is not known costs something too: a
// regular expression is compiled for it.
func (s Schema) cost(l leaf) (steps int) {
	for _, field := range s.fieldsOf(l) {
		kind, _ := s.Kind(field)
		steps += fieldCost(l, kind)
	}
	return steps
}

func fieldCost(l leaf, kind Kind) int {
	if _, isTime := periodOf(l); isTime && kind == Time {
		return stepsOfToken
	}
	switch l := singleToken(l, kind).(type) {
	case Phrase:
		words := len(strings.Fields(l.Text))
		if l.Slop > 0 {
			return stepsOfSlop + stepsPerSlopWord*words
		}
		return stepsOfPhrase + stepsPerWord*words
	case Wildcard:
		return stepsOfWildcard + stepsPerRune*utf8.RuneCountInString(l.Pattern)
	case Fuzzy:
		return stepsOfFuzzy
	case Regex:
		return stepsOfRegex + stepsPerRegexState*regexStates(l.Pattern)
	}
	if kind == Text {
		return stepsOfWord
	}
	return stepsOfToken
}

// singleToken makes a term of a term or phrase that asks for one token of a field, and a phrase of one that asks for
// several. Other tests it returns as they are.
func singleToken(l leaf, kind Kind) leaf {
	text, slop, ok := phraseOf(l)
	if !ok {
		return l
	}
	if kind != Text {
		return Term{l.field(), text}
	}
	if words := strings.Fields(text); len(words) == 1 {
		return Term{l.field(), words[0]}
	}
	return Phrase{l.field(), text, slop}
}

// regexStates returns about how many instructions a regular expression has, without writing them down:
// (abc…){1000}, which is short, would have a million. A large class such as \pL takes the work of three.
func regexStates(pattern string) int {
	tree, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return 0 // it is refused elsewhere
	}
	return treeStates(tree)
}

func treeStates(tree *syntax.Regexp) (n int) {
	for _, sub := range tree.Sub {
		n += treeStates(sub)
	}
	switch tree.Op {
	case syntax.OpLiteral:
		return len(tree.Rune)
	case syntax.OpCharClass:
		const small, large = 8, 3 // ends of ranges, two each
		if len(tree.Rune) > small {
			return large
		}
		return 1
	case syntax.OpConcat:
		return n
	case syntax.OpCapture:
		return n + 2
	case syntax.OpRepeat:
		if tree.Max < 0 {
			return max(1, tree.Min)*n + 1
		}
		return tree.Max*n + tree.Max - tree.Min
	}
	return n + max(1, len(tree.Sub))
}
