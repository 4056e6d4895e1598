package vumi

import (
	"context"
	"net/http"
	"strings"

	"indaba/internal/api"
	"indaba/internal/contact"
	"indaba/internal/core"
)

// listContacts is GET /contacts/: a page, a stream, or the one contact with an address (docs/spec/vumi-http.md 3.3, 3.4).
func (f *face) listContacts(w http.ResponseWriter, r *api.Request) error {
	query, err := r.Query()
	if err != nil {
		return err
	}
	if query.Has("query") && !isStream(query) {
		return f.findContact(w, r, last(query, "query"))
	}
	return list(f, w, r, func(ctx context.Context, cursor string, limit int) ([]contact.Contact, string, error) {
		p, err := f.Contacts.List(ctx, r.Account(), cursor, limit)
		return p.Contacts, p.Next, err
	})
}

// findContact answers with the newest contact that has an address. Nobody is 400: the client takes the first of the list
// without a look at its length.
func (f *face) findContact(w http.ResponseWriter, r *api.Request, query string) error {
	field, value, found := strings.Cut(query, "=")
	if !found || strings.Contains(value, "=") {
		return invalid("Query must be of the form 'field=value'")
	}
	c, err := f.Contacts.GetByField(r.Context(), r.Account(), field, value)
	if core.KindOf(err) == core.NotFound {
		err = as(core.Invalid, err)
	}
	return writeRecord(w, page[contact.Contact]{Data: []contact.Contact{c}}, err)
}

// createContact is POST /contacts/.
func (f *face) createContact(w http.ResponseWriter, r *api.Request) error {
	fields, err := record(r, "contact", contact.UnknownFields)
	if err != nil {
		return err
	}
	changes, err := contact.ParseChanges(fields)
	if err != nil {
		return err
	}
	c, err := changes.New()
	if err != nil {
		return err
	}
	c, err = f.Contacts.Create(r.Context(), r.Account(), c)
	return writeRecord(w, c, err)
}

// getContact is GET /contacts/{key}.
func (f *face) getContact(w http.ResponseWriter, r *api.Request) error {
	c, err := f.Contacts.Get(r.Context(), r.Account(), r.Param("key"))
	return writeRecord(w, c, err)
}

// updateContact is PUT /contacts/{key}. Groups are added and never taken away (docs/spec/vumi-http.md 3.3): see leaveGroup.
func (f *face) updateContact(w http.ResponseWriter, r *api.Request) error {
	fields, err := record(r, "contact", contact.UnknownFields)
	if err != nil {
		return err
	}
	if _, err := f.Contacts.Get(r.Context(), r.Account(), r.Param("key")); err != nil {
		return err // that it is not there is told before what is wrong with the values
	}
	changes, err := contact.ParseChanges(fields)
	if err != nil {
		return err
	}
	c, err := f.Contacts.Update(r.Context(), r.Account(), r.Param("key"), changes)
	return writeRecord(w, c, err)
}

// deleteContact is DELETE /contacts/{key}.
func (f *face) deleteContact(w http.ResponseWriter, r *api.Request) error {
	c, err := f.Contacts.Delete(r.Context(), r.Account(), r.Param("key"))
	return writeRecord(w, c, err)
}

// leaveGroup is DELETE /contacts/{key}/groups/{group}, which Vumi did not have: it takes a contact out of a static group
// and answers with the contact. It is no error when the contact was not in it.
func (f *face) leaveGroup(w http.ResponseWriter, r *api.Request) error {
	c, err := f.Contacts.LeaveGroup(r.Context(), r.Account(), r.Param("key"), r.Param("group"))
	return writeRecord(w, c, err)
}
