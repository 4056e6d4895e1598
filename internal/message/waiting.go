package message

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"indaba/internal/core"
)

// Wait is what the outbox knows of a message that is still on its way to a provider.
type Wait struct {
	Since    time.Time
	Attempts int // that have begun
	// Begun says that the outcome of an attempt is not known: it is under way, or the message may have arrived by it.
	Begun     bool
	Refusal   string    // why the last attempt failed for now; empty before one did
	NextTry   time.Time // the earliest time of another attempt; zero when nothing but its turn is waited for
	SameLane  int       // older messages to the same person, which go before it
	OnChannel int       // older messages of the channel, those included
}

// WaitOf returns what an outbound message waits for, and nil for one that does not.
func (s *Service) WaitOf(ctx context.Context, m *core.Message) (*Wait, error) {
	if m.Direction != core.Outbound || m.Status >= core.Sent {
		return nil, nil
	}
	w := &Wait{}
	var since, next int64
	err := s.db.Row(ctx, "SELECT o.created_at, o.attempts, o.started, o.reason, o.not_before, "+
		"(SELECT count(*) FROM outbox b WHERE b.channel = o.channel AND b.id < o.id AND b.address = o.address), "+
		"(SELECT count(*) FROM outbox b WHERE b.channel = o.channel AND b.id < o.id) "+
		"FROM outbox o WHERE o.channel = $1 AND o.message = $2", []any{m.Channel, m.ID},
		&since, &w.Attempts, &w.Begun, &w.Refusal, &next, &w.SameLane, &w.OnChannel)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look for message %s in the outbox: %w", m.ID, err)
	}
	w.Since = time.UnixMicro(since).UTC()
	if next > s.now().UnixMicro() {
		w.NextTry = time.UnixMicro(next).UTC()
	}
	return w, nil
}
