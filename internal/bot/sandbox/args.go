package sandbox

import (
	"encoding/json"
	"strconv"
	"strings"
)

// args are the members of a command.
type args map[string]json.RawMessage

// has reports whether the command has the member, be it null.
func (a args) has(name string) bool { return a[name] != nil }

// null reports whether a member is absent or null.
func (a args) null(name string) bool { return a[name] == nil || string(a[name]) == "null" }

// text returns a member that is a text.
func (a args) text(name string) (string, bool) {
	value := a[name]
	if len(value) == 0 || value[0] != '"' {
		return "", false
	}
	var text string
	err := json.Unmarshal(value, &text)
	return text, err == nil
}

// textOrNull returns a member that is a text or null; it must be there.
func (a args) textOrNull(name string) (*string, bool) {
	if a.has(name) && a.null(name) {
		return nil, true
	}
	text, ok := a.text(name)
	return &text, ok
}

// integer returns a member that is a whole number of 64 bits.
func (a args) integer(name string) (int64, bool) {
	n, err := strconv.ParseInt(string(a[name]), 10, 64)
	return n, err == nil
}

// boolean returns a member that is true or false, and fallback when it is absent.
func (a args) boolean(name string, fallback bool) (value, ok bool) {
	if !a.has(name) {
		return fallback, true
	}
	text := string(a[name])
	return text == "true", text == "true" || text == "false"
}

// object returns a member that is an object.
func (a args) object(name string) (map[string]json.RawMessage, bool) {
	var members map[string]json.RawMessage
	if a.null(name) || json.Unmarshal(a[name], &members) != nil {
		return nil, false
	}
	return members, true
}

// storable reports whether a text can stand in every database.
func storable(text string) bool { return !strings.ContainsRune(text, 0) }
