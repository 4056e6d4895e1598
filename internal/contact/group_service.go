package contact

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"indaba/internal/core"
	"indaba/internal/db"
	"indaba/internal/query"
)

// groupRow is a group with how far its members are known.
type groupRow struct {
	Group
	staticSize, smartSize int64
	build                 int64 // rows of smart_member with this number are the members
	building              bool  // contacts with keys after builtTo have not been looked at
	builtTo               string
}

const selectGroup = "SELECT account, key, name, query, created_at, static_size, smart_size, build, building, built_to " +
	"FROM contact_group "

func scanGroup(rows *sql.Rows) (g groupRow, err error) {
	var created, building int64
	err = rows.Scan(&g.Account, &g.Key, &g.Name, &g.Query, &created, &g.staticSize, &g.smartSize, &g.build, &building,
		&g.builtTo)
	g.CreatedAt, g.building = time.UnixMicro(created).UTC(), building == 1
	return g, err
}

func (s *Service) findGroups(ctx context.Context, rest string, args ...any) ([]groupRow, error) {
	found, err := db.Collect(ctx, s.d, scanGroup, selectGroup+rest, args...)
	if err != nil {
		return nil, fmt.Errorf("read contact groups: %w", err)
	}
	return found, nil
}

// groupRow returns a group. One that is not there is core.NotFound.
func (s *Service) groupRow(ctx context.Context, account, key string) (groupRow, error) {
	var found []groupRow
	if isKey(key) { // nothing else is a key, and not every text can be sent to the database
		var err error
		if found, err = s.findGroups(ctx, "WHERE account = $1 AND key = $2", account, key); err != nil {
			return groupRow{}, err
		}
	}
	if len(found) == 0 {
		return groupRow{}, core.Errorf(core.NotFound, "Group '%s' not found.", key)
	}
	return found[0], nil
}

// CreateGroup stores a new group: static when text is nil, else smart. Any text is accepted as a query: one that
// cannot be parsed matches nothing, and asking for its members or their number tells what is wrong with it. One that
// makes the account's smart groups take more than [MaxSmartSteps] is core.TooLarge.
func (s *Service) CreateGroup(ctx context.Context, account, name string, text *string) (Group, error) {
	if err := (GroupChange{Name: &name, SetQuery: true, Query: text}).check(); err != nil {
		return Group{}, err
	}
	g := s.freshGroup(account, name, text)
	err := s.d.TxOn(ctx, account, func(ctx context.Context) error {
		b, err := s.lock(ctx, account)
		if err != nil {
			return err
		}
		return s.insertGroup(ctx, b, g)
	})
	if err != nil {
		return Group{}, err
	}
	return g, nil
}

func (s *Service) freshGroup(account, name string, text *string) Group {
	at := s.stamp()
	return Group{Key: newKey(at), Account: account, Name: name, Query: text, CreatedAt: at}
}

// insertGroup adds a group to a locked account.
func (s *Service) insertGroup(ctx context.Context, b *book, g Group) error {
	if err := s.checkWeight(ctx, g.Account, b, g.Key, g.Query); err != nil {
		return err
	}
	if _, err := s.d.InsertMany(ctx, "contact_group", []string{"account", "key", "name", "query", "created_at",
		"static_size", "smart_size", "build", "building", "built_to"},
		[][]any{{g.Account, g.Key, g.Name, null(g.Query), g.CreatedAt.UnixMicro(), 0, 0, 0, 0, ""}}, ""); err != nil {
		return fmt.Errorf("create a contact group: %w", err)
	}
	if g.Query == nil {
		return nil
	}
	return s.startBuild(ctx, b, g)
}

// GetGroup returns a group. One that is not there, or belongs to another account, is core.NotFound
// "Group 'KEY' not found.".
func (s *Service) GetGroup(ctx context.Context, account, key string) (Group, error) {
	g, err := s.groupRow(ctx, account, key)
	return g.Group, err
}

// GetGroupByName returns the one group of that name: none is core.NotFound "Group not found", several are core.Conflict
// "Multiple groups found".
func (s *Service) GetGroupByName(ctx context.Context, account, name string) (Group, error) {
	var found []groupRow
	if checkText(name, MaxGroupName) == nil {
		var err error
		if found, err = s.findGroups(ctx, "WHERE account = $1 AND name = $2 LIMIT 2", account, name); err != nil {
			return Group{}, err
		}
	}
	switch len(found) {
	case 0:
		return Group{}, core.Errorf(core.NotFound, "Group not found")
	case 1:
		return found[0].Group, nil
	}
	return Group{}, core.Errorf(core.Conflict, "Multiple groups found")
}

// GetOrCreateGroupByName is GetGroupByName that creates a static group when there is none. Of concurrent callers with
// one name, one creates.
func (s *Service) GetOrCreateGroupByName(ctx context.Context, account, name string) (g Group, created bool, err error) {
	g, err = s.GetGroupByName(ctx, account, name)
	if core.KindOf(err) != core.NotFound {
		return g, false, err
	}
	if err := checkText(name, MaxGroupName); err != nil {
		return Group{}, false, err
	}
	fresh := s.freshGroup(account, name, nil)
	err = s.d.TxOn(ctx, account, func(ctx context.Context) error {
		created = false
		b, err := s.lock(ctx, account)
		if err != nil {
			return err
		}
		// Only now can nobody else create it.
		if g, err = s.GetGroupByName(ctx, account, name); core.KindOf(err) != core.NotFound {
			return err
		}
		g, created = fresh, true
		return s.insertGroup(ctx, b, fresh)
	})
	if err != nil {
		return Group{}, false, err
	}
	return g, created, nil
}

