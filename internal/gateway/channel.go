// Package gateway runs channels: it takes webhooks in, commits what they bring before it answers, and delivers what
// waits in the outbox through the channels' adapters. It knows no bots: the message package's queues are all that lies
// between.
package gateway

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"indaba/internal/channel"
	"indaba/internal/core"
	"indaba/internal/db"
)

// Sealer keeps secrets at rest.
type Sealer interface {
	Seal(plain, context string) string
	Open(sealed, context string) (string, error)
}

// Channel is a configured connection to one provider.
type Channel struct {
	Key       string
	Account   string
	Type      string
	Name      string
	Address   string
	Settings  map[string]string // in the clear: never log or show them but through channel.Type.Redacted
	Unopened  error             // why there are no settings: the secret key does not open them, or ErrGivenUp; nil while all is well
	Enabled   bool
	Trouble   string // why deliveries are paused; empty while all is well
	CreatedAt time.Time
	RemovedAt time.Time // zero while it is there
}

// Removed reports whether the channel is gone. Its settings are gone too then.
func (c *Channel) Removed() bool { return !c.RemovedAt.IsZero() }

// Store keeps configured channels.
type Store struct {
	db    *db.DB
	seal  Sealer
	audit core.Auditor
	types map[string]channel.Type
	now   func() time.Time
}

// NewStore returns the store over a database. Settings are sealed at rest.
func NewStore(d *db.DB, seal Sealer, audit core.Auditor, types []channel.Type, now func() time.Time) *Store {
	s := &Store{db: d, seal: seal, audit: audit, types: map[string]channel.Type{}, now: now}
	for _, t := range types {
		s.types[t.Name] = t
	}
	return s
}

// Type returns the channel type of that name.
func (s *Store) Type(name string) (channel.Type, error) {
	t, ok := s.types[name]
	if !ok {
		return t, core.Errorf(core.NotFound, "there is no channel type %q", name)
	}
	return t, nil
}

// Create checks and stores a new channel and gives it a key, unless it has one. A name that another channel of the account
// has is core.Conflict.
func (s *Store) Create(ctx context.Context, c *Channel) error {
	t, err := s.Type(c.Type)
	if err != nil {
		return core.Errorf(core.Invalid, "%s", core.SafeMessage(err))
	}
	if c.Key == "" {
		c.Key = core.NewKey()
	}
	if err := check(t, c); err != nil {
		return err
	}
	sealed, err := s.sealed(c)
	if err != nil {
		return err
	}
	if c.Name, err = core.CheckName("channel", c.Name); err != nil {
		return err
	}
	c.Enabled, c.CreatedAt = true, s.now()
	return s.db.TxOn(ctx, c.Account, func(ctx context.Context) error {
		if err := s.nameIsFree(ctx, c.Account, c.Key, c.Name); err != nil {
			return err
		}
		_, err := s.db.Exec(ctx, "INSERT INTO channel (key, account, type, name, address, settings, enabled, trouble, created_at) "+
			"VALUES ($1, $2, $3, $4, $5, $6, $7, '', $8)", c.Key, c.Account, c.Type, c.Name, c.Address, sealed, c.Enabled, c.CreatedAt.UnixMicro())
		if db.IsUnique(err) {
			return core.Errorf(core.Conflict, "there is a channel %s already", c.Key)
		}
		if err != nil {
			return fmt.Errorf("create a channel: %w", err)
		}
		detail := map[string]any{"type": c.Type, "name": c.Name, "address": c.Address, "settings": t.Redacted(c.Settings)}
		if err := s.audit.Audit(ctx, c.Account, "channel.create", c.Key, detail); err != nil {
			return err
		}
		return s.db.Changed(ctx)
	})
}

// check reports what is wrong with a channel's settings.
func check(t channel.Type, c *Channel) error {
	_, err := t.Open(channel.Config{Key: c.Key, Address: c.Address, WebhookURL: "http://check.invalid/channels/" + c.Key,
		Settings: c.Settings})
	return err
}

func (s *Store) sealed(c *Channel) (string, error) {
	text, err := json.Marshal(c.Settings)
	if err != nil {
		return "", err
	}
	return s.seal.Seal(string(text), sealedAs(c.Key)), nil
}

// sealedAs says where sealed settings belong.
func sealedAs(key string) string { return "channel " + key }

const selectChannel = "SELECT key, account, type, name, address, settings, enabled, trouble, created_at, removed_at FROM channel "

// read returns channels, those too whose settings cannot be opened: one of them is not to hide the others.
func (s *Store) read(ctx context.Context, where string, args ...any) ([]*Channel, error) {
	return db.Collect(ctx, s.db, func(r *sql.Rows) (*Channel, error) {
		c := &Channel{}
		var sealed string
		var created, removed int64
		if err := r.Scan(&c.Key, &c.Account, &c.Type, &c.Name, &c.Address, &sealed, &c.Enabled, &c.Trouble, &created, &removed); err != nil {
			return nil, err
		}
		c.CreatedAt = time.UnixMicro(created).UTC()
		if removed != 0 {
			c.RemovedAt = time.UnixMicro(removed).UTC()
			return c, nil
		}
		return c, s.open(c, sealed)
	}, selectChannel+where, args...)
}

