package account

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"indaba/internal/db"
)

// Entry is one line of the audit log: who did what to which thing.
type Entry struct {
	ID      int64 // ascends with time
	Account string
	Actor   string          // as given to [WithActor]; "system" for the server itself and its command line
	Action  string          // such as token.create
	Object  string          // key or id of what was changed
	Detail  json.RawMessage // what it was changed to; never a secret
	At      time.Time
}

type actorKey struct{}

// WithActor returns a context whose changes are done in the name of actor, such as "user:17" or "token:" and a key.
func WithActor(ctx context.Context, actor string) context.Context {
	return context.WithValue(ctx, actorKey{}, actor)
}

func actorOf(ctx context.Context) string {
	if actor, ok := ctx.Value(actorKey{}).(string); ok {
		return actor
	}
	return "system"
}

// Audit notes a change in the name of the context's actor. Call it in the transaction that makes the change, so that
// neither is kept without the other. Detail is kept as JSON: the caller leaves secrets out. It makes the service a
// [core.Auditor].
func (s *Service) Audit(ctx context.Context, account, action, object string, detail any) error {
	text, err := json.Marshal(detail)
	if err != nil {
		return fmt.Errorf("audit %s: %w", action, err)
	}
	if _, err := s.db.Exec(ctx, "INSERT INTO audit (account, actor, action, object, detail, at) VALUES ($1, $2, $3, $4, $5, $6)",
		account, actorOf(ctx), action, object, string(text), s.now().UnixMicro()); err != nil {
		return fmt.Errorf("audit %s: %w", action, err)
	}
	return nil
}

// AuditLog returns the entries of an account, newest first, from before the entry with the given ID; 0 begins with the
// newest.
func (s *Service) AuditLog(ctx context.Context, account string, limit int, before int64) ([]*Entry, error) {
	if before <= 0 {
		before = math.MaxInt64
	}
	return db.Collect(ctx, s.db, scanEntry, "SELECT id, account, actor, action, object, detail, at FROM audit "+
		"WHERE account = $1 AND id < $2 ORDER BY id DESC LIMIT $3", account, before, pageSize(limit))
}

func scanEntry(rows *sql.Rows) (*Entry, error) {
	var e Entry
	var detail string
	var at int64
	err := rows.Scan(&e.ID, &e.Account, &e.Actor, &e.Action, &e.Object, &detail, &at)
	e.Detail, e.At = json.RawMessage(detail), time.UnixMicro(at).UTC()
	return &e, err
}
