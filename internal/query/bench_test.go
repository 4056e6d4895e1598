package query

import (
	"strings"
	"testing"
)

var benchQueries = map[string]string{
	"term":     "name:Arthur",
	"contract": `(surname:"of Camelot" OR msisdn:\+12*) AND NOT extras-city:Joburg AND created_at:[2014-01-01 TO 2014-12]`,
	"default":  "Arthur Grail",
	"fuzzy":    "extras-quest:Gral~1",
	"regex":    "extras-quest:/G.*l/",
	"sloppy":   `extras-quest:"seek Grail"~4`,
	"numbers":  numbered(1000, "msisdn:\\+2782%07d"),
}

func BenchmarkParse(b *testing.B) {
	for name, text := range benchQueries {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				mustParse(b, text)
			}
		})
	}
	b.Run("hostile", func(b *testing.B) {
		text := strings.Repeat("(", 1<<20)
		for b.Loop() {
			if _, err := Parse(text, contactSchema); err == nil {
				b.Fatal("no error")
			}
		}
	})
}

func BenchmarkMatch(b *testing.B) {
	for name, text := range benchQueries {
		q := mustParse(b, text)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				q.Match(arthur)
			}
		})
	}
}

func BenchmarkCompile(b *testing.B) {
	target := testTarget(true)
	for name, text := range benchQueries {
		q := mustParse(b, text)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Compile(q, target, PostgreSQL, 2)
			}
		})
	}
}
