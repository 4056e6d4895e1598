package contact

import (
	"context"
	"fmt"

	"indaba/internal/query"
)

// smartGroups are the smart groups of an account as of one version of its book.
type smartGroups struct {
	version int64
	groups  []smartGroup
}

// smartGroup is a group whose query can be parsed; others match nothing.
type smartGroup struct {
	key   string
	build int64
	query *query.Query
}

// maxCached bounds the accounts whose smart groups are kept in memory.
const maxCached = 4096

// smartOf returns the smart groups of a locked account.
func (s *Service) smartOf(ctx context.Context, account string, b book) (*smartGroups, error) {
	s.mu.Lock()
	known := s.smart[account]
	s.mu.Unlock()
	if known != nil && known.version == b.version {
		return known, nil
	}
	rows, err := s.findGroups(ctx, "WHERE account = $1 AND query IS NOT NULL ORDER BY key", account)
	if err != nil {
		return nil, err
	}
	loaded := &smartGroups{version: b.version}
	for _, row := range rows {
		q, err := query.Parse(*row.Query, s.schema)
		if err != nil {
			continue
		}
		loaded.groups = append(loaded.groups, smartGroup{row.Key, row.build, q})
	}
	// Not before the commit: a version that is rolled back is given to another state of the groups later.
	s.d.AfterCommit(ctx, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if len(s.smart) >= maxCached {
			clear(s.smart)
		}
		s.smart[account] = loaded
	})
	return loaded, nil
}

// newVersion makes everybody load the account's smart groups anew.
func (s *Service) newVersion(ctx context.Context, account string) error {
	if _, err := s.d.Exec(ctx, "UPDATE contact_book SET version = version + 1 WHERE account = $1", account); err != nil {
		return fmt.Errorf("change the version of smart groups: %w", err)
	}
	return nil
}

// applyToSmart brings the members of smart groups in line with changes to contacts of a locked account.
func (s *Service) applyToSmart(ctx context.Context, account string, b book, changes []change) error {
	smart, err := s.smartOf(ctx, account, b)
	if err != nil {
		return err
	}
	for _, g := range smart.groups {
		var joined, left []string
		for _, ch := range changes {
			had := ch.before != nil && g.query.Match(ch.before)
			has := ch.after != nil && g.query.Match(ch.after)
			switch {
			case has && !had:
				joined = append(joined, ch.key())
			case had && !has:
				left = append(left, ch.key())
			}
		}
		if err := s.moveMembers(ctx, account, g, joined, left); err != nil {
			return err
		}
	}
	return nil
}

// moveMembers changes the members of a smart group. The size follows the rows that were really changed: a build under
// way may have come to a contact already, or not yet.
func (s *Service) moveMembers(ctx context.Context, account string, g smartGroup, joined, left []string) error {
	rows := make([][]any, len(joined))
	for i, key := range joined {
		rows[i] = []any{account, g.build, key}
	}
	delta, err := s.d.InsertMany(ctx, "smart_member", []string{"account", "build", "contact"}, rows,
		"ON CONFLICT DO NOTHING")
	if err != nil {
		return err
	}
	for _, key := range left {
		n, err := s.d.Exec(ctx, "DELETE FROM smart_member WHERE account = $1 AND build = $2 AND contact = $3",
			account, g.build, key)
		if err != nil {
			return err
		}
		delta -= n
	}
	if delta == 0 {
		return nil
	}
	_, err = s.d.Exec(ctx, "UPDATE contact_group SET smart_size = smart_size + $3 WHERE account = $1 AND key = $2",
		account, g.key, delta)
	return err
}
