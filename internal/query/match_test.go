package query

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// contact is a document with the values of each field.
type contact map[string][]string

func (c contact) Values(field string) []string { return c[field] }

var arthur = contact{
	"name": {"Arthur"}, "surname": {"of Camelot"}, "msisdn": {"+12345"}, "email_address": {""},
	"created_at": {"2014-07-25 12:44:11.159151"}, "dob": {"1980-02-03 00:00:00.000000"},
	"groups":       {"b2c1", "4f0e", "two words", ""},
	"extras-quest": {"to seek  the Holy\u00a0Grail , the Grail"}, "extras-city": {"Jo'burg Zürich"},
	"extras-blank": {" "}, "extras-path": {`C:\a*b? (x) [y] {z} "q" /r/ ^~!&&||`},
	"extras-fuzzy": {"kitten"}, "extras-emoji": {"a😀b"}, "extras-n": {"100"},
}

func TestMatch(t *testing.T) {
	cases := []struct {
		text string
		want bool
	}{
		{"", false},
		{"*", true},
		{"*:*", true},
		{"NOT *", false},

		// docs/spec/vumi-http.md 4.4: what its tests pin.
		{"name:Arthur", true},
		{`msisdn:\+12345`, true},
		{`msisdn:\+12*`, true},
		{`msisdn:\+13*`, false},
		{"name:Arthur AND surname:Camelot", true},
		{"name:Arthur AND surname:Foo", false},
		{"name:Foo OR surname:Camelot", true},
		{`surname:"of Camelot"`, true},

		// Terms and phrases.
		{"name:arthur", false},
		{"name:Arthu", false},
		{"surname:of", true},
		{`surname:of\ Camelot`, true},
		{`surname:Camelot\ of`, false},
		{`surname:"Camelot of"`, false},
		{`surname:"of  Camelot"`, true},
		{`extras-quest:"seek the Holy Grail"`, true},
		{`extras-quest:"seek Holy"`, false},
		{`extras-quest:"seek Holy"~1`, true},
		{`extras-quest:"Holy the"`, false},
		{`extras-quest:"Holy the"~1`, false},
		{`extras-quest:"Holy the"~2`, true},
		{`extras-quest:"the the"~2`, false},
		{`extras-quest:"the the"~3`, true},
		{`extras-quest:"the the the"~9`, false},
		{`extras-quest:"Grail Grail"~100`, true},
		{`extras-quest:"Grail Holy to"~100`, true},
		{`surname:""`, false},
		{`groups:""`, true},
		{`groups:b2c1`, true},
		{`groups:4f0e AND groups:b2c1`, true},
		{"groups:two", false},
		{`groups:"two words"`, true},
		{`groups:two\ words`, true},
		{`groups:"two  words"`, false},
		{`groups:"two words"~3`, true},
		{"extras-city:Zürich", true},
		{"extras-city:Jo'burg", true},
		{"extras-missing:a", false},
		{"subscription-quest:to", false},
		{`extras-path:C:\\a\*b\?`, true},
		{`extras-path:\(x\) AND extras-path:\[y\] AND extras-path:\{z\}`, true},
		{`extras-path:\"q\" AND extras-path:\/r\/`, true},
		{`extras-path:\^\~\!\&\&\|\|`, true},
		{`extras-path:"C:\\a*b? (x)"`, true},

		// Default fields.
		{"Arthur", true},
		{"Camelot", true},
		{"+12345", false}, // a required term 12345
		{`\+12345`, true},
		{"Grail", false},
		{`"of Camelot"`, true},
		{"Art*", true},
		{"NOT Arthur", false},
		{"NOT Grail", true},

		// Boolean operators.
		{"name:Arthur Foo", true},
		{"Foo Bar", false},
		{"Arthur -Camelot", false},
		{"Arthur -Foo", true},
		{"Foo -Bar", false},
		{"Foo OR -Bar", true},
		{"-Foo", true},
		{"-Foo -Camelot", false},
		{"-Foo -Bar", true},
		{"+Arthur Foo", true},
		{"+Foo Arthur", false},
		{"+Arthur +Camelot -Foo", true},
		{"Foo AND Bar OR Arthur", true},
		{"Arthur OR Bar AND Foo", true},
		{"(Arthur OR Bar) AND Foo", false},
		{"NOT (Foo OR Arthur)", false},
		{"NOT Foo AND Arthur", true},
		{"name:(Foo Arthur)", true},
		{"name:(Arthur AND Camelot)", false},
		{"name:(Arthur AND surname:Camelot)", true},
		{"name:(+Arthur -Camelot)", true},
		{"Foo^3 Arthur^0.1", true},

		// Existence.
		{"name:*", true},
		{"extras-missing:*", false},
		{"NOT extras-missing:*", true},
		{"email_address:*", false},
		{"extras-blank:*", false},
		{"groups:*", true},
		{"dob:*", true},
		{"name:[* TO *]", true},

		// Wildcards, per token.
		{"name:A*", true},
		{"name:*r", true},
		{"name:*thu*", true},
		{"name:A?thur", true},
		{"name:A?hur", false},
		{"name:?", false},
		{"name:??????", true},
		{"name:???????*", false},
		{"name:?*?", true},
		{"name:Arthur*", true},
		{"name:Arthur?", false},
		{"name:*A*r*u*r*", true},
		{"name:a*", false},
		{"surname:of*Camelot", false},
		{"surname:C*t", true},
		{`groups:two*words`, true},
		{"extras-emoji:a?b", true},
		{"extras-emoji:a??b", false},
		{"extras-city:Z?rich", true},
		{`extras-path:*\*b\?`, true},
		{`extras-path:*\**`, true},
		{`extras-path:C:\\\**`, false},

		// Ranges.
		{"name:[A TO B]", true},
		{"name:[Arthur TO Arthur]", true},
		{"name:{Arthur TO B]", false},
		{"name:[A TO Arthur}", false},
		{"name:{A TO B}", true},
		{"name:[B TO *]", false},
		{"name:[* TO B]", true},
		{"name:[a TO b]", false},
		{"name:[B TO A]", false},
		{"surname:[D TO o]", false},
		{"surname:[of TO of]", true},
		{`groups:["two " TO "two z"]`, true},
		{`groups:["" TO ""]`, true},
		{"msisdn:[+12 TO +13]", true},
		{"extras-n:[18 TO 30]", false},
		{"extras-n:[1 TO 2]", true},
		{"extras-missing:[* TO z]", false},

		// Times.
		{"created_at:2014-07-25", true},
		{"created_at:2014", true},
		{"created_at:2014-07", true},
		{"created_at:2014-08", false},
		{"created_at:2014-07-25T12", true},
		{"created_at:2014-07-25T12:44", true},
		{"created_at:2014-07-25T12:44:11Z", true},
		{"created_at:2014-07-25T12:44:11+02:00", true},
		{"created_at:2014-07-25T12:44:12", false},
		{`created_at:"2014-07-25 12:44:11.159151"`, true},
		{`created_at:"2014-07-25 12:44:11.159152"`, false},
		{`created_at:"2014-07-25 12:44:11.15"`, true},
		{"created_at:2014-13-01", false},
		{"created_at:[2014-01-01 TO 2014-12-31]", true},
		{"created_at:[2014 TO 2014]", true},
		{"created_at:{2014 TO *]", false},
		{"created_at:[* TO 2014}", false},
		{"created_at:[* TO 2014-07-25]", true},
		{"created_at:[* TO 2014-07-25}", false},
		{"created_at:{2014-07-25 TO *]", false},
		{"created_at:{2014-07-24 TO *]", true},
		{`created_at:["2014-07-25 12:44" TO 2014-07-25T12:45]`, true},
		{"created_at:[2014-07-25T12:45 TO *]", false},
		{"dob:[1980 TO 1989-06]", true},
		{"dob:1980-02-03", true},
		{"dob:[1981 TO *]", false},
		{"created_at:2014-07*", true},
		{"created_at:*12:44*", true},
		{"created_at:/2014-.*/", true},
		{"created_at:[2014 TO x]", true}, // no time at one end: compared as text
		{"created_at:[x TO *]", false},

		// Regular expressions: whole tokens.
		{"name:/Arthur/", true},
		{"name:/Arth/", false},
		{"name:/rthur/", false},
		{"name:/Ar(t|x)h?ur/", true},
		{"name:/foo|Arthur/", true},
		{"name:/Arthur|foo.*/", true},
		{"name:/(?i)ARTHUR/", true},
		{"surname:/of Camelot/", false},
		{`groups:/two\s.*/`, true},
		{`extras-path:/\/r\//`, true},
		{`name:/\w+/`, true},
		{"name://", false},
		{"groups://", true},

		// Fuzzy terms.
		{"extras-fuzzy:kitten~", true},
		{"extras-fuzzy:sitten~1", true},
		{"extras-fuzzy:sittin~1", false},
		{"extras-fuzzy:sittin~", true},
		{"extras-fuzzy:sitting~", false},
		{"extras-fuzzy:iktten~1", true},
		{"extras-fuzzy:kittne~1", true},
		{"extras-fuzzy:kiten~1", true},
		{"extras-fuzzy:kkitten~1", true},
		{"extras-fuzzy:kitt~1", false},
		{"extras-fuzzy:kitt~2", true},
		{"extras-fuzzy:kitten~0", true},
		{"extras-fuzzy:kittem~0.8", true},
		{"extras-city:Zurich~1", true},
		{"name:of~2", false},
	}
	for _, tc := range cases {
		if got := mustParse(t, tc.text).Match(arthur); got != tc.want {
			t.Errorf("%q matches: %v, want %v", tc.text, got, tc.want)
		}
	}
}

