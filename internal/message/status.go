package message

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"

	"indaba/internal/core"
	"indaba/internal/db"
)

// Change is a step in the life of a message.
type Change struct {
	Status core.Status
	Reason string
	At     int64 // microseconds since 1970, UTC
}

// SetStatus moves an outbound message to a status if that can follow the one it has, and notes it in its history. An
// empty externalID leaves the known one. It returns whether anything changed.
func (s *Service) SetStatus(ctx context.Context, id string, status core.Status, reason, externalID string) (changed bool, err error) {
	return s.setStatus(ctx, id, status, reason, externalID, "")
}

// setStatus changes nothing unless condition, a further part of the statement with its arguments from $6 on, holds.
func (s *Service) setStatus(ctx context.Context, id string, status core.Status, reason, externalID, condition string,
	args ...any) (changed bool, err error) {
	err = s.db.Tx(ctx, func(ctx context.Context) error {
		changed = false
		below := status // the ladder, as core.Status.CanFollow tells it
		if status == core.Failed {
			below = core.Delivered
		}
		n, err := s.db.Exec(ctx, "UPDATE message SET status = $2, status_reason = $3, "+
			"external_id = CASE WHEN $4 = '' THEN external_id ELSE $4 END WHERE id = $1 AND direction = 2 AND status < $5"+condition,
			append([]any{id, int(status), reason, externalID, int(below)}, args...)...)
		if err != nil || n == 0 {
			return err
		}
		changed = true
		return s.history(ctx, id, status, reason)
	})
	if err != nil {
		return false, fmt.Errorf("set the status of message %s: %w", id, err)
	}
	return changed, nil
}

func (s *Service) history(ctx context.Context, id string, status core.Status, reason string) error {
	return s.db.ExecLater(ctx, nil, "INSERT INTO status_change (message, status, reason, at) VALUES ($1, $2, $3, $4)",
		id, int(status), reason, s.now().UnixMicro())
}

// History returns the steps of an outbound message after it was queued, oldest first.
func (s *Service) History(ctx context.Context, id string) ([]Change, error) {
	return s.changes(ctx, "SELECT status, reason, at FROM status_change WHERE message = $1 ORDER BY id", id)
}

func (s *Service) changes(ctx context.Context, text string, args ...any) ([]Change, error) {
	return db.Collect(ctx, s.db, func(r *sql.Rows) (c Change, err error) {
		var status int
		err = r.Scan(&status, &c.Reason, &c.At)
		c.Status = core.Status(status)
		return c, err
	}, text, args...)
}

// Callback is a provider's word on a message of ours.
type Callback struct {
	Channel    string
	MessageID  string // our id, if the provider handed it back
	ExternalID string // the provider's id
	Address    string // the recipient, if told
	Status     core.Status
	Reason     string
}

// Reported is what a callback changed.
type Reported struct {
	*core.Message             // as it was before
	Now           core.Status // as it is now
	Why           string
}