// open puts the settings into c, or why they cannot be opened.
func (s *Store) open(c *Channel, sealed string) error {
	if sealed == "" {
		c.Unopened = ErrGivenUp
		return nil
	}
	text, err := s.seal.Open(sealed, sealedAs(c.Key))
	if err != nil {
		c.Unopened = fmt.Errorf("settings of channel %s: %w", c.Key, err)
		return nil
	}
	return json.Unmarshal([]byte(text), &c.Settings)
}

// one returns a channel that has its settings.
func (s *Store) one(ctx context.Context, key, where string, args ...any) (*Channel, error) {
	c, err := s.known(ctx, key, where, args...)
	if err == nil && c.Unopened != nil {
		return nil, c.Unopened
	}
	return c, err
}

func (s *Store) known(ctx context.Context, key, where string, args ...any) (*Channel, error) {
	all, err := s.read(ctx, where, args...)
	if err == nil && len(all) == 0 {
		err = core.Errorf(core.NotFound, "there is no channel %s", key)
	}
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

const ofAccount = "WHERE key = $1 AND account = $2 AND removed_at = 0"

// Get returns a channel of the account, with its settings: one whose settings cannot be opened is an error.
func (s *Store) Get(ctx context.Context, account, key string) (*Channel, error) {
	return s.one(ctx, key, ofAccount, key, account)
}

// Known returns a channel of the account, even without its settings: see Channel.Unopened.
func (s *Store) Known(ctx context.Context, account, key string) (*Channel, error) {
	return s.known(ctx, key, ofAccount, key, account)
}

// Find returns the account's channel of that key or, if it is the only one, of that name, even without its settings: see
// Channel.Unopened.
func (s *Store) Find(ctx context.Context, account, keyOrName string) (*Channel, error) {
	all, err := s.read(ctx, "WHERE account = $1 AND (key = $2 OR name = $2) AND removed_at = 0 ORDER BY key LIMIT 2", account, keyOrName)
	switch {
	case err != nil:
		return nil, err
	case len(all) == 0:
		return nil, core.Errorf(core.NotFound, "there is no channel %s", keyOrName)
	case len(all) == 1 || all[0].Key == keyOrName:
		return all[0], nil
	case all[1].Key == keyOrName:
		return all[1], nil
	}
	return nil, core.Errorf(core.Conflict, "several channels are called %s: name one by its key", keyOrName)
}

// List returns the account's channels in order of their keys, those without their settings too: see Channel.Unopened.
func (s *Store) List(ctx context.Context, account string) ([]*Channel, error) {
	return s.read(ctx, "WHERE account = $1 AND removed_at = 0 ORDER BY key", account)
}

// SetSettings replaces settings of a channel by name; the others stay. Where they were given up, there are no others.
func (s *Store) SetSettings(ctx context.Context, account, key string, values map[string]string) error {
	return s.db.TxOn(ctx, account, func(ctx context.Context) error {
		c, err := s.Known(ctx, account, key)
		if err != nil {
			return err
		}
		if c.Unopened == ErrGivenUp {
			c.Settings = map[string]string{}
		} else if c.Unopened != nil {
			return c.Unopened
		}
		t, err := s.Type(c.Type)
		if err != nil {
			return err
		}
		for name, value := range values {
			c.Settings[name] = value
		}
		if err := check(t, c); err != nil {
			return err
		}
		sealed, err := s.sealed(c)
		if err != nil {
			return err
		}
		return s.update(ctx, account, key, "settings = $3", sealed, "channel.settings", t.Redacted(values))
	})
}

// SetEnabled switches a channel on or off. A channel that is off answers webhooks as if it did not exist, and keeps what
// waits in its outbox. One without its settings is not switched on.
func (s *Store) SetEnabled(ctx context.Context, account, key string, enabled bool) error {
	if enabled {
		if _, err := s.Get(ctx, account, key); err != nil {
			return err
		}
	}
	return s.update(ctx, account, key, "enabled = $3, trouble = ''", enabled, "channel.enabled", enabled)
}

// SetTrouble pauses a channel's deliveries for a reason, or resumes them with an empty one.
func (s *Store) SetTrouble(ctx context.Context, account, key, reason string) error {
	reason = core.Storable(reason)
	return s.update(ctx, account, key, "trouble = $3", reason, "channel.trouble", reason)
}

func (s *Store) update(ctx context.Context, account, key, set string, value any, action string, detail any) error {
	return s.db.Tx(ctx, func(ctx context.Context) error {
		n, err := s.db.Exec(ctx, "UPDATE channel SET "+set+" WHERE key = $1 AND account = $2 AND removed_at = 0", key, account, value)
		if err == nil && n == 0 {
			err = core.Errorf(core.NotFound, "there is no channel %s", key)
		}
		if err != nil {
			return err
		}
		if err := s.audit.Audit(ctx, account, action, key, detail); err != nil {
			return err
		}
		return s.db.Changed(ctx)
	})
}
