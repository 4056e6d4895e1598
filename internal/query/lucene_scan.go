package query

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"indaba/internal/core"
)

// scanner reads the small parts of a Lucene query: words, quoted text, regular expressions, numbers. What a character
// means depends on where it stands, so the parser asks for what it expects.
type scanner struct {
	text string
	pos  int // byte offset of the next rune
}

const eof rune = -1

// Runes that end a word: a field name or a bare term, a value after "field:", and an end of a range.
const (
	wordStops  = `()[]{}"^~:`
	valueStops = `()[]{}"^~`
	boundStops = `]}`
)

// word is a run of runes with escapes resolved.
type word struct {
	literal  string // wildcards taken literally
	pattern  string // as in Wildcard.Pattern
	wildcard bool   // has an unescaped * or ?
	escaped  bool   // has an escape, and so is no operator
}

// is reports whether the word is the operator or sign s itself.
func (w word) is(s string) bool { return w.literal == s && !w.escaped }

// refuse returns an error at a byte offset of the query.
func (s *scanner) refuse(pos int, format string, args ...any) error {
	character := utf8.RuneCountInString(s.text[:pos]) + 1
	return core.Errorf(core.Invalid, "query, character %d: %s", character, fmt.Sprintf(format, args...))
}

// expected returns an error that says what should stand at a byte offset and what does.
func (s *scanner) expected(pos int, what string) error {
	const excerptRunes = 20
	found := "the end of the query"
	if rest := s.text[pos:]; rest != "" {
		runes := 0
		for i := range rest {
			if runes == excerptRunes {
				rest = rest[:i] + "…"
				break
			}
			runes++
		}
		found = strconv.Quote(rest)
	}
	return s.refuse(pos, "expected %s, found %s", what, found)
}

// peek returns the next rune without reading it, or eof.
func (s *scanner) peek() rune {
	if s.pos == len(s.text) {
		return eof
	}
	r, _ := utf8.DecodeRuneInString(s.text[s.pos:])
	return r
}

// next reads one rune, or returns eof.
func (s *scanner) next() rune {
	if s.pos == len(s.text) {
		return eof
	}
	r, size := utf8.DecodeRuneInString(s.text[s.pos:])
	s.pos += size
	return r
}

// space skips white space.
func (s *scanner) space() {
	for unicode.IsSpace(s.peek()) {
		s.next()
	}
}

// take reads prefix if it comes next.
func (s *scanner) take(prefix string) bool {
	if !strings.HasPrefix(s.text[s.pos:], prefix) {
		return false
	}
	s.pos += len(prefix)
	return true
}

// takeOperator skips white space and reads an operator, either as a word of its own or as a sign.
func (s *scanner) takeOperator(name, sign string) bool {
	s.space()
	if s.take(sign) {
		return true
	}
	rest, found := strings.CutPrefix(s.text[s.pos:], name)
	if !found {
		return false
	}
	if r, _ := utf8.DecodeRuneInString(rest); rest != "" && !unicode.IsSpace(r) && !strings.ContainsRune(wordStops, r) {
		return false // the beginning of a longer word
	}
	s.pos += len(name)
	return true
}

// word reads up to white space or one of stops. The word is empty when one comes at once.
func (s *scanner) word(stops string) (word, error) {
	var w word
	var literal, pattern strings.Builder
	afterStar := false
	for {
		start := s.pos
		r := s.peek()
		if r == eof || unicode.IsSpace(r) || strings.ContainsRune(stops, r) {
			w.literal, w.pattern = literal.String(), pattern.String()
			return w, nil
		}
		s.next()
		wild := r == '*' || r == '?'
		if r == '\\' {
			w.escaped = true
			var err error
			if r, err = s.escape(start); err != nil {
				return w, err
			}
		}
		literal.WriteRune(r)
		star := wild && r == '*'
		if star && afterStar {
			continue // ** means no more than *
		}
		afterStar = star
		if wild {
			w.wildcard = true
		} else if r == '*' || r == '?' || r == '\\' {
			pattern.WriteByte('\\')
		}
		pattern.WriteRune(r)
	}
}

// escape reads what follows a backslash: \uXXXX is a UTF-16 unit, before anything else it only makes it literal.
func (s *scanner) escape(start int) (rune, error) {
	r := s.next()
	switch r {
	case eof:
		return 0, s.refuse(start, `a backslash at the end escapes nothing; write \\ for a backslash`)
	case 'u':
		unit, ok := s.hex4()
		if ok && utf16.IsSurrogate(unit) && s.take(`\u`) {
			var low rune
			low, ok = s.hex4()
			unit = utf16.DecodeRune(unit, low)
			ok = ok && unit != unicode.ReplacementChar
		}
		if !ok || utf16.IsSurrogate(unit) || unit == 0 {
			return 0, s.refuse(start, `\u needs four hexadecimal digits that name a character`)
		}
		return unit, nil
	}
	return r, nil
}

// hex4 reads four hexadecimal digits.
func (s *scanner) hex4() (rune, bool) {
	if len(s.text)-s.pos < 4 {
		return 0, false
	}
	n, err := strconv.ParseUint(s.text[s.pos:s.pos+4], 16, 16)
	if err != nil {
		return 0, false
	}
	s.pos += 4
	return rune(n), true
}

// quoted reads text in double quotes; the opening one comes next. Nothing but the backslash is special in it.
func (s *scanner) quoted() (string, error) {
	open := s.pos
	s.next()
	var text strings.Builder
	for {
		start := s.pos
		r := s.next()
		switch r {
		case eof:
			return "", s.refuse(open, `this quote is never closed; write \" for a quote that is part of the text`)
		case '"':
			return text.String(), nil
		case '\\':
			var err error
			if r, err = s.escape(start); err != nil {
				return "", err
			}
		}
		text.WriteRune(r)
	}
}

// regex reads a regular expression between slashes; the opening one comes next. \/ is a slash, other escapes are the
// expression's own.
func (s *scanner) regex() (string, error) {
	open := s.pos
	s.next()
	var pattern strings.Builder
	for {
		r := s.next()
		switch r {
		case eof:
			return "", s.refuse(open, `this regular expression is never closed; write \/ for a slash that is part of a term`)
		case '/':
			return pattern.String(), nil
		case '\\':
			escaped := s.next()
			if escaped != '/' {
				pattern.WriteByte('\\')
			}
			if escaped == eof {
				continue
			}
			r = escaped
		}
		pattern.WriteRune(r)
	}
}

// number reads digits with an optional fraction, or returns "".
func (s *scanner) number() string {
	start := s.pos
	s.digits()
	if s.pos > start && s.peek() == '.' {
		dot := s.pos
		s.next()
		if s.digits(); s.pos == dot+1 {
			s.pos = dot
		}
	}
	return s.text[start:s.pos]
}

func (s *scanner) digits() {
	for r := s.peek(); r >= '0' && r <= '9'; r = s.peek() {
		s.next()
	}
}
