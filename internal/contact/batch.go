package contact

import (
	"context"
	"reflect"
	"slices"

	"indaba/internal/core"
	"indaba/internal/db"
	"indaba/internal/query"
)

// Batch finds and saves contacts of one account in one commit, for whoever changes many: see [Service.Change].
type Batch struct {
	s       *Service
	account string
	book    *book
	known   map[string]Contact // as they were before the batch, by key
	changes []change
	place   map[string]int // in changes, by key
}

// Change runs fn and commits what it saved through the batch: all of it, or nothing when fn returns an error. Nobody else
// changes contacts of the account meanwhile. As with every transaction, fn may run more than once, and must use the
// context that it is given.
func (s *Service) Change(ctx context.Context, account string, fn func(context.Context, *Batch) error) error {
	return s.d.TxOn(ctx, account, func(ctx context.Context) error {
		book, err := s.lock(ctx, account)
		if err != nil {
			return err
		}
		b := &Batch{s: s, account: account, book: book, known: map[string]Contact{}, place: map[string]int{}}
		if err := fn(ctx, b); err != nil {
			return err
		}
		if len(b.changes) == 0 {
			return nil
		}
		return s.apply(ctx, account, book, b.changes...)
	})
}

// findAtOnce is how many values one statement looks for. Shorter lists are filled up, so that there is one text.
const findAtOnce = 128

// Find returns, for each of the values that some contact has in a field, the newest such contact, by CreatedAt. The field
// is called as in queries: key, a field of a contact that holds text, extras-NAME or subscription-NAME; a value in one
// that is split into words must be a single word. What the batch has saved is not looked at.
func (b *Batch) Find(ctx context.Context, field string, values []string) (map[string]Contact, error) {
	found := map[string]Contact{}
	rest := "FROM contact c WHERE c.book = $1 AND $2 = 'key' AND c.key IN "
	if field != "key" {
		if !isIndexed(field) {
			return nil, core.Errorf(core.Invalid, "contacts cannot be found by %s", field)
		}
		rest = "FROM contact_token t CROSS JOIN contact c WHERE t.field = " + fieldID("$2") +
			" AND c.id = t.contact AND t.token IN "
	}
	book, err := b.s.bookID(ctx, b.account)
	if err != nil {
		return nil, err
	}
	wanted := map[string]bool{}
	for _, value := range values {
		if checkText(value, 0) == nil { // nothing else is stored
			wanted[value] = true
		}
	}
	tokens, err := b.tokens(field, values, wanted)
	if err != nil {
		return nil, err
	}
	for chunk := range slices.Chunk(tokens, findAtOnce) {
		candidates, err := b.s.find(ctx, b.account, rest+"("+db.Places(3, findAtOnce)+")", append([]any{book, field}, db.Filled(chunk, findAtOnce)...)...)
		if err != nil {
			return nil, err
		}
		for _, c := range candidates {
			b.known[c.Key] = c
			for _, value := range c.Values(field) {
				if before, is := found[value]; wanted[value] && (!is || c.newerThan(before)) {
					found[value] = c
				}
			}
		}
	}
	return found, nil
}

// tokens returns what the index holds for values, each once.
func (b *Batch) tokens(field string, values []string, wanted map[string]bool) ([]string, error) {
	kind, ok := b.s.schema.Kind(field)
	if !ok {
		kind = query.Keyword
	}
	var all []string
	for _, value := range values {
		if !wanted[value] {
			continue
		}
		words := kind.Tokens(value)
		if len(words) != 1 {
			return nil, core.Errorf(core.Invalid, "contacts can be found by %s with a value of one word only", field)
		}
		all = append(all, b.s.target.Tokens.Cut(words[0]))
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

func (c *Contact) newerThan(other Contact) bool {
	if c.CreatedAt.Equal(other.CreatedAt) {
		return c.Key > other.Key
	}
	return c.CreatedAt.After(other.CreatedAt)
}

// Save adds a contact to the batch: without a key a new one, else in place of the one that the batch has found or saved
// under it. It returns the contact as it will be stored, and whether anything of it changes. A contact that breaks a limit
// is an error as in [Service.Create], and the batch goes on as if it had not been given.
func (b *Batch) Save(c Contact) (stored Contact, changed bool, err error) {
	if c.Key == "" {
		if stored, err = b.s.fresh(b.account, c); err != nil {
			return Contact{}, false, err
		}
		if err = b.book.enter(&stored, b.s.stamp()); err != nil {
			return Contact{}, false, err
		}
		b.put(stored.Key, change{after: &stored})
		return stored, true, nil
	}
	stored = c.clone()
	stored.Account = b.account
	if err := stored.prepare(); err != nil {
		return Contact{}, false, err
	}
	if at, ok := b.place[c.Key]; ok {
		stored.id = b.changes[at].id()
		changed = !same(b.changes[at].after, &stored)
		b.changes[at].after = &stored
		return stored, changed, nil
	}
	before, ok := b.known[c.Key]
	if !ok {
		return Contact{}, false, core.Errorf(core.NotFound, "Contact '%s' not found.", c.Key)
	}
	stored.id = before.id
	if same(&before, &stored) {
		return stored, false, nil
	}
	b.put(c.Key, change{before: &before, after: &stored})
	return stored, true, nil
}

func (b *Batch) put(key string, ch change) {
	b.place[key] = len(b.changes)
	b.changes = append(b.changes, ch)
}

// same reports whether two contacts that are stored, or ready to be, are alike.
func same(a, b *Contact) bool { return reflect.DeepEqual(a, b) }

// Lookup returns a contact outside of any batch, or core.NotFound: the newest one with the value in a field, which is
// called as in [Batch.Find].
func (s *Service) Lookup(ctx context.Context, account, field, value string) (Contact, error) {
	b := &Batch{s: s, account: account, known: map[string]Contact{}}
	found, err := b.Find(ctx, field, []string{value})
	if err != nil {
		return Contact{}, err
	}
	c, ok := found[value]
	if !ok {
		return Contact{}, core.Errorf(core.NotFound, "there is no contact with %s %s", field, value)
	}
	return c, nil
}

// TextFields returns the names of the fields that hold a text or null: all but msisdn, the times, and what has parts.
func TextFields() []string {
	names := make([]string, len(textFields))
	for i, f := range textFields {
		names[i] = f.name
	}
	return names
}

// Text returns the value of one of [TextFields]: nil when the person has none, or there is no such field.
func (c *Contact) Text(field string) *string {
	f, ok := textFieldNamed(field)
	if !ok {
		return nil
	}
	return *f.at(c)
}

// SetText sets one of [TextFields]. Other names change nothing.
func (c *Contact) SetText(field string, text *string) {
	if f, ok := textFieldNamed(field); ok {
		*f.at(c) = text
	}
}
