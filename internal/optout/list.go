package optout

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"indaba/internal/db"
)

// MaxPage is the most opt-outs that [Service.List] returns at once.
const MaxPage = 1000

// List returns the account's opt-outs in order of type and address, from behind the given one on; a zero after begins
// with the first. limit is at most [MaxPage].
func (s *Service) List(ctx context.Context, account string, after OptOut, limit int) ([]OptOut, error) {
	found, err := db.Collect(ctx, s.d, func(rows *sql.Rows) (OptOut, error) {
		o := OptOut{Account: account}
		var at int64
		err := rows.Scan(&o.Type, &o.Address, &o.MessageID, &at)
		o.CreatedAt = time.UnixMicro(at).UTC()
		return o, err
	}, "SELECT type, address, message, created_at FROM optout WHERE account = $1 AND (type, address) > ($2, $3) "+
		"ORDER BY type, address LIMIT $4", account, after.Type, after.Address, max(0, min(limit, MaxPage)))
	if err != nil {
		return nil, fmt.Errorf("list opt-outs: %w", err)
	}
	return found, nil
}