// Report applies a provider's status callback. It finds the message by our id, by the provider's, or, when exactly one
// message to that address is in state unknown, by the address: that settles it. A callback about a message whose
// request has not been answered yet is kept and applied with the answer, or with the callback that settles the message.
// It returns nil when no status changed.
func (s *Service) Report(ctx context.Context, c Callback) (changed *Reported, err error) {
	err = s.db.Tx(ctx, func(ctx context.Context) error {
		changed = nil
		now, why := c.Status, c.Reason
		m, err := s.meant(ctx, c)
		if err != nil {
			return err
		}
		if m == nil {
			if c.ExternalID == "" {
				return nil
			}
			_, err := s.db.Exec(ctx, "INSERT INTO status_orphan (channel, external_id, status, reason, at) VALUES ($1, $2, $3, $4, $5)",
				c.Channel, c.ExternalID, int(c.Status), c.Reason, s.now().UnixMicro())
			return err
		}
		external := ""
		if m.ExternalID == "" {
			external = c.ExternalID
			earlier, earlierWhy, err := s.orphans(ctx, m, external)
			if err != nil {
				return err
			}
			now, why = climb(m.Status, Change{Status: earlier, Reason: earlierWhy}, Change{Status: now, Reason: why})
		}
		ok, err := s.SetStatus(ctx, m.ID, now, why, external)
		if ok {
			changed = &Reported{m, now, why}
		} else if c.Status == core.Failed && m.Status != core.Failed {
			slog.WarnContext(ctx, "provider reports a failure after a delivery, which changes nothing", "message", m.ID, "reason", c.Reason)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("apply a status callback: %w", err)
	}
	return changed, nil
}

// LaneOf returns the lane of the message that a callback is about; without one the channel's own.
func (s *Service) LaneOf(ctx context.Context, c Callback) string {
	if s.db.Dialect() == db.SQLite {
		return Lane(c.Channel, c.Address) // it has one writer anyway
	}
	if m, err := s.meant(ctx, c); err == nil && m != nil {
		return Lane(m.Channel, m.To)
	}
	return Lane(c.Channel, c.Address)
}

// meant finds the message that a callback is about, or nil.
func (s *Service) meant(ctx context.Context, c Callback) (*core.Message, error) {
	if c.MessageID != "" {
		m, err := s.one(ctx, "WHERE m.id = $1 AND m.channel = $2 AND m.direction = 2", core.Storable(c.MessageID), c.Channel)
		if err == nil || core.KindOf(err) != core.NotFound {
			return m, err
		}
	}
	if c.ExternalID != "" { // providers that use ids again mean the newest
		m, err := s.one(ctx, "WHERE m.channel = $1 AND m.external_id = $2 AND m.direction = 2 AND m.external_id <> '' "+
			"ORDER BY m.created_at DESC, m.id DESC",
			c.Channel, c.ExternalID)
		if err == nil || core.KindOf(err) != core.NotFound {
			return m, err
		}
	}
	if c.Address == "" {
		return nil, nil
	}
	// A request under way to the same address may be what is meant.
	var under int
	if err := s.db.Row(ctx, "SELECT count(*) FROM outbox WHERE channel = $1 AND address = $2 AND started = $3",
		[]any{c.Channel, c.Address, true}, &under); err != nil || under > 0 {
		return nil, err
	}
	unknown, err := s.some(ctx, "WHERE m.channel = $1 AND m.address = $2 AND m.status = 4 LIMIT 2", c.Channel, c.Address)
	if err != nil || len(unknown) != 1 || unknown[0].ExternalID != "" {
		return nil, err
	}
	return unknown[0], nil
}

// orphans takes the callbacks that came before the answer which told the provider's id, and returns where they lead, one
// after the other in the order in which they came: no status, if there were none.
func (s *Service) orphans(ctx context.Context, m *core.Message, externalID string) (core.Status, string, error) {
	if externalID == "" {
		return 0, "", nil
	}
	var waiting int // none as a rule, which is asked together with what the transaction has to write anyway
	if err := s.db.Row(ctx, "SELECT count(*) FROM status_orphan WHERE channel = $1 AND external_id = $2",
		[]any{m.Channel, externalID}, &waiting); err != nil || waiting == 0 {
		return 0, "", err
	}
	steps, err := s.changes(ctx, "SELECT status, reason, at FROM status_orphan WHERE channel = $1 AND external_id = $2 ORDER BY id",
		m.Channel, externalID)
	if err != nil {
		return 0, "", err
	}
	if _, err = s.db.Exec(ctx, "DELETE FROM status_orphan WHERE channel = $1 AND external_id = $2", m.Channel, externalID); err != nil {
		return 0, "", err
	}
	status, reason := climb(0, steps...)
	return status, reason, nil
}

// climb returns the status in which the steps leave a message, and the reason of the last one that it took. What cannot
// follow, such as a failure after a delivery, it does not take.
func climb(from core.Status, steps ...Change) (core.Status, string) {
	last := Change{Status: from}
	for _, step := range steps {
		if step.Status.CanFollow(last.Status) {
			last = step
		}
	}
	return last.Status, last.Reason
}
