package query

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Prepared is a document that many queries of one schema are matched with: what they need of a long text is found once.
// It is not safe for concurrent use, and the document must not change.
type Prepared struct {
	Document
	long map[string]*longField
}

// Prepare returns a document for [Query.Match].
func Prepare(d Document) *Prepared { return &Prepared{Document: d} }

// shortBytes is the length up to which it is less work to look at a field's text than to look something up in it.
const shortBytes = 64

func isShort(values []string) bool {
	bytes := 0
	for _, value := range values {
		if bytes += len(value) + 1; bytes > shortBytes {
			return false
		}
	}
	return true
}

// longField is what tests look at in place of long values.
type longField struct {
	kind      Kind
	values    []string
	sorted    []string // the tokens, each once; nil until somebody asks
	beginning []string // of the values; likewise
}

func (p *Prepared) longField(field string, kind Kind, values []string) *longField {
	f := p.long[field]
	if f == nil {
		if p.long == nil {
			p.long = map[string]*longField{}
		}
		f = &longField{kind: kind, values: values}
		p.long[field] = f
	}
	return f
}

// tokens returns the tokens in order.
func (f *longField) tokens() []string {
	if f.sorted == nil {
		f.sorted = []string{}
		for _, value := range f.values {
			f.sorted = append(f.sorted, f.kind.Tokens(value)...)
		}
		slices.Sort(f.sorted)
		f.sorted = slices.Compact(f.sorted)
	}
	return f.sorted
}

// start returns what stands in the first [BeginningBytes] of the values.
func (f *longField) start() []string {
	if f.beginning != nil {
		return f.beginning
	}
	f.beginning = []string{}
	left := BeginningBytes
	for _, value := range f.values {
		if len(value) > left {
			if f.kind == Text {
				f.beginning = append(f.beginning, wholeTokens(value, left))
			}
			break
		}
		f.beginning = append(f.beginning, value)
		left -= len(value) + 1
	}
	return f.beginning
}

// wholeTokens returns the first bytes of a longer text without a token that goes on after them.
func wholeTokens(text string, bytes int) string {
	if next, _ := utf8.DecodeRuneInString(text[bytes:]); unicode.IsSpace(next) {
		return text[:bytes]
	}
	return text[:max(0, strings.LastIndexFunc(text[:bytes], unicode.IsSpace))]
}
