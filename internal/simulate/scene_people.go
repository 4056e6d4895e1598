package simulate

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"indaba/internal/contact"
	"indaba/internal/core"
)

// fill stores the contacts, groups, keys and opt-outs that are there before.
func (s *stage) fill(ctx context.Context, sc *scene, c *conversation) error {
	for _, g := range c.groups {
		if _, err := s.app.Contacts.CreateGroup(ctx, sc.account, g.name, g.query); err != nil {
			return fmt.Errorf("group %s: %w", g.name, err)
		}
	}
	people := c.contacts
	if c.contact != nil {
		own := maps.Clone(c.contact)
		name, err := contact.ClassField(sc.class)
		if err != nil {
			return fmt.Errorf("the person's contact: %w", err)
		}
		if own[name] == nil {
			own[name], _ = json.Marshal(sc.from) // a text always encodes
		}
		people = append([]map[string]json.RawMessage{own}, people...)
	}
	for _, record := range people {
		if err := s.meet(ctx, sc, record); err != nil {
			return fmt.Errorf("contact %s: %w", shortJSON(record), err)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(c.kv)) {
		if _, err := s.app.KV.Set(ctx, sc.account, key, c.kv[key], 0); err != nil {
			return fmt.Errorf("kv %s: %w", key, err)
		}
	}
	for _, number := range c.optouts {
		if _, err := s.app.Optouts.Set(ctx, sc.account, "msisdn", number, ""); err != nil {
			return fmt.Errorf("opt-out of %s: %w", number, err)
		}
	}
	return nil
}

// meet stores a contact. Its groups are named; those that are not there are made.
func (s *stage) meet(ctx context.Context, sc *scene, record map[string]json.RawMessage) error {
	record = maps.Clone(record)
	if unknown := contact.UnknownFields(record); len(unknown) > 0 {
		return core.Errorf(core.Invalid, "contacts have no field %q", unknown[0])
	}
	if text, ok := record["groups"]; ok {
		var groups []string
		if err := json.Unmarshal(text, &groups); err != nil {
			return core.Errorf(core.Invalid, "groups must be a list of names")
		}
		keys := []string{}
		for _, name := range groups {
			g, _, err := s.app.Contacts.GetOrCreateGroupByName(ctx, sc.account, name)
			if err != nil {
				return err
			}
			keys = append(keys, g.Key)
		}
		record["groups"], _ = json.Marshal(keys) // texts always encode
	}
	changes, err := contact.ParseChanges(record)
	if err != nil {
		return err
	}
	_, err = s.app.Contacts.Create(ctx, sc.account, changes.NewWithMsisdn(contact.UnknownMsisdn))
	return err
}

// shortJSON shows a record in a message.
func shortJSON(record map[string]json.RawMessage) string {
	text, err := json.Marshal(record)
	if err != nil {
		return "?"
	}
	return shorten(string(text), 80)
}

func shorten(text string, most int) string {
	runes := []rune(text)
	if len(runes) <= most {
		return text
	}
	return string(runes[:most]) + "…"
}
