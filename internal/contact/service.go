package contact

import (
	"sync"
	"time"

	"indaba/internal/db"
	"indaba/internal/query"
)

// Options tune a Service. The zero value is right for a server.
type Options struct {
	// InlineBuild is the number of contacts up to which the members of a new smart group are found in the commit that
	// creates the group; default 5000. Above it, and earlier for queries that cost much, [Service.Run] finds them, and
	// reads search until it has.
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

	mu   sync.Mutex
	last int64 // microseconds of the newest stamp

	smart *db.Memo[string, *smartGroups] // by account
	// What has a number keeps it for ever.
	books  *db.Memo[string, int64] // by account
	fields *db.Memo[fieldKey, int64]
}

// How many accounts, and fields of accounts, are kept in memory.
const (
	maxAccounts = 1 << 12
	maxFields   = 1 << 16
)

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
		wake: make(chan struct{}, 1), smart: db.NewMemo[string, *smartGroups](d, maxAccounts),
		books: db.NewMemo[string, int64](d, maxAccounts), fields: db.NewMemo[fieldKey, int64](d, maxFields)}
	s.creations = db.NewGather(d, s.create)
	return s
}
