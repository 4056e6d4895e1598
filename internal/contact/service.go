package contact

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"sync"
	"time"

	"indaba/internal/db"
	"indaba/internal/query"
)

// Options tune a Service. The zero value is right for a server.
type Options struct {
	// InlineBuild is the number of contacts up to which the members of a new smart group are found in the commit that
	// creates the group; default 5000. Above it [Service.Run] finds them, and reads search until it has.
	InlineBuild int64
	// BuildBatch is how many contacts, or members that a group no longer has, one commit of a build deals with;
	// default 2000.
	BuildBatch int
	// OnError is told what went wrong in Run, which goes on; default: nobody is.
	OnError func(error)
}

// Service creates, changes and finds contacts and contact groups. It is safe for concurrent use. Every method takes the
// key of the account it works for, and nothing of other accounts is ever seen or changed; inside a transaction of the
// database a method joins it.
type Service struct {
	d       *db.DB
	now     func() time.Time
	options Options
	schema  query.Schema
	target  query.Target
	wake    chan struct{} // tells Run that there is work

	creations *db.Gather[*creation]

	mu    sync.Mutex
	last  int64 // microseconds of the newest stamp
	smart map[string]*smartGroups
}

// New returns a Service on d. now is the clock that contacts get their time of creation from.
func New(d *db.DB, now func() time.Time, o Options) *Service {
	if o.InlineBuild == 0 {
		o.InlineBuild = 5000
	}
	if o.BuildBatch == 0 {
		o.BuildBatch = 2000
	}
	if o.OnError == nil {
		o.OnError = func(error) {}
	}
	s := &Service{d: d, now: now, options: o, schema: schema(), target: target(),
		wake: make(chan struct{}, 1), smart: map[string]*smartGroups{}}
	s.creations = db.NewGather(d, s.create)
	return s
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
// section 6.2, method 3). Keys that ascend keep the rows of new contacts, and their entries under one word of the index,
// next to each other on disk; random keys would touch a page of the disk for each.
func newKey(at time.Time) string {
	var b [16]byte
	_, _ = rand.Read(b[8:]) // never fails since Go 1.24
	micros := at.UnixMicro()
	binary.BigEndian.PutUint64(b[:8], uint64(micros/1000)<<16|7<<12|uint64(micros%1000)<<2)
	b[8] = b[8]&0x3f | 0x80
	return hex.EncodeToString(b[:])
}

// book is what the row of an account in contact_book says.
type book struct {
	contacts int64
	version  int64 // of the account's smart groups
}

// lock makes this transaction the only one that writes the account's contacts and groups, on all nodes, and adds to the
// number of contacts.
func (s *Service) lock(ctx context.Context, account string, added int) (b book, err error) {
	err = s.d.Row(ctx, "INSERT INTO contact_book (account, contacts, version) VALUES ($1, $2, 0) ON CONFLICT (account) "+
		"DO UPDATE SET contacts = contact_book.contacts + excluded.contacts RETURNING contacts, version",
		[]any{account, added}, &b.contacts, &b.version)
	if err != nil {
		return book{}, fmt.Errorf("lock the contacts of an account: %w", err)
	}
	return b, nil
}
