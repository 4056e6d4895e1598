package vumi

import (
	"context"
	"net/http"

	"indaba/internal/api"
	"indaba/internal/contact"
)

// listGroups is GET /groups/.
func (f *face) listGroups(w http.ResponseWriter, r *api.Request) error {
	return list(f, w, r, func(ctx context.Context, cursor string, limit int) ([]contact.Group, string, error) {
		p, err := f.Contacts.ListGroups(ctx, r.Account(), cursor, limit)
		return p.Groups, p.Next, err
	})
}

// createGroup is POST /groups/ (docs/spec/vumi-http.md 4.2). A time of creation may be given and is ignored, whatever it
// is.
func (f *face) createGroup(w http.ResponseWriter, r *api.Request) error {
	fields, err := record(r, "group", contact.UnknownGroupFields)
	if err != nil {
		return err
	}
	if _, ok := fields["name"]; !ok {
		return invalid("The group name must be specified in group creation")
	}
	delete(fields, "created_at")
	change, err := contact.ParseGroupChange(fields)
	if err != nil {
		return err
	}
	g, err := f.Contacts.CreateGroup(r.Context(), r.Account(), *change.Name, change.Query)
	return writeRecord(w, g, err)
}

// getGroup is GET /groups/{key}.
func (f *face) getGroup(w http.ResponseWriter, r *api.Request) error {
	g, err := f.Contacts.GetGroup(r.Context(), r.Account(), r.Param("key"))
	return writeRecord(w, g, err)
}

// updateGroup is PUT /groups/{key}.
func (f *face) updateGroup(w http.ResponseWriter, r *api.Request) error {
	fields, err := record(r, "group", contact.UnknownGroupFields)
	if err != nil {
		return err
	}
	if _, err := f.Contacts.GetGroup(r.Context(), r.Account(), r.Param("key")); err != nil {
		return err // that it is not there is told before what is wrong with the values
	}
	change, err := contact.ParseGroupChange(fields)
	if err != nil {
		return err
	}
	g, err := f.Contacts.UpdateGroup(r.Context(), r.Account(), r.Param("key"), change)
	return writeRecord(w, g, err)
}

// deleteGroup is DELETE /groups/{key}.
func (f *face) deleteGroup(w http.ResponseWriter, r *api.Request) error {
	g, err := f.Contacts.DeleteGroup(r.Context(), r.Account(), r.Param("key"))
	return writeRecord(w, g, err)
}

// listMembers is GET /groups/{key}/contacts. A group that is not there has nobody in it, or those that still name it
// (docs/spec/vumi-http.md 4.3).
func (f *face) listMembers(w http.ResponseWriter, r *api.Request) error {
	return list(f, w, r, func(ctx context.Context, cursor string, limit int) ([]contact.Contact, string, error) {
		p, err := f.Contacts.Members(ctx, r.Account(), r.Param("key"), cursor, limit)
		return p.Contacts, p.Next, err
	})
}
