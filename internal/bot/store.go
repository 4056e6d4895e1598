package bot

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/klauspost/compress/zstd"

	"indaba/internal/bot/bundle"
	"indaba/internal/core"
	"indaba/internal/db"
)

// Store keeps bots, their versions, turns and logs.
type Store struct {
	db     *db.DB
	audit  core.Auditor
	now    func() time.Time
	packer *zstd.Encoder
	opener *zstd.Decoder
}

// maxRecordBytes bounds what a stored turn may unpack to.
const maxRecordBytes = 64 << 20

// NewStore returns the store over a database.
func NewStore(d *db.DB, audit core.Auditor, now func() time.Time) (*Store, error) {
	packer, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(2))
	if err != nil {
		return nil, err
	}
	opener, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxRecordBytes))
	return &Store{db: d, audit: audit, now: now, packer: packer, opener: opener}, err
}

// Create stores a new bot without a version and gives it a key. A name that another bot of the account has is core.Conflict.
func (s *Store) Create(ctx context.Context, account, name, kind string) (*Bot, error) {
	name, err := core.CheckName("bot", name)
	if err != nil {
		return nil, err
	}
	if kind != Sandbox && kind != HTTP {
		return nil, core.Errorf(core.Invalid, "%q is no kind of bot: use %s or %s", kind, Sandbox, HTTP)
	}
	b := &Bot{Key: core.NewKey(), Account: account, Name: name, Kind: kind, Config: map[string]string{}, CreatedAt: s.now()}
	return b, s.db.TxOn(ctx, account, func(ctx context.Context) error {
		if err := s.nameIsFree(ctx, account, b.Key, name); err != nil {
			return err
		}
		_, err := s.db.Exec(ctx, "INSERT INTO bot (key, account, name, kind, version, config, created_at) VALUES ($1, $2, $3, $4, 0, '{}', $5)",
			b.Key, account, name, kind, b.CreatedAt.UnixMicro())
		if err != nil {
			return fmt.Errorf("create a bot: %w", err)
		}
		if err := s.audit.Audit(ctx, account, "bot.create", b.Key, map[string]string{"name": name, "kind": kind}); err != nil {
			return err
		}
		return s.db.Changed(ctx)
	})
}

const selectBot = "SELECT key, account, name, kind, version, config, created_at, stopped, archived_at FROM bot "

func scanBot(r *sql.Rows) (*Bot, error) {
	b := &Bot{}
	var config string
	var created, archived int64
	if err := r.Scan(&b.Key, &b.Account, &b.Name, &b.Kind, &b.Version, &config, &created, &b.Stopped, &archived); err != nil {
		return nil, err
	}
	b.CreatedAt = time.UnixMicro(created).UTC()
	if archived != 0 {
		b.ArchivedAt = time.UnixMicro(archived).UTC()
	}
	return b, json.Unmarshal([]byte(config), &b.Config)
}

// Get returns a bot of the account.
func (s *Store) Get(ctx context.Context, account, key string) (*Bot, error) {
	return s.one(ctx, "there is no bot "+key, "WHERE key = $1 AND account = $2", key, account)
}

// Find returns the account's bot of that key or, if it is the only one, of that name. Archived bots have their key only.
func (s *Store) Find(ctx context.Context, account, keyOrName string) (*Bot, error) {
	all, err := db.Collect(ctx, s.db, scanBot, selectBot+"WHERE account = $1 AND (key = $2 OR name = $2 AND archived_at = 0) ORDER BY key LIMIT 2", account, keyOrName)
	switch {
	case err != nil:
		return nil, err
	case len(all) == 0:
		return nil, core.Errorf(core.NotFound, "there is no bot %s", keyOrName)
	case len(all) == 2 && all[0].Key != keyOrName && all[1].Key != keyOrName:
		return nil, core.Errorf(core.Conflict, "several bots are called %s: name one by its key", keyOrName)
	}
	if len(all) == 2 && all[1].Key == keyOrName {
		return all[1], nil
	}
	return all[0], nil
}

