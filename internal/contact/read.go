package contact

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"indaba/internal/core"
)

// Page is a part of a long list, in ascending order of keys.
type Page struct {
	Contacts []Contact
	Next     string // cursor of the next page; empty on the last one. [0-9a-f] only
}

// isKey reports whether a text can be the key of a contact or group, and so a cursor.
func isKey(text string) bool {
	return len(text) == 32 && strings.Trim(text, "0123456789abcdef") == ""
}

// checkCursor refuses what no page gave out; the text is that of docs/spec/vumi-http.md 2.
func checkCursor(cursor string) error {
	if cursor != "" && !isKey(cursor) {
		return core.Errorf(core.Invalid, "Riak error, possible invalid cursor: %s", PythonText(cursor))
	}
	return nil
}

// pageSize returns how many records a page has when limit was asked for; 0 and less ask for nothing particular.
func pageSize(limit int) int {
	if limit <= 0 {
		return DefaultPage
	}
	return min(limit, MaxPage)
}

// page makes a page of at most limit out of contacts of which there may be one more.
func page(found []Contact, limit int) Page {
	if len(found) <= limit {
		return Page{Contacts: found}
	}
	return Page{found[:limit], found[limit-1].Key}
}

// Get returns a contact. One that is not there, or belongs to another account, is core.NotFound
// "Contact 'KEY' not found.".
func (s *Service) Get(ctx context.Context, account, key string) (Contact, error) {
	var found []Contact
	if isKey(key) { // nothing else is a key, and not every text can be sent to the database
		book, err := s.bookID(ctx, account)
		if err != nil {
			return Contact{}, err
		}
		if found, err = s.find(ctx, account, "FROM contact c WHERE c.book = $1 AND c.key = $2", book, key); err != nil {
			return Contact{}, err
		}
	}
	if len(found) == 0 {
		return Contact{}, core.Errorf(core.NotFound, "Contact '%s' not found.", key)
	}
	return found[0], nil
}

// GetByAddress returns the newest contact, by CreatedAt, that has the address for a delivery class, normalised or as it
// is given. No such contact is core.NotFound, an unknown class core.Invalid, with the texts of
// docs/spec/vumi-sandbox.md 9.7.
func (s *Service) GetByAddress(ctx context.Context, account, class, address string) (Contact, error) {
	field, err := ClassField(class)
	if err != nil {
		return Contact{}, err
	}
	c, found, err := s.newest(ctx, account, field, NormaliseAddress(field, address), address)
	if err == nil && !found {
		err = core.Errorf(core.NotFound, "Contact with address '%s' for delivery class '%s' not found.", address, class)
	}
	return c, err
}

// GetByField returns the newest contact, by CreatedAt, whose address field has exactly the value; leading plus signs of
// an msisdn count as one (docs/spec/vumi-http.md 3.4). A field that holds no addresses is core.Invalid, no such contact
// core.NotFound, both with the texts given there.
func (s *Service) GetByField(ctx context.Context, account, field, value string) (Contact, error) {
	if fields := AddressFields(); !slices.Contains(fields, field) {
		return Contact{}, core.Errorf(core.Invalid, "Query field must be one of: ['%s']", strings.Join(fields, "', '"))
	}
	if field == "msisdn" {
		value = "+" + strings.TrimLeft(value, "+")
	}
	c, found, err := s.newest(ctx, account, field, value)
	if err == nil && !found {
		err = core.Errorf(core.NotFound, "Object %s not found.",
			PythonText(fmt.Sprintf("Contact with %s %s", field, value)))
	}
	return c, err
}

// newest returns the newest contact that has one of the addresses in a field.
func (s *Service) newest(ctx context.Context, account, field string, addresses ...string) (
	c Contact, found bool, err error) {
	slices.Sort(addresses)
	for _, address := range slices.Compact(addresses) {
		if checkText(address, 0) != nil {
			continue // nothing that is stored looks like this
		}
		one, ok, err := s.newestWith(ctx, account, field, address)
		if err != nil {
			return Contact{}, false, err
		}
		if ok && (!found || one.CreatedAt.After(c.CreatedAt)) {
			c, found = one, true
		}
	}
	return c, found, nil
}

