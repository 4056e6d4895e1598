package vumi

import (
	"context"
	"sync"

	"indaba/internal/db"
	"indaba/internal/gateway"
)

// Tags tells what channels are called on this wire (docs/spec/vumi-http.md 8).
type Tags struct {
	channels *gateway.Store

	mu    sync.Mutex
	known map[string]map[string][2]string // by account and channel; emptied when configuration changes
	turn  int                             // counts how often it was emptied
}

// NewTags returns the tags of the channels in a store over d.
func NewTags(d *db.DB, channels *gateway.Store) *Tags {
	t := &Tags{channels: channels, known: map[string]map[string][2]string{}}
	d.OnChange(func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		clear(t.known)
		t.turn++
	})
	return t
}

// Tag returns pool and tag of a channel of the account; found is false when there is no such channel.
func (t *Tags) Tag(ctx context.Context, account, channel string) (pool, tag string, found bool, err error) {
	t.mu.Lock()
	tags, turn := t.known[account], t.turn
	t.mu.Unlock()
	if tags == nil {
		all, err := t.channels.List(ctx, account)
		if err != nil {
			return "", "", false, err
		}
		tags = tagsOf(all)
		t.mu.Lock()
		if turn == t.turn {
			t.known[account] = tags
		}
		t.mu.Unlock()
	}
	name, found := tags[channel]
	return name[0], name[1], found, nil
}
