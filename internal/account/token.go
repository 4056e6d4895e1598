package account

import (
	"context"
	"crypto/subtle"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"indaba/internal/core"
	"indaba/internal/db"
)

// Scope is one thing that a token may be for.
type Scope struct{ Name, Help string }

// Scopes returns the scopes that a new token may have. A token with the scope admin has all of them.
func Scopes() []Scope {
	return []Scope{
		{ScopeAccount, "see what the account has and change its routing, through the account API"},
		{ScopeContacts, "read and change contacts and groups, and bring them in from files and out to files"},
		{ScopeMetrics, "fire and read metrics"},
		{ScopeOptouts, "read and change opt-outs"},
		{ScopeMessages, "search and export the message log; applications send with the tokens of their bots: indaba bot token"},
		{ScopeAdmin, "everything that the others are for"},
	}
}

// The scopes' names.
const (
	ScopeAccount  = "account"
	ScopeContacts = "contacts"
	ScopeMetrics  = "metrics"
	ScopeOptouts  = "optouts"
	ScopeMessages = "messages"
	ScopeAdmin    = "admin"
)

// tokenPrefix lets people and secret scanners recognise a token for what it is.
const tokenPrefix = "ind_"

// usedEvery is how exact LastUsedAt is: a token in steady use costs one write in that time, not one per request.
const usedEvery = time.Minute

// TokenSpec says what a token is to be for.
type TokenSpec struct {
	Account string
	App     string // empty: the account's default app
	Name    string // for people
	Scopes  []string
	Bot     string // key of the only bot it is for, which no face takes yet; empty for all. The caller has checked that the bot is the account's
}

// Token lets a program act for an account. Its secret is not kept.
type Token struct {
	Key        string
	Account    string
	App        string
	Name       string
	Scopes     []string // also such as are no longer offered
	Bot        string
	CreatedAt  time.Time
	LastUsedAt time.Time // exact to a minute; zero before the first use
}

// Allows reports whether the token may be used for a scope.
func (t *Token) Allows(scope string) bool {
	return slices.Contains(t.Scopes, scope) || slices.Contains(t.Scopes, ScopeAdmin)
}

// CreateToken makes a token and returns its secret, which nobody can get again.
func (s *Service) CreateToken(ctx context.Context, spec TokenSpec) (secret string, t *Token, err error) {
	name, err := core.CheckName("token", spec.Name)
	if err != nil {
		return "", nil, err
	}
	scopes, err := checkScopes(spec.Scopes)
	if err != nil {
		return "", nil, err
	}
	t = &Token{Key: core.NewKey(), Account: spec.Account, App: spec.App, Name: name, Scopes: scopes, Bot: spec.Bot,
		CreatedAt: s.moment()}
	if t.App == "" {
		t.App = t.Account
	}
	secret = tokenPrefix + core.NewSecret()
	err = s.db.Tx(ctx, func(ctx context.Context) error {
		if _, err := s.Get(ctx, t.Account); err != nil {
			return err
		}
		if err := s.appBelongs(ctx, t.Account, t.App); err != nil {
			return err
		}
		if err := s.insertToken(ctx, t, core.HashSecret(secret)); err != nil {
			return err
		}
		return s.Audit(ctx, t.Account, "token.create", t.Key,
			map[string]any{"name": name, "app": t.App, "scopes": scopes, "bot": t.Bot})
	})
	if err != nil {
		return "", nil, fmt.Errorf("create token: %w", err)
	}
	return secret, t, nil
}

// checkScopes refuses unknown scopes, and returns them in the order of [Scopes], each once.
func checkScopes(wanted []string) ([]string, error) {
	var known, scopes []string
	for _, scope := range Scopes() {
		known = append(known, scope.Name)
		if slices.Contains(wanted, scope.Name) {
			scopes = append(scopes, scope.Name)
		}
	}
	for _, name := range wanted {
		if !slices.Contains(known, name) {
			return nil, core.Errorf(core.Invalid, "there is no scope %q: choose from %s", name, strings.Join(known, ", "))
		}
	}
	if len(scopes) == 0 {
		return nil, core.Errorf(core.Invalid, "the token has no scope: choose from %s", strings.Join(known, ", "))
	}
	return scopes, nil
}

