package query

import "strings"

// Kind says how the values of a field are split into tokens and compared.
type Kind uint8

// The kinds of fields.
const (
	// Text is split into tokens at Unicode white space (the whitespace analyser of docs/spec/vumi-http.md 4.4).
	Text Kind = iota + 1

	// Keyword is one token, white space and all. A list of keywords is a field with several values.
	Keyword

	// Time is one token in ISO 8601: YYYY, YYYY-MM, YYYY-MM-DD, and YYYY-MM-DD with a "T" or a blank and HH, HH:MM,
	// HH:MM:SS or HH:MM:SS.f (one to six digits). A zone is dropped, not converted (docs/spec/vumi-http.md 3.1). In a
	// query such text stands for the whole time it names: dob:1980 and dob:[1980 TO 1980] are the whole year,
	// created_at:{2014-07-25 TO *} begins with the next day. A range with an end that is no time, and everything other
	// than terms, phrases and ranges, looks at the text of the value.
	Time
)

// Tokens returns the tokens of a value of this kind, in order. An index over documents holds these and no others.
func (k Kind) Tokens(value string) []string {
	if k == Text {
		return strings.Fields(value)
	}
	return []string{value}
}

// Schema names the fields that a query may ask for.
type Schema struct {
	// Fields gives each field its kind.
	Fields map[string]Kind

	// Prefixes gives a kind to every field whose name begins with a key and goes on after it: "extras-" makes
	// extras-city a field. Fields wins over Prefixes, and the longest prefix over shorter ones.
	Prefixes map[string]Kind

	// Default lists the fields for clauses that name none. When it is empty, such clauses are errors.
	Default []string

	// AllowUnknown makes a field that is not in the schema one that no document has, as Riak did. Leave it false where a
	// person waits for the answer: an error that names the field beats an empty result. Set it for stored queries, which
	// must go on working when a field goes away.
	AllowUnknown bool
}

// Kind returns the kind of a field; ok is false when the schema does not have it.
func (s Schema) Kind(field string) (kind Kind, ok bool) {
	if kind, ok = s.Fields[field]; ok {
		return kind, true
	}
	longest := 0
	for prefix, k := range s.Prefixes {
		if len(prefix) > longest && len(field) > len(prefix) && strings.HasPrefix(field, prefix) {
			longest, kind, ok = len(prefix), k, true
		}
	}
	return kind, ok
}

// fieldsOf returns the fields that a test looks at.
func (s Schema) fieldsOf(l leaf) []string {
	if field := l.field(); field != "" {
		return []string{field}
	}
	return s.Default
}
