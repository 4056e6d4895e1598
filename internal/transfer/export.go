package transfer

import (
	"bufio"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"indaba/internal/contact"
	"indaba/internal/core"
)

// Selection says which contacts to export: all, or those of a group, or those that a query matches. Whoever takes it from a
// person refuses a group or query that was given and is empty: all were not meant.
type Selection struct {
	Group string // key or name
	Query string // Lucene, docs/spec/vumi-http.md 4.4
}

// maxNameTotal bounds the names of extras that an export collects.
const maxNameTotal = 8 << 20 // bytes

// recordColumns are the columns of every CSV file, in their order; those of extras and subscriptions follow.
var recordColumns = []string{"key", "created_at", "msisdn", "name", "surname", "email_address", "dob", "twitter_handle", "facebook_id",
	"bbm_pin", "gtalk_id", "mxit_id", "wechat_id", "groups"}

// Exporter writes contacts of one account, as they are at the time.
type Exporter struct {
	s        *Service
	account  string
	selected Selection
	group    string // key
	columns  []string
}

// Export prepares an export. It refuses, as core.Invalid or core.NotFound, a query that cannot be read, a group that is
// not there, and columns that contacts do not have; columns are those of CSV, none for all.
func (s *Service) Export(ctx context.Context, account string, selected Selection, columns []string) (*Exporter, error) {
	e := &Exporter{s: s, account: account, selected: selected, columns: columns}
	if selected.Group != "" && selected.Query != "" {
		return nil, core.Errorf(core.Invalid, "choose a group or a query, not both")
	}
	if selected.Query != "" {
		if err := s.contacts.CheckQuery(selected.Query); err != nil {
			return nil, err
		}
	}
	if selected.Group != "" {
		g, err := s.contacts.GetGroup(ctx, account, selected.Group)
		if core.KindOf(err) == core.NotFound {
			g, err = s.contacts.GetGroupByName(ctx, account, selected.Group)
		}
		if err != nil {
			return nil, err
		}
		e.group = g.Key
	}
	for _, column := range columns {
		part, name, whole := strings.Cut(column, ".")
		if !slices.Contains(recordColumns, column) && (!whole || name == "" || part != "extra" && part != "subscription") {
			return nil, core.Errorf(core.Invalid, "there is no column %q: choose from %s, extra.NAME and subscription.NAME", column,
				strings.Join(recordColumns, ", "))
		}
	}
	return e, nil
}

// each calls yield for the contacts, in ascending order of their keys.
func (e *Exporter) each(ctx context.Context, yield func(contact.Contact) error) error {
	switch {
	case e.group != "":
		return e.s.contacts.StreamMembers(ctx, e.account, e.group, yield)
	case e.selected.Query == "":
		return e.s.contacts.Stream(ctx, e.account, yield)
	}
	return e.s.contacts.StreamSearch(ctx, e.account, e.selected.Query, yield)
}

// JSONL writes one record of docs/spec/vumi-http.md 3.1 per line and returns how many.
func (e *Exporter) JSONL(ctx context.Context, to io.Writer) (n int64, err error) {
	w := bufio.NewWriterSize(to, 64<<10)
	err = e.each(ctx, func(c contact.Contact) error {
		text, err := c.MarshalJSON()
		if err != nil {
			return err
		}
		n++
		_, err = w.Write(append(text, '\n'))
		return err
	})
	if err == nil {
		err = w.Flush()
	}
	return n, err
}

// CSV writes a heading and one row per contact (docs/spec/admin.md 2.5), and returns how many. Without columns that were
// asked for it reads the contacts twice: an extra that is new when it comes round again is left out.
func (e *Exporter) CSV(ctx context.Context, to io.Writer) (n int64, err error) {
	columns := e.columns
	if len(columns) == 0 {
		names, err := e.survey(ctx)
		if err != nil {
			return 0, err
		}
		columns = slices.Concat(recordColumns, names)
	}
	w := csv.NewWriter(bufio.NewWriterSize(to, 64<<10))
	if err := w.Write(columns); err != nil {
		return 0, err
	}
	groups, err := e.groupNames(ctx)
	if err != nil {
		return 0, err
	}
	values := make([]string, len(columns))
	err = e.each(ctx, func(c contact.Contact) error {
		for i, column := range columns {
			values[i] = core.GuardFormula(csvValue(&c, column, groups))
		}
		n++
		return w.Write(values)
	})
	if err != nil {
		return n, err
	}
	w.Flush()
	return n, w.Error()
}

// survey returns the columns of all extras and subscriptions, sorted.
func (e *Exporter) survey(ctx context.Context) ([]string, error) {
	names, total := map[string]bool{}, 0
	add := func(part string, texts map[string]string) {
		for name := range texts {
			if column := part + "." + name; name != "" && !names[column] {
				names[column] = true
				total += len(column)
			}
		}
	}
	err := e.each(ctx, func(c contact.Contact) error {
		add("extra", c.Extra)
		add("subscription", c.Subscription)
		if len(names) > MaxColumns-len(recordColumns) || total > maxNameTotal {
			return core.Errorf(core.TooLarge, "the contacts have more than %d different extras and subscriptions: name the columns that you need, "+
				"or export JSON lines", len(names)-1)
		}
		return nil
	})
	return slices.Sorted(maps.Keys(names)), err
}

// csvValue returns what a contact has in a column; nothing and an empty text look alike.
func csvValue(c *contact.Contact, column string, groups map[string]string) string {
	switch column {
	case "key":
		return c.Key
	case "created_at":
		return contact.FormatTime(c.CreatedAt)
	case "msisdn":
		return c.Msisdn
	case "dob":
		if c.DateOfBirth == nil {
			return ""
		}
		return contact.FormatTime(*c.DateOfBirth)
	case "groups":
		names := make([]string, len(c.Groups))
		for i, key := range c.Groups {
			if names[i] = groups[key]; names[i] == "" {
				names[i] = key
			}
		}
		return joinGroups(names)
	}
	if name, ok := strings.CutPrefix(column, "extra."); ok {
		return c.Extra[name]
	}
	if name, ok := strings.CutPrefix(column, "subscription."); ok {
		return c.Subscription[name]
	}
	if text := c.Text(column); text != nil {
		return *text
	}
	return ""
}

// groupNames returns what groups are called in CSV, by key: those whose names are theirs alone, and cannot be taken for a
// key or for nothing.
func (e *Exporter) groupNames(ctx context.Context) (map[string]string, error) {
	all, err := e.s.contacts.GroupsByName(ctx, e.account)
	if err != nil {
		return nil, fmt.Errorf("read the names of groups: %w", err)
	}
	names, times := map[string]string{}, map[string]int{}
	for _, g := range all {
		times[g.Name]++
	}
	for _, g := range all {
		if times[g.Name] == 1 && g.Query == nil && strings.TrimSpace(g.Name) == g.Name && !groupKey.MatchString(g.Name) {
			names[g.Key] = g.Name
		}
	}
	return names, nil
}
