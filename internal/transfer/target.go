package transfer

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"indaba/internal/contact"
	"indaba/internal/core"
)

// Target says where the values of a column go and how they are read.
type Target struct {
	// Field is one of [contact.TextFields], msisdn, dob or created_at; key, which contacts are found by and which is never
	// set; groups, names or keys of groups to join; extra or subscription; ignore.
	Field string
	Name  string // of the extra or subscription
	How   string // one of the ways below; empty: what is usual for the field
}

// The ways to read a value.
const (
	asText  = "text"  // as it is, without white space around it; usual in CSV
	asExact = "exact" // as it is; usual in JSON lines
	asLower = "lower" // as text, in small letters
	asPhone = "phone" // as +, calling code and number; usual for msisdn in CSV
	asDate  = "date"  // ISO 8601; usual for times
	asDMY   = "dmy"   // 24/12/1980, with / . or -
	asMDY   = "mdy"   // 12/24/1980
)

func ways() []string { return []string{asText, asExact, asLower, asPhone, asDate, asDMY, asMDY} }

const ignore = "ignore"

// String returns the target as [ParseTarget] reads it.
func (t Target) String() string {
	text := t.Field
	if t.Name != "" {
		text += "." + t.Name
	}
	if t.How != "" {
		text += ":" + t.How
	}
	return text
}

// MarshalText writes the target as String does.
func (t Target) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (t *Target) UnmarshalText(text []byte) (err error) {
	*t, err = ParseTarget(string(text))
	return err
}

// ParseTarget reads FIELD, extra.NAME or subscription.NAME, with :WAY after it for values that are not written as usual:
// "msisdn", "extra.city", "dob:dmy", "groups", "ignore". What is none of these is core.Invalid.
func ParseTarget(text string) (Target, error) {
	var t Target
	t.Field = strings.TrimSpace(text)
	if i := strings.LastIndexByte(t.Field, ':'); i >= 0 && slices.Contains(ways(), t.Field[i+1:]) {
		t.Field, t.How = t.Field[:i], t.Field[i+1:]
	}
	for _, whole := range []string{"extra", "subscription"} {
		if name, ok := strings.CutPrefix(t.Field, whole+"."); ok && name != "" && isStorable(name) {
			t.Field, t.Name = whole, name
			return t, nil
		}
	}
	switch t.Field {
	case "msisdn", "dob", "created_at", "key", "groups", ignore:
		return t, nil
	}
	if slices.Contains(contact.TextFields(), t.Field) {
		return t, nil
	}
	return Target{}, core.Errorf(core.Invalid, "there is no target %q: choose from %s, msisdn, dob, created_at, extra.NAME, subscription.NAME, "+
		"groups, key and ignore, with one of %s after a colon where needed", text, strings.Join(contact.TextFields(), ", "),
		strings.Join(ways(), ", "))
}

// ParseMap reads what a [Spec] maps out of texts such as "Town=extra.city". A column's name may hold an equals sign, a
// target none.
func ParseMap(texts []string) (map[string]string, error) {
	targets := map[string]string{}
	for _, text := range texts {
		i := strings.LastIndexByte(text, '=')
		if i <= 0 {
			return nil, core.Errorf(core.Invalid, "%q: write COLUMN=TARGET, such as Town=extra.city", text)
		}
		column := strings.TrimSpace(text[:i])
		if _, twice := targets[column]; twice {
			return nil, core.Errorf(core.Invalid, "the column %q is mapped twice", column)
		}
		targets[column] = text[i+1:]
	}
	return targets, nil
}

// matchField returns what queries call the field that contacts are found by.
func matchField(match string) (string, error) {
	t, err := ParseTarget(match)
	switch {
	case err != nil || t.How != "":
	case t.Field == "extra":
		return "extras-" + t.Name, nil
	case t.Field == "key", t.Field == "email_address", slices.Contains(contact.AddressFields(), t.Field):
		return t.Field, nil
	}
	return "", core.Errorf(core.Invalid, "contacts cannot be found by %q: choose from %s, email_address, extra.NAME and key", match,
		strings.Join(contact.AddressFields(), ", "))
}

// synonyms are the names by which people call fields, without case, white space and punctuation.
var synonyms = map[string]string{
	"firstname": "name", "first": "name", "givenname": "name", "forename": "name", "fullname": "name", "contactname": "name",
	"lastname": "surname", "last": "surname", "familyname": "surname",
	"email": "email_address", "mail": "email_address",
	"dateofbirth": "dob", "birthdate": "dob", "birthday": "dob",
	"phone": "msisdn", "phonenumber": "msisdn", "telephone": "msisdn", "telephonenumber": "msisdn", "tel": "msisdn",
	"mobile": "msisdn", "mobilenumber": "msisdn", "mobilephone": "msisdn", "cell": "msisdn", "cellphone": "msisdn",
	"cellnumber": "msisdn", "cellphonenumber": "msisdn", "number": "msisdn", "contactnumber": "msisdn", "whatsapp": "msisdn",
	"twitter": "twitter_handle", "facebook": "facebook_id", "bbm": "bbm_pin", "gtalk": "gtalk_id", "mxit": "mxit_id",
	"wechat": "wechat_id", "created": "created_at", "group": "groups", "contactgroups": "groups",
}

