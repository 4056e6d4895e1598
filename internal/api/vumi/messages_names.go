package vumi

import (
	"context"

	"indaba/internal/bot"
	"indaba/internal/core"
)

// Names tells what bots and channels are called on this wire; it is a vumiwire.Directory.
type Names struct {
	*Tags
	Bots *bot.Store
}

// Conversation returns the type of the conversation that a bot of the account is; found is false when there is no such bot.
func (n Names) Conversation(ctx context.Context, account, key string) (kind string, found bool, err error) {
	b, err := n.Bots.Get(ctx, account, key)
	if err != nil {
		if core.KindOf(err) == core.NotFound {
			err = nil
		}
		return "", false, err
	}
	return conversationType(b), true, nil
}
