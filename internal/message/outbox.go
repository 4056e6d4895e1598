package message

import (
	"context"
	"fmt"
	"slices"
	"time"

	"indaba/internal/core"
	"indaba/internal/db"
)

// Parcel is one outbound message on its way to a provider.
type Parcel struct {
	ID        int64
	Message   *core.Message
	Attempts  int  // attempts that began
	Started   bool // an attempt began and its answer was never recorded: it may have arrived
	NotBefore time.Time
	Since     time.Time
	// Doubted says that an earlier attempt may have arrived although later ones did not, Noted that its message says so,
	// and Inherited that an earlier life of the server may have begun an attempt without a note.
	Doubted, Noted, Inherited bool
}

// Outbox is the queue of parcels. Each channel has one of its own, so that a provider that hangs, a rate or a channel that
// is off holds up nobody else, and in it each recipient has a lane.
type Outbox struct {
	db      *db.DB
	now     func() time.Time
	begun   time.Time // of Run; parcels older than that are inherited
	deliver func(context.Context, *Parcel) time.Duration
	queues  *queues[*Parcel] // by channel
}

// Sizes of the outbox of one channel.
const (
	parcelLimit   = 5_000 // in memory
	parcelWorkers = 512
)

func newOutbox(d *db.DB, now func() time.Time) *Outbox {
	o := &Outbox{db: d, now: now}
	o.queues = newQueues(o.open, func(ctx context.Context) ([]string, error) { return distinct(ctx, d, "outbox", "channel", "TRUE") })
	return o
}

func (o *Outbox) open(channel string) *lanes[*Parcel] {
	l := newLanes[*Parcel](parcelLimit, parcelWorkers)
	l.id = func(p *Parcel) int64 { return p.ID }
	l.lane = func(p *Parcel) string { return p.Message.To }
	l.load = func(ctx context.Context, limit int) ([]*Parcel, error) { return o.load(ctx, channel, limit) }
	l.handle = o.deliver
	return l
}

// Run hands parcels to deliver until ctx ends, then waits for the deliveries under way. deliver settles a parcel with
// Sent, Failed or Unsure, or returns how long it wants to wait before it is handed the same parcel again, unless Rouse
// comes first.
func (o *Outbox) Run(ctx context.Context, deliver func(context.Context, *Parcel) time.Duration) error {
	o.begun, o.deliver = o.now(), deliver
	return o.queues.run(ctx)
}

// Rouse hands over again, without further wait, every parcel that waits: its channel may be another now. Parcels of a commit
// that was in doubt are looked for.
func (o *Outbox) Rouse() {
	o.queues.rouse()
	o.queues.look()
}

func (o *Outbox) post(ctx context.Context, m *core.Message, now time.Time) error {
	p := &Parcel{Message: m, Since: now}
	err := o.db.Insert(ctx, &p.ID, "INSERT INTO outbox (account, channel, address, message, attempts, started, not_before, created_at) "+
		"VALUES ($1, $2, $3, $4, 0, $5, 0, $6)", m.Account, m.Channel, m.To, m.ID, false, now.UnixMicro())
	if err != nil {
		return fmt.Errorf("queue an outbound message: %w", err)
	}
	o.db.AfterCommit(ctx, func() { o.queues.post(m.Channel, p) })
	return nil
}

// Start notes that an attempt begins, before any byte of it leaves: a parcel found started after a crash may have
// arrived. It is false, and notes nothing, when the message needs no attempt any more: a status callback has settled it.
func (o *Outbox) Start(ctx context.Context, p *Parcel) (bool, error) {
	n, err := o.db.Exec(ctx, "UPDATE outbox SET started = $2, attempts = attempts + 1 WHERE id = $1 "+
		"AND EXISTS (SELECT 1 FROM message m WHERE m.id = outbox.message AND m.status < $3)", p.ID, true, int(core.Sent))
	if err != nil || n == 0 {
		return false, err
	}
	p.Started = true
	p.Attempts++
	return true, nil
}

// Settled reports whether a status callback has settled the message of a parcel meanwhile.
func (o *Outbox) Settled(ctx context.Context, p *Parcel) (bool, error) {
	var status int
	err := o.db.Row(ctx, "SELECT status FROM message WHERE id = $1", []any{p.Message.ID}, &status)
	return core.Status(status) >= core.Sent, err
}

// Postpone notes that an attempt failed for now, and why: the parcel will be tried again. started keeps the mark that an
// attempt may have arrived, for channels where a further attempt does no harm.
func (o *Outbox) Postpone(ctx context.Context, p *Parcel, until time.Time, started bool, reason string) error {
	_, err := o.db.Exec(ctx, "UPDATE outbox SET started = $2, not_before = $3, attempts = $4, reason = $5 WHERE id = $1",
		p.ID, started, until.UnixMicro(), p.Attempts, reason)
	if err == nil {
		p.Started, p.NotBefore = started, until
	}
	return err
}

// Settle takes a parcel out of the queue and gives its message the status that the attempt ended in, together with what
// then is called in the same commit. A status callback that came in before is applied too.
func (s *Service) Settle(ctx context.Context, p *Parcel, status core.Status, reason, externalID string,
	then func(ctx context.Context, status core.Status, reason string) error) error {
	return s.db.TxOn(ctx, Lane(p.Message.Channel, p.Message.To), func(ctx context.Context) error {
		// One question and no more: whether it has been settled before, and whether its message may have this status.
		changed, err := s.setStatus(ctx, p.Message.ID, status, reason, externalID,
			" AND EXISTS (SELECT 1 FROM outbox WHERE outbox.id = $6)", p.ID)
		if err != nil {
			return err
		}
		if err := s.db.ExecLater(ctx, nil, "DELETE FROM outbox WHERE id = $1", p.ID); err != nil {
			return err
		}
		if changed {
			if err := then(ctx, status, reason); err != nil {
				return err
			}
		}
		late, lateReason, err := s.orphans(ctx, p.Message, externalID)
		if err != nil || late == 0 {
			return err
		}
		if changed, err = s.SetStatus(ctx, p.Message.ID, late, lateReason, ""); err != nil || !changed {
			return err
		}
		return then(ctx, late, lateReason)
	})
}

// load returns the oldest parcels of a channel.
func (o *Outbox) load(ctx context.Context, channel string, limit int) ([]*Parcel, error) {
	rows, err := o.db.Query(ctx, "SELECT id, message, attempts, started, not_before, created_at FROM outbox WHERE channel = $1 "+
		"ORDER BY id LIMIT $2", channel, limit)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // Err below tells what matters
	places := map[string][]int{}
	var all []*Parcel
	for rows.Next() {
		p := &Parcel{}
		var message string
		var notBefore, since int64
		if err := rows.Scan(&p.ID, &message, &p.Attempts, &p.Started, &notBefore, &since); err != nil {
			return nil, err
		}
		p.NotBefore, p.Since = time.UnixMicro(notBefore), time.UnixMicro(since).UTC()
		places[message] = append(places[message], len(all))
		all = append(all, p)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	if err := eachMessage(ctx, o.db, places, func(i int, m *core.Message) {
		p := all[i]
		p.Message = m
		p.Doubted, p.Noted = p.Started || m.Status != core.Queued, m.Status == core.Unknown
		p.Inherited = p.Since.Before(o.begun)
	}); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(p *Parcel) bool { return p.Message == nil }), nil
}