func (s *Store) one(ctx context.Context, missing, where string, args ...any) (*Bot, error) {
	all, err := db.Collect(ctx, s.db, scanBot, selectBot+where, args...)
	if err == nil && len(all) == 0 {
		err = core.Errorf(core.NotFound, "%s", missing)
	}
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

// List returns the account's bots in order of their keys, without those that are archived.
func (s *Store) List(ctx context.Context, account string) ([]*Bot, error) {
	return db.Collect(ctx, s.db, scanBot, selectBot+"WHERE account = $1 AND archived_at = 0 ORDER BY key", account)
}

// Archived returns the account's archived bots in order of their keys.
func (s *Store) Archived(ctx context.Context, account string) ([]*Bot, error) {
	return db.Collect(ctx, s.db, scanBot, selectBot+"WHERE account = $1 AND archived_at > 0 ORDER BY key", account)
}

// SetConfig sets configuration values of a bot; a nil value removes the operator's, so that the version's shows again.
func (s *Store) SetConfig(ctx context.Context, account, key string, values map[string]*string) error {
	return s.db.TxOn(ctx, account, func(ctx context.Context) error {
		b, err := s.active(ctx, account, key)
		if err != nil {
			return err
		}
		for k, v := range values {
			if v == nil {
				delete(b.Config, k)
			} else {
				b.Config[k] = *v
			}
		}
		text, err := json.Marshal(b.Config)
		if err != nil {
			return err
		}
		if _, err := s.db.Exec(ctx, "UPDATE bot SET config = $2 WHERE key = $1", key, string(text)); err != nil {
			return err
		}
		// Values may hold secrets: the log names the keys only.
		if err := s.audit.Audit(ctx, account, "bot.config", key, slices.Sorted(maps.Keys(values))); err != nil {
			return err
		}
		return s.db.Changed(ctx)
	})
}

// Deploy stores a bundle as the bot's next version and switches to it. A bundle that equals the current version changes
// nothing.
func (s *Store) Deploy(ctx context.Context, account, key string, program *bundle.Bundle) (v Version, err error) {
	packed, err := pack(program)
	if err != nil {
		return v, err
	}
	err = s.db.TxOn(ctx, account, func(ctx context.Context) error {
		b, err := s.active(ctx, account, key)
		if err != nil {
			return err
		}
		v, err = s.deploy(ctx, b, packed)
		return err
	})
	if err != nil {
		return v, fmt.Errorf("deploy: %w", err)
	}
	return v, nil
}

// packedProgram is a program as it is stored.
type packedProgram struct {
	hash string
	data []byte
}

func pack(program *bundle.Bundle) (*packedProgram, error) {
	hash, err := program.Hash()
	if err != nil {
		return nil, err
	}
	data, err := program.Encode()
	return &packedProgram{hash, data}, err
}

// deploy is Deploy as part of the transaction in ctx, for the bot as it was read there.
func (s *Store) deploy(ctx context.Context, b *Bot, program *packedProgram) (v Version, err error) {
	if !b.HasProgram() {
		return v, core.Errorf(core.Conflict, "bot %s is of kind %s, which runs no program: set its configuration instead", b.Name, b.Kind)
	}
	var last int64
	if err := s.db.Row(ctx, "SELECT coalesce(max(version), 0) FROM bot_version WHERE bot = $1", []any{b.Key}, &last); err != nil {
		return v, err
	}
	if b.Version != 0 {
		if v, err = s.Version(ctx, b.Key, b.Version); err != nil || v.Hash == program.hash {
			return v, err
		}
	}
	v = Version{Bot: b.Key, Number: last + 1, Hash: program.hash, CreatedAt: s.now()}
	if _, err := s.db.Exec(ctx, "INSERT INTO bot_version (bot, version, hash, bundle, created_at) VALUES ($1, $2, $3, $4, $5)",
		b.Key, v.Number, program.hash, program.data, v.CreatedAt.UnixMicro()); err != nil {
		return v, err
	}
	return v, s.use(ctx, b.Account, b.Key, v.Number)
}

// Use switches a bot to one of its versions.
func (s *Store) Use(ctx context.Context, account, key string, version int64) error {
	return s.db.TxOn(ctx, account, func(ctx context.Context) error {
		if _, err := s.active(ctx, account, key); err != nil {
			return err
		}
		if _, err := s.Version(ctx, key, version); err != nil {
			return err
		}
		return s.use(ctx, account, key, version)
	})
}

func (s *Store) use(ctx context.Context, account, key string, version int64) error {
	if _, err := s.db.Exec(ctx, "UPDATE bot SET version = $2 WHERE key = $1", key, version); err != nil {
		return err
	}
	if err := s.audit.Audit(ctx, account, "bot.version", key, version); err != nil {
		return err
	}
	return s.db.Changed(ctx)
}

// Version returns what is known of one version.
func (s *Store) Version(ctx context.Context, key string, number int64) (v Version, err error) {
	v = Version{Bot: key, Number: number}
	var created int64
	err = s.db.Row(ctx, "SELECT hash, created_at FROM bot_version WHERE bot = $1 AND version = $2", []any{key, number}, &v.Hash, &created)
	v.CreatedAt = time.UnixMicro(created).UTC()
	return v, db.NotFoundAs(err, "bot %s has no version %d", key, number)
}

// Versions returns a bot's versions, newest first.
func (s *Store) Versions(ctx context.Context, key string) ([]Version, error) {
	return db.Collect(ctx, s.db, func(r *sql.Rows) (Version, error) {
		v := Version{Bot: key}
		var created int64
		err := r.Scan(&v.Number, &v.Hash, &created)
		v.CreatedAt = time.UnixMicro(created).UTC()
		return v, err
	}, "SELECT version, hash, created_at FROM bot_version WHERE bot = $1 ORDER BY version DESC", key)
}

// Program returns the code of one version.
func (s *Store) Program(ctx context.Context, key string, number int64) (*bundle.Bundle, error) {
	var data []byte
	err := s.db.Row(ctx, "SELECT bundle FROM bot_version WHERE bot = $1 AND version = $2", []any{key, number}, &data)
	if err != nil {
		return nil, db.NotFoundAs(err, "bot %s has no version %d", key, number)
	}
	return bundle.Decode(data)
}

// effective returns the configuration that a version's program sees: the operator's values over the version's own.
func effective(b *Bot, program *bundle.Bundle) map[string]string {
	config := map[string]string{}
	if program != nil {
		maps.Copy(config, program.Config)
	}
	maps.Copy(config, b.Config)
	return config
}
