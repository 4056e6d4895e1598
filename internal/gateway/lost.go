package gateway

import (
	"context"
	"database/sql"
	"errors"

	"indaba/internal/db"
	"indaba/internal/secret"
)

// ErrGivenUp says that a channel has no settings, since those that it had were given up: see [Store.GiveUp].
var ErrGivenUp = errors.New("the settings were given up with the secret key that opened them: enter all of them again with " +
	"\"indaba channel set\", then run \"indaba channel enable\"")

// Sealed returns the sealed settings of up to limit channels, to see what a key opens.
func Sealed(ctx context.Context, d *db.DB, limit int) ([]secret.Text, error) {
	return db.Collect(ctx, d, func(r *sql.Rows) (text secret.Text, err error) {
		var key string
		err = r.Scan(&key, &text.Sealed)
		text.Context = sealedAs(key)
		return text, err
	}, "SELECT key, settings FROM channel WHERE removed_at = 0 AND settings <> '' ORDER BY key LIMIT $1", limit)
}

// Unopened returns the channels of all accounts whose settings the secret key does not open.
func (s *Store) Unopened(ctx context.Context) (unopened []*Channel, err error) {
	all, err := s.read(ctx, "WHERE removed_at = 0 AND settings <> '' ORDER BY account, key")
	for _, c := range all {
		if c.Unopened != nil {
			unopened = append(unopened, c)
		}
	}
	return unopened, err
}

// GiveUp switches a channel off and forgets its settings, for when nothing opens them any more. It stays off until all
// settings that it needs are entered again.
func (s *Store) GiveUp(ctx context.Context, account, key string) error {
	return s.update(ctx, account, key, "settings = '', trouble = '', enabled = $3", false, "channel.give_up", "its settings")
}
