package message

import (
	"context"
	"fmt"
	"time"

	"indaba/internal/core"
)

// Progress says how far the outbound messages of a bot have come (docs/spec/vumi-sandbox.md 9.10). It is read from where
// the messages stand now: one that was delivered has been acknowledged, whether or not the provider said so before.
type Progress struct {
	Sent        int64 // all that the bot sent
	Acked       int64 // taken by the provider
	Nacked      int64 // failed before the provider took it
	Delivered   int64 // reported as delivered or read
	Undelivered int64 // taken by the provider and then reported as failed
}

// Progress counts the outbound messages of a bot by their statuses.
func (s *Service) Progress(ctx context.Context, bot string) (Progress, error) {
	var p Progress
	// A message that failed had been taken if its history says so; there are few enough to look.
	err := s.db.Row(ctx, "SELECT COUNT(*), "+
		"COALESCE(SUM(CASE WHEN m.status IN ($2, $3, $4) THEN 1 ELSE 0 END), 0), "+
		"COALESCE(SUM(CASE WHEN m.status IN ($3, $4) THEN 1 ELSE 0 END), 0), "+
		"COALESCE(SUM(CASE WHEN m.status = $5 THEN 1 ELSE 0 END), 0), "+
		"COALESCE(SUM(CASE WHEN m.status = $5 AND EXISTS (SELECT 1 FROM status_change h WHERE h.message = m.id "+
		"AND h.status = $2) THEN 1 ELSE 0 END), 0) FROM message m WHERE m.bot = $1 AND m.bot <> '' AND m.direction = 2",
		[]any{bot, int(core.Sent), int(core.Delivered), int(core.Read), int(core.Failed)},
		&p.Sent, &p.Acked, &p.Delivered, &p.Nacked, &p.Undelivered)
	if err != nil {
		return Progress{}, fmt.Errorf("count messages by status: %w", err)
	}
	p.Nacked -= p.Undelivered
	p.Acked += p.Undelivered
	return p, nil
}

// CountInbound returns the number of messages that a bot received.
func (s *Service) CountInbound(ctx context.Context, bot string) (int64, error) {
	return s.count(ctx, "*", bot, core.Inbound, time.Time{})
}

// CountOutbound returns the number of messages that a bot sent.
func (s *Service) CountOutbound(ctx context.Context, bot string) (int64, error) {
	return s.count(ctx, "*", bot, core.Outbound, time.Time{})
}

// CountInboundSince returns the number of messages that a bot received at or after a time.
func (s *Service) CountInboundSince(ctx context.Context, bot string, since time.Time) (int64, error) {
	return s.count(ctx, "*", bot, core.Inbound, since)
}

// CountOutboundSince returns the number of messages that a bot sent at or after a time.
func (s *Service) CountOutboundSince(ctx context.Context, bot string, since time.Time) (int64, error) {
	return s.count(ctx, "*", bot, core.Outbound, since)
}

// CountSenders returns the number of different addresses that wrote to a bot.
func (s *Service) CountSenders(ctx context.Context, bot string) (int64, error) {
	return s.count(ctx, "DISTINCT address", bot, core.Inbound, time.Time{})
}

// CountRecipients returns the number of different addresses that a bot wrote to.
func (s *Service) CountRecipients(ctx context.Context, bot string) (int64, error) {
	return s.count(ctx, "DISTINCT address", bot, core.Outbound, time.Time{})
}

// count counts what of the messages of a bot; the zero time is the beginning of all times.
func (s *Service) count(ctx context.Context, what, bot string, direction core.Direction, since time.Time) (n int64, err error) {
	from := int64(0)
	if !since.IsZero() {
		from = since.UnixMicro()
	}
	if err := s.db.Row(ctx, "SELECT COUNT("+what+") FROM message WHERE bot = $1 AND bot <> '' AND direction = $2 AND created_at >= $3",
		[]any{bot, int(direction), from}, &n); err != nil {
		return 0, fmt.Errorf("count messages: %w", err)
	}
	return n, nil
}
