package contact

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"indaba/internal/db"
)

// columnNames are the columns of contact, in the order of values and scan.
var columnNames = []string{"id", "book", "key", "created_at", "dob", "record"}

// selectContact begins queries whose contacts are called c.
const selectContact = "SELECT c.id, c.key, c.created_at, c.dob, c.record "

// updateContact changes the row with the id $1 of the book $2 to values.
const updateContact = "UPDATE contact SET key = $3, created_at = $4, dob = $5, record = $6 WHERE id = $1 AND book = $2"

// values returns the row of a contact.
func (c *Contact) values() []any {
	var dob any
	if c.DateOfBirth != nil {
		dob = c.DateOfBirth.UnixMicro()
	}
	return []any{c.id, c.id / perBook, c.Key, c.CreatedAt.UnixMicro(), dob, c.recordText()}
}

// scan reads a row of [selectContact] out of the contacts of an account.
func scan(rows *sql.Rows, account string) (Contact, error) {
	c := Contact{Account: account}
	var created int64
	var dob sql.NullInt64
	var record string
	if err := rows.Scan(&c.id, &c.Key, &created, &dob, &record); err != nil {
		return Contact{}, err
	}
	c.CreatedAt = time.UnixMicro(created).UTC()
	if dob.Valid {
		c.DateOfBirth = new(time.UnixMicro(dob.Int64).UTC())
	}
	if err := c.readRecord(record); err != nil {
		return Contact{}, fmt.Errorf("read contact %s: %w", c.Key, err)
	}
	return c, nil
}

// find returns the contacts that rest of the query, after [selectContact], leads to. They are known to be few.
func (s *Service) find(ctx context.Context, account, rest string, args ...any) ([]Contact, error) {
	found, err := db.Collect(ctx, s.d, func(rows *sql.Rows) (Contact, error) { return scan(rows, account) },
		selectContact+rest, args...)
	if err != nil {
		return nil, fmt.Errorf("read contacts: %w", err)
	}
	return found, nil
}

// change is one contact before and after a write; before is nil when it is created, after when it is deleted.
type change struct {
	before, after *Contact
	tokens        []token // of after; nil when nobody has made them yet
}

func (ch change) id() int64 {
	if ch.after != nil {
		return ch.after.id
	}
	return ch.before.id
}

// apply makes changes to the contacts of a locked account, and to everything that follows from them: index, static and
// smart groups.
func (s *Service) apply(ctx context.Context, account string, b *book, changes ...change) error {
	if err := s.settle(ctx, b, changes); err != nil {
		return fmt.Errorf("number contacts: %w", err)
	}
	if err := s.writeRows(ctx, changes); err != nil {
		return fmt.Errorf("write contacts: %w", err)
	}
	if err := s.writeTokens(ctx, b, changes); err != nil {
		return fmt.Errorf("index contacts: %w", err)
	}
	if err := s.countStatic(ctx, account, changes); err != nil {
		return fmt.Errorf("count the members of groups: %w", err)
	}
	if err := s.applyToSmart(ctx, account, b, changes); err != nil {
		return fmt.Errorf("keep the members of smart groups: %w", err)
	}
	return nil
}

func (s *Service) writeRows(ctx context.Context, changes []change) error {
	var created [][]any
	for _, ch := range changes {
		var err error
		switch {
		case ch.before == nil:
			created = append(created, ch.after.values())
		case ch.after == nil:
			err = s.d.ExecLater(ctx, nil, "DELETE FROM contact WHERE id = $1", ch.before.id)
		default:
			err = s.d.ExecLater(ctx, nil, updateContact, ch.after.values()...)
		}
		if err != nil {
			return err
		}
	}
	return s.d.InsertLater(ctx, "contact", columnNames, created, "")
}

// writeTokens brings the index from before to after. New entries are written in the order of the index.
func (s *Service) writeTokens(ctx context.Context, b *book, changes []change) error {
	var added []entry
	for _, ch := range changes {
		var before, after []token
		if ch.before != nil {
			before = ch.before.tokens(s.schema, s.target.Tokens)
		}
		if after = ch.tokens; after == nil && ch.after != nil {
			after = ch.after.tokens(s.schema, s.target.Tokens)
		}
		for _, t := range missing(after, before) {
			added = append(added, entry{t, ch.id()})
		}
		for _, t := range missing(before, after) {
			if err := s.d.ExecLater(ctx, nil, "DELETE FROM contact_token WHERE field = "+fieldID("$2")+" AND token = $3 "+
				"AND contact = $4", b.id, t.field, t.text, ch.id()); err != nil {
				return err
			}
		}
	}
	return s.addTokens(ctx, b, added)
}

// entry is an entry of the index about a contact.
type entry struct {
	token
	contact int64
}

// addTokens writes entries, each field's in the order of the index. They may be a hundred thousand.
func (s *Service) addTokens(ctx context.Context, b *book, added []entry) error {
	byField := map[string][]entry{}
	for _, e := range added {
		byField[e.field] = append(byField[e.field], e)
	}
	rows, values := make([][]any, 0, len(added)), make([]any, 0, 3*len(added))
	for _, field := range slices.Sorted(maps.Keys(byField)) {
		id, err := s.fieldID(ctx, b, field)
		if err != nil {
			return err
		}
		entries, number := byField[field], any(id)
		slices.SortFunc(entries, func(a, b entry) int {
			if c := strings.Compare(a.text, b.text); c != 0 {
				return c
			}
			return cmp.Compare(a.contact, b.contact)
		})
		for _, e := range entries {
			values = append(values, number, e.text, e.contact)
			rows = append(rows, values[len(values)-3:])
		}
	}
	return s.d.InsertLater(ctx, "contact_token", []string{"field", "token", "contact"}, rows, "")
}

// missing returns what is in a and not in b; both are sorted.
func missing(a, b []token) []token {
	if len(b) == 0 {
		return a
	}
	var only []token
	for _, t := range a {
		if _, found := slices.BinarySearchFunc(b, t, token.compare); !found {
			only = append(only, t)
		}
	}
	return only
}

// countStatic corrects the sizes of the groups that contacts joined or left. Keys that name no group are not counted.
func (s *Service) countStatic(ctx context.Context, account string, changes []change) error {
	deltas := map[string]int{}
	for _, ch := range changes {
		if ch.after != nil {
			for _, key := range ch.after.Groups {
				deltas[key]++
			}
		}
		if ch.before != nil {
			for _, key := range ch.before.Groups {
				deltas[key]--
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(deltas)) {
		if deltas[key] == 0 {
			continue
		}
		if err := s.d.ExecLater(ctx, nil, "UPDATE contact_group SET static_size = static_size + $3 WHERE account = $1 AND key = $2",
			account, key, deltas[key]); err != nil {
			return err
		}
	}
	return nil
}
