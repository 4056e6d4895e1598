// Package source keeps the addresses that a sandbox bot's script and configuration values may be fetched from, and fetches
// them when somebody asks for it (docs/spec/vumi-http.md 9.9). Nothing is fetched by itself.
package source

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"

	"indaba/internal/bot"
	"indaba/internal/bot/bundle"
	"indaba/internal/core"
	"indaba/internal/db"
	"indaba/internal/egress"
)

// The targets of sources: what is replaced by what is fetched.
const (
	Script = "script"  // the app script
	Config = "config:" // and the key of a configuration value
)

// What a bot's sources may be.
const (
	maxSources  = 50
	maxURLBytes = 4096
	maxValue    = 1 << 20 // bytes of a configuration value
	maxKeyBytes = 255
)

// tokensKey is the key of the tokens by which reloads are asked for (docs/spec/vumi-http.md 9.9).
const tokensKey = "http_api"

// Source says where a part of a bot comes from.
type Source struct {
	Target string // Script, or Config and a key
	URL    string // in the clear: show it by Redacted only
	SetAt  time.Time
	// Unopened says why there is no URL: the secret key does not open it.
	Unopened error
}

// Key returns the key of the configuration value; ok is false for the script.
func (s Source) Key() (key string, ok bool) { return strings.CutPrefix(s.Target, Config) }

// Redacted returns the URL without what may be secret in it: user, password and query.
func (s Source) Redacted() string {
	u, err := url.Parse(s.URL)
	if err != nil {
		return "(hidden)"
	}
	if u.User != nil {
		u.User = url.User("xxxxx")
	}
	if u.RawQuery != "" {
		u.RawQuery = "xxxxx"
	}
	return u.String()
}

// Sealer keeps secrets at rest.
type Sealer interface {
	Seal(plain, context string) string
	Open(sealed, context string) (string, error)
}

// Deps are what a Service works with.
type Deps struct {
	DB    *db.DB
	Bots  *bot.Store
	Seal  Sealer
	Audit core.Auditor
	// Fetch makes the calls. It lets bodies of [bundle.MaxScriptBytes] pass.
	Fetch *egress.Guard
	// Load makes the runner of a program, to see that it compiles.
	Load bot.Loader
	// CheckConfig reports a configuration value that the bot could not use.
	CheckConfig func(key, text string) error
	Now         func() time.Time
}

// Service keeps sources and reloads bots from them. It is safe for concurrent use.
type Service struct {
	Deps
	reloading sync.Map // bot -> chan struct{} with one place, taken while it is reloaded
}

// New returns the service.
func New(d Deps) *Service { return &Service{Deps: d} }

// Set says where a part of a bot comes from, in place of what was said of it before. It fetches nothing. A target or URL
// that makes no sense is core.Invalid.
func (s *Service) Set(ctx context.Context, account, key, target, address string) error {
	if err := checkTarget(target); err != nil {
		return err
	}
	if err := checkURL(address); err != nil {
		return err
	}
	sealed := s.Seal.Seal(address, sealedAs(key, target))
	return s.DB.TxOn(ctx, account, func(ctx context.Context) error {
		if _, err := s.bot(ctx, account, key); err != nil {
			return err
		}
		if _, err := s.DB.Exec(ctx, "INSERT INTO bot_source (account, bot, target, url, set_at) VALUES ($1, $2, $3, $4, $5) "+
			"ON CONFLICT (account, bot, target) DO UPDATE SET url = excluded.url, set_at = excluded.set_at",
			account, key, target, sealed, s.Now().UnixMicro()); err != nil {
			return fmt.Errorf("set a source: %w", err)
		}
		var n int
		if err := s.DB.Row(ctx, "SELECT count(*) FROM bot_source WHERE account = $1 AND bot = $2", []any{account, key}, &n); err != nil {
			return err
		}
		if n > maxSources {
			return core.Errorf(core.TooLarge, "a bot has at most %d sources: put several values into one", maxSources)
		}
		return s.Audit.Audit(ctx, account, "bot.source", key, map[string]string{"target": target}) // URLs may hold secrets
	})
}

// Unset forgets where a part of a bot comes from. The part stays as it is.
func (s *Service) Unset(ctx context.Context, account, key, target string) error {
	return s.DB.TxOn(ctx, account, func(ctx context.Context) error {
		n, err := s.DB.Exec(ctx, "DELETE FROM bot_source WHERE account = $1 AND bot = $2 AND target = $3", account, key, target)
		if err != nil {
			return fmt.Errorf("unset a source: %w", err)
		}
		if n == 0 {
			return core.Errorf(core.NotFound, "the bot has no source of %s", target)
		}
		return s.Audit.Audit(ctx, account, "bot.source.unset", key, map[string]string{"target": target})
	})
}

// List returns a bot's sources in order of their targets, those too whose URL cannot be opened: see Source.Unopened.
func (s *Service) List(ctx context.Context, account, key string) ([]Source, error) {
	return db.Collect(ctx, s.DB, func(r *sql.Rows) (Source, error) {
		var from Source
		var sealed string
		var at int64
		if err := r.Scan(&from.Target, &sealed, &at); err != nil {
			return from, err
		}
		from.SetAt = time.UnixMicro(at).UTC()
		from.URL, from.Unopened = s.Seal.Open(sealed, sealedAs(key, from.Target))
		return from, nil
	}, "SELECT target, url, set_at FROM bot_source WHERE account = $1 AND bot = $2 ORDER BY target", account, key)
}

// sealedAs says where a sealed URL belongs.
func sealedAs(key, target string) string { return "bot source " + key + " " + target }

// bot returns a bot that may have sources.
func (s *Service) bot(ctx context.Context, account, key string) (*bot.Bot, error) {
	b, err := s.Bots.Get(ctx, account, key)
	switch {
	case err != nil:
		return nil, err
	case b.Archived():
		return nil, core.Errorf(core.Conflict, "bot %s is archived", b.Name)
	case !b.HasProgram():
		return nil, core.Errorf(core.Conflict, "bot %s is of kind %s, which runs no program: only bots of kind %s have sources",
			b.Name, b.Kind, bot.Sandbox)
	}
	return b, nil
}

// checkTarget refuses targets that nothing can be fetched for. Tokens are the operator's alone: who may write a bot's
// script must not be able to hand them out.
func checkTarget(target string) error {
	key, isConfig := strings.CutPrefix(target, Config)
	switch {
	case target == Script:
		return nil
	case !isConfig:
		return core.Errorf(core.Invalid, "%q is no part of a bot: write %s, or %sKEY for a configuration value", target, Script, Config)
	case key == tokensKey:
		return core.Errorf(core.Invalid, "%s holds tokens, which are not fetched: set it with indaba bot config set", key)
	case len(key) > maxKeyBytes:
		return core.Errorf(core.TooLarge, "the key is longer than %d bytes", maxKeyBytes)
	}
	_, err := core.CheckName("configuration key", key)
	return err
}

// checkURL refuses what cannot be called. The text is never quoted, and neither is the parser's error: both may hold the
// password.
func checkURL(address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return core.Errorf(core.Invalid, "the source is no address to fetch from: write https://HOST/PATH, with USER:PASSWORD@ before "+
			"the host if it asks for them")
	}
	if len(address) > maxURLBytes {
		return core.Errorf(core.TooLarge, "the URL is longer than %d bytes", maxURLBytes)
	}
	return nil
}

// MaxBodyBytes is the most that is fetched of one source.
const MaxBodyBytes = bundle.MaxScriptBytes