func TestMatchUnusualDocuments(t *testing.T) {
	cases := []struct {
		text     string
		document contact
		want     bool
	}{
		{"name:a", nil, false},
		{"NOT name:a", nil, true},
		{"name:*", contact{"name": {}}, false},
		{"name:b", contact{"name": {"a", "b"}}, true},
		{`name:"a b"`, contact{"name": {"a", "b"}}, false}, // a phrase does not reach from one value into the next
		{"dob:[* TO 2000]", contact{"dob": {"some day"}}, false},
		{"dob:some", contact{"dob": {"some"}}, true},
		{"dob:[1990 TO *]", contact{"dob": {"1990-06-01"}}, true},
		{"dob:[1990 TO *]", contact{"dob": {"1989"}}, false},
		{"name:?", contact{"name": {"\xff"}}, true},
		{"name:*a*a*a*a*a*a*a*a*a*b", contact{"name": {strings.Repeat("a", 50_000)}}, false},
		{"name:/(a*)*(a*)*(a*)*b/", contact{"name": {strings.Repeat("a", 50_000)}}, false},
		{`name:"a a b"~1000000`, contact{"name": {strings.Repeat("a ", 20_000)}}, false},
	}
	for _, tc := range cases {
		if got := mustParse(t, tc.text).Match(tc.document); got != tc.want {
			t.Errorf("%q matches %.60q: %v, want %v", tc.text, fmt.Sprint(tc.document), got, tc.want)
		}
	}
}