// Authenticate returns the token of a secret. A secret of no token, or of a revoked one, is [core.Unauthenticated].
func (s *Service) Authenticate(ctx context.Context, secret string) (*Token, error) {
	if !strings.HasPrefix(secret, tokenPrefix) {
		return nil, errNoToken
	}
	hash := core.HashSecret(secret)
	t, err := s.asked.Ask(ctx, string(hash), func(ctx context.Context) (*Token, error) { return s.useToken(ctx, hash) })
	if err != nil {
		return nil, err
	}
	own := *t // others who ask at the same time have the same answer
	return &own, nil
}

var errNoToken = core.Errorf(core.Unauthenticated, "the token is not valid: it is unknown or was revoked")

// useToken returns the token with that hash, and notes that it is used.
func (s *Service) useToken(ctx context.Context, hash []byte) (*Token, error) {
	t, stored, err := s.selectToken(ctx, hash)
	if err != nil {
		return nil, fmt.Errorf("look up token: %w", err)
	}
	if t == nil || subtle.ConstantTimeCompare(hash, stored) != 1 {
		return nil, errNoToken
	}
	if now := s.moment(); now.Sub(t.LastUsedAt) >= usedEvery {
		if err := s.touchToken(ctx, t.Key, now); err != nil {
			return nil, fmt.Errorf("note the use of a token: %w", err)
		}
		t.LastUsedAt = now
	}
	return t, nil
}

// Tokens returns the tokens of an account in ascending order of their keys, from behind the given key.
func (s *Service) Tokens(ctx context.Context, account, after string, limit int) ([]*Token, error) {
	if err := checkCursor(after); err != nil {
		return nil, err
	}
	return db.Collect(ctx, s.db, func(rows *sql.Rows) (*Token, error) { return scanToken(rows) },
		"SELECT "+tokenColumns+" FROM token WHERE account = $1 AND key > $2 ORDER BY key LIMIT $3",
		account, after, pageSize(limit))
}

// Revoke ends a token: from then on its secret is refused.
func (s *Service) Revoke(ctx context.Context, account, key string) error {
	missing := core.Errorf(core.NotFound, "there is no token %q", key)
	if !isKey(key) {
		return missing
	}
	err := s.db.Tx(ctx, func(ctx context.Context) error {
		deleted, err := s.db.Exec(ctx, "DELETE FROM token WHERE key = $1 AND account = $2", key, account)
		if err != nil {
			return err
		}
		if deleted == 0 {
			return missing
		}
		return s.Audit(ctx, account, "token.revoke", key, nil)
	})
	if err != nil {
		return fmt.Errorf("revoke token: %w", err)
	}
	return nil
}

const tokenColumns = "key, account, app, name, scopes, bot, created_at, last_used_at"

func (s *Service) insertToken(ctx context.Context, t *Token, hash []byte) error {
	_, err := s.db.Exec(ctx, "INSERT INTO token ("+tokenColumns+", hash) VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $8)",
		t.Key, t.Account, t.App, t.Name, strings.Join(t.Scopes, " "), t.Bot, t.CreatedAt.UnixMicro(), hash)
	return err
}

// selectToken returns the token with that hash and the hash as it is stored, or nil.
func (s *Service) selectToken(ctx context.Context, hash []byte) (*Token, []byte, error) {
	var stored []byte
	found, err := db.Collect(ctx, s.db, func(rows *sql.Rows) (*Token, error) { return scanToken(rows, &stored) },
		"SELECT "+tokenColumns+", hash FROM token WHERE hash = $1", hash)
	if err != nil || len(found) == 0 {
		return nil, nil, err
	}
	return found[0], stored, nil
}

func scanToken(rows *sql.Rows, more ...any) (*Token, error) {
	var t Token
	var scopes string
	var created, used int64
	err := rows.Scan(append([]any{&t.Key, &t.Account, &t.App, &t.Name, &scopes, &t.Bot, &created, &used}, more...)...)
	t.Scopes = strings.Fields(scopes)
	t.CreatedAt = time.UnixMicro(created).UTC()
	if used != 0 {
		t.LastUsedAt = time.UnixMicro(used).UTC()
	}
	return &t, err
}

// touchToken notes a use. Of many requests at once one writes, the others change nothing.
func (s *Service) touchToken(ctx context.Context, key string, now time.Time) error {
	_, err := s.db.Exec(ctx, "UPDATE token SET last_used_at = $1 WHERE key = $2 AND last_used_at <= $3",
		now.UnixMicro(), key, now.Add(-usedEvery).UnixMicro())
	return err
}
