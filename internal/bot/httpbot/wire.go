package httpbot

import (
	"context"
	"encoding/json"
	"fmt"

	"indaba/internal/bot"
	"indaba/internal/bot/vumiwire"
	"indaba/internal/core"
)

// encodeMessage returns a message as JSON, with its helper_metadata as given (docs/spec/vumi-http.md 10).
func encodeMessage(m *core.Message, helper vumiwire.Object) ([]byte, error) {
	text, err := json.Marshal(vumiwire.NewMessage(m, helper))
	if err != nil {
		return nil, fmt.Errorf("encode message %s: %w", m.ID, err)
	}
	return text, nil
}

// body returns what is pushed for a turn.
func (r *runner) body(ctx context.Context, t *bot.Turn) ([]byte, error) {
	if t.Event != nil {
		helper := vumiwire.Object{"go": about(t.Bot, r.settings)}
		return json.Marshal(vumiwire.NewEvent(t.Event, t.Message.Endpoint, helper))
	}
	helper, err := vumiwire.Members(t.Message.HelperMetadata)
	if err != nil {
		return nil, err
	}
	if err := r.describe(ctx, t, helper); err != nil {
		return nil, err
	}
	return encodeMessage(t.Message, helper)
}

// describe adds to an inbound message what the platform knows of it.
func (r *runner) describe(ctx context.Context, t *bot.Turn, helper vumiwire.Object) error {
	helper["go"] = about(t.Bot, r.settings)
	if helper["optout"] == nil {
		helper["optout"] = vumiwire.NoOptout() // nothing but what a channel says makes a message an opt-out
	}
	pool, tag, found, err := r.Tags.Tag(ctx, t.Bot.Account, t.Message.Channel)
	if found {
		helper["tag"] = vumiwire.Tag(pool, tag)
	}
	return err
}

// about is what stands under "go" in the helper_metadata of everything.
func about(b *bot.Bot, s Settings) json.RawMessage { return vumiwire.Go(b.Account, s.Type, b.Key) }
