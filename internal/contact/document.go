package contact

import (
	"slices"
	"strings"

	"indaba/internal/db"
	"indaba/internal/query"
)

// Names of extras and subscriptions in queries begin like this.
const (
	extraPrefix        = "extras-"
	subscriptionPrefix = "subscription-"
)

// Limits of the index; searches for what it leaves out read all contacts.
const (
	maxTokenRunes      = 200
	maxIndexFieldBytes = 200
)

// schema are the fields that queries over contacts may use (docs/spec/vumi-http.md 4.4). A field that no contact has
// is no error, as it never was: smart groups and bots rely on it.
func schema() query.Schema {
	s := query.Schema{
		Fields: map[string]query.Kind{
			"$VERSION": query.Keyword, "key": query.Keyword, "user_account": query.Keyword, "groups": query.Keyword,
			"created_at": query.Time, "dob": query.Time,
		},
		Prefixes:     map[string]query.Kind{extraPrefix: query.Text, subscriptionPrefix: query.Text},
		Default:      append([]string{"name", "surname", "email_address"}, AddressFields()...),
		AllowUnknown: true,
	}
	for _, f := range textFields {
		s.Fields[f.name] = query.Text
	}
	for _, field := range AddressFields() {
		s.Fields[field] = query.Keyword
	}
	return s
}

// target says where the fields stand; $1 is the book of the account.
func target() query.Target {
	return query.Target{
		Document: "c.id",
		Scope:    "c.book = $1",
		Columns: map[string]string{
			"key": "c.key", "user_account": "(SELECT account FROM contact_book WHERE id = $1)", "created_at": "c.created_at",
			"dob": "c.dob",
		},
		Tokens: &query.TokenTable{
			Table: "contact_token", Document: "contact", Field: "field", Token: "token",
			FieldID: fieldID, MaxRunes: maxTokenRunes, Has: isIndexed,
		},
	}
}

// fieldID leads from the name of a field, which is given as SQL, to its number in the index; $1 is the book.
func fieldID(name string) string {
	return "(SELECT id FROM contact_field WHERE book = $1 AND name = " + name + ")"
}

// isIndexed reports whether the tokens of the field are in contact_token.
func isIndexed(field string) bool {
	if strings.HasPrefix(field, extraPrefix) || strings.HasPrefix(field, subscriptionPrefix) {
		return len(field) <= maxIndexFieldBytes
	}
	_, isText := textFieldNamed(field)
	return isText || field == "msisdn" || field == "groups"
}

// dialect returns the query compiler's name for the database's engine.
func dialect(d *db.DB) query.Dialect {
	if d.Dialect() == db.Postgres {
		return query.PostgreSQL
	}
	return query.SQLite
}

// Values returns the values of a field as queries see them; it makes a contact a [query.Document].
func (c *Contact) Values(field string) []string {
	switch field {
	case "$VERSION":
		return []string{"2"}
	case "key":
		return []string{c.Key}
	case "user_account":
		return []string{c.Account}
	case "created_at":
		return []string{FormatTime(c.CreatedAt)}
	case "dob":
		if c.DateOfBirth != nil {
			return []string{FormatTime(*c.DateOfBirth)}
		}
		return nil
	case "msisdn":
		return []string{c.Msisdn}
	case "groups":
		return c.Groups
	}
	if name, ok := strings.CutPrefix(field, extraPrefix); ok {
		return member(c.Extra, name)
	}
	if name, ok := strings.CutPrefix(field, subscriptionPrefix); ok {
		return member(c.Subscription, name)
	}
	if f, ok := textFieldNamed(field); ok {
		if text := *f.at(c); text != nil {
			return []string{*text}
		}
	}
	return nil
}

func member(texts map[string]string, name string) []string {
	if text, ok := texts[name]; ok {
		return []string{text}
	}
	return nil
}

// token is one entry of the index.
type token struct{ field, text string }

// tokens returns the contact's entries in the index, sorted, each once.
func (c *Contact) tokens(s query.Schema, t *query.TokenTable) []token {
	all := make([]token, 0, 8)
	add := func(field, value string) {
		kind, _ := s.Kind(field)
		for _, text := range kind.Tokens(value) {
			all = append(all, token{field, t.Cut(text)})
		}
	}
	for _, f := range textFields {
		if text := *f.at(c); text != nil {
			add(f.name, *text)
		}
	}
	add("msisdn", c.Msisdn)
	for _, key := range c.Groups {
		add("groups", key)
	}
	for name, value := range c.Extra {
		if field := extraPrefix + name; name != "" && isIndexed(field) {
			add(field, value)
		}
	}
	for name, value := range c.Subscription {
		if field := subscriptionPrefix + name; name != "" && isIndexed(field) {
			add(field, value)
		}
	}
	slices.SortFunc(all, token.compare)
	return slices.Compact(all)
}

func (a token) compare(b token) int {
	if c := strings.Compare(a.field, b.field); c != 0 {
		return c
	}
	return strings.Compare(a.text, b.text)
}
