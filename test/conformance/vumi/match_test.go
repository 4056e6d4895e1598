package vumi_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Answers are compared with patterns: JSON that means itself, but for these.
//
//	"$any" "$text" "$number"      any value, any text, any number
//	"$key" "$time"                32 hex digits; a time as in records
//	"~REGEX"                      a text that the expression matches as a whole
//	{"$contact": {…}}             a contact with these fields, the others as they are when not given
//	{"$group": {…}}               a group, likewise
//	{"$contains": [a, b]}         a list that has these items, among others
//	{"$unordered": [a, b]}        a list of these items in any order
var words = map[string]string{
	"$text": `(?s).*`,
	"$key":  `[0-9a-f]{32}`,
	"$time": `\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}`,
}

var plainContact = map[string]any{
	"$VERSION": 2.0, "key": "$key", "user_account": "$key", "created_at": "$time", "name": nil, "surname": nil,
	"email_address": nil, "dob": nil, "msisdn": "$text", "twitter_handle": nil, "facebook_id": nil, "bbm_pin": nil,
	"gtalk_id": nil, "mxit_id": nil, "wechat_id": nil, "groups": []any{}, "extra": map[string]any{},
	"subscription": map[string]any{},
}

var plainGroup = map[string]any{
	"$VERSION": nil, "key": "$key", "user_account": "$key", "name": "$text", "query": nil, "created_at": "$time",
}

// mismatch says where a value differs from a pattern; empty when it does not.
func mismatch(at string, pattern, value any) string {
	switch pattern := pattern.(type) {
	case string:
		return mismatchText(at, pattern, value)
	case map[string]any:
		for word, plain := range map[string]map[string]any{"$contact": plainContact, "$group": plainGroup} {
			if fields, ok := pattern[word].(map[string]any); ok {
				all := maps.Clone(plain)
				maps.Copy(all, fields)
				return mismatchObject(at, all, value)
			}
		}
		for _, word := range []string{"$contains", "$unordered"} {
			if items, ok := pattern[word].([]any); ok {
				return mismatchSet(at, items, value, word == "$unordered")
			}
		}
		return mismatchObject(at, pattern, value)
	case []any:
		list, ok := value.([]any)
		if !ok || len(list) != len(pattern) {
			return fmt.Sprintf("%s is %s, want %d items", at, show(value), len(pattern))
		}
		for i := range pattern {
			if wrong := mismatch(fmt.Sprintf("%s[%d]", at, i), pattern[i], list[i]); wrong != "" {
				return wrong
			}
		}
		return ""
	}
	if pattern != value {
		return fmt.Sprintf("%s is %s, want %s", at, show(value), show(pattern))
	}
	return ""
}

func mismatchText(at, pattern string, value any) string {
	if pattern == "$any" {
		return ""
	}
	if pattern == "$number" {
		if _, ok := value.(float64); !ok {
			return fmt.Sprintf("%s is %s, want a number", at, show(value))
		}
		return ""
	}
	text, ok := value.(string)
	expression, special := words[pattern]
	if rest, tilde := strings.CutPrefix(pattern, "~"); tilde {
		expression, special = rest, true
	}
	switch {
	case special && ok && regexp.MustCompile("^(?:"+expression+")$").MatchString(text):
	case !special && ok && text == pattern:
	default:
		return fmt.Sprintf("%s is %s, want %s", at, show(value), show(pattern))
	}
	return ""
}

// mismatchObject wants exactly the members of the pattern.
func mismatchObject(at string, pattern map[string]any, value any) string {
	object, ok := value.(map[string]any)
	if !ok {
		return fmt.Sprintf("%s is %s, want an object", at, show(value))
	}
	want, have := slices.Sorted(maps.Keys(pattern)), slices.Sorted(maps.Keys(object))
	if !slices.Equal(want, have) {
		return fmt.Sprintf("%s has the members %v, want %v", at, have, want)
	}
	for _, name := range want {
		if wrong := mismatch(at+"."+name, pattern[name], object[name]); wrong != "" {
			return wrong
		}
	}
	return ""
}

func mismatchSet(at string, items []any, value any, all bool) string {
	list, ok := value.([]any)
	if !ok || all && len(list) != len(items) {
		return fmt.Sprintf("%s is %s, want a list of %d items", at, show(value), len(items))
	}
	left := slices.Clone(list)
	for _, item := range items {
		i := slices.IndexFunc(left, func(candidate any) bool { return mismatch(at, item, candidate) == "" })
		if i < 0 {
			return fmt.Sprintf("%s is %s, which has no %s", at, show(value), show(item))
		}
		left = slices.Delete(left, i, i+1)
	}
	return ""
}

func show(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// The comparison must be able to fail.
func TestMismatch(t *testing.T) {
	for _, test := range []struct {
		pattern, value string
		match          bool
	}{
		{`{"a": 1}`, `{"a": 1}`, true},
		{`{"a": 1}`, `{"a": 1, "b": null}`, false},
		{`{"a": null}`, `{}`, false},
		{`[]`, `null`, false},
		{`"$key"`, `"0123456789abcdef0123456789abcdef"`, true},
		{`"$key"`, `"0123"`, false},
		{`"~a.*"`, `"ab"`, true},
		{`"~a.*"`, `"ba"`, false},
		{`"$text"`, `1`, false},
		{`{"$contains": [1]}`, `[2, 1]`, true},
		{`{"$contains": [1, 1]}`, `[2, 1]`, false},
		{`{"$unordered": [1, 2]}`, `[2, 1]`, true},
		{`{"$unordered": [1]}`, `[2, 1]`, false},
		{`{"$group": {"name": "x"}}`, `{"name": "x"}`, false},
		{`1`, `1.0`, true},
		{`true`, `1`, false},
	} {
		var pattern, value any
		if err := json.Unmarshal([]byte(test.pattern), &pattern); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(test.value), &value); err != nil {
			t.Fatal(err)
		}
		if wrong := mismatch("it", pattern, value); (wrong == "") != test.match {
			t.Errorf("%s against %s: %q, want match %v", test.pattern, test.value, wrong, test.match)
		}
	}
}
