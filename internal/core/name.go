package core

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxName is the longest name that anything has, in characters.
const maxName = 255

// CheckName refuses names that nobody could read or a database could not hold, and returns the name without blanks
// around it. what is named stands in the message, such as "bot".
func CheckName(what, name string) (string, error) {
	name = strings.TrimSpace(name)
	switch {
	case name == "":
		return "", Errorf(Invalid, "the %s has no name: give it one", what)
	case !utf8.ValidString(name):
		return "", Errorf(Invalid, "the name of the %s is not valid UTF-8", what)
	case utf8.RuneCountInString(name) > maxName:
		return "", Errorf(TooLarge, "the name of the %s is longer than %d characters", what, maxName)
	case strings.ContainsFunc(name, unicode.IsControl):
		return "", Errorf(Invalid, "the name of the %s has control characters in it", what)
	}
	return name, nil
}
