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
	return s.matchPage(ctx, account, search{query: q, cursor: cursor}, pageSize(limit))
}

// StreamSearch calls yield for every contact that a Lucene query matches, as [Service.Stream] does for every contact.
func (s *Service) StreamSearch(ctx context.Context, account, text string, yield func(Contact) error) error {
	return s.walk(ctx, yield, func(ctx context.Context, cursor string) (Page, error) {
		return s.SearchPage(ctx, account, text, cursor, MaxPage)
	})
}

// search says which contacts are sought.
type search struct {
	query  *query.Query
	group  string // also those that name this group, unless it is empty
	cursor string // only those after it
	paged  bool   // only the first of them will be read

	book, after int64 // where the cursor stands
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

// How many candidates one statement reads where only the first matches are wanted: few at first, for the engines then
// choose a plan that gives the first at once, and more when these are not enough.
const (
	firstWindow = 256
	maxWindow   = 8192
)

// matches calls yield for the contacts that are sought, in ascending order of keys, until it returns false.
func (s *Service) matches(ctx context.Context, account string, sought search, yield func(Contact) bool) (err error) {
	if sought.book, sought.after, err = s.place(ctx, account, sought.cursor); err != nil {
		return err
	}
	p, err := s.plan(ctx, sought.book, sought.query, sought.paged)
	if err != nil {
		return err
	}
	if !sought.paged {
		_, err := s.candidates(ctx, account, sought, p, 0, yield)
		return err
	}
	for window := firstWindow; ; window = min(2*window, maxWindow) {
		if sought.after, err = s.candidates(ctx, account, sought, p, window, yield); err != nil || sought.after == 0 {
			return err
		}
	}
}

// candidates calls yield for those that match of the next candidates, until it returns false. It looks at no more than
// limit, unless that is 0, and returns the id of the last one when there may be more to look at, else 0.
func (s *Service) candidates(ctx context.Context, account string, sought search, p plan, limit int, yield func(Contact) bool) (
	last int64, err error) {
	text, args := p.text(sought)
	if limit > 0 {
		text += fmt.Sprint(" LIMIT ", limit)
	}
	rows, err := s.d.QueryOnce(ctx, text, args...)
	if err != nil {
		return 0, fmt.Errorf("search contacts: %w", err)
	}
	defer func() { _ = rows.Close() }() // Err below tells what matters
	n := 0
	for ; rows.Next(); n++ {
		c, err := scan(rows, account)
		if err != nil {
			return 0, err
		}
		if last = c.id; (p.exact || sought.includes(&c)) && !yield(c) {
			return 0, nil
		}
	}
	if err := rows.Err(); err != nil {
		return 0, fmt.Errorf("search contacts: %w", err)
	}
	if limit == 0 || n < limit {
		return 0, nil
	}
	return last, nil
}

// text returns the query for the candidates of a search, in order, and its arguments.
func (p plan) text(sought search) (string, []any) {
	args := append([]any{sought.book, sought.after}, p.args...)
	if sought.group != "" {
		args = append(args, sought.group)
		return selectContact + fmt.Sprintf("FROM contact c WHERE %s AND (%s OR c.id IN (SELECT contact FROM contact_token "+
			"WHERE field = %s AND token = $%d)) ORDER BY c.id", between("c.id"), p.where, fieldID("'groups'"), len(args)), args
	}
	if p.lead != "" {
		return selectContact + "FROM contact_token t CROSS JOIN contact c WHERE " + p.lead +
			" AND c.id = t.contact ORDER BY t.contact", args
	}
	return selectContact + "FROM contact c WHERE " + between("c.id") + " AND " + p.where + " ORDER BY c.id", args
}

// between restricts ids to those of the book $1 after $2. That it is the book's is not asked for: an engine would take any
// index that begins with the book, and sort.
func between(id string) string {
	return fmt.Sprintf("%s > $2 AND %s < (CAST($1 AS BIGINT) + 1) * %d", id, id, perBook)
}

// includes reports whether the contact is one of those that are sought.
func (sought search) includes(c *Contact) bool {
	return sought.query.Match(c) || sought.group != "" && slices.Contains(c.Groups, sought.group)
}

// countMatches returns the number of contacts that q matches.
func (s *Service) countMatches(ctx context.Context, account string, q *query.Query) (n int64, err error) {
	book, err := s.bookID(ctx, account)
	if err != nil {
		return 0, err
	}
	p, err := s.plan(ctx, book, q, false)
	if err != nil {
		return 0, err
	}
	if p.exact {
		if err := s.d.Row(ctx, "SELECT count(*) FROM contact c WHERE "+between("c.id")+" AND "+p.where,
			append([]any{book, first(book)}, p.args...), &n); err != nil {
			return 0, fmt.Errorf("count contacts: %w", err)
		}
		return n, nil
	}
	err = s.matches(ctx, account, search{query: q}, func(Contact) bool { n++; return true })
	return n, err
}
