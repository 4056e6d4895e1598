package platform

import (
	"context"
	"database/sql"
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"indaba/internal/contact"
	"indaba/internal/db"
)

// push brings the platform to the state of the test's stores.
func (b *bridge) push(ctx context.Context, w *world, s state) error {
	if s.KV != nil {
		if _, err := b.db.Exec(ctx, "DELETE FROM kv WHERE space = $1", w.account); err != nil {
			return err
		}
		if _, err := b.db.Exec(ctx, "DELETE FROM kv_space WHERE space = $1", w.account); err != nil {
			return err
		}
		for key, value := range s.KV {
			if _, err := b.deps.KV.Set(ctx, w.account, key, value, time.Duration(s.TTL[key])*time.Second); err != nil {
				return err
			}
		}
	}
	if s.Contacts == nil {
		return nil
	}
	// Keys that a test only names are those of contacts that it has not made.
	for _, keys := range s.FoundContacts {
		for _, key := range keys {
			named := func(c map[string]json.RawMessage) bool { return textOf(c["key"]) == key }
			if !slices.ContainsFunc(s.Contacts, named) {
				s.Contacts = append(s.Contacts, map[string]json.RawMessage{"key": json.RawMessage(strconv.Quote(key))})
			}
		}
	}
	// Contacts name groups, and the fixed queries of groups name contacts.
	if err := b.pushGroups(ctx, w, s.Groups, nil); err != nil {
		return err
	}
	if err := b.pushContacts(ctx, w, s.Contacts); err != nil {
		return err
	}
	return b.pushGroups(ctx, w, s.Groups, s.FoundContacts)
}

func (b *bridge) pushGroups(ctx context.Context, w *world, groups []map[string]json.RawMessage, found map[string][]string) error {
	gone, err := b.deps.Contacts.GroupsByName(ctx, w.account)
	if err != nil {
		return err
	}
	for _, record := range groups {
		w.replaceQuery(record, found)
		key, account := textOf(record["key"]), textOf(record["user_account"])
		change, err := contact.ParseGroupChange(record)
		if err != nil {
			return err
		}
		real, known := w.real[key], w.real[key] != ""
		if w.alias[key] == "" && slices.ContainsFunc(gone, func(g contact.Group) bool { return g.Key == key }) {
			real, known = key, true
		}
		if !known {
			g, err := b.deps.Contacts.CreateGroup(ctx, w.account, *change.Name, change.Query)
			if err != nil {
				return err
			}
			w.know(key, g.Key, account)
			continue
		}
		if _, err := b.deps.Contacts.UpdateGroup(ctx, w.account, real, change); err != nil {
			return err
		}
		gone = slices.DeleteFunc(gone, func(g contact.Group) bool { return g.Key == real })
	}
	for _, g := range gone {
		if _, err := b.deps.Contacts.DeleteGroup(ctx, w.account, g.Key); err != nil {
			return err
		}
	}
	return nil
}

func (b *bridge) pushContacts(ctx context.Context, w *world, contacts []map[string]json.RawMessage) error {
	page, err := b.deps.Contacts.List(ctx, w.account, "", contact.MaxPage)
	if err != nil {
		return err
	}
	gone := page.Contacts
	for _, record := range contacts {
		key, account := textOf(record["key"]), textOf(record["user_account"])
		w.translate(record)
		changes, err := contact.ParseChanges(record)
		if err != nil {
			return err
		}
		c := changes.NewWithMsisdn(contact.UnknownMsisdn)
		c.Key = textOf(record["key"])
		if slices.ContainsFunc(gone, func(old contact.Contact) bool { return old.Key == c.Key }) {
			if _, err := b.deps.Contacts.Save(ctx, w.account, c); err != nil {
				return err
			}
			gone = slices.DeleteFunc(gone, func(old contact.Contact) bool { return old.Key == c.Key })
			continue
		}
		if c, err = b.deps.Contacts.Create(ctx, w.account, c); err != nil {
			return err
		}
		w.know(key, c.Key, account)
	}
	for _, old := range gone {
		if _, err := b.deps.Contacts.Delete(ctx, w.account, old.Key); err != nil {
			return err
		}
	}
	return nil
}

func textOf(value json.RawMessage) string {
	var text string
	_ = json.Unmarshal(value, &text) // what is no text is none
	return text
}

// pull returns the state of the platform, of what the step came with.
func (b *bridge) pull(ctx context.Context, w *world, before state) (map[string]any, error) {
	after := map[string]any{}
	if before.KV != nil {
		values, ttl := map[string]json.RawMessage{}, map[string]int64{}
		type row struct {
			key, value string
			expires    int64
		}
		rows, err := db.Collect(ctx, b.db, func(r *sql.Rows) (k row, err error) {
			return k, r.Scan(&k.key, &k.value, &k.expires)
		}, "SELECT key, value, expires FROM kv WHERE space = $1", w.account)
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			values[r.key] = json.RawMessage(r.value)
			if seconds := (r.expires - b.clock().UnixMicro()) / 1e6; seconds < 1e9 {
				ttl[r.key] = seconds
			}
		}
		after["kv"], after["ttl"] = values, ttl
	}
	if before.Contacts != nil {
		contacts, err := b.deps.Contacts.List(ctx, w.account, "", contact.MaxPage)
		if err != nil {
			return nil, err
		}
		groups, err := b.deps.Contacts.ListGroups(ctx, w.account, "", contact.MaxPage)
		if err != nil {
			return nil, err
		}
		if after["contacts"], err = w.records(contacts.Contacts); err != nil {
			return nil, err
		}
		after["groups"], err = w.records(groups.Groups)
		return after, err
	}
	return after, nil
}

// records returns contacts or groups as the test knows them.
func (w *world) records(list any) (any, error) {
	data, err := json.Marshal(list)
	if err != nil {
		return nil, err
	}
	records := []any{}
	if err := json.Unmarshal(data, &records); err != nil {
		return nil, err
	}
	if records == nil {
		records = []any{}
	}
	return w.back(records), nil
}
