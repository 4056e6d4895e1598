package account

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"indaba/internal/core"
	"indaba/internal/db"
)

const accountColumns = "key, name, parent, can_manage_optouts, disable_optouts, is_developer, optout_keywords, created_at"

// Begun reports whether a PostgreSQL database has a table of accounts, and changes nothing in one that has not.
func Begun(ctx context.Context, d *db.DB) (bool, error) {
	var n int
	if err := d.Row(ctx, "SELECT count(*) FROM information_schema.tables WHERE table_schema = current_schema() "+
		"AND table_name = 'account'", nil, &n); err != nil {
		return false, fmt.Errorf("look for the table of accounts: %w", err)
	}
	return n > 0, nil
}

func (s *Service) insertAccount(ctx context.Context, a *Account) error {
	_, err := s.db.Exec(ctx, "INSERT INTO account ("+accountColumns+") VALUES ($1, $2, $3, $4, $5, $6, '[]', $7)",
		a.Key, a.Name, a.Parent, a.Flags.CanManageOptouts, a.Flags.DisableOptouts, a.Flags.IsDeveloper,
		a.CreatedAt.UnixMicro())
	return err
}

func (s *Service) selectAccount(ctx context.Context, key string) (*Account, error) {
	missing := core.Errorf(core.NotFound, "there is no account %q", key)
	if !isKey(key) {
		return nil, missing
	}
	found, err := db.Collect(ctx, s.db, scanAccount, "SELECT "+accountColumns+" FROM account WHERE key = $1", key)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, missing
	}
	return found[0], nil
}

func (s *Service) selectAccounts(ctx context.Context, after string, limit int) ([]*Account, error) {
	return db.Collect(ctx, s.db, scanAccount,
		"SELECT "+accountColumns+" FROM account WHERE key > $1 ORDER BY key LIMIT $2", after, limit)
}

func scanAccount(rows *sql.Rows) (*Account, error) {
	var a Account
	var keywords string
	var created int64
	if err := rows.Scan(&a.Key, &a.Name, &a.Parent, &a.Flags.CanManageOptouts, &a.Flags.DisableOptouts,
		&a.Flags.IsDeveloper, &keywords, &created); err != nil {
		return nil, err
	}
	a.CreatedAt = time.UnixMicro(created).UTC()
	return &a, json.Unmarshal([]byte(keywords), &a.OptoutKeywords)
}

func (s *Service) updateKeywords(ctx context.Context, key string, keywords []string) error {
	if _, err := s.selectAccount(ctx, key); err != nil {
		return err
	}
	text, err := json.Marshal(keywords)
	if err != nil {
		return err
	}
	_, err = s.db.Exec(ctx, "UPDATE account SET optout_keywords = $1 WHERE key = $2", string(text), key)
	return err
}

func (s *Service) updateFlags(ctx context.Context, key string, flags Flags) error {
	if _, err := s.selectAccount(ctx, key); err != nil {
		return err
	}
	_, err := s.db.Exec(ctx,
		"UPDATE account SET can_manage_optouts = $1, disable_optouts = $2, is_developer = $3 WHERE key = $4",
		flags.CanManageOptouts, flags.DisableOptouts, flags.IsDeveloper, key)
	return err
}

func (s *Service) insertApp(ctx context.Context, a *App) error {
	_, err := s.db.Exec(ctx, "INSERT INTO app (key, account, name, created_at) VALUES ($1, $2, $3, $4)",
		a.Key, a.Account, a.Name, a.CreatedAt.UnixMicro())
	return err
}

func (s *Service) selectApps(ctx context.Context, account, after string, limit int) ([]*App, error) {
	return db.Collect(ctx, s.db, func(rows *sql.Rows) (*App, error) {
		var a App
		var created int64
		err := rows.Scan(&a.Key, &a.Account, &a.Name, &created)
		a.CreatedAt = time.UnixMicro(created).UTC()
		return &a, err
	}, "SELECT key, account, name, created_at FROM app WHERE account = $1 AND key > $2 ORDER BY key LIMIT $3",
		account, after, limit)
}

// appBelongs refuses an app that the account does not have.
func (s *Service) appBelongs(ctx context.Context, account, app string) error {
	if !isKey(app) {
		return core.Errorf(core.NotFound, "there is no app %q", app)
	}
	var one int
	err := s.db.Row(ctx, "SELECT 1 FROM app WHERE key = $1 AND account = $2", []any{app, account}, &one)
	return db.NotFoundAs(err, "there is no app %q", app)
}
