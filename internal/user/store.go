package user

import (
	"context"
	"database/sql"
	"errors"
	"strconv"
	"time"

	"indaba/internal/core"
	"indaba/internal/db"
)

const columns = "id, account, email, name, nick, role, created_at"

// insert fills in the id.
func (s *Service) insert(ctx context.Context, u *User, hash string) error {
	err := s.db.Row(ctx, "INSERT INTO login (account, email, name, nick, role, password, created_at) "+
		"VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (email) DO NOTHING RETURNING id",
		[]any{u.Account, u.Email, u.Name, u.Nick, string(u.Role), hash, u.CreatedAt.UnixMicro()}, &u.ID)
	if errors.Is(err, sql.ErrNoRows) {
		return core.Errorf(core.Conflict, "there is already a user with the e-mail address %s", u.Email)
	}
	return err
}

func (s *Service) selectByID(ctx context.Context, account string, id int64) (*User, error) {
	found, err := db.Collect(ctx, s.db, func(rows *sql.Rows) (*User, error) { return scan(rows) },
		"SELECT "+columns+" FROM login WHERE id = $1 AND account = $2", id, account)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, core.Errorf(core.NotFound, "there is no user %d", id)
	}
	return found[0], nil
}

// selectByEmail returns a user and the password's hash, or nil.
func (s *Service) selectByEmail(ctx context.Context, email string) (*User, string, error) {
	var hash string
	found, err := db.Collect(ctx, s.db, func(rows *sql.Rows) (*User, error) { return scan(rows, &hash) },
		"SELECT "+columns+", password FROM login WHERE email = $1", email)
	if err != nil || len(found) == 0 {
		return nil, "", err
	}
	return found[0], hash, nil
}

func (s *Service) selectPage(ctx context.Context, account string, after int64, limit int) ([]*User, error) {
	return db.Collect(ctx, s.db, func(rows *sql.Rows) (*User, error) { return scan(rows) },
		"SELECT "+columns+" FROM login WHERE account = $1 AND id > $2 ORDER BY id LIMIT $3", account, after, limit)
}

func scan(rows *sql.Rows, more ...any) (*User, error) {
	var u User
	var role string
	var created int64
	err := rows.Scan(append([]any{&u.ID, &u.Account, &u.Email, &u.Name, &u.Nick, &role, &created}, more...)...)
	u.Role, u.CreatedAt = Role(role), time.UnixMicro(created).UTC()
	return &u, err
}

func (s *Service) updateHash(ctx context.Context, id int64, hash string) error {
	_, err := s.db.Exec(ctx, "UPDATE login SET password = $1 WHERE id = $2", hash, id)
	return err
}

// replaceHash leaves a password alone that was set since the old hash was read, and reports whether it was not.
func (s *Service) replaceHash(ctx context.Context, id int64, old, hash string) (replaced bool, err error) {
	n, err := s.db.Exec(ctx, "UPDATE login SET password = $1 WHERE id = $2 AND password = $3", hash, id, old)
	return n > 0, err
}

func (s *Service) delete(ctx context.Context, id int64) error {
	_, err := s.db.Exec(ctx, "DELETE FROM login WHERE id = $1", id)
	return err
}

// object names a user in the audit log.
func object(id int64) string { return strconv.FormatInt(id, 10) }