// UpdateGroup changes a group and returns it as it then is. A change of the query may make a static group smart or a
// smart one static; the contacts that name the group stay its members. A query is refused as in CreateGroup.
func (s *Service) UpdateGroup(ctx context.Context, account, key string, change GroupChange) (Group, error) {
	if err := change.check(); err != nil {
		return Group{}, err
	}
	var after Group
	err := s.d.TxOn(ctx, account, func(ctx context.Context) error {
		b, err := s.lock(ctx, account)
		if err != nil {
			return err
		}
		before, err := s.groupRow(ctx, account, key)
		if err != nil {
			return err
		}
		after = before.Group
		if change.Name != nil {
			after.Name = *change.Name
		}
		if change.CreatedAt != nil {
			after.CreatedAt = change.CreatedAt.UTC().Truncate(time.Microsecond)
		}
		if change.SetQuery {
			after.Query = change.Query
			if err := s.checkWeight(ctx, account, b, key, after.Query); err != nil {
				return err
			}
		}
		if _, err := s.d.Exec(ctx, "UPDATE contact_group SET name = $3, query = $4, created_at = $5 "+
			"WHERE account = $1 AND key = $2", account, key, after.Name, null(after.Query),
			after.CreatedAt.UnixMicro()); err != nil {
			return fmt.Errorf("update a contact group: %w", err)
		}
		if equalTexts(before.Query, after.Query) {
			return nil
		}
		if err := s.endBuild(ctx, before, b); err != nil {
			return err
		}
		return s.startBuild(ctx, b, after)
	})
	if err != nil {
		return Group{}, err
	}
	return after, nil
}

func equalTexts(a, b *string) bool {
	return a == nil && b == nil || a != nil && b != nil && *a == *b
}

// DeleteGroup removes a group and returns it as it was. No contact is changed: those that name the group go on doing so.
func (s *Service) DeleteGroup(ctx context.Context, account, key string) (Group, error) {
	var before groupRow
	err := s.d.TxOn(ctx, account, func(ctx context.Context) error {
		b, err := s.lock(ctx, account)
		if err != nil {
			return err
		}
		if before, err = s.groupRow(ctx, account, key); err != nil {
			return err
		}
		if _, err := s.d.Exec(ctx, "DELETE FROM contact_group WHERE account = $1 AND key = $2", account, key); err != nil {
			return fmt.Errorf("delete a contact group: %w", err)
		}
		if before.Query == nil {
			return nil
		}
		if err := s.endBuild(ctx, before, b); err != nil {
			return err
		}
		return s.newVersion(ctx, account)
	})
	if err != nil {
		return Group{}, err
	}
	return before.Group, nil
}

// GroupPage is a part of a list of groups, in ascending order of keys.
type GroupPage struct {
	Groups []Group
	Next   string // cursor of the next page; empty on the last one. [0-9a-f] only
}

// ListGroups returns a page of the account's groups; cursor and limit are those of [Service.List].
func (s *Service) ListGroups(ctx context.Context, account, cursor string, limit int) (GroupPage, error) {
	if err := checkCursor(cursor); err != nil {
		return GroupPage{}, err
	}
	limit = pageSize(limit)
	rows, err := s.findGroups(ctx, "WHERE account = $1 AND key > $2 ORDER BY key LIMIT $3", account, cursor, limit+1)
	if err != nil {
		return GroupPage{}, err
	}
	p := GroupPage{Groups: make([]Group, min(limit, len(rows)))}
	for i := range p.Groups {
		p.Groups[i] = rows[i].Group
	}
	if len(rows) > limit {
		p.Next = rows[limit-1].Key
	}
	return p, nil
}

// GroupsByName returns all groups of the account, sorted by name and key.
func (s *Service) GroupsByName(ctx context.Context, account string) ([]Group, error) {
	rows, err := s.findGroups(ctx, "WHERE account = $1 ORDER BY key", account)
	if err != nil {
		return nil, err
	}
	groups := make([]Group, len(rows))
	for i, g := range rows {
		groups[i] = g.Group
	}
	slices.SortStableFunc(groups, func(a, b Group) int { return strings.Compare(a.Name, b.Name) })
	return groups, nil
}

// SearchGroups returns the groups that a Lucene query over their fields matches, sorted by name and key. A bad query is
// core.Invalid and says where it is wrong.
func (s *Service) SearchGroups(ctx context.Context, account, text string) ([]Group, error) {
	q, err := query.Parse(text, groupSchema())
	if err != nil {
		return nil, err
	}
	groups, err := s.GroupsByName(ctx, account)
	return slices.DeleteFunc(groups, func(g Group) bool { return !q.Match(&g) }), err
}

func null(text *string) any {
	if text == nil {
		return nil
	}
	return *text
}
