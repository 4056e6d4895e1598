package gateway

import (
	"context"

	"indaba/internal/core"
)

// Rename gives a channel of the account another name, which no other channel of it has. On the wire of Vumi a channel
// without an address is named by its name (docs/spec/vumi-http.md 8).
func (s *Store) Rename(ctx context.Context, account, key, name string) error {
	name, err := core.CheckName("channel", name)
	if err != nil {
		return err
	}
	return s.db.TxOn(ctx, account, func(ctx context.Context) error {
		if err := s.nameIsFree(ctx, account, key, name); err != nil {
			return err
		}
		return s.update(ctx, account, key, "name = $3", name, "channel.rename", name)
	})
}

// nameIsFree makes sure that no other channel of the account has a name, so that commands can go by it. Removed channels
// have given theirs up.
func (s *Store) nameIsFree(ctx context.Context, account, key, name string) error {
	var others int
	err := s.db.Row(ctx, "SELECT count(*) FROM channel WHERE account = $1 AND name = $2 AND key <> $3 AND removed_at = 0",
		[]any{account, name, key}, &others)
	if err == nil && others > 0 {
		err = core.Errorf(core.Conflict, "another channel is called %s", name)
	}
	return err
}

// Remove takes a channel away for good, with its settings and every route from or to it. Its provider's requests are
// refused from then on, what waits to be sent by it fails, and its messages stay in the log.
func (g *Gateway) Remove(ctx context.Context, account, key string) error {
	return g.db.TxOn(ctx, account, func(ctx context.Context) error {
		c, err := g.store.Known(ctx, account, key)
		if err != nil {
			return err
		}
		if err := g.options.Forget(ctx, account, key); err != nil {
			return err
		}
		// The provider's secrets go with the settings.
		detail := map[string]string{"type": c.Type, "name": c.Name, "address": c.Address}
		return g.store.update(ctx, account, key, "removed_at = $3, settings = '', trouble = ''", g.options.Now().UnixMicro(),
			"channel.remove", detail)
	})
}

// Removed returns the account's removed channels in order of their keys, without their settings: the log still names them.
func (s *Store) Removed(ctx context.Context, account string) ([]*Channel, error) {
	return s.read(ctx, "WHERE account = $1 AND removed_at > 0 ORDER BY key", account)
}

// wasIdempotent reports whether repeating a request did no harm on a channel that may be gone.
func (s *Store) wasIdempotent(ctx context.Context, key string) (bool, error) {
	all, err := s.read(ctx, "WHERE key = $1", key)
	if err != nil || len(all) == 0 {
		return false, err
	}
	t, ok := s.types[all[0].Type]
	return ok && t.Idempotent, nil
}