func TestUnknownFields(t *testing.T) {
	schema := contactSchema
	schema.AllowUnknown = true
	for text, want := range map[string]bool{
		"gone:a": false, "gone:*": false, "NOT gone:a": true, "gone:[* TO *]": false, "gone:a OR name:Arthur": true,
		"gone:(a OR name:Arthur)": true,
	} {
		q, err := Parse(text, schema)
		if err != nil {
			t.Fatal(err)
		}
		if q.Match(arthur) != want {
			t.Errorf("%q matches: %v, want %v", text, !want, want)
		}
		if again, err := Parse(q.String(), schema); err != nil || again.String() != q.String() {
			t.Errorf("%q prints %q: %v", text, q.String(), err)
		}
	}
}

// newRandom returns a source of randomness and prints its seed.
func newRandom(t *testing.T) *rand.Rand {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

func TestFuzzyAgainstTable(t *testing.T) {
	random := newRandom(t)
	text := func() string {
		var b strings.Builder
		for range random.IntN(8) {
			b.WriteRune([]rune("abcä")[random.IntN(4)])
		}
		return b.String()
	}
	for range 20_000 {
		a, b, edits := text(), text(), random.IntN(3)
		if got, want := withinEdits([]rune(a), b, edits), alignment(a, b) <= edits; got != want {
			t.Fatalf("%q and %q within %d edits: %v, want %v", a, b, edits, got, want)
		}
	}
}

// alignment is the textbook table of optimal string alignment.
func alignment(a, b string) int {
	x, y := []rune(a), []rune(b)
	d := make([][]int, len(x)+1)
	for i := range d {
		d[i] = make([]int, len(y)+1)
		for j := range d[i] {
			if i == 0 || j == 0 {
				d[i][j] = i + j
				continue
			}
			differ := 1
			if x[i-1] == y[j-1] {
				differ = 0
			}
			d[i][j] = min(d[i-1][j]+1, d[i][j-1]+1, d[i-1][j-1]+differ)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				d[i][j] = min(d[i][j], d[i-2][j-2]+1)
			}
		}
	}
	return d[len(x)][len(y)]
}

