package contact

import (
	"encoding/json"
	"slices"
	"time"
	"unicode/utf8"

	"indaba/internal/core"
	"indaba/internal/query"
)

// Group is a set of contacts: those whose Groups name its key, and for a smart group those that its query matches.
type Group struct {
	Key       string // 32 hex digits; ascending with the time of creation
	Account   string
	Name      string    // need not be unique
	Query     *string   // Lucene text; nil: a static group. It may be no valid query, which then matches nothing
	CreatedAt time.Time // UTC, microseconds
}

// MarshalJSON writes exactly the 6 fields of docs/spec/vumi-http.md 4.1.
func (g Group) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Version   *int    `json:"$VERSION"`
		Key       string  `json:"key"`
		Account   string  `json:"user_account"`
		Name      string  `json:"name"`
		Query     *string `json:"query"`
		CreatedAt string  `json:"created_at"`
	}{nil, g.Key, g.Account, g.Name, g.Query, FormatTime(g.CreatedAt)})
}

// GroupChange says what to change of a group. The zero value changes nothing.
type GroupChange struct {
	Name      *string
	SetQuery  bool // Query counts
	Query     *string
	CreatedAt *time.Time
}

// UnknownGroupFields returns the names in record that are no settable fields of a group, sorted by bytes. user_account
// is not among them: it may be given and is ignored.
func UnknownGroupFields(record map[string]json.RawMessage) []string {
	var unknown []string
	for name := range record {
		if !slices.Contains([]string{"name", "query", "created_at", "user_account"}, name) {
			unknown = append(unknown, name)
		}
	}
	slices.Sort(unknown)
	return unknown
}

// ParseGroupChange reads the settable fields of a JSON record and ignores others. Its errors are core.Invalid with the
// texts of docs/spec/vumi-http.md 4.2.
func ParseGroupChange(record map[string]json.RawMessage) (GroupChange, error) {
	var change GroupChange
	var err error
	if value, ok := record["name"]; ok {
		if change.Name, err = parseText(value, MaxGroupName); err != nil {
			return GroupChange{}, err
		}
		if change.Name == nil {
			return GroupChange{}, errNone()
		}
	}
	if value, ok := record["query"]; ok {
		change.SetQuery = true
		if change.Query, err = parseText(value, 0); err != nil {
			return GroupChange{}, err
		}
	}
	if value, ok := record["created_at"]; ok {
		if isNull(value) {
			return GroupChange{}, errNone()
		}
		at, err := parseTimeValue(value)
		if err != nil {
			return GroupChange{}, err
		}
		change.CreatedAt = &at
	}
	return change, change.check()
}

// check refuses what cannot be stored.
func (c GroupChange) check() error {
	if c.Name != nil {
		if err := checkText(*c.Name, MaxGroupName); err != nil {
			return err
		}
	}
	if !c.SetQuery || c.Query == nil {
		return nil
	}
	if len(*c.Query) > MaxQueryBytes {
		return core.Errorf(core.Invalid, "the query has %d bytes, at most %d are allowed", len(*c.Query), MaxQueryBytes)
	}
	return checkText(*c.Query, 0)
}

// groupSchema are the fields that [Service.SearchGroups] knows.
func groupSchema() query.Schema {
	return query.Schema{
		Fields: map[string]query.Kind{"key": query.Keyword, "user_account": query.Keyword, "name": query.Text,
			"query": query.Text, "created_at": query.Time},
		Default:      []string{"name"},
		AllowUnknown: true,
	}
}

// Values returns the values of a field as queries see them; it makes a group a [query.Document].
func (g *Group) Values(field string) []string {
	switch field {
	case "key":
		return []string{g.Key}
	case "user_account":
		return []string{g.Account}
	case "name":
		return []string{g.Name}
	case "query":
		if g.Query != nil {
			return []string{*g.Query}
		}
	case "created_at":
		return []string{FormatTime(g.CreatedAt)}
	}
	return nil
}

// invalidQuery is the error of a query that cannot be parsed (docs/spec/vumi-http.md 4.4), with the parser's words.
func invalidQuery(text string, err error) error {
	if utf8.RuneCountInString(text) > maxRepr {
		text = string([]rune(text)[:maxRepr])
	}
	return &core.Error{Kind: core.Invalid, Message: "Invalid query: " + PythonText(text), Cause: err}
}
