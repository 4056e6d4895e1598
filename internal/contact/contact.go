// Package contact keeps the people that an account knows: their addresses by delivery class, their extras, and the
// groups they are in, by name (static groups) or by a query (smart groups). Searches read an inverted index that the
// commit of each change keeps; so are the members of smart groups and the size of every group
// (docs/spec/vumi-http.md 3 and 4, docs/spec/vumi-sandbox.md 9.7 and 9.8).
//
// It is not the log of what was said to whom, and it knows no channels: a contact exists apart from both.
package contact

import (
	"maps"
	"slices"
	"time"
)

// Limits of one contact and one group. Lengths of text count code points.
const (
	MaxRecordBytes = 64 << 10 // all texts of a contact together, names of extras included
	MaxGroupKey    = 200
	MaxGroupName   = 255
	MaxQueryBytes  = 32 << 10
	MaxSmartSteps  = 500_000 // of an account's smart groups together, for one contact that changes; see [query.MaxCost]
	MaxBulk        = 10_000  // contacts in one call of CreateMany
	MaxPage        = 1000    // contacts or groups in one page
	DefaultPage    = 100
	recordVersion  = 2
)

// UnknownMsisdn stands for the telephone number of a contact that was met on a channel without numbers: the field is
// never null.
const UnknownMsisdn = "unknown"

// Contact is one person. Pointers are nil where the person has no such value, which differs from an empty text.
type Contact struct {
	id            int64  // ascends with the key; 0 until it has been given one
	Key           string // 32 hex digits; ascending with the time of creation
	Account       string
	CreatedAt     time.Time // UTC, microseconds
	Name          *string
	Surname       *string
	EmailAddress  *string
	DateOfBirth   *time.Time // the field dob; UTC, microseconds
	Msisdn        string     // telephone number as it was given; never null
	TwitterHandle *string
	FacebookID    *string
	BBMPin        *string
	GTalkID       *string
	MxitID        *string
	WeChatID      *string
	Groups        []string // keys, each once, in the order in which they were added; they need not name groups
	Extra         map[string]string
	Subscription  map[string]string
}

// clone returns a contact whose lists and maps may be changed.
func (c Contact) clone() Contact {
	c.Groups = slices.Clone(c.Groups)
	c.Extra = maps.Clone(c.Extra)
	c.Subscription = maps.Clone(c.Subscription)
	return c
}

// textField is a field that holds a text or null.
type textField struct {
	name string
	max  int // code points; 0: no limit of its own
	at   func(*Contact) **string
}

// textFields are the fields that hold a text or null, in the order in which they are checked.
var textFields = []textField{
	{"name", 255, func(c *Contact) **string { return &c.Name }},
	{"surname", 255, func(c *Contact) **string { return &c.Surname }},
	{"email_address", 0, func(c *Contact) **string { return &c.EmailAddress }},
	{"twitter_handle", 100, func(c *Contact) **string { return &c.TwitterHandle }},
	{"facebook_id", 100, func(c *Contact) **string { return &c.FacebookID }},
	{"bbm_pin", 100, func(c *Contact) **string { return &c.BBMPin }},
	{"gtalk_id", 0, func(c *Contact) **string { return &c.GTalkID }},
	{"mxit_id", 0, func(c *Contact) **string { return &c.MxitID }},
	{"wechat_id", 0, func(c *Contact) **string { return &c.WeChatID }},
}

const maxMsisdn = 255

// textFieldNamed returns the field of that name.
func textFieldNamed(name string) (f textField, ok bool) {
	for _, f := range textFields {
		if f.name == name {
			return f, true
		}
	}
	return textField{}, false
}
