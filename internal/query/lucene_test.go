package query

import (
	"reflect"
	"strings"
	"testing"

	"indaba/internal/core"
)

// contactSchema is the schema of contacts as docs/spec/vumi-http.md 3.1 and 4.4 describe it.
var contactSchema = Schema{
	Fields: map[string]Kind{
		"name": Text, "surname": Text, "email_address": Text, "msisdn": Keyword, "groups": Keyword,
		"created_at": Time, "dob": Time,
	},
	Prefixes: map[string]Kind{"extras-": Text, "subscription-": Text},
	Default:  []string{"name", "surname", "msisdn"},
}

func mustParse(t testing.TB, text string) *Query {
	t.Helper()
	q, err := Parse(text, contactSchema)
	if err != nil {
		t.Fatalf("Parse(%q): %v", text, err)
	}
	return q
}

func TestParseTree(t *testing.T) {
	a, b, c, d := Term{"", "a"}, Term{"", "b"}, Term{"", "c"}, Term{"", "d"}
	cases := []struct {
		text string
		want Node
	}{
		{"", Or{}},
		{" \t\u3000\n", Or{}},
		{"a", a},
		{"name:a", Term{"name", "a"}},
		{"name : a", Term{"name", "a"}},
		{`na\me:a`, Term{"name", "a"}},
		{`extras-full\ name:a`, Term{"extras-full name", "a"}},
		{`extras-a\*:a`, Term{"extras-a*", "a"}},
		{"extras-ключ:значение", Term{"extras-ключ", "значение"}},

		// Precedence.
		{"a b", Or{[]Node{a, b}}},
		{"a OR b", Or{[]Node{a, b}}},
		{"a || b", Or{[]Node{a, b}}},
		{"a ||b", Or{[]Node{a, b}}},
		{"a AND b", And{[]Node{a, b}}},
		{"a && b", And{[]Node{a, b}}},
		{"a AND b OR c", Or{[]Node{And{[]Node{a, b}}, c}}},
		{"a OR b AND c", Or{[]Node{a, And{[]Node{b, c}}}}},
		{"a b AND c", Or{[]Node{a, And{[]Node{b, c}}}}},
		{"(a OR b) AND c", And{[]Node{Or{[]Node{a, b}}, c}}},
		{"(a AND b) AND c", And{[]Node{a, b, c}}},
		{"a (b (c d))", Or{[]Node{a, b, c, d}}},
		{"((a))", a},
		{"NOT a", Not{a}},
		{"!a", Not{a}},
		{"-a", Not{a}},
		{"- a", Not{a}},
		{"NOT NOT a", a},
		{"NOT (NOT a)", a},
		{"!!!a", Not{a}},
		{"a AND NOT b", And{[]Node{a, Not{b}}}},
		{"a AND -b", And{[]Node{a, Not{b}}}},
		{"a AND +b", And{[]Node{a, b}}},
		{"NOT a AND b", And{[]Node{Not{a}, b}}},
		{"a NOT b", And{[]Node{a, Not{b}}}},
		{"a -b", And{[]Node{a, Not{b}}}},
		{"-a -b", And{[]Node{Not{a}, Not{b}}}},
		{"a b -c", And{[]Node{Or{[]Node{a, b}}, Not{c}}}},
		{"a OR b -c", And{[]Node{Or{[]Node{a, b}}, Not{c}}}},
		{"a OR NOT b", Or{[]Node{a, Not{b}}}},
		{"NOT a OR b", Or{[]Node{Not{a}, b}}},
		{"NOT a OR NOT b", Or{[]Node{Not{a}, Not{b}}}},
		{"+a b", a},
		{"+a +b", And{[]Node{a, b}}},
		{"+a b -c", And{[]Node{a, Not{c}}}},
		{"+(a b) -(c d)", And{[]Node{Or{[]Node{a, b}}, Not{Or{[]Node{c, d}}}}}},
		{"+a OR b", a},
		{"a AND b -c", And{[]Node{a, b, Not{c}}}},
		{"a-b", Term{"", "a-b"}},
		{"a+b", Term{"", "a+b"}},
		{"a!b", Term{"", "a!b"}},
		{"a&&b", Term{"", "a&&b"}},
		{"and", Term{"", "and"}},
		{"ANDa", Term{"", "ANDa"}},
		{"TO", Term{"", "TO"}},
		{`\AND`, Term{"", "AND"}},
		{`\NOT a`, Or{[]Node{Term{"", "NOT"}, a}}},
		{"a OR(b)", Or{[]Node{a, b}}},

		// Fields.
		{"name:(a b)", Or{[]Node{Term{"name", "a"}, Term{"name", "b"}}}},
		{"name:(a AND surname:b)", And{[]Node{Term{"name", "a"}, Term{"surname", "b"}}}},
		{"name:(+a -b)", And{[]Node{Term{"name", "a"}, Not{Term{"name", "b"}}}}},
		{"name:(a) b", Or{[]Node{Term{"name", "a"}, b}}},
		{"msisdn:+27", Term{"msisdn", "+27"}},
		{"msisdn:-27", Term{"msisdn", "-27"}},
		{`msisdn:\+27`, Term{"msisdn", "+27"}},
		{"created_at:2014-07-25T12:44:11", Term{"created_at", "2014-07-25T12:44:11"}},
		{"name:a:b", Term{"name", "a:b"}},
		{"name:a/b", Term{"name", "a/b"}},

		// Escapes.
		{`\+\-\&\|\!\(\)\{\}\[\]\^\"\~\*\?\:\\\/`, Term{"", `+-&|!(){}[]^"~*?:\/`}},
		{`a\ b`, Term{"", "a b"}},
		{`\u0041\u00e9`, Term{"", "Aé"}},
		{`\ud83d\ude00`, Term{"", "😀"}},
		{`"a \"b\" \\"`, Phrase{"", `a "b" \`, 0}},

		// Phrases, wildcards, fuzzy terms, regular expressions, boosts.
		{`"a b"`, Phrase{"", "a b", 0}},
		{`name:"a b"~3`, Phrase{"name", "a b", 3}},
		{`"a b"~`, Phrase{"", "a b", 0}},
		{`""`, Phrase{"", "", 0}},
		{`"a*"`, Phrase{"", "a*", 0}},
		{`a"b"`, Or{[]Node{a, Phrase{"", "b", 0}}}},
		{"a*", Prefix{"", "a"}},
		{"a**", Prefix{"", "a"}},
		{`a\**`, Prefix{"", "a*"}},
		{`msisdn:\+12*`, Prefix{"msisdn", "+12"}},
		{"a?", Wildcard{"", "a?"}},
		{"*a", Wildcard{"", "*a"}},
		{"?", Wildcard{"", "?"}},
		{`a\*b*c\?\\`, Wildcard{"", `a\*b*c\?\\`}},
		{"*", MatchAll{}},
		{"*:*", MatchAll{}},
		{"name:*", Exists{"name"}},
		{"name:(*)", Exists{"name"}},
		{"name:[* TO *]", Exists{"name"}},
		{"a~", Fuzzy{"", "a", 2}},
		{"a~1", Fuzzy{"", "a", 1}},
		{"a~9", Fuzzy{"", "a", 2}},
		{"a~0", a},
		{"abcde~0.8", Fuzzy{"", "abcde", 1}},
		{"abcde~0.1", Fuzzy{"", "abcde", 2}},
		{"ab~0.9", Term{"", "ab"}},
		{"/a.b/", Regex{"", "a.b"}},
		{`name:/a\/b\.c\\/`, Regex{"name", `a/b\.c\\`}},
		{"a^2", Boost{a, 2}},
		{"a^0.5", Boost{a, 0.5}},
		{"a~1^2", Boost{Fuzzy{"", "a", 1}, 2}},
		{"(a b)^2", Boost{Or{[]Node{a, b}}, 2}},
		{"(a^2)^3", Boost{Boost{a, 2}, 3}},
		{`"a b"~2^3 c`, Or{[]Node{Boost{Phrase{"", "a b", 2}, 3}, c}}},

		// Ranges.
		{"[a TO b]", Range{"", Bound{"a", true, false}, Bound{"b", true, false}}},
		{"name:{a TO b}", Range{"name", Bound{"a", false, false}, Bound{"b", false, false}}},
		{"name:[a TO b}", Range{"name", Bound{"a", true, false}, Bound{"b", false, false}}},
		{"name:{a TO *]", Range{"name", Bound{"a", false, false}, Bound{Open: true}}},
		{"name:[* TO b}", Range{"name", Bound{Open: true}, Bound{"b", false, false}}},
		{`name:[\* TO "* b"]`, Range{"name", Bound{"*", true, false}, Bound{"* b", true, false}}},
		{`name:["" TO \TO]`, Range{"name", Bound{"", true, false}, Bound{"TO", true, false}}},
		{"name:[  -5   TO   +5  ]", Range{"name", Bound{"-5", true, false}, Bound{"+5", true, false}}},
		{"created_at:[2014-01-01T00:00:00Z TO *]",
			Range{"created_at", Bound{"2014-01-01T00:00:00Z", true, false}, Bound{Open: true}}},
	}
	for _, tc := range cases {
		q, err := Parse(tc.text, contactSchema)
		if err != nil {
			t.Errorf("Parse(%q): %v", tc.text, err)
			continue
		}
		if !reflect.DeepEqual(q.Root(), tc.want) {
			t.Errorf("Parse(%q) = %#v, want %#v", tc.text, q.Root(), tc.want)
		}
		again, err := Parse(q.String(), contactSchema)
		if err != nil || !reflect.DeepEqual(again.Root(), tc.want) {
			t.Errorf("Parse(%q) prints %q, which does not give the same tree (error %v)", tc.text, q.String(), err)
		}
	}
}

func TestString(t *testing.T) {
	cases := []struct{ text, want string }{
		{"", ""},
		{"a  b", "a OR b"},
		{"+a +b", "a AND b"},
		{"a AND b || c -d", `(a AND b OR c) AND NOT d`},
		{"name:(a b)^2.50", "(name:a OR name:b)^2.5"},
		{"-(a b)", "NOT (a OR b)"},
		{"(NOT a)^2", "(NOT a)^2"},
		{"msisdn:+27*", `msisdn:\+27*`},
		{"name:{a TO *]", "name:{a TO *]"},
		{"a~", "a~2"},
		{"/a\\/b/", `/a\/b/`},
		{`\OR`, `\OR`},
		{`\/a/b\-c \-a-b+c \&a&b`, `\/a/b-c OR \-a-b+c OR \&a&b`},
		{`extras\-city:a`, `extras-city:a`},
		{`a\ b`, `a\ b`},
	}
	for _, tc := range cases {
		if got := mustParse(t, tc.text).String(); got != tc.want {
			t.Errorf("Parse(%q).String() = %q, want %q", tc.text, got, tc.want)
		}
	}
}

func TestParseErrors(t *testing.T) {
	cases := []struct{ text, want string }{
		{"a AND", `character 6: expected a term, a phrase or a group, found the end of the query`},
		{"AND a", `character 1: expected a term, a phrase or a group, found "AND a"`},
		{"OR a", `character 4: expected something before OR`},
		{"a OR", `character 5: expected a term`},
		{"a AND OR b", `character 7: expected a term, a phrase or a group, found "OR b"`},
		{"a || || b", `character 6: expected a term`},
		{"NOT", `character 4: expected a term`},
		{"+ +a", `character 3: expected a term`},
		{"+-a", `character 2: expected a term`},
		{"(a", `character 1: this parenthesis is never closed`},
		{"a)", `character 2: this parenthesis closes nothing`},
		{"()", `character 2: expected a term, a phrase or a group, found ")"`},
		{"name:()", `character 7: expected a term`},
		{`"a`, `character 1: this quote is never closed`},
		{"name:", `character 6: expected a value after the colon, found the end of the query`},
		{"name:AND", `character 6: expected a value after the colon, found "AND"`},
		{"name:!a", `character 6: expected a value after the colon`},
		{"name:+", `character 6: expected a value after the colon`},
		{"name:-(a b)", `character 6: expected a value after the colon (signs go before the field)`},
		{"name: )", `character 7: expected a value after the colon, found ")"`},
		{":a", `character 1: expected a term`},
		{"nam:a", `character 1: there is no field "nam"`},
		{"a AND é:b", `character 7: there is no field "é"`},
		{"extras-:a", `there is no field "extras-"`},
		{"na*:a", `a field name has no wildcards`},
		{"*:a", `character 1: "*:" goes with "*" only`},
		{strings.Repeat("x", 300) + ":a", `a field name has at most 256 bytes`},
		{"a^", `character 3: expected a boost, as in ^2 or ^0.5, found the end of the query`},
		{"a^b", `character 3: expected a boost`},
		{"a^2^3", `character 4: expected a term`},
		{"^2", `character 1: expected a term`},
		{"~", `character 1: expected a term`},
		{"a~1.5", `character 3: a fuzzy term allows a whole number of edits`},
		{"a*~", `character 1: a fuzzy term has no wildcards`},
		{"(a)~", `character 1: ~ goes with a single word or phrase only`},
		{"a^2~1", `expected a term`},
		{`"a b"~1.5`, `character 7: expected a whole number of positions`},
		{"[a TO]", `character 6: expected an end of the range, or * for none, found "]"`},
		{"[a b]", `character 4: expected TO between the ends of a range, found "b]"`},
		{"[TO b]", `character 2: expected an end of the range`},
		{"[a TO b", `character 8: expected ] or } at the end of a range`},
		{"[a TO b c]", `character 9: expected ] or }`},
		{"[", `character 2: expected an end of the range`},
		{"]", `character 1: expected a term`},
		{"/a", `character 1: this regular expression is never closed`},
		{`/a\`, `character 1: this regular expression is never closed`},
		{"/(/", `character 1: this is no usable regular expression`},
		{`/a)|(b/`, `character 1: this is no usable regular expression`},
		{"/(((x{99}){99}){99})/", `this is no usable regular expression`},
		{"/" + strings.Repeat("x{1000}", 20) + "/", `up to here the query takes 9001500 steps to match, at most 200000`},
		{"/" + strings.Repeat("x", 2000) + "/", `a pattern has at most 1024 bytes`},
		{strings.Repeat("x", 2000) + "*", `a pattern has at most 1024 bytes`},
		{`a\`, `character 2: a backslash at the end escapes nothing`},
		{`\u12g4`, `character 1: \u needs four hexadecimal digits`},
		{`\u12`, `character 1: \u needs four hexadecimal digits`},
		{`\ud83d`, `character 1: \u needs four hexadecimal digits`},
		{`\ud83d\u0041`, `character 1: \u needs four hexadecimal digits`},
		{`\u0000`, `character 1: \u needs four hexadecimal digits`},
		{"a\x00", "not valid UTF-8 text, or holds a NUL"},
		{"a\xff", "not valid UTF-8 text"},
		{strings.Repeat("(", 65) + "a" + strings.Repeat(")", 65), `character 65: parentheses are nested more than 64 deep`},
		{strings.Repeat("(", 10_000), `parentheses are nested more than 64 deep`},
		{strings.Repeat("a ", 4097), `character 8193: a query has at most 4096 terms`},
		{`"` + strings.Repeat("a ", 257) + `"`, `a phrase has at most 256 words`},
		{strings.Repeat(`a\ `, 257), `a phrase has at most 256 words`},
		{strings.Repeat("a", 1<<20), `the query has 1048576 bytes, at most 131072 are allowed`},
		{"a ))))", `closes nothing`},
	}
	for _, tc := range cases {
		q, err := Parse(tc.text, contactSchema)
		switch {
		case err == nil:
			t.Errorf("Parse(%.40q) = %v, want the error %q", tc.text, q, tc.want)
		case core.KindOf(err) != core.Invalid:
			t.Errorf("Parse(%.40q): error %v has kind %v", tc.text, err, core.KindOf(err))
		case !strings.Contains(err.Error(), tc.want):
			t.Errorf("Parse(%.40q): error %q, want %q", tc.text, err, tc.want)
		}
	}
}

func TestParseSchemas(t *testing.T) {
	bare := Schema{Fields: map[string]Kind{"name": Text}}
	for _, text := range []string{"a", `"a"`, "name:a OR b", "[a TO b]", "/a/", "a~"} {
		if _, err := Parse(text, bare); core.KindOf(err) != core.Invalid || !strings.Contains(err.Error(), "a field is needed") {
			t.Errorf("Parse(%q) without default fields: %v", text, err)
		}
	}
	for _, text := range []string{"", "*", "*:*", "name:(a b)"} {
		if _, err := Parse(text, bare); err != nil {
			t.Errorf("Parse(%q) without default fields: %v", text, err)
		}
	}
	nested := Schema{Fields: map[string]Kind{"x-y-z": Time}, Prefixes: map[string]Kind{"x-": Text, "x-y-": Keyword}}
	for field, want := range map[string]Kind{"x-a": Text, "x-y-": Text, "x-y-a": Keyword, "x-y-z": Time} {
		if kind, ok := nested.Kind(field); !ok || kind != want {
			t.Errorf("Kind(%q) = %v, %v, want %v", field, kind, ok, want)
		}
	}
}

// TestHostileNesting holds the stack and the time of queries that repeat one thing as often as it fits.
func TestHostileNesting(t *testing.T) {
	units := []string{"(", "NOT ", "-", "!", "+", "a:", "name:", "[", `"`, "/", "a^1", "*", "?", `\`, "a AND ", "((a)", "~",
		"a OR -", "name:("}
	for _, unit := range units {
		for _, end := range []string{"", "a", ")"} {
			text := strings.Repeat(unit, MaxBytes/len(unit)-len(end)) + end
			q, err := Parse(text, contactSchema)
			if err == nil {
				q.Match(contact{})
				_ = q.String()
			} else if core.KindOf(err) != core.Invalid {
				t.Errorf("%q repeated: %v", unit, err)
			}
		}
	}
}
