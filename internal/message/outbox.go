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
	Paced     bool // it has had its turn under the channel's rate; kept in memory only
	// Doubted says that an earlier attempt may have arrived although later ones did not, Inherited that an earlier life
	// of the server may have begun an attempt without a note.
	Doubted, Inherited bool
}

// Outbox is the queue of parcels, one lane per recipient: (channel, address).
type Outbox struct {
	db    *db.DB
	begun time.Time // of Run; parcels older than that are inherited
	now   func() time.Time
	lanes *lanes[*Parcel]
}

// Sizes of the outbox in memory.
const (
	parcelLimit   = 20_000
	parcelWorkers = 512
)

func newOutbox(d *db.DB, now func() time.Time) *Outbox {
	o := &Outbox{db: d, now: now, lanes: newLanes[*Parcel](parcelLimit, parcelWorkers, scanEvery)}
	o.lanes.id = func(p *Parcel) int64 { return p.ID }
	o.lanes.lane = func(p *Parcel) string { return Lane(p.Message.Channel, p.Message.To) }
	o.lanes.load = o.load
	return o
}

// Run hands parcels to deliver until ctx ends, then waits for the deliveries under way. deliver settles a parcel with
// Sent, Failed or Unsure, or returns how long it wants to wait before it is handed the same parcel again.
func (o *Outbox) Run(ctx context.Context, deliver func(context.Context, *Parcel) time.Duration) error {
	o.begun = o.now()
	o.lanes.handle = func(ctx context.Context, p *Parcel) time.Duration {
		if wait := time.Until(p.NotBefore); wait > 0 {
			return wait
		}
		return deliver(ctx, p)
	}
	return o.lanes.run(ctx)
}

func (o *Outbox) post(ctx context.Context, m *core.Message, now time.Time) error {
	p := &Parcel{Message: m, Since: now}
	err := o.db.Insert(ctx, &p.ID, "INSERT INTO outbox (account, channel, address, message, attempts, started, not_before, created_at) "+
		"VALUES ($1, $2, $3, $4, 0, $5, 0, $6)", m.Account, m.Channel, m.To, m.ID, false, now.UnixMicro())
	if err != nil {
		return fmt.Errorf("queue an outbound message: %w", err)
	}
	o.db.AfterCommit(ctx, func() { o.lanes.post(p) })
	return nil
}

// Start notes that an attempt begins, before any byte of it leaves: a parcel found started after a crash may have
// arrived.
func (o *Outbox) Start(ctx context.Context, p *Parcel) error {
	_, err := o.db.Exec(ctx, "UPDATE outbox SET started = $2, attempts = attempts + 1 WHERE id = $1", p.ID, true)
	if err == nil {
		p.Started = true
		p.Attempts++
	}
	return err
}

// Postpone notes that an attempt failed for now: the parcel will be tried again. started keeps the mark that an attempt
// may have arrived, for channels where a further attempt does no harm.
func (o *Outbox) Postpone(ctx context.Context, p *Parcel, until time.Time, started bool) error {
	_, err := o.db.Exec(ctx, "UPDATE outbox SET started = $2, not_before = $3, attempts = $4 WHERE id = $1",
		p.ID, started, until.UnixMicro(), p.Attempts)
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

// load returns the oldest parcels.
func (o *Outbox) load(ctx context.Context, limit int) ([]*Parcel, error) {
	rows, err := o.db.Query(ctx, "SELECT id, message, attempts, started, not_before, created_at FROM outbox ORDER BY id LIMIT $1", limit)
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
		p.Doubted, p.Inherited = p.Started || m.Status != core.Queued, p.Since.Before(o.begun)
	}); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(p *Parcel) bool { return p.Message == nil }), nil
}
