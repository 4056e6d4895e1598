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

// smartOf returns the smart groups of a locked account.
func (s *Service) smartOf(ctx context.Context, account string, b *book) (*smartGroups, error) {
	if known, ok := s.smart.Get(account); ok && known.version == b.version {
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
	s.smart.Keep(ctx, account, loaded)
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
func (s *Service) applyToSmart(ctx context.Context, account string, b *book, changes []change) error {
	smart, err := s.smartOf(ctx, account, b)
	if err != nil {
		return err
	}
	for _, g := range smart.groups {
		var born, joined, left []int64
		for _, ch := range changes {
			had := ch.before != nil && g.query.Match(ch.before)
			has := ch.after != nil && g.query.Match(ch.after)
			switch {
			case has && ch.before == nil:
				born = append(born, ch.id())
			case has && !had:
				joined = append(joined, ch.id())
			case had && !has:
				left = append(left, ch.id())
			}
		}
		if err := s.moveMembers(ctx, account, b, g, born, joined, left); err != nil {
			return err
		}
	}
	return nil
}

// moveMembers changes the members of a smart group; born are those who have just been created. The size follows the rows
// that were really changed: a build under way may have come to the others already, or not yet.
func (s *Service) moveMembers(ctx context.Context, account string, b *book, g smartGroup, born, joined, left []int64) error {
	columns := []string{"book", "build", "contact"}
	if err := s.d.InsertLater(ctx, "smart_member", columns, memberRows(b, g, born), ""); err != nil {
		return err
	}
	delta, err := s.d.InsertMany(ctx, "smart_member", columns, memberRows(b, g, joined), "ON CONFLICT DO NOTHING")
	if err != nil {
		return err
	}
	delta += int64(len(born))
	for _, id := range left {
		n, err := s.d.Exec(ctx, "DELETE FROM smart_member WHERE book = $1 AND build = $2 AND contact = $3",
			b.id, g.build, id)
		if err != nil {
			return err
		}
		delta -= n
	}
	if delta == 0 {
		return nil
	}
	return s.d.ExecLater(ctx, nil, "UPDATE contact_group SET smart_size = smart_size + $3 WHERE account = $1 AND key = $2",
		account, g.key, delta)
}

func memberRows(b *book, g smartGroup, ids []int64) [][]any {
	rows := make([][]any, len(ids))
	for i, id := range ids {
		rows[i] = []any{b.id, g.build, id}
	}
	return rows
}
