package query

import (
	"reflect"
	"testing"

	"indaba/internal/core"
)

var fuzzSeeds = []string{
	"", "a",
	"name:Arthur AND surname:\"of Camelot\"~2", `msisdn:\+12*`, "created_at:[2014-01-01 TO *}", "-a +b !c",
	"a~0.5^2 OR name:(b c*d? /e\\/f/)", `\u0041\ `, "*:* NOT name:*", "((a^2)^3)~",
	"extras-a b:c || d && e", "[\"\" TO \\TO]",
}

// FuzzParse: any text gives a query that can be matched and compiled, or an error for the user.
func FuzzParse(f *testing.F) {
	for _, seed := range fuzzSeeds {
		f.Add(seed)
	}
	schema := contactSchema
	schema.AllowUnknown = true
	f.Fuzz(func(t *testing.T, text string) {
		q, err := Parse(text, schema)
		if err != nil {
			if core.KindOf(err) != core.Invalid || err.Error() == "" {
				t.Fatalf("Parse(%q): %v", text, err)
			}
			return
		}
		matches := q.Match(arthur)
		for _, dialect := range []Dialect{SQLite, PostgreSQL} {
			c := Compile(q, testTarget(true), dialect, 1)
			if c.SQL == "" || matches && c.SQL == "FALSE" {
				t.Fatalf("%q compiles to %q", text, c.SQL)
			}
		}
	})
}

// FuzzRoundTrip: printed queries parse to the same tree.
func FuzzRoundTrip(f *testing.F) {
	for _, seed := range fuzzSeeds {
		f.Add(seed)
	}
	schema := contactSchema
	schema.AllowUnknown = true
	f.Fuzz(func(t *testing.T, text string) {
		q, err := Parse(text, schema)
		if err != nil {
			return
		}
		again, err := parse(q.String(), schema)
		if err != nil {
			t.Fatalf("%q prints %q: %v", text, q.String(), err)
		}
		if !reflect.DeepEqual(q.Root(), again.Root()) {
			t.Fatalf("%q prints %q, which parses to %#v instead of %#v", text, q.String(), again.Root(), q.Root())
		}
	})
}
