package bundle

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// A conditional is a value of "exports" or "imports" in a package.json: a target, a list of alternatives, or an object
// whose keys are subpaths or conditions. The order of an object's keys counts, so that it is kept.
type conditional struct {
	target  string // "" = not a target
	list    []*conditional
	keys    []string
	members map[string]*conditional
}

// maxConditionDepth bounds how deep conditions stand in each other; real packages use three or four levels.
const maxConditionDepth = 32

// UnmarshalJSON reads the value and keeps the order of keys. Null and values of other types match nothing.
func (c *conditional) UnmarshalJSON(data []byte) error {
	return c.read(json.NewDecoder(bytes.NewReader(data)), 0)
}

// read takes one value from the decoder.
func (c *conditional) read(decoder *json.Decoder, depth int) error {
	if depth > maxConditionDepth {
		return fmt.Errorf("exports or imports have more than %d levels", maxConditionDepth)
	}
	token, err := decoder.Token()
	if err != nil {
		return err
	}
	switch token := token.(type) {
	case string:
		c.target = token
	case json.Delim: // "[" or "{": the decoder gives no closing one where a value begins
		c.members = map[string]*conditional{}
		for decoder.More() {
			child := new(conditional)
			if token == '{' {
				key, err := decoder.Token()
				if err != nil {
					return err
				}
				name := key.(string) // the decoder gives nothing else before a colon
				c.keys, c.members[name] = append(c.keys, name), child
			} else {
				c.list = append(c.list, child)
			}
			if err := child.read(decoder, depth+1); err != nil {
				return err
			}
		}
		_, err = decoder.Token()
	}
	return err
}

// conditionSets are tried one after the other: what a package offers to require comes first, then what it offers
// to Node.js or only as an ES module, which is turned into CommonJS.
var conditionSets = [][]string{{"require", "default"}, {"require", "node", "import", "default"}}

// lookup returns the target for a subpath such as "." or "./max" ("#name" in imports), with a pattern's * filled in.
func (c *conditional) lookup(subpath string) (string, bool) {
	if c == nil {
		return "", false
	}
	value, star := c, ""
	if c.hasSubpaths() {
		if value, star = c.match(subpath); value == nil {
			return "", false
		}
	} else if subpath != "." {
		return "", false
	}
	for _, conditions := range conditionSets {
		if target, ok := value.pick(conditions); ok {
			return strings.ReplaceAll(target, "*", star), true
		}
	}
	return "", false
}

func (c *conditional) hasSubpaths() bool {
	return len(c.keys) > 0 && strings.ContainsAny(c.keys[0][:min(1, len(c.keys[0]))], ".#")
}

// match finds the entry of a subpath: the exact one, else the pattern with the longest text before its *.
func (c *conditional) match(subpath string) (value *conditional, star string) {
	if v, ok := c.members[subpath]; ok && !strings.Contains(subpath, "*") {
		return v, ""
	}
	best := -1
	for _, key := range c.keys {
		before, after, pattern := strings.Cut(key, "*")
		fits := pattern && len(before) > best && len(subpath) > len(before)+len(after)-1 &&
			strings.HasPrefix(subpath, before) && strings.HasSuffix(subpath[len(before):], after)
		if fits {
			best, value, star = len(before), c.members[key], subpath[len(before):len(subpath)-len(after)]
		}
	}
	return value, star
}

// pick returns the first target that the conditions allow.
func (c *conditional) pick(conditions []string) (string, bool) {
	if c == nil {
		return "", false
	}
	if c.target != "" {
		return c.target, true
	}
	for _, alternative := range c.list {
		if target, ok := alternative.pick(conditions); ok {
			return target, true
		}
	}
	for _, key := range c.keys {
		for _, condition := range conditions {
			if key == condition {
				if target, ok := c.members[key].pick(conditions); ok {
					return target, true
				}
			}
		}
	}
	return "", false
}
