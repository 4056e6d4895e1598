package core

import (
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
