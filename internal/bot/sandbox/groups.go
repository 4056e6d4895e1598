package sandbox

import (
	"context"

	"indaba/internal/contact"
	"indaba/internal/core"
)

// The commands of groups (docs/spec/vumi-sandbox.md 9.8).

func (h *host) groupsGet(ctx context.Context, a args) (fields, error) {
	key, err := groupKey(a)
	if err != nil {
		return nil, err
	}
	return groupReply(h.deps.Contacts.GetGroup(ctx, h.turn.Bot.Account, key))
}

func (h *host) groupsGetByName(ctx context.Context, a args) (fields, error) {
	name, err := groupName(a)
	if err != nil {
		return nil, err
	}
	return groupReply(h.deps.Contacts.GetGroupByName(ctx, h.turn.Bot.Account, name))
}

func (h *host) groupsGetOrCreateByName(ctx context.Context, a args) (fields, error) {
	name, err := groupName(a)
	if err != nil {
		return nil, err
	}
	g, created, err := h.deps.Contacts.GetOrCreateGroupByName(ctx, h.turn.Bot.Account, name)
	reply, err := groupReply(g, err)
	if err != nil {
		return nil, err
	}
	reply["created"] = created
	return reply, nil
}

// groupsUpdate sets name and query; without a query, a smart group becomes static. The toolkit's own tests store texts that
// are no queries: what is wrong with one is told when members are counted.
func (h *host) groupsUpdate(ctx context.Context, a args) (fields, error) {
	key, err := groupKey(a)
	if err != nil {
		return nil, err
	}
	name, err := groupName(a)
	if err != nil {
		return nil, err
	}
	change := contact.GroupChange{Name: &name, SetQuery: true}
	if !a.null("query") {
		query, ok := a.text("query")
		if !ok {
			return nil, fail("'query' needs to be a unicode string or null")
		}
		change.Query = &query
	}
	return groupReply(h.deps.Contacts.UpdateGroup(ctx, h.turn.Bot.Account, key, change))
}

func (h *host) groupsSearch(ctx context.Context, a args) (fields, error) {
	query, ok := a.text("query")
	if !ok {
		return nil, fail("Expected 'query' field in request")
	}
	return groupList(h.deps.Contacts.SearchGroups(ctx, h.turn.Bot.Account, query))
}

func (h *host) groupsList(ctx context.Context, _ args) (fields, error) {
	return groupList(h.deps.Contacts.GroupsByName(ctx, h.turn.Bot.Account))
}

func (h *host) groupsCountMembers(ctx context.Context, a args) (fields, error) {
	key, err := groupKey(a)
	if err != nil {
		return nil, err
	}
	reply, err := groupReply(h.deps.Contacts.GetGroup(ctx, h.turn.Bot.Account, key))
	if err != nil {
		return nil, err
	}
	count, err := h.deps.Contacts.CountMembers(ctx, h.turn.Bot.Account, key)
	if err != nil {
		return nil, err
	}
	reply["count"] = count
	return reply, nil
}

func groupKey(a args) (string, error) {
	key, ok := a.text("key")
	if !ok {
		return "", fail("'key' needs to be specified and be a unicode string")
	}
	return key, nil
}

func groupName(a args) (string, error) {
	name, ok := a.text("name")
	if !ok {
		return "", fail("'name' needs to be specified and be a unicode string")
	}
	return name, nil
}

func groupReply(g contact.Group, err error) (fields, error) {
	if core.KindOf(err) == core.NotFound {
		return nil, fail("Group not found")
	}
	return fields{"group": g}, err
}

func groupList(groups []contact.Group, err error) (fields, error) {
	if groups == nil {
		groups = []contact.Group{}
	}
	return fields{"groups": groups}, err
}
