package contact

import (
	"context"
	"fmt"
	"slices"

	"indaba/internal/query"
)

// CheckQuery tells what is wrong with a query over contacts: an error of kind core.Invalid that says where, or nil.
// Searches forgive a field that contacts do not have; this does not, for where a person writes the query.
func (s *Service) CheckQuery(text string) error {
	strict := s.schema
	strict.AllowUnknown = false
	_, err := query.Parse(text, strict)
	return err
}

// Search returns the keys of the contacts that a Lucene query matches (docs/spec/vumi-http.md 4.4), ascending, and at
// most maxKeys of them unless that is negative. A bad query is core.Invalid and says where it is wrong.
func (s *Service) Search(ctx context.Context, account, text string, maxKeys int) ([]string, error) {
	q, err := query.Parse(text, s.schema)
	if err != nil {
		return nil, err
	}
	found := []string{}
	if maxKeys == 0 {
		return found, nil
	}
	err = s.matches(ctx, account, search{query: q, paged: maxKeys > 0}, func(c Contact) bool {
		found = append(found, c.Key)
		return len(found) != maxKeys
	})
	return found, err
}

// SearchPage returns a page of the contacts that a Lucene query matches; cursor and limit are those of [Service.List].
func (s *Service) SearchPage(ctx context.Context, account, text, cursor string, limit int) (Page, error) {
	if err := checkCursor(cursor); err != nil {
		return Page{}, err
	}
	q, err := query.Parse(text, s.schema)
	if err != nil {
		return Page{}, err
	}
	return s.matchPage(ctx, account, search{query: q, after: cursor}, pageSize(limit))
}

// search says which contacts are sought.
type search struct {
	query *query.Query
	group string // also those that name this group, unless it is empty
	after string // only those with keys after this one
	paged bool   // only the first of them will be read
}

// matchPage returns a page of the contacts that are sought.
func (s *Service) matchPage(ctx context.Context, account string, sought search, limit int) (Page, error) {
	sought.paged = true
	var found []Contact
	err := s.matches(ctx, account, sought, func(c Contact) bool {
		found = append(found, c)
		return len(found) <= limit
	})
	return page(found, limit), err
}

// matches calls yield for the contacts that are sought, in ascending order of keys, until it returns false.
func (s *Service) matches(ctx context.Context, account string, sought search, yield func(Contact) bool) error {
	p, err := s.plan(ctx, account, sought.query, 3, sought.paged)
	if err != nil {
		return err
	}
	args := append([]any{account, sought.after}, p.args...)
	if sought.group != "" {
		args = append(args, sought.group)
		p.where = fmt.Sprintf("(%s OR c.key IN (SELECT contact FROM contact_token WHERE account = $1 AND field = 'groups' "+
			"AND token = $%d))", p.where, len(args))
	}
	rows, err := s.d.QueryOnce(ctx, selectContact+"FROM contact c WHERE c.account = $1 AND c.key > $2 AND "+p.where+
		" ORDER BY c.key", args...)
	if err != nil {
		return fmt.Errorf("search contacts: %w", err)
	}
	defer func() { _ = rows.Close() }() // Err below tells what matters
	for rows.Next() {
		c, err := scan(rows)
		if err != nil {
			return err
		}
		if (p.exact || sought.includes(&c)) && !yield(c) {
			return nil
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("search contacts: %w", err)
	}
	return nil
}

// includes reports whether the contact is one of those that are sought.
func (sought search) includes(c *Contact) bool {
	return sought.query.Match(c) || sought.group != "" && slices.Contains(c.Groups, sought.group)
}

// countMatches returns the number of contacts that q matches.
func (s *Service) countMatches(ctx context.Context, account string, q *query.Query) (n int64, err error) {
	p, err := s.plan(ctx, account, q, 2, false)
	if err != nil {
		return 0, err
	}
	if p.exact {
		if err := s.d.Row(ctx, "SELECT count(*) FROM contact c WHERE c.account = $1 AND "+p.where,
			append([]any{account}, p.args...), &n); err != nil {
			return 0, fmt.Errorf("count contacts: %w", err)
		}
		return n, nil
	}
	err = s.matches(ctx, account, search{query: q}, func(Contact) bool { n++; return true })
	return n, err
}
