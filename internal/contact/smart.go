package contact

import (
	"context"
	"fmt"

	"indaba/internal/core"
	"indaba/internal/query"
)

// smartGroups are the smart groups of an account as of one version of its book.
type smartGroups struct {
	version int64
	groups  []smartGroup
	weights map[string]int // by key, of all groups that have a query
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
	loaded := &smartGroups{version: b.version, weights: map[string]int{}}
	for _, row := range rows {
		q, err := query.Parse(*row.Query, s.schema)
		loaded.weights[row.Key] = weight(*row.Query, q)
		if err == nil {
			loaded.groups = append(loaded.groups, smartGroup{row.Key, row.build, q})
		}
	}
	s.smart.Keep(ctx, account, loaded)
	return loaded, nil
}

// weight returns the steps (see [query.MaxCost]) that a smart group takes of a commit that changes a contact: for the
// match, for the rows of a new member, and for the query itself, which is read when groups have changed. q is nil when
// the query cannot be parsed.
func weight(text string, q *query.Query) int {
	const stepsOfMember, bytesPerStep = 100, 10
	steps := stepsOfMember + len(text)/bytesPerStep
	if q != nil {
		steps += q.Cost()
	}
	return steps
}

// checkWeight refuses a query for a group of a locked account when its smart groups would together be too much for a
// commit. A query that weighs no more than the group's last one is never refused.
func (s *Service) checkWeight(ctx context.Context, account string, b *book, key string, text *string) error {
	if text == nil {
		return nil
	}
	smart, err := s.smartOf(ctx, account, b)
	if err != nil {
		return err
	}
	q, err := query.Parse(*text, s.schema)
	if err != nil {
		q = nil // which is no reason to refuse it
	}
	own := weight(*text, q)
	total := own - smart.weights[key]
	for _, steps := range smart.weights {
		total += steps
	}
	if total > MaxSmartSteps && own > smart.weights[key] {
		return core.Errorf(core.TooLarge, "with this query the smart groups of the account would take %d steps for each contact "+
			"that changes, at most %d are allowed: make queries simpler, or delete groups", total, MaxSmartSteps)
	}
	return nil
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
	all := make([]moves, len(smart.groups))
	for _, ch := range changes {
		before, after := ch.prepared()
		for i, g := range smart.groups {
			had := before != nil && g.query.Match(before)
			has := after != nil && g.query.Match(after)
			switch m := &all[i]; {
			case has && before == nil:
				m.born = append(m.born, ch.id())
			case has && !had:
				m.joined = append(m.joined, ch.id())
			case had && !has:
				m.left = append(m.left, ch.id())
			}
		}
	}
	for i, g := range smart.groups {
		if err := s.moveMembers(ctx, account, b, g, all[i]); err != nil {
			return err
		}
	}
	return nil
}

// moves are the contacts that become members of a smart group, or are members no longer; born are those who have just
// been created.
type moves struct{ born, joined, left []int64 }

// prepared returns the contact before and after a change for many queries; nil where there is none.
func (ch change) prepared() (before, after *query.Prepared) {
	if ch.before != nil {
		before = query.Prepare(ch.before)
	}
	if ch.after != nil {
		after = query.Prepare(ch.after)
	}
	return before, after
}

// moveMembers changes the members of a smart group. Its size follows the rows that were really changed: a build under way
// may have come to those who were there before already, or not yet.
func (s *Service) moveMembers(ctx context.Context, account string, b *book, g smartGroup, m moves) error {
	columns := []string{"book", "build", "contact"}
	if err := s.d.InsertLater(ctx, "smart_member", columns, memberRows(b, g, m.born), ""); err != nil {
		return err
	}
	delta, err := s.d.InsertMany(ctx, "smart_member", columns, memberRows(b, g, m.joined), "ON CONFLICT DO NOTHING")
	if err != nil {
		return err
	}
	delta += int64(len(m.born))
	for _, id := range m.left {
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
