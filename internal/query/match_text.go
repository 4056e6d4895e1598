package query

import (
	"strings"
	"unicode/utf8"
)

// pattern is a parsed [Wildcard] pattern.
type pattern []patternRune

// patternRune is a literal rune or, when wild, one of * and ?.
type patternRune struct {
	rune rune
	wild bool
}

func (r patternRune) any() bool { return r.wild && r.rune == '*' }
func (r patternRune) one() bool { return r.wild && r.rune == '?' }

func parsePattern(text string) pattern {
	p := make(pattern, 0, len(text))
	escaped := false
	for _, r := range text {
		if r == '\\' && !escaped {
			escaped = true
			continue
		}
		p = append(p, patternRune{r, !escaped && (r == '*' || r == '?')})
		escaped = false
	}
	return p
}

// prefix returns the literal runes before the first wildcard.
func (p pattern) prefix() string {
	var b strings.Builder
	for _, r := range p {
		if r.wild {
			break
		}
		b.WriteRune(r.rune)
	}
	return b.String()
}

// prefixOnly returns the prefix if nothing follows it but one *.
func (p pattern) prefixOnly() (prefix string, ok bool) {
	prefix = p.prefix()
	ok = prefix != "" && p[len(p)-1].any() && utf8.RuneCountInString(prefix) == len(p)-1
	return prefix, ok
}

// match reports whether the whole token fits. On a mismatch only the last * is tried again one rune further on: earlier
// ones need not be, because what follows them was found as far left as possible.
func (p pattern) match(token string) bool {
	next, star, starPos := 0, -1, 0
	for pos := 0; pos < len(token); {
		r, size := utf8.DecodeRuneInString(token[pos:])
		switch {
		case next < len(p) && p[next].any():
			star, starPos = next, pos
			next++
		case next < len(p) && (p[next].one() || p[next].rune == r):
			next++
			pos += size
		case star >= 0:
			_, skip := utf8.DecodeRuneInString(token[starPos:])
			starPos += skip
			next, pos = star+1, starPos
		default:
			return false
		}
	}
	for next < len(p) && p[next].any() {
		next++
	}
	return next == len(p)
}

// withinEdits reports whether value and token are at most edits (0 to 2) apart: optimal string alignment over runes.
func withinEdits(value []rune, token string, edits int) bool {
	if d := utf8.RuneCountInString(token) - len(value); d < -edits || d > edits {
		return false
	}
	return alignable(value, []rune(token), edits)
}

// alignable tries each kind of edit at the first difference; with two edits that is at most 21 runs along the text.
func alignable(a, b []rune, edits int) bool {
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	switch {
	case len(a) == 0 || len(b) == 0:
		return len(a)+len(b) <= edits
	case edits == 0:
		return false
	}
	return alignable(a[1:], b[1:], edits-1) || alignable(a[1:], b, edits-1) || alignable(a, b[1:], edits-1) ||
		len(a) > 1 && len(b) > 1 && a[0] == b[1] && a[1] == b[0] && alignable(a[2:], b[2:], edits-1)
}

// holdsPhrase reports whether the tokens of a phrase stand in the text, each at most slop positions further right,
// relative to its place in the phrase, than the one that is furthest left. Equal tokens need places of their own.
func holdsPhrase(text, phrase []string, slop int) bool {
	slop = min(slop, len(text)+len(phrase))
	if slop == 0 {
		for first := 0; first+len(phrase) <= len(text); first++ {
			if startsWith(text[first:], phrase) {
				return true
			}
		}
		return false
	}
	places := map[string][]int{}
	for _, token := range phrase {
		places[token] = nil
	}
	for i, token := range text {
		if _, wanted := places[token]; wanted {
			places[token] = append(places[token], i)
		}
	}
	for _, found := range places {
		if len(found) == 0 {
			return false
		}
	}
	for first := 1 - len(phrase); first < len(text); first++ {
		if fitsWindows(places, phrase, first, slop) {
			return true
		}
	}
	return false
}

func startsWith(text, phrase []string) bool {
	for i, token := range phrase {
		if text[i] != token {
			return false
		}
	}
	return true
}

// fitsWindows gives the i-th token of a phrase a place from first+i to first+i+slop. Windows of equal tokens are equally
// long, so the leftmost free place is always a right choice.
func fitsWindows(places map[string][]int, phrase []string, first, slop int) bool {
	taken := make(map[string]int, len(places)) // how many places of a token are used up or too far left
	for i, token := range phrase {
		found, n := places[token], taken[token]
		for n < len(found) && found[n] < first+i {
			n++
		}
		if n == len(found) || found[n] > first+i+slop {
			return false
		}
		taken[token] = n + 1
	}
	return true
}
