package core

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Storable returns the text without what not every database stores: NUL characters and broken UTF-8 become U+FFFD.
func Storable(s string) string {
	if strings.IndexByte(s, 0) < 0 && utf8.ValidString(s) {
		return s
	}
	return strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", "\uFFFD"), "\uFFFD")
}

// Printable returns the text with its line breaks, and without what could do things to a terminal: control characters are
// written out. People and bots can send anything.
func Printable(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r != '\n' && (r < ' ' || r >= 0x7f && r < 0xa0) {
			fmt.Fprintf(&b, `\x%02x`, r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// Nearest returns the known word that a mistyped one was probably meant to be, and "" when none is near enough.
func Nearest(word string, known []string) string {
	best, distance := "", len(word)/3+1
	for _, candidate := range known {
		if d := editDistance(word, candidate); d < distance {
			best, distance = candidate, d
		}
	}
	return best
}

// editDistance counts the single-byte changes that turn a into b.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		corner := row[0]
		row[0] = i + 1
		for j := range len(b) {
			substituted := corner
			if a[i] != b[j] {
				substituted++
			}
			corner = row[j+1]
			row[j+1] = min(substituted, row[j]+1, corner+1)
		}
	}
	return row[len(b)]
}
