package query

import (
	"fmt"
	"math/rand/v2"
	"regexp/syntax"
	"slices"
	"strings"
	"testing"

	"indaba/internal/core"
)

// hostile are queries that repeat one kind of test, with a text that gives it much to do. BenchmarkMatchAtWorst measures
// them.
var hostile = map[string]struct{ unit, text string }{
	"regex":            {"extras-x:/(a|b)*b[ab]{900}c/ ", strings.Repeat("ab", BeginningBytes/2)},
	"regex of classes": {`extras-x:/(\pL|\w)*[\pL\d]{400}c/ `, strings.Repeat("ab", BeginningBytes/2)},
	"regex of words":   {"extras-x:/(|a|b|ab){100}c/ ", strings.Repeat("a ", 30_000)},
	"small regexes":    {"extras-x:/[^b]*b/ ", strings.Repeat("a ", 30_000)},
	"wildcard":         {"extras-x:*" + strings.Repeat("a", 500) + "b ", strings.Repeat("a", BeginningBytes)},
	"wildcard of ?":    {"extras-x:*" + strings.Repeat("?", 500) + "b ", strings.Repeat("a", BeginningBytes)},
	"small wildcards":  {"extras-x:*b ", strings.Repeat("a ", 30_000)},
	"fuzzy":            {"extras-x:" + strings.Repeat("a", 1000) + "~ ", strings.Repeat("a", 499) + "b" + strings.Repeat("a", 498) + "bb"},
	"small fuzzy":      {"extras-x:abc~ ", strings.Repeat("xxabb ", 10_000)},
	"phrase":           {`extras-x:"` + strings.Repeat("a ", 250) + `b" `, strings.Repeat("a ", 30_000)},
	"small phrases":    {`extras-x:"b a" `, strings.Repeat("a ", 30_000)},
	"sloppy":           {`extras-x:"` + strings.Repeat("a ", 250) + `b"~9 `, "b " + strings.Repeat("a ", 30_000)},
	"small sloppy":     {`extras-x:"a b"~9 `, "b " + strings.Repeat("c ", 20) + strings.Repeat("a ", 30_000)},
	"words":            {"extras-x:a ", words(20_000)},
	"words by default": {"aa ", strings.Repeat("a ", 30_000)},
	"prefixes":         {"extras-x:xx* ", words(20_000)},
	"ranges":           {"extras-x:[xx TO y] ", words(20_000)},
	"tokens":           {"groups:xx ", words(20_000)},
}

func words(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%x ", i)
	}
	return b.String()
}

// most returns as much of a unit as a smart group may hold (docs/spec/vumi-http.md 4.1).
func most(t testing.TB, unit string) *Query {
	t.Helper()
	const maxGroupBytes = 32 << 10
	n := min(MaxCost/mustParse(t, unit).Cost(), maxGroupBytes/len(unit), MaxClauses)
	return mustParse(t, strings.Repeat(unit, n))
}

// What a query is said to cost is what its parts cost, and no query costs more than MaxCost.
func TestCost(t *testing.T) {
	schema := contactSchema
	schema.AllowUnknown = true
	for text, want := range map[string]int{
		"": 1, "*:*": 1, "msisdn:1": 2, "dob:1980": 2, "dob:abc": 2, "name:a": 10, "name:a AND NOT name:b*": 20,
		"a": 22, "name:[a TO b]": 10, "name:*": 10, "gone:a": 2,
		`name:"a"`: 10, `name:"a b"`: 350, `name:a\ b`: 350, `msisdn:"a b"`: 2, `name:"a b"~1`: 2600,
		"name:*ab": 480, "name:ab~": 500, "name:/ab/": 800, "name:/a{100}/": 15_500, `name:/\pL[a-c]/`: 1100, "/ab/": 2400,
	} {
		q, err := Parse(text, schema)
		if err != nil {
			t.Fatal(err)
		}
		if q.Cost() != want {
			t.Errorf("%q costs %d steps, want %d", text, q.Cost(), want)
		}
	}
	for text, want := range map[string]string{
		strings.Repeat("name:/(a|b)*b[ab]{900}c/ ", 2):    "character 31: up to here the query takes 272800 steps to match, at most 200000",
		"name:/(" + strings.Repeat("a", 900) + "){1000}/": "character 6: up to here",
		"gone:/(" + strings.Repeat("a", 900) + "){1000}/": "character 6: up to here",
	} {
		if _, err := Parse(text, schema); core.KindOf(err) != core.Invalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %v", text, err)
		}
	}
}

// The number of states that is guessed is near the number of instructions.
func TestRegexStates(t *testing.T) {
	random := newRandom(t)
	for range 2000 {
		pattern := randomRegex(random, 3)
		tree, err := syntax.Parse(pattern, syntax.Perl)
		if err != nil {
			continue // its repetitions are too many
		}
		program, err := syntax.Compile(tree.Simplify())
		if err != nil {
			t.Fatal(err)
		}
		guess, least := regexStates(pattern), 0
		for _, instruction := range program.Inst {
			if least++; len(instruction.Rune) > 8 {
				least += 2
			}
		}
		// Every program fails and matches somewhere.
		if least -= 2; guess < least*2/3-2 || guess > 2*least+8 {
			t.Fatalf("%q: %d states guessed, there are %d", pattern, guess, least)
		}
	}
}