// usual returns the target that a column's name stands for.
func usual(column, match string) Target {
	for _, whole := range []string{"extra", "subscription"} {
		for _, separator := range []string{".", "-", "s-"} {
			if name, ok := strings.CutPrefix(column, whole+separator); ok && name != "" && isStorable(name) {
				return Target{Field: whole, Name: name}
			}
		}
	}
	if column == "key" && match == "key" {
		return Target{Field: "key"}
	}
	bare := squeezed(column)
	switch bare {
	case "key", "useraccount", "version", "": // of a record; they cannot be set
		return Target{Field: ignore}
	}
	for _, field := range append([]string{"msisdn", "dob", "created_at", "groups"}, contact.TextFields()...) {
		if bare == squeezed(field) {
			return Target{Field: field}
		}
	}
	if field, ok := synonyms[bare]; ok {
		return Target{Field: field}
	}
	return Target{Field: "extra", Name: slug(column)}
}

// ownPlace returns where a member of extra or subscription in JSON lines goes, unless somebody says otherwise: to the place
// of its name, whatever that is.
func ownPlace(column string) (t Target, ok bool) {
	for _, whole := range []string{"extra", "subscription"} {
		if name, is := strings.CutPrefix(column, whole+"."); is && isStorable(name) {
			return Target{Field: whole, Name: name, How: asExact}, true
		}
	}
	return Target{}, false
}

// squeezed leaves letters and digits, in small letters.
func squeezed(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, text)
}

// slug makes a name that can be written in a query: small letters and digits, with _ for whatever is between them.
func slug(text string) string {
	words := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	return strings.Join(words, "_")
}

// assign gives each column its target: the one that was asked for, else the one that its name stands for, unless that is
// taken already. Two columns never go to the same place. In JSON lines, members come before what only sounds like them.
func assign(names []string, samples map[string]string, s Spec, format string) ([]Column, error) {
	targets, taken := map[string]Target{}, map[string]string{}
	for name, text := range s.Map {
		if !slices.Contains(names, name) {
			return nil, core.Errorf(core.Invalid, "the file has no column %q: it has %s", name, quoted(names))
		}
		t, err := ParseTarget(text)
		if err != nil {
			return nil, err
		}
		targets[name] = t
	}
	for _, name := range inTurn(names, targets, format) {
		t, asked := targets[name]
		if !asked {
			t = usual(name, s.Match)
			if taken[t.place()] != "" {
				t = Target{Field: "extra", Name: slug(name)}
			}
			for n := 2; taken[t.place()] != ""; n++ {
				t.Name = fmt.Sprintf("%s_%d", slug(name), n)
			}
		}
		if other := taken[t.place()]; other != "" && t.place() != "" {
			return nil, core.Errorf(core.Invalid, "the columns %q and %q both go to %s: choose another place for one of them, or ignore it",
				other, name, t.place())
		}
		taken[t.place()] = name
		delete(taken, "")
		t.How = wayOf(t, format)
		targets[name] = t
	}
	columns := make([]Column, 0, len(names))
	for _, name := range names {
		columns = append(columns, Column{Name: name, Target: targets[name], Sample: samples[name]})
	}
	return columns, checkColumns(columns, s)
}

// inTurn returns the columns in the order in which they get their targets.
func inTurn(names []string, asked map[string]Target, format string) []string {
	turn := func(name string) int {
		if _, ok := asked[name]; ok {
			return 0
		}
		if _, ok := ownPlace(name); ok && format == JSONL {
			return 1
		}
		return 2
	}
	names = slices.Clone(names)
	slices.SortStableFunc(names, func(a, b string) int { return turn(a) - turn(b) })
	return names
}

// place is what only one column may go to; nothing for the targets that several columns may have.
func (t Target) place() string {
	if t.Field == ignore || t.Field == "groups" {
		return ""
	}
	t.How = ""
	return t.String()
}

func quoted(names []string) string {
	const most = 30
	list := make([]string, 0, len(names))
	for i, name := range names {
		if i == most {
			list = append(list, "…")
			break
		}
		list = append(list, fmt.Sprintf("%q", name))
	}
	return strings.Join(list, ", ")
}

// wayOf returns how values for a target are read unless somebody says otherwise.
func wayOf(t Target, format string) string {
	switch {
	case t.How != "" || t.Field == ignore || t.Field == "groups":
		return t.How
	case t.Field == "dob" || t.Field == "created_at":
		return asDate
	case format == JSONL:
		return asExact
	case t.Field == "msisdn":
		return asPhone
	}
	return asText
}

// checkColumns refuses a plan by which nothing could be imported.
func checkColumns(columns []Column, s Spec) error {
	match, useful := false, false
	for _, c := range columns {
		switch c.Target.Field {
		case ignore:
		case "key":
			if s.Match != "key" {
				return core.Errorf(core.Invalid, "column %q: keys are never set: contacts can be found by them, with the match key", c.Name)
			}
		default:
			useful = true
		}
		at := c.Target.place()
		match = match || at == s.Match
		isTime := c.Target.Field == "dob" || c.Target.Field == "created_at"
		if byDate := slices.Contains([]string{asDate, asDMY, asMDY}, c.Target.How); byDate && c.Target.Field == "groups" || isTime && !byDate {
			return core.Errorf(core.Invalid, "column %q: %s cannot be read as %s", c.Name, c.Target.Field, c.Target.How)
		}
	}
	switch {
	case len(columns) == 0:
		return core.Errorf(core.Invalid, "no row of the file can be read: is it a JSON object on each line, or CSV with a heading?")
	case !useful:
		return core.Errorf(core.Invalid, "no column of the file goes anywhere: it has %s", quoted(namesOf(columns)))
	case s.Mode != AlwaysNew && !match:
		return core.Errorf(core.Invalid, "no column goes to %s, by which contacts are found: name one, or choose another field to match", s.Match)
	}
	return nil
}

func namesOf(columns []Column) []string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.Name
	}
	return names
}
