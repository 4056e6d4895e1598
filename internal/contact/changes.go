package contact

import (
	"encoding/json"
	"maps"
	"slices"
	"time"

	"indaba/internal/core"
)

// Changes are the fields that a caller sets, out of those of a contact. The zero value changes nothing.
type Changes struct {
	values Contact
	given  map[string]bool
}

// settable reports whether a caller may set the field of a contact.
func settable(name string) bool {
	switch name {
	case "created_at", "dob", "msisdn", "groups", "extra", "subscription":
		return true
	}
	_, ok := textFieldNamed(name)
	return ok
}

// UnknownFields returns the names in record that are no settable fields of a contact, sorted by bytes. user_account is
// not among them: it may be given and is ignored.
func UnknownFields(record map[string]json.RawMessage) []string {
	var unknown []string
	for name := range record {
		if !settable(name) && name != "user_account" {
			unknown = append(unknown, name)
		}
	}
	slices.Sort(unknown)
	return unknown
}

// ParseChanges reads the settable fields of a JSON record and ignores others. Its errors are core.Invalid with the
// texts of docs/spec/vumi-http.md 3.2, always about the same one of several bad fields.
func ParseChanges(record map[string]json.RawMessage) (Changes, error) {
	c := Changes{given: map[string]bool{}}
	for name := range record {
		c.given[name] = settable(name)
	}
	for _, f := range textFields {
		if value, ok := record[f.name]; ok {
			text, err := parseText(value, f.max)
			if err != nil {
				return Changes{}, err
			}
			*f.at(&c.values) = text
		}
	}
	for _, parse := range []func(map[string]json.RawMessage) error{
		c.parseTimes, c.parseMsisdn, c.parseGroups, c.parseMaps,
	} {
		if err := parse(record); err != nil {
			return Changes{}, err
		}
	}
	return c, nil
}

func (c *Changes) parseTimes(record map[string]json.RawMessage) error {
	if value, ok := record["dob"]; ok && !isNull(value) {
		t, err := parseTimeValue(value)
		if err != nil {
			return err
		}
		c.values.DateOfBirth = &t
	}
	value, ok := record["created_at"]
	if !ok {
		return nil
	}
	if isNull(value) {
		return errNone()
	}
	t, err := parseTimeValue(value)
	c.values.CreatedAt = t
	return err
}

func (c *Changes) parseMsisdn(record map[string]json.RawMessage) error {
	value, ok := record["msisdn"]
	if !ok {
		return nil
	}
	text, err := parseText(value, maxMsisdn)
	if err != nil {
		return err
	}
	if text == nil {
		return errNone()
	}
	c.values.Msisdn = *text
	return nil
}

func (c *Changes) parseGroups(record map[string]json.RawMessage) error {
	value, ok := record["groups"]
	if !ok {
		return nil
	}
	var list []json.RawMessage
	if isNull(value) || json.Unmarshal(value, &list) != nil {
		return core.Errorf(core.Invalid, "Value %s should be a list of group keys", PythonRepr(value))
	}
	c.values.Groups = []string{}
	for _, item := range list {
		key, err := parseText(item, MaxGroupKey)
		if err != nil {
			return err
		}
		if key == nil {
			return errNone()
		}
		c.values.Groups = append(c.values.Groups, *key)
	}
	return nil
}

func (c *Changes) parseMaps(record map[string]json.RawMessage) (err error) {
	if value, ok := record["extra"]; ok {
		if c.values.Extra, err = parseMap(value); err != nil {
			return err
		}
	}
	if value, ok := record["subscription"]; ok {
		c.values.Subscription, err = parseMap(value)
	}
	return err
}

// parseMap reads an object of texts. Of several bad values, the one with the first name is told.
func parseMap(value json.RawMessage) (map[string]string, error) {
	var object map[string]json.RawMessage
	if isNull(value) || json.Unmarshal(value, &object) != nil {
		return nil, core.Errorf(core.Invalid, "Value %s should be a dict of subfield name-value pairs", PythonRepr(value))
	}
	texts := make(map[string]string, len(object))
	for _, name := range slices.Sorted(maps.Keys(object)) {
		text, err := parseText(object[name], 0)
		if err != nil {
			return nil, err
		}
		if text == nil {
			return nil, errNone()
		}
		texts[name] = *text
	}
	return texts, nil
}

// parseText reads a text, or null as nil. A maximum of 0 is none.
func parseText(value json.RawMessage, max int) (*string, error) {
	if isNull(value) {
		return nil, nil
	}
	var text string
	if err := json.Unmarshal(value, &text); err != nil {
		return nil, core.Errorf(core.Invalid, "Value %s is not a unicode string.", PythonRepr(value))
	}
	return &text, checkText(text, max)
}

func parseTimeValue(value json.RawMessage) (time.Time, error) {
	var text string
	_ = json.Unmarshal(value, &text) // what is no text is no time either
	return ParseTime(text)
}

func isNull(value json.RawMessage) bool { return string(value) == "null" }

func errNone() error {
	return core.Errorf(core.Invalid, "None is not allowed as a value for non-null fields.")
}

// Has reports whether the field is among the changes.
func (c Changes) Has(field string) bool { return c.given[field] }

// New returns the contact that consists of the changes and nothing else. Without msisdn, which a contact must have, it
// is core.Invalid.
func (c Changes) New() (Contact, error) {
	if !c.Has("msisdn") {
		return Contact{}, errNone()
	}
	return c.NewWithMsisdn(""), nil
}

// NewWithMsisdn is New with a number for contacts that come without, such as [UnknownMsisdn].
func (c Changes) NewWithMsisdn(msisdn string) Contact {
	contact := c.values.clone()
	if !c.Has("msisdn") {
		contact.Msisdn = msisdn
	}
	return contact
}

// Apply makes the changes to a contact: extra and subscription are replaced whole, groups are added to those that are
// there (docs/spec/vumi-http.md 3.3).
func (c Changes) Apply(to *Contact) {
	for _, f := range textFields {
		if c.Has(f.name) {
			*f.at(to) = *f.at(&c.values)
		}
	}
	if c.Has("created_at") {
		to.CreatedAt = c.values.CreatedAt
	}
	if c.Has("dob") {
		to.DateOfBirth = c.values.DateOfBirth
	}
	if c.Has("msisdn") {
		to.Msisdn = c.values.Msisdn
	}
	if c.Has("groups") {
		to.Groups = append(slices.Clip(to.Groups), c.values.Groups...)
	}
	if c.Has("extra") {
		to.Extra = maps.Clone(c.values.Extra)
	}
	if c.Has("subscription") {
		to.Subscription = maps.Clone(c.values.Subscription)
	}
}