func randomRegex(r *rand.Rand, depth int) string {
	if depth == 0 {
		return []string{"a", "[ab]", ".", "abc", `\pL`, "(?i)a", `\b`}[r.IntN(7)]
	}
	part := func() string { return "(?:" + randomRegex(r, depth-1) + ")" }
	switch r.IntN(7) {
	case 0:
		return part() + part()
	case 1:
		return part() + "|" + part()
	case 2:
		return part() + []string{"*", "+", "?"}[r.IntN(3)]
	case 3:
		return part() + fmt.Sprintf("{%d}", 1+r.IntN(9))
	case 4:
		return part() + fmt.Sprintf("{%d,}", r.IntN(9))
	case 5:
		return part() + fmt.Sprintf("{%d,%d}", r.IntN(5), 5+r.IntN(5))
	}
	return "(" + randomRegex(r, depth-1) + ")"
}

// Tests whose work grows look at the beginning of a field only, and others at all of it.
func TestBeginning(t *testing.T) {
	filler := strings.Repeat("x", BeginningBytes-20)
	within := filler + " twelve_bytes needle" // the last byte of the needle is the last of the beginning
	beyond := "y" + within
	if len(within) != BeginningBytes {
		t.Fatal(len(within))
	}
	for text, all := range map[string]bool{
		"name:needle": true, "name:need*": true, "name:[needle TO needle]": true, `name:"needle"`: true,
		"name:/need.e/": false, "name:*dle": false, "name:needle~1": false, `name:"twelve_bytes needle"`: false,
		`name:"needle twelve_bytes"~2`: false, "groups:need*": true, "groups:*dle": false, "NOT name:needlex": true,
	} {
		q := mustParse(t, text)
		for document, want := range map[string]bool{within: true, within + " more": true, beyond: all} {
			if got := q.Match(contact{"name": {document}, "groups": strings.Fields(document)}); got != want {
				t.Errorf("%s in %d bytes that end in %q: %v, want %v", text, len(document), document[len(document)-12:], got, want)
			}
		}
	}
	if mustParse(t, "name:/need.*/").Match(contact{"name": {within + "more"}}) {
		t.Error("a token was looked at that goes on")
	}
	if mustParse(t, "msisdn:*x").Match(contact{"msisdn": {strings.Repeat("x", BeginningBytes+1)}}) {
		t.Error("a value that is one long token was looked at")
	}
}

// Looking something up among sorted tokens gives what a look at each of them gives.
func TestLongFieldsMatchLikeShortOnes(t *testing.T) {
	random := randomQuery{newRandom(t)}
	compared := 0
	for range 50_000 {
		l, ok := random.leaf().(leaf)
		kind := []Kind{Text, Keyword, Time}[random.IntN(3)]
		if !ok || newTokensTest(l, kind) == nil {
			continue
		}
		test, err := newValueTest(l, kind)
		if err != nil {
			t.Fatal(err)
		}
		values := make([]string, random.IntN(4))
		for i := range values {
			values[i] = random.text()
			if kind == Time {
				values[i] = random.time()
			}
		}
		long := &longField{kind: kind, values: values}
		compared++
		if got, want := newTokensTest(l, kind)(long.tokens()), slices.ContainsFunc(values, test); got != want {
			t.Fatalf("%#v of kind %d in %q: %v, want %v", l, kind, values, got, want)
		}
	}
	if compared < 10_000 {
		t.Error("this run proves little:", compared)
	}
}

// A document that is prepared once gives every query what the document gives it.
func TestPrepared(t *testing.T) {
	document := contact{"name": {strings.Repeat("a b c ", 500)}, "groups": strings.Fields(words(100))}
	prepared := Prepare(document)
	for text, want := range map[string]bool{"name:a": true, "name:d": false, "name:b* AND name:/c/": true, `name:"c a b"`: true,
		"groups:3f": true, "groups:3f* AND NOT groups:*zz": true, "name:?b": false} {
		if q := mustParse(t, text); q.Match(prepared) != want || q.Match(document) != want {
			t.Errorf("%s: %v and %v, want %v", text, q.Match(prepared), q.Match(document), want)
		}
	}
}

// The worst that is known; docs/spec/vumi-http.md 4.4 promises some tens of milliseconds.
func BenchmarkMatchAtWorst(b *testing.B) {
	for name, h := range hostile {
		q := most(b, h.unit)
		document := contact{"extras-x": {h.text}, "name": {h.text}, "surname": {h.text}, "groups": strings.Fields(h.text)}
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				q.Match(document)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(q.Cost()), "ns/step")
			b.ReportMetric(float64(q.Cost()), "steps")
		})
	}
}
