package simulate

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"indaba/internal/core"
)

// A reader takes a YAML file apart strictly. It collects what is wrong, each with its line, so that an author sees
// everything at once.
type reader struct {
	file     string
	problems []error
	values   int // read so far
}

const (
	maxProblems = 20      // shown of one file
	maxValues   = 100_000 // in one file: aliases can make few lines mean very much, or go in circles
)

func (r *reader) fail(n *yaml.Node, format string, args ...any) {
	r.problems = append(r.problems, core.Errorf(core.Invalid, "%s:%d: %s", r.file, n.Line, fmt.Sprintf(format, args...)))
}

// err returns what was wrong, or nil.
func (r *reader) err() error {
	return errors.Join(r.problems[:min(len(r.problems), maxProblems)]...)
}

// field reads the value of one member of a mapping.
type field func(value *yaml.Node)

// fields reads a mapping. A key that is not known, or stands twice, is a problem.
func (r *reader) fields(n *yaml.Node, what string, known map[string]field) {
	n = resolved(n)
	if n.Kind != yaml.MappingNode {
		r.fail(n, "%s must be a mapping of %s", what, names(known))
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		read, ok := known[key.Value]
		switch {
		case !ok:
			r.fail(key, "%s has no key %q: it may have %s", what, key.Value, names(known))
		case seen[key.Value]:
			r.fail(key, "%s has %q twice", what, key.Value)
		default:
			read(resolved(value))
		}
		seen[key.Value] = true
	}
}

func names(known map[string]field) string {
	var all []string
	for name := range known {
		all = append(all, name)
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

// resolved follows an alias.
func resolved(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

// list calls read for each item of a sequence.
func (r *reader) list(n *yaml.Node, what string, read field) {
	if n.Kind != yaml.SequenceNode {
		r.fail(n, "%s must be a list", what)
		return
	}
	for _, item := range n.Content {
		read(resolved(item))
	}
}

// text reads a scalar as it is written: 007 is a text of three characters.
func (r *reader) text(n *yaml.Node, what string) string {
	if n.Kind != yaml.ScalarNode || isNull(n) {
		r.fail(n, "%s must be a text", what)
		return ""
	}
	return n.Value
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

func (r *reader) choice(n *yaml.Node, what string, from ...string) string {
	value := r.text(n, what)
	if !slices.Contains(from, value) {
		r.fail(n, "%s is %q: it is one of %s", what, value, strings.Join(from, ", "))
	}
	return value
}

func (r *reader) boolean(n *yaml.Node, what string) bool {
	var value bool
	if n.ShortTag() != "!!bool" || n.Decode(&value) != nil {
		r.fail(n, "%s must be true or false", what)
	}
	return value
}

func (r *reader) whole(n *yaml.Node, what string, least int) int {
	var value int
	if n.ShortTag() != "!!int" || n.Decode(&value) != nil || value < least {
		r.fail(n, "%s must be a whole number, at least %d", what, least)
	}
	return value
}

func (r *reader) duration(n *yaml.Node, what string) time.Duration {
	d, err := parseDuration(r.text(n, what))
	if err != nil || d <= 0 {
		r.fail(n, "%s must be a time such as 90s, 2h or 3d", what)
	}
	return d
}

// parseDuration reads what Go writes, and days: 3d, 1d12h.
func parseDuration(text string) (time.Duration, error) {
	days, rest, found := strings.Cut(text, "d")
	if !found {
		return time.ParseDuration(text)
	}
	var n int64
	if _, err := fmt.Sscanf(days+" ", "%d ", &n); err != nil || n < 0 || n > 36_500 {
		return 0, fmt.Errorf("%q is no number of days", days)
	}
	d := time.Duration(n) * 24 * time.Hour
	if rest == "" {
		return d, nil
	}
	more, err := time.ParseDuration(rest)
	return d + more, err
}

func (r *reader) time(n *yaml.Node, what string) time.Time {
	text := r.text(n, what)
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02 15:04", time.DateOnly} {
		if at, err := time.Parse(layout, text); err == nil {
			return at.UTC()
		}
	}
	r.fail(n, "%s must be a time such as 2026-03-01T10:00:00+02:00 or 2026-03-01 (UTC)", what)
	return time.Time{}
}

// dotAll lets the dot of patterns match line ends.
const dotAll = "(?s)"

// patternText returns a pattern as it stands in the file.
func patternText(p *regexp.Regexp) string { return strings.TrimPrefix(p.String(), dotAll) }

func (r *reader) pattern(n *yaml.Node, what string) *regexp.Regexp {
	text := r.text(n, what)
	p, err := regexp.Compile(dotAll + text)
	if err != nil {
		r.fail(n, "%s is no regular expression: %v", what, err)
		return regexp.MustCompile("")
	}
	return p
}

// value reads anything that JSON can say. What looks like a date stays a text.
func (r *reader) value(n *yaml.Node, what string) any {
	n = resolved(n)
	if r.values++; r.values > maxValues {
		if r.values == maxValues+1 {
			r.fail(n, "the file says more than %d values", maxValues)
		}
		return nil
	}
	switch n.Kind {
	case yaml.MappingNode:
		object := map[string]any{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i]
			if _, twice := object[key.Value]; twice {
				r.fail(key, "%s has %q twice", what, key.Value)
			}
			object[key.Value] = r.value(n.Content[i+1], what)
		}
		return object
	case yaml.SequenceNode:
		list := make([]any, len(n.Content))
		for i, item := range n.Content {
			list[i] = r.value(item, what)
		}
		return list
	}
	return r.scalar(n, what)
}

func (r *reader) scalar(n *yaml.Node, what string) any {
	switch n.ShortTag() {
	case "!!null":
		return nil
	case "!!bool":
		return r.boolean(n, what)
	case "!!int":
		var whole int64
		if n.Decode(&whole) == nil {
			return json.Number(fmt.Sprint(whole))
		}
		r.fail(n, "%s has %s, which is no number of 64 bits", what, n.Value)
	case "!!float":
		var number float64
		if n.Decode(&number) == nil && !math.IsInf(number, 0) && !math.IsNaN(number) {
			return number
		}
		r.fail(n, "%s has %s, which JSON cannot say", what, n.Value)
	}
	return n.Value
}

// json reads anything as JSON text.
func (r *reader) json(n *yaml.Node, what string) json.RawMessage {
	text, err := json.Marshal(r.value(n, what))
	if err != nil {
		r.fail(n, "%s cannot be said in JSON: %v", what, err)
	}
	return text
}

// object reads a mapping whose values are kept as JSON text.
func (r *reader) object(n *yaml.Node, what string) map[string]json.RawMessage {
	object := map[string]json.RawMessage{}
	if n.Kind != yaml.MappingNode {
		r.fail(n, "%s must be a mapping", what)
		return object
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if _, twice := object[key.Value]; twice {
			r.fail(key, "%s has %q twice", what, key.Value)
		}
		object[key.Value] = r.json(n.Content[i+1], what+" "+key.Value)
	}
	return object
}

// texts reads a list of texts; a single text is a list of one.
func (r *reader) texts(n *yaml.Node, what string) []string {
	if n.Kind == yaml.ScalarNode && !isNull(n) {
		return []string{n.Value}
	}
	all := []string{}
	r.list(n, what, func(item *yaml.Node) { all = append(all, r.text(item, what)) })
	return all
}
