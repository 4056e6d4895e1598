package contact_test

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"indaba/internal/contact"
	"indaba/internal/core"
	"indaba/internal/db"
	"indaba/internal/db/dbtest"
)

const (
	account = "00000000000040008000000000000001"
	other   = "00000000000040008000000000000002"
)

// fixture is a service whose failures end the test.
type fixture struct {
	*testing.T
	*contact.Service
	d *db.DB
}

func each(t *testing.T, o contact.Options, test func(f fixture)) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) { test(fixture{t, contact.New(d, time.Now, o), d}) })
}

func (f fixture) create(c contact.Contact) contact.Contact {
	f.Helper()
	created, err := f.Create(f.Context(), account, c)
	if err != nil {
		f.Fatal(err)
	}
	return created
}

func (f fixture) group(name string, query *string) contact.Group {
	f.Helper()
	g, err := f.CreateGroup(f.Context(), account, name, query)
	if err != nil {
		f.Fatal(err)
	}
	return g
}

func (f fixture) count(key string) int64 {
	f.Helper()
	n, err := f.CountMembers(f.Context(), account, key)
	if err != nil {
		f.Fatal(err)
	}
	return n
}

// members walks the pages of a group, three contacts each.
func (f fixture) members(key string) []string { return f.membersBy(key, 3) }

func (f fixture) membersBy(key string, limit int) (keys []string) {
	f.Helper()
	for cursor := ""; ; {
		p, err := f.Members(f.Context(), account, key, cursor, limit)
		if err != nil {
			f.Fatal(err)
		}
		keys = append(keys, keysOf(p.Contacts)...)
		if cursor = p.Next; cursor == "" {
			return keys
		}
	}
}

// found is what a search gives.
func (f fixture) found(query string) []string {
	f.Helper()
	keys, err := f.Search(f.Context(), account, query, -1)
	if err != nil {
		f.Fatalf("%s: %v", query, err)
	}
	return keys
}

// wantRows checks the number of rows that a query counts.
func (f fixture) wantRows(want int, query string, args ...any) {
	f.Helper()
	var got int
	if err := f.d.Row(f.Context(), query, args, &got); err != nil || got != want {
		f.Fatalf("%s: %d %v, want %d", query, got, err, want)
	}
}

func keysOf(contacts []contact.Contact) []string {
	keys := make([]string, len(contacts))
	for i, c := range contacts {
		keys[i] = c.Key
	}
	return keys
}

func wantKeys(t *testing.T, what string, got []string, want ...contact.Contact) {
	t.Helper()
	if !slices.Equal(got, keysOf(want)) {
		t.Fatalf("%s: %v, want %v", what, got, keysOf(want))
	}
}

func wantError(t *testing.T, what string, err error, kind core.Kind, text string) {
	t.Helper()
	if core.KindOf(err) != kind || core.SafeMessage(err) != text {
		t.Errorf("%s: %v (%v), want %s (%v)", what, err, core.KindOf(err), text, kind)
	}
}

// wire returns the JSON form.
func wire(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// record decodes a JSON object as a face does.
func record(t *testing.T, text string) map[string]json.RawMessage {
	t.Helper()
	var r map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		t.Fatal(err)
	}
	return r
}

func changes(t *testing.T, text string) contact.Changes {
	t.Helper()
	c, err := contact.ParseChanges(record(t, text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}
