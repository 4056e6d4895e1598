package metric

import (
	"context"
	"database/sql"
	"fmt"

	"indaba/internal/db"
)

// Names returns the full names of the account's series in ascending order, from behind after on, at most limit; of series
// there are at most [MaxSeries].
func (s *Service) Names(ctx context.Context, account, after string, limit int) ([]string, error) {
	names, err := db.Collect(ctx, s.d, func(rows *sql.Rows) (name string, err error) {
		err = rows.Scan(&name)
		return name, err
	}, "SELECT name FROM metric_series WHERE account = $1 AND name > $2 ORDER BY name LIMIT $3", account, after, max(0, limit))
	if err != nil {
		return nil, fmt.Errorf("list metrics: %w", err)
	}
	return names, nil
}
