package httpbot

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"indaba/internal/bot"
	"indaba/internal/db"
	"indaba/internal/egress"
)

// Kind is what a push is about.
type Kind string

// The kinds of pushes.
const (
	Messages Kind = "message" // inbound messages
	Events   Kind = "event"   // what became of outbound ones
)

// State is where a push stands.
type State int

// The states. Numbers are those in the database.
const (
	Waiting State = 1 // for a try, the first or another
	Held    State = 2 // for a stream that takes it
	Taken   State = 3 // the application answered with 2xx
	Dead    State = 4 // given up: see Reason
)

// Push is one message or event on its way to an application.
type Push struct {
	ID        int64
	Account   string
	Bot       string
	Kind      Kind
	Subject   string // id of the message or event
	Address   string // the person's: pushes about one person do not overtake one another unless they fail
	Body      string // JSON; empty once it was taken
	State     State
	Attempts  int       // tries that failed, or ended the push
	BegunAt   time.Time // of the first try; zero before
	NotBefore time.Time // of the next try
	Reason    string    // why the last try failed
	CreatedAt time.Time
}

// Limits of pushes (docs/spec/vumi-http.md 9.7 and 9.8).
const (
	tryTimeout = 5 * time.Second
	maxRetries = 10_000 // pushes of one account that wait for another try
	maxHeld    = 100    // of each kind that a conversation holds while nobody streams; the newest
	keepTaken  = time.Hour
	keepDead   = 30 * 24 * time.Hour
)

// retryAfter returns when a push that failed is tried again, after its first try; ok is false when it has had all tries.
func retryAfter(attempts int) (after time.Duration, ok bool) {
	schedule := [...]time.Duration{300 * time.Second, 1800 * time.Second, 3600 * time.Second}
	if attempts < 1 || attempts > len(schedule) {
		return 0, false
	}
	return schedule[attempts-1], true
}

// QueueDeps are what a queue works with.
type QueueDeps struct {
	DB     *db.DB
	Bots   *bot.Store
	Egress *egress.Guard // pushes go through it
	Now    func() time.Time
	Log    *slog.Logger
	// GivenUp is told, after the commit, which message an application will not get, and so will not answer; nil when nobody
	// waits for answers. It must be quick.
	GivenUp func(message string)
}

// Queue is the durable queue of pushes. A push is repeated when the server stops while it is under way: applications see
// the same id again.
type Queue struct {
	QueueDeps
	wake chan struct{}

	mu      sync.Mutex
	busy    map[int64]bool  // pushes under way
	people  map[person]bool // whom they are about
	load    map[string]int  // how many of each bot
	outlets map[outletKey]*outlet
	closing chan struct{} // closed when streams must end
	closed  bool

	working sync.WaitGroup
}

// person is somebody that a bot talks to.
type person struct{ bot, address string }

// NewQueue returns a queue that stands still until Run is called.
func NewQueue(d QueueDeps) *Queue {
	q := &Queue{QueueDeps: d, wake: make(chan struct{}, 1), busy: map[int64]bool{}, people: map[person]bool{},
		load: map[string]int{}, outlets: map[outletKey]*outlet{}, closing: make(chan struct{})}
	d.DB.OnChange(q.look) // somebody may have asked for another try, here or in another process
	return q
}

// look makes the next scan happen now.
func (q *Queue) look() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// Post queues a push whose State is Waiting or Held, in the transaction of ctx. One about the same thing to the same bot
// that was queued before makes this one nothing.
func (q *Queue) Post(ctx context.Context, p Push) error {
	fresh, err := q.insert(ctx, p)
	if err != nil || !fresh {
		return err
	}
	if p.State == Waiting {
		q.DB.AfterCommit(ctx, q.look)
		return nil
	}
	q.DB.AfterCommit(ctx, func() { q.wakeStream(outletKey{p.Bot, p.Kind}) })
	return q.trim(ctx, p.Bot, p.Kind)
}