func TestWildcardsAgainstRegex(t *testing.T) {
	random := newRandom(t)
	for range 20_000 {
		var pattern, regex, token strings.Builder
		for range random.IntN(6) {
			switch random.IntN(4) {
			case 0:
				pattern.WriteByte('*')
				regex.WriteString(".*")
			case 1:
				pattern.WriteByte('?')
				regex.WriteByte('.')
			default:
				r := []rune("aé*")[random.IntN(3)]
				pattern.WriteString(strings.ReplaceAll(string(r), "*", `\*`))
				regex.WriteString(strings.ReplaceAll(string(r), "*", `\*`))
			}
		}
		for range random.IntN(7) {
			token.WriteRune([]rune("aé*")[random.IntN(3)])
		}
		re, err := compileRegex(regex.String())
		if err != nil {
			t.Fatal(err)
		}
		if got, want := parsePattern(pattern.String()).match(token.String()), re.MatchString(token.String()); got != want {
			t.Fatalf("%q matches %q: %v, want %v", pattern.String(), token.String(), got, want)
		}
	}
}

// TestPhrasesAgainstSearch compares phrases with a search through every way to give their tokens places.
func TestPhrasesAgainstSearch(t *testing.T) {
	random := newRandom(t)
	tokens := func(n int) []string {
		s := make([]string, n)
		for i := range s {
			s[i] = string("abc"[random.IntN(3)])
		}
		return s
	}
	var possible func(text, phrase []string, slop int, shifts []int, used []int) bool
	possible = func(text, phrase []string, slop int, shifts, used []int) bool {
		i := len(shifts)
		if i == len(phrase) {
			return slices.Max(shifts)-slices.Min(shifts) <= slop
		}
		for place, token := range text {
			if token == phrase[i] && !slices.Contains(used, place) &&
				possible(text, phrase, slop, append(shifts, place-i), append(used, place)) {
				return true
			}
		}
		return false
	}
	for range 5_000 {
		text, phrase, slop := tokens(random.IntN(7)), tokens(2+random.IntN(3)), random.IntN(5)
		if got, want := holdsPhrase(text, phrase, slop), possible(text, phrase, slop, nil, nil); got != want {
			t.Fatalf("%q~%d in %q: %v, want %v", phrase, slop, text, got, want)
		}
	}
}

func TestAfterPrefix(t *testing.T) {
	for prefix, want := range map[string]string{
		"a": "b", "az": "a{", "\x7f": "\u0080", "\ud7ff": "\ue000", "a\U0010FFFF": "b", "+12": "+13",
		"\U0010FFFF\U0010FFFF": "", "": "",
	} {
		got, ok := afterPrefix(prefix)
		if got != want || ok != (want != "") || !utf8.ValidString(got) {
			t.Errorf("afterPrefix(%q) = %q, %v, want %q", prefix, got, ok, want)
		}
	}
}
