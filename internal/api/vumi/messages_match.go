package vumi

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"

	"indaba/internal/bot/vumiwire"
	"indaba/internal/contact"
	"indaba/internal/core"
)

// Limits of the patterns of a search. The engine takes a time that grows with the text and the pattern, whatever they are.
const (
	maxPatterns     = 10
	maxPatternBytes = 1000
)

// compileMatch returns whether a message meets all of some conditions.
func compileMatch(list []pattern) (func(*core.Message) bool, error) {
	if len(list) == 0 || len(list) > maxPatterns {
		return nil, invalid("Invalid query: Expected 1 to %d patterns, got %d", maxPatterns, len(list))
	}
	conditions := make([]func(*core.Message) bool, len(list))
	for i, p := range list {
		read, err := fieldOf(p.Key)
		if err != nil {
			return nil, err
		}
		expression, err := compilePattern(p)
		if err != nil {
			return nil, err
		}
		conditions[i] = func(m *core.Message) bool {
			text, ok := read(m)
			return ok && expression.MatchString(text)
		}
	}
	return func(m *core.Message) bool {
		for _, met := range conditions {
			if !met(m) {
				return false
			}
		}
		return true
	}, nil
}

// compilePattern reads a regular expression with the flags of JavaScript: i, m and s mean the same, g, u and y nothing to a
// test.
func compilePattern(p pattern) (*regexp.Regexp, error) {
	if len(p.Pattern) > maxPatternBytes {
		return nil, invalid("Invalid pattern: it has %d bytes, at most %d are allowed", len(p.Pattern), maxPatternBytes)
	}
	flags := ""
	for _, flag := range p.Flags {
		switch {
		case strings.ContainsRune("ims", flag):
			flags += string(flag)
		case !strings.ContainsRune("guy", flag):
			return nil, invalid("Invalid flags %s: Expected some of i, m, s", contact.PythonText(p.Flags))
		}
	}
	text := p.Pattern
	if flags != "" {
		text = "(?" + flags + ":" + text + ")"
	}
	expression, err := regexp.Compile(text)
	if err == nil && flags != "" {
		_, err = regexp.Compile(p.Pattern) // a parenthesis of its own must not close ours
	}
	if err != nil {
		return nil, invalid("Invalid pattern %s: %s", contact.PythonText(p.Pattern), err)
	}
	return expression, nil
}

// fields are what a message says in texts of its own.
func fields() map[string]func(*core.Message) string {
	return map[string]func(*core.Message) string{
		"message_id": func(m *core.Message) string { return m.ID }, "in_reply_to": func(m *core.Message) string { return m.InReplyTo },
		"to_addr": func(m *core.Message) string { return m.To }, "from_addr": func(m *core.Message) string { return m.From },
		"session_event":  func(m *core.Message) string { return string(m.SessionEvent) },
		"timestamp":      func(m *core.Message) string { return contact.FormatTime(m.CreatedAt) },
		"group":          func(m *core.Message) string { return m.Group },
		"provider":       func(m *core.Message) string { return m.Provider },
		"transport_name": func(m *core.Message) string { return m.Channel },
		"transport_type": func(m *core.Message) string { return m.TransportType },
	}
}

// fieldOf returns what reads a field by its path in the message as JSON: msg.content, msg.helper_metadata.voice.speech_url.
// What is null, absent or no text matches nothing.
func fieldOf(key string) (func(*core.Message) (string, bool), error) {
	path := strings.Split(key, ".")
	if len(path) >= 2 && path[0] == "msg" {
		name, rest := path[1], path[2:]
		plain := fields()[name]
		switch {
		case name == "content" && len(rest) == 0:
			return func(m *core.Message) (string, bool) {
				if m.Content == nil {
					return "", false
				}
				return *m.Content, true
			}, nil
		case plain != nil && len(rest) == 0:
			return func(m *core.Message) (string, bool) { text := plain(m); return text, text != "" }, nil
		case name == "routing_metadata" && slices.Equal(rest, []string{"endpoint_name"}):
			return func(m *core.Message) (string, bool) { return m.Endpoint, m.Endpoint != "" }, nil
		case name == "helper_metadata" && len(rest) > 0:
			return func(m *core.Message) (string, bool) { return inside(m.HelperMetadata, rest) }, nil
		case name == "transport_metadata" && len(rest) > 0:
			return func(m *core.Message) (string, bool) { return inside(m.TransportMetadata, rest) }, nil
		}
	}
	names := append(slices.Collect(maps.Keys(fields())), "content", "helper_metadata.…", "routing_metadata.endpoint_name",
		"transport_metadata.…")
	slices.Sort(names)
	return nil, invalid("Invalid key %s: Expected msg. and one of %s", contact.PythonText(key), strings.Join(names, ", "))
}

// inside returns the text at a path in an object.
func inside(object json.RawMessage, path []string) (text string, ok bool) {
	for _, name := range path {
		members, err := vumiwire.Members(object)
		if err != nil {
			return "", false
		}
		object = members[name]
	}
	return text, len(object) > 0 && object[0] == '"' && json.Unmarshal(object, &text) == nil
}
