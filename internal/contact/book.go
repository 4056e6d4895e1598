package contact

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"indaba/internal/core"
)

// book is what the row of an account in contact_book says. Contacts are numbered in the order of their keys: their ids,
// which no other account has, stand for their keys wherever there are many of them (docs/decisions/0020).
type book struct {
	id       int64
	contacts int64
	version  int64 // of the account's smart groups
	numbered int64 // contacts that were ever created
	newest   string
}

// perBook is how many ids each account has.
const perBook = 1 << 36

// first returns what all ids of an account's contacts are greater than; those of the account number id end before
// first(id+1).
func first(id int64) int64 { return id * perBook }

const bookColumns = "id, contacts, version, numbered, newest"

// lock makes this transaction the only one that writes the account's contacts and groups, on all nodes.
func (s *Service) lock(ctx context.Context, account string) (*book, error) {
	var b book
	row := []any{&b.id, &b.contacts, &b.version, &b.numbered, &b.newest}
	err := s.d.Row(ctx, "UPDATE contact_book SET version = version WHERE account = $1 RETURNING "+bookColumns,
		[]any{account}, row...)
	if errors.Is(err, sql.ErrNoRows) {
		err = s.d.Row(ctx, "INSERT INTO contact_book (account, contacts, version, numbered, newest) VALUES ($1, 0, 0, 0, '') "+
			"ON CONFLICT (account) DO UPDATE SET version = contact_book.version RETURNING "+bookColumns, []any{account}, row...)
	}
	if err != nil {
		return nil, fmt.Errorf("lock the contacts of an account: %w", err)
	}
	return &b, nil
}

// enter gives a contact that is about to be created its id and key: those after all others of the locked account.
func (b *book) enter(c *Contact, at time.Time) error {
	if b.numbered+1 >= perBook {
		return core.Errorf(core.TooLarge, "the account has had %d contacts, which is the most it can have", b.numbered)
	}
	b.numbered++
	key := newKey(at)
	if key <= b.newest { // another node's clock is ahead
		key = newKey(keyTime(b.newest).Add(time.Microsecond))
	}
	b.newest = key
	c.id, c.Key = first(b.id)+b.numbered, key
	return nil
}

// settle writes what became of a locked account's book.
func (s *Service) settle(ctx context.Context, b *book, changes []change) error {
	for _, ch := range changes {
		if ch.before == nil {
			b.contacts++
		}
		if ch.after == nil {
			b.contacts--
		}
	}
	return s.d.ExecLater(ctx, nil, "UPDATE contact_book SET contacts = $2, numbered = $3, newest = $4 WHERE id = $1",
		b.id, b.contacts, b.numbered, b.newest)
}

// bookID returns the number of an account's book, or 0, which is the number of none, when it has no contacts.
func (s *Service) bookID(ctx context.Context, account string) (id int64, err error) {
	if id, known := s.books.Get(account); known {
		return id, nil
	}
	err = s.d.Row(ctx, "SELECT id FROM contact_book WHERE account = $1", []any{account}, &id)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("find the contacts of an account: %w", err)
	}
	s.books.Keep(ctx, account, id)
	return id, nil
}

// fieldKey names a field of the index.
type fieldKey struct {
	book int64
	name string
}

// fieldID returns the number of a field of a locked account, which it gives it if need be.
func (s *Service) fieldID(ctx context.Context, b *book, name string) (id int64, err error) {
	key := fieldKey{b.id, name}
	if id, known := s.fields.Get(key); known {
		return id, nil
	}
	if err := s.d.Row(ctx, "INSERT INTO contact_field (book, name) VALUES ($1, $2) ON CONFLICT (book, name) "+
		"DO UPDATE SET name = excluded.name RETURNING id", []any{b.id, name}, &id); err != nil {
		return 0, fmt.Errorf("number a field: %w", err)
	}
	s.fields.Keep(ctx, key, id)
	return id, nil
}

// stamp returns the time, one microsecond after the stamp before at the earliest: the order of creation decides which
// of two contacts with one address is the newest (docs/spec/vumi-http.md 15.10).
func (s *Service) stamp() time.Time {
	now := s.now().UnixMicro()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = max(s.last+1, now)
	return time.UnixMicro(s.last).UTC()
}

// newKey returns a UUID version 7 without dashes, with microseconds in the twelve bits after the version (RFC 9562,
// section 6.2, method 3). Keys that ascend keep new rows next to each other on disk; random keys would touch a page of the
// disk for each.
func newKey(at time.Time) string {
	var b [16]byte
	_, _ = rand.Read(b[8:]) // never fails since Go 1.24
	micros := at.UnixMicro()
	binary.BigEndian.PutUint64(b[:8], uint64(micros/1000)<<16|7<<12|uint64(micros%1000)<<2)
	b[8] = b[8]&0x3f | 0x80
	return hex.EncodeToString(b[:])
}

// keyTime returns the time in a key.
func keyTime(key string) time.Time {
	var b [8]byte
	_, _ = hex.Decode(b[:], []byte(key[:16])) // keys are hexadecimal
	bits := binary.BigEndian.Uint64(b[:])
	return time.UnixMicro(int64(bits>>16)*1000 + int64(bits&0xfff>>2))
}
