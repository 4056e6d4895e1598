package contact

import (
	"context"

	"indaba/internal/core"
	"indaba/internal/query"
)

// CountMembers returns the number of members of a group: of a static group the contacts that name it, of a smart group
// the contacts that its query matches (docs/spec/vumi-sandbox.md 9.8). It takes constant time, except for a smart group
// of a large account just after its query changed: then it searches. A query that cannot be parsed is core.Invalid
// "Invalid query: u'…'", a group that is not there core.NotFound.
func (s *Service) CountMembers(ctx context.Context, account, key string) (int64, error) {
	g, err := s.groupRow(ctx, account, key)
	if err != nil {
		return 0, err
	}
	if g.Query == nil {
		return g.staticSize, nil
	}
	q, err := query.Parse(*g.Query, s.schema)
	if err != nil {
		return 0, invalidQuery(*g.Query, err)
	}
	if !g.building {
		return g.smartSize, nil
	}
	return s.countMatches(ctx, account, q)
}

// Members returns a page of the contacts that name the group or that its query matches, each once; cursor and limit are
// those of [Service.List], a bad cursor is core.Invalid "Invalid cursor: u'…'". A key that names no group has the
// contacts that name it as members. A query that cannot be parsed is core.Invalid as in CountMembers.
func (s *Service) Members(ctx context.Context, account, key, cursor string, limit int) (Page, error) {
	if checkCursor(cursor) != nil {
		return Page{}, core.Errorf(core.Invalid, "Invalid cursor: %s", PythonText(cursor))
	}
	if checkText(key, MaxGroupKey) != nil {
		return Page{}, nil // no contact names it
	}
	g, err := s.groupRow(ctx, account, key)
	if err != nil && core.KindOf(err) != core.NotFound {
		return Page{}, err
	}
	if g.Query != nil {
		q, err := query.Parse(*g.Query, s.schema)
		if err != nil {
			return Page{}, invalidQuery(*g.Query, err)
		}
		if g.building {
			return s.matchPage(ctx, account, search{query: q, group: key, cursor: cursor}, pageSize(limit))
		}
	}
	return s.memberPage(ctx, account, key, g.build, cursor, pageSize(limit))
}

// memberPage joins the contacts that name a group with those of a build.
func (s *Service) memberPage(ctx context.Context, account, key string, build int64, cursor string, limit int) (
	Page, error) {
	book, after, err := s.place(ctx, account, cursor)
	if err != nil {
		return Page{}, err
	}
	found, err := s.find(ctx, account, "FROM contact c WHERE c.id IN ("+
		"SELECT contact FROM (SELECT contact FROM contact_token WHERE field = "+fieldID("'groups'")+" AND token = $2 "+
		"AND contact > $4 ORDER BY contact LIMIT $5) named UNION "+
		"SELECT contact FROM (SELECT contact FROM smart_member WHERE book = $1 AND build = $3 "+
		"AND contact > $4 ORDER BY contact LIMIT $5) matching) ORDER BY c.id LIMIT $5",
		book, key, build, after, limit+1)
	return page(found, limit), err
}

// StreamMembers calls yield for every member, as [Service.Stream] does for every contact.
func (s *Service) StreamMembers(ctx context.Context, account, key string, yield func(Contact) error) error {
	return s.walk(ctx, yield, func(ctx context.Context, cursor string) (Page, error) {
		return s.Members(ctx, account, key, cursor, MaxPage)
	})
}
