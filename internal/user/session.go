package user

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"indaba/internal/core"
	"indaba/internal/db"
)

// Session lets whoever holds its id act for a user, until it expires, he logs out, his password changes or he is removed.
// The id is not kept.
type Session struct {
	User      *User
	CreatedAt time.Time
	ExpiresAt time.Time
}

// sessionPrefix lets people and secret scanners recognise the id of a session for what it is.
const sessionPrefix = "ins_"

// maxSessions is how many sessions a user has at once; the oldest ends for one more.
const maxSessions = 100

// StartSession begins a session of somebody who has just given his password, and returns its id, which nobody can get
// again. A password that was changed since is [core.Unauthenticated].
func (s *Service) StartSession(ctx context.Context, l *Login) (id string, session *Session, err error) {
	id = sessionPrefix + core.NewSecret()
	now := s.now().UTC().Truncate(time.Microsecond)
	session = &Session{User: l.User, CreatedAt: now, ExpiresAt: now.Add(s.life)}
	err = s.db.Tx(ctx, func(ctx context.Context) error {
		// The row stays locked: a change of the password comes before, and is seen here, or after, and ends this session.
		unchanged, err := s.replaceHash(ctx, l.ID, l.hash, l.hash)
		if err != nil {
			return err
		}
		if !unchanged {
			return refused()
		}
		if err := s.insertSession(ctx, core.HashSecret(id), session); err != nil {
			return err
		}
		return s.audit.Audit(ctx, l.Account, "user.login", object(l.ID), map[string]string{"from": l.from})
	})
	if err != nil {
		return "", nil, fmt.Errorf("start session: %w", err)
	}
	return id, session, nil
}

// Session returns the session of an id. An id of none, or of one that has ended, is [core.Unauthenticated].
func (s *Service) Session(ctx context.Context, id string) (*Session, error) {
	ended := core.Errorf(core.Unauthenticated, "the session is not valid: it has ended, or there was none. Log in again")
	if !strings.HasPrefix(id, sessionPrefix) {
		return nil, ended
	}
	found, err := s.selectSession(ctx, core.HashSecret(id))
	if err != nil {
		return nil, fmt.Errorf("look up session: %w", err)
	}
	if found == nil {
		return nil, ended
	}
	return found, nil
}

// EndSession ends a session that its user needs no more. An id of none is [core.Unauthenticated].
func (s *Service) EndSession(ctx context.Context, id string) error {
	err := s.db.Tx(ctx, func(ctx context.Context) error {
		session, err := s.Session(ctx, id)
		if err != nil {
			return err
		}
		if _, err := s.db.Exec(ctx, "DELETE FROM login_session WHERE hash = $1", core.HashSecret(id)); err != nil {
			return err
		}
		return s.audit.Audit(ctx, session.User.Account, "user.logout", object(session.User.ID), nil)
	})
	if err != nil {
		return fmt.Errorf("end session: %w", err)
	}
	return nil
}

// Sweep forgets sessions that have expired.
func (s *Service) Sweep(ctx context.Context) error {
	if _, err := s.db.Exec(ctx, "DELETE FROM login_session WHERE expires_at <= $1", s.now().UnixMicro()); err != nil {
		return fmt.Errorf("forget expired sessions: %w", err)
	}
	return nil
}

// insertSession ends the oldest sessions of the user that are too many.
func (s *Service) insertSession(ctx context.Context, hash []byte, session *Session) error {
	_, err := s.db.Exec(ctx, "INSERT INTO login_session (hash, login, created_at, expires_at) VALUES ($1, $2, $3, $4)",
		hash, session.User.ID, session.CreatedAt.UnixMicro(), session.ExpiresAt.UnixMicro())
	if err != nil {
		return err
	}
	_, err = s.db.Exec(ctx, "DELETE FROM login_session WHERE login = $1 AND hash NOT IN (SELECT hash FROM login_session "+
		"WHERE login = $1 ORDER BY created_at DESC, hash LIMIT $2)", session.User.ID, maxSessions)
	return err
}

// selectSession returns the session that has not expired, or nil.
func (s *Service) selectSession(ctx context.Context, hash []byte) (*Session, error) {
	found, err := db.Collect(ctx, s.db, func(rows *sql.Rows) (*Session, error) {
		var session Session
		var created, expires int64
		u, err := scan(rows, &created, &expires)
		session.User = u
		session.CreatedAt, session.ExpiresAt = time.UnixMicro(created).UTC(), time.UnixMicro(expires).UTC()
		return &session, err
	}, "SELECT l.id, l.account, l.email, l.name, l.nick, l.role, l.created_at, s.created_at, s.expires_at "+
		"FROM login_session s JOIN login l ON l.id = s.login WHERE s.hash = $1 AND s.expires_at > $2", hash, s.now().UnixMicro())
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return found[0], nil
}

// deleteSessions ends all sessions of a user.
func (s *Service) deleteSessions(ctx context.Context, id int64) error {
	_, err := s.db.Exec(ctx, "DELETE FROM login_session WHERE login = $1", id)
	return err
}
