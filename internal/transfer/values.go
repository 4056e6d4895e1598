package transfer

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"indaba/internal/contact"
	"indaba/internal/core"
)

// value is what a row says of one field.
type value struct {
	Target
	text *string // nil: it has none
	at   time.Time
}

// values are what a row says of its contact.
type values struct {
	all    []value
	groups []string // keys, or names with a name's mark
	match  string   // what the contact is found by; empty: nothing
}

// interpreter reads the values of rows as an import's plan says.
type interpreter struct {
	targets     map[string]Target // by column
	taken       map[string]string // columns by the places they go to
	match       string
	countryCode string
	csv         bool
}

func newInterpreter(im *Import) *interpreter {
	in := &interpreter{targets: map[string]Target{}, taken: map[string]string{}, match: im.Spec.Match, countryCode: im.Spec.CountryCode, csv: im.Format == CSV}
	for _, c := range im.Columns {
		in.targets[c.Name] = c.Target
		in.taken[c.Target.place()] = c.Name
	}
	return in
}

// target returns where the values of a column go. In JSON lines, not all of them are in the plan.
func (in *interpreter) target(column string) (Target, error) {
	if t, ok := in.targets[column]; ok {
		return t, nil
	}
	t, ok := ownPlace(column)
	if !ok {
		return Target{Field: ignore}, nil
	}
	if other, taken := in.taken[t.place()]; taken {
		return t, core.Errorf(core.Invalid, "the column %q goes there too: choose another place for it, or ignore it", other)
	}
	return t, nil
}

// read returns the values of a row. A cell of CSV without anything in it says nothing; in JSON lines an empty text is one,
// and null takes a value away. What is wrong with a value is core.Invalid and names its column.
func (in *interpreter) read(r row) (values, error) {
	var v values
	if r.bad != nil {
		return v, r.bad
	}
	for _, c := range r.cells {
		t, err := in.target(c.column)
		if t.Field == ignore || in.csv && strings.TrimSpace(c.text) == "" {
			continue
		}
		if err == nil {
			err = in.readCell(&v, t, c)
		}
		if err != nil {
			return v, core.Errorf(core.Invalid, "%s: %s", c.column, core.SafeMessage(err))
		}
	}
	if len(v.all) == 0 && len(v.groups) == 0 {
		return v, core.Errorf(core.Invalid, "the row is empty")
	}
	return v, nil
}

func (in *interpreter) readCell(v *values, t Target, c cell) error {
	if t.Field == "groups" {
		if in.csv {
			v.groups = append(v.groups, splitGroups(c.text)...)
		} else {
			v.groups = append(v.groups, c.list...)
			if c.text != "" {
				v.groups = append(v.groups, c.text)
			}
		}
		return nil
	}
	if c.list != nil {
		return core.Errorf(core.Invalid, "a list cannot be the value of %s", t.place())
	}
	one := value{Target: t}
	if !c.null {
		text, at, err := in.normalise(t.How, c.text)
		if err != nil {
			return err
		}
		one.text, one.at = &text, at
	} else if t.Field == "msisdn" || t.Field == "created_at" {
		return core.Errorf(core.Invalid, "%s is never null", t.Field)
	}
	if t.place() == in.match && one.text != nil && !(t.Field == "msisdn" && *one.text == contact.UnknownMsisdn) {
		v.match = *one.text
	}
	if t.Field != "key" {
		v.all = append(v.all, one)
	}
	return nil
}

func (in *interpreter) normalise(how, text string) (string, time.Time, error) {
	switch how {
	case asPhone:
		text, err := phone(text, in.countryCode)
		return text, time.Time{}, err
	case asDate, asDMY, asMDY:
		at, err := moment(text, how)
		return contact.FormatTime(at), at, err
	case asExact:
		return text, time.Time{}, nil
	case asLower:
		return strings.ToLower(strings.TrimSpace(text)), time.Time{}, nil
	}
	return strings.TrimSpace(text), time.Time{}, nil
}

// put gives a contact the values. Where the existing one wins, only what it lacks.
func (v *values) put(c *contact.Contact, mode Mode) {
	c.Extra, c.Subscription = clone(c.Extra), clone(c.Subscription)
	for _, one := range v.all {
		keep := mode == ExistingWins
		switch one.Field {
		case "msisdn":
			if !keep || c.Msisdn == "" || c.Msisdn == contact.UnknownMsisdn {
				c.Msisdn = *one.text
			}
		case "dob":
			if !keep || c.DateOfBirth == nil {
				c.DateOfBirth = nil
				if one.text != nil {
					c.DateOfBirth = &one.at
				}
			}
		case "created_at":
			if !keep || c.CreatedAt.IsZero() {
				c.CreatedAt = one.at
			}
		case "extra":
			one.putInto(c.Extra, keep)
		case "subscription":
			one.putInto(c.Subscription, keep)
		default:
			if now := c.Text(one.Field); !keep || now == nil || *now == "" && one.text != nil {
				c.SetText(one.Field, one.text)
			}
		}
	}
}

func (one *value) putInto(texts map[string]string, keep bool) {
	switch {
	case keep && texts[one.Name] != "":
	case one.text != nil:
		texts[one.Name] = *one.text
	case !keep:
		delete(texts, one.Name)
	}
}

func clone(texts map[string]string) map[string]string {
	if texts == nil {
		return map[string]string{}
	}
	return maps.Clone(texts)
}

// join adds a contact to groups.
func join(c *contact.Contact, keys ...[]string) {
	for _, key := range slices.Concat(keys...) {
		if !slices.Contains(c.Groups, key) {
			c.Groups = append(slices.Clip(c.Groups), key)
		}
	}
}

// addresses returns the ways in which the store may hold the value that a contact is found by: telephone numbers came in
// with and without their plus (docs/spec/vumi-http.md 3.4).
func addresses(match, value string) []string {
	all := []string{value, contact.NormaliseAddress(match, value)}
	if match == "msisdn" {
		all = append(all, strings.TrimPrefix(all[1], "+"))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

var groupKey = regexp.MustCompile("^[0-9a-f]{32}$")

// joinGroups writes names or keys of groups into one cell, with semicolons between them.
func joinGroups(names []string) string {
	escaped := make([]string, len(names))
	for i, name := range names {
		escaped[i] = strings.NewReplacer(`\`, `\\`, ";", `\;`).Replace(name)
	}
	return strings.Join(escaped, "; ")
}

// splitGroups reads what joinGroups wrote.
func splitGroups(text string) []string {
	var names []string
	var name strings.Builder
	end := func() {
		if n := strings.TrimSpace(name.String()); n != "" {
			names = append(names, n)
		}
		name.Reset()
	}
	escaped := false
	for _, r := range text {
		switch {
		case escaped:
			name.WriteRune(r)
			escaped = false
		case r == '\\':
			escaped = true
		case r == ';':
			end()
		default:
			name.WriteRune(r)
		}
	}
	end()
	return names
}