// newestWith returns the newest contact that has an address. Nearly every address is that of one contact. PostgreSQL keeps the
// plan that looks for two, because two cost little whatever the address is; of all, it plans the look-up of each address anew.
func (s *Service) newestWith(ctx context.Context, account, field, address string) (c Contact, found bool, err error) {
	book, err := s.bookID(ctx, account)
	if err != nil {
		return Contact{}, false, err
	}
	args := []any{book, field, s.target.Tokens.Cut(address)}
	entries := "SELECT t.contact FROM contact_token t WHERE t.field = " + fieldID("$2") + " AND t.token = $3"
	few, err := s.find(ctx, account, "FROM ("+entries+" LIMIT 2) t CROSS JOIN contact c WHERE c.id = t.contact", args...)
	if err != nil || len(few) == 0 {
		return Contact{}, false, err
	}
	if len(few) == 1 {
		return few[0], few[0].hasAddress(field, address), nil
	}
	// The plus keeps the engines from walking all contacts by time until one fits.
	rows, err := s.d.Query(ctx, selectContact+"FROM ("+entries+") t CROSS JOIN contact c WHERE c.id = t.contact "+
		"ORDER BY +c.created_at DESC, c.id DESC", args...)
	if err != nil {
		return Contact{}, false, fmt.Errorf("find a contact by address: %w", err)
	}
	defer func() { _ = rows.Close() }() // Err below tells what matters
	for rows.Next() {                   // until the whole address is the same: the index holds only the beginning of long ones
		if c, err = scan(rows, account); err != nil {
			return Contact{}, false, err
		}
		if c.hasAddress(field, address) {
			return c, true, nil
		}
	}
	return Contact{}, false, rows.Err()
}

// Count returns the number of contacts in constant time.
func (s *Service) Count(ctx context.Context, account string) (n int64, err error) {
	err = s.d.Row(ctx, "SELECT contacts FROM contact_book WHERE account = $1", []any{account}, &n)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, fmt.Errorf("count contacts: %w", err)
	}
	return n, nil
}

// List returns a page of the account's contacts after cursor, which is empty for the first page. limit is cut to
// [MaxPage]; 0 and less mean [DefaultPage]. A cursor that no page gave out is core.Invalid.
func (s *Service) List(ctx context.Context, account, cursor string, limit int) (Page, error) {
	if err := checkCursor(cursor); err != nil {
		return Page{}, err
	}
	limit = pageSize(limit)
	book, after, err := s.place(ctx, account, cursor)
	if err != nil {
		return Page{}, err
	}
	found, err := s.list(ctx, account, book, after, limit+1)
	return page(found, limit), err
}

// list returns the next contacts after an id.
func (s *Service) list(ctx context.Context, account string, book, after int64, limit int) ([]Contact, error) {
	return s.find(ctx, account, "FROM contact c WHERE c.id > $1 AND c.id < $2 ORDER BY c.id LIMIT $3",
		after, first(book+1), limit)
}

// place returns the number of an account's book, and the id in it that a cursor stands for.
func (s *Service) place(ctx context.Context, account, cursor string) (book, after int64, err error) {
	if book, err = s.bookID(ctx, account); err != nil {
		return 0, 0, err
	}
	after, err = s.after(ctx, book, cursor)
	return book, after, err
}

// after returns the id that a cursor stands for. The contact may be gone: then it is that of the one before it.
func (s *Service) after(ctx context.Context, book int64, cursor string) (id int64, err error) {
	if cursor == "" {
		return first(book), nil
	}
	err = s.d.Row(ctx, "SELECT id FROM contact WHERE book = $1 AND key <= $2 ORDER BY key DESC LIMIT 1", []any{book, cursor}, &id)
	if errors.Is(err, sql.ErrNoRows) {
		return first(book), nil
	}
	if err != nil {
		return 0, fmt.Errorf("find the place of a cursor: %w", err)
	}
	return id, nil
}

// Stream calls yield for every contact of the account, in ascending order of keys, and ends with yield's first error. It
// reads in pages, so that a slow yield keeps nobody waiting; what is created meanwhile may be among them.
func (s *Service) Stream(ctx context.Context, account string, yield func(Contact) error) error {
	return s.walk(ctx, yield, func(ctx context.Context, cursor string) (Page, error) {
		return s.List(ctx, account, cursor, MaxPage)
	})
}

// walk yields the contacts of all pages. The next page is read while those of the last one are yielded, except in a
// transaction, which sees what yield does.
func (s *Service) walk(ctx context.Context, yield func(Contact) error, next func(ctx context.Context, cursor string) (Page, error)) error {
	read := func(ctx context.Context, cursor string) ([]Contact, string, error) {
		p, err := next(ctx, cursor)
		return p.Contacts, p.Next, err
	}
	return core.EachPage(ctx, !s.d.InTx(ctx), read, func(contacts []Contact) error {
		for _, c := range contacts {
			if err := yield(c); err != nil {
				return err
			}
		}
		return nil
	})
}
