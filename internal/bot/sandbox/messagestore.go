package sandbox

import (
	"context"
	"strconv"
	"time"
)

// The commands of messagestore (docs/spec/vumi-sandbox.md 9.10): numbers about the messages of this bot, or of another
// one of the account.

func (h *host) messagesProgressStatus(ctx context.Context, a args) (fields, error) {
	bot, err := h.conversation(ctx, a)
	if err != nil {
		return nil, err
	}
	p, err := h.deps.Messages.Progress(ctx, bot)
	return fields{"progress_status": map[string]int64{
		"sent": p.Sent, "ack": p.Acked, "nack": p.Nacked,
		"delivery_report":           p.Delivered + p.Undelivered,
		"delivery_report_delivered": p.Delivered,
		"delivery_report_failed":    p.Undelivered,
		"delivery_report_pending":   0, // no status of its own: such a message counts as acknowledged
	}}, err
}

func (h *host) messagesCountReplies(ctx context.Context, a args) (fields, error) {
	return h.count(ctx, a, h.deps.Messages.CountInbound)
}

func (h *host) messagesCountSent(ctx context.Context, a args) (fields, error) {
	return h.count(ctx, a, h.deps.Messages.CountOutbound)
}

func (h *host) messagesInboundUniques(ctx context.Context, a args) (fields, error) {
	return h.count(ctx, a, h.deps.Messages.CountSenders)
}

func (h *host) messagesOutboundUniques(ctx context.Context, a args) (fields, error) {
	return h.count(ctx, a, h.deps.Messages.CountRecipients)
}

func (h *host) count(ctx context.Context, a args, count func(ctx context.Context, bot string) (int64, error)) (fields, error) {
	bot, err := h.conversation(ctx, a)
	if err != nil {
		return nil, err
	}
	n, err := count(ctx, bot)
	return fields{"count": n}, err
}

func (h *host) messagesInboundThroughput(ctx context.Context, a args) (fields, error) {
	return h.throughput(ctx, a, h.deps.Messages.CountInboundSince)
}

func (h *host) messagesOutboundThroughput(ctx context.Context, a args) (fields, error) {
	return h.throughput(ctx, a, h.deps.Messages.CountOutboundSince)
}

type countSince func(ctx context.Context, bot string, since time.Time) (int64, error)

// throughput returns how many messages a minute there were in the last sample_time seconds, 300 unless given.
func (h *host) throughput(ctx context.Context, a args, count countSince) (fields, error) {
	bot, err := h.conversation(ctx, a)
	if err != nil {
		return nil, err
	}
	seconds := int64(300)
	if !a.null("sample_time") {
		ok := false
		if text, isText := a.text("sample_time"); isText {
			seconds, err = strconv.ParseInt(text, 10, 64)
			ok = err == nil
		} else {
			seconds, ok = a.integer("sample_time")
		}
		if !ok || seconds <= 0 || seconds > maxSampleSeconds {
			return nil, fail("Invalid sample_time")
		}
	}
	n, err := count(ctx, bot, h.deps.Now().Add(-time.Duration(seconds)*time.Second))
	return fields{"throughput": float64(n) * 60 / float64(seconds)}, err
}

// maxSampleSeconds is ten years.
const maxSampleSeconds = 10 * 366 * 24 * 3600

// conversation returns the key of the bot that a command is about.
func (h *host) conversation(ctx context.Context, a args) (string, error) {
	if a.null("conversation_key") {
		return h.turn.Bot.Key, nil
	}
	key, ok := a.text("conversation_key")
	if key == h.turn.Bot.Key {
		return key, nil
	}
	if !ok || !storable(key) {
		return "", fail("Invalid conversation_key")
	}
	owned, err := h.deps.Bots.OwnsBot(ctx, h.turn.Bot.Account, key)
	if err == nil && !owned {
		err = fail("Invalid conversation_key")
	}
	return key, err
}
