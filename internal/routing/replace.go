package routing

import (
	"context"
	"fmt"
)

// Replace makes entries the whole routing table of the account, all or nothing; none empties it. Of several entries with
// one source the last counts. Entries are checked as by [Service.Link].
func (s *Service) Replace(ctx context.Context, account string, entries []Entry) error {
	last := make(map[Endpoint]int, len(entries))
	for i, e := range entries {
		if err := e.check(); err != nil {
			return err
		}
		last[e.Source] = i
	}
	return s.db.Tx(ctx, func(ctx context.Context) error {
		// First of all, because it makes this the only change of configuration under way, on all nodes: two tables that
		// come at once must not end up as their union.
		if err := s.db.Changed(ctx); err != nil {
			return err
		}
		rows, detail := make([][]any, 0, len(last)), make(map[string]string, len(last))
		known := map[Endpoint]bool{}
		for i, e := range entries {
			if last[e.Source] != i {
				continue
			}
			for _, end := range []Endpoint{e.Source, e.Target} {
				if end.Name = ""; known[end] { // all endpoints of one thing exist when it does
					continue
				}
				if err := s.exists(ctx, account, end); err != nil {
					return err
				}
				known[end] = true
			}
			rows = append(rows, []any{account, e.Source.String(), e.Target.String()})
			detail[e.Source.String()] = e.Target.String()
		}
		if _, err := s.db.Exec(ctx, "DELETE FROM route WHERE account = $1", account); err != nil {
			return fmt.Errorf("empty the routing table: %w", err)
		}
		// A concurrent Link may have written one of the sources after the table was emptied.
		if _, err := s.db.InsertMany(ctx, "route", []string{"account", "source", "target"}, rows,
			"ON CONFLICT (account, source) DO UPDATE SET target = excluded.target"); err != nil {
			return fmt.Errorf("fill the routing table: %w", err)
		}
		return s.audit.Audit(ctx, account, "route.replace", account, detail)
	})
}
