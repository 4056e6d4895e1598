package cli

import (
	"context"
	"io"
	"maps"
	"slices"
	"strings"

	"indaba/internal/app"
	"indaba/internal/contact"
	"indaba/internal/core"
)

type contactCommands struct {
	List    contactList    `cmd:"" help:"List the contacts of an account, the oldest first."`
	Search  contactSearch  `cmd:"" help:"Find contacts by a query, such as 'name:Thandi AND extras-city:Durban'."`
	Show    contactShow    `cmd:"" help:"Show everything that is known of a contact."`
	Import  contactImport  `cmd:"" help:"Bring contacts in from a file: CSV, or JSON lines."`
	Imports importCommands `cmd:"" help:"What was imported, and what became of each row."`
	Export  contactExport  `cmd:"" help:"Write contacts into a file: CSV, or JSON lines."`
}

type contactList struct {
	Limit amount `short:"n" default:"20" help:"How many contacts."`
}

func (c *contactList) Run(i *invocation) error {
	return i.inAccount(func(ctx context.Context, a *app.App, account string) error {
		return i.listContacts(int(c.Limit), func(cursor string, limit int) (contact.Page, error) {
			return a.Contacts.List(ctx, account, cursor, limit)
		})
	})
}

type contactSearch struct {
	Query string `arg:"" help:"A query in Lucene's syntax over the fields of contacts. Before one that begins with a minus, write --."`
	Limit amount `short:"n" default:"20" help:"How many contacts."`
}

func (c *contactSearch) Run(i *invocation) error {
	return i.inAccount(func(ctx context.Context, a *app.App, account string) error {
		if err := a.Contacts.CheckQuery(c.Query); err != nil {
			return err
		}
		return i.listContacts(int(c.Limit), func(cursor string, limit int) (contact.Page, error) {
			return a.Contacts.SearchPage(ctx, account, c.Query, cursor, limit)
		})
	})
}

// listContacts shows up to limit contacts out of pages.
func (i *invocation) listContacts(limit int, next func(cursor string, limit int) (contact.Page, error)) error {
	views := []contact.Contact{}
	for cursor := ""; ; {
		page, err := next(cursor, min(limit-len(views), contact.MaxPage))
		if err != nil {
			return err
		}
		views = append(views, page.Contacts...)
		if cursor = page.Next; cursor == "" || len(views) >= limit {
			break
		}
	}
	rows := make([][]string, len(views))
	for n, c := range views {
		rows[n] = []string{c.Key, c.Msisdn, shortened(fullName(&c), 40), text(c.EmailAddress), at(c.CreatedAt)}
	}
	return i.table(views, []string{"KEY", "MSISDN", "NAME", "EMAIL", "CREATED"}, rows)
}

func fullName(c *contact.Contact) string {
	return strings.TrimSpace(text(c.Name) + " " + text(c.Surname))
}

type contactShow struct {
	Who string `arg:"" name:"contact" help:"A key, a telephone number, or another address."`
}

func (c *contactShow) Run(i *invocation) error {
	return i.inAccount(func(ctx context.Context, a *app.App, account string) error {
		found, err := findContact(ctx, a, account, c.Who)
		if err != nil {
			return err
		}
		return i.print(found, func(w io.Writer) error { return writeContact(ctx, w, a, &found) })
	})
}

// findContact returns the contact with a key, or the newest one with an address.
func findContact(ctx context.Context, a *app.App, account, who string) (contact.Contact, error) {
	found, err := a.Contacts.Get(ctx, account, who)
	if core.KindOf(err) != core.NotFound {
		return found, err
	}
	if found, err = a.Contacts.GetByAddress(ctx, account, "sms", who); core.KindOf(err) != core.NotFound {
		return found, err
	}
	for _, field := range append(contact.AddressFields(), "email_address") {
		found, err := a.Contacts.Lookup(ctx, account, field, who)
		if kind := core.KindOf(err); err == nil || kind != core.NotFound && kind != core.Invalid {
			return found, err
		}
	}
	return found, core.Errorf(core.NotFound, "there is no contact %s", who)
}

// writeContact writes what a contact has, one line each.
func writeContact(ctx context.Context, w io.Writer, a *app.App, c *contact.Contact) error {
	lines := []field{{"key", c.Key}, {"msisdn", c.Msisdn}}
	for _, name := range contact.TextFields() {
		if value := c.Text(name); value != nil {
			lines = append(lines, field{name, *value})
		}
	}
	if c.DateOfBirth != nil {
		lines = append(lines, field{"dob", contact.FormatTime(*c.DateOfBirth)})
	}
	for _, key := range c.Groups {
		g, err := a.Contacts.GetGroup(ctx, c.Account, key)
		if err != nil && core.KindOf(err) != core.NotFound {
			return err
		}
		lines = append(lines, field{"group", strings.TrimSpace(key + " " + g.Name)})
	}
	for _, part := range []struct {
		name  string
		texts map[string]string
	}{{"extra.", c.Extra}, {"subscription.", c.Subscription}} {
		for _, name := range slices.Sorted(maps.Keys(part.texts)) {
			lines = append(lines, field{oneLine(part.name + name), part.texts[name]})
		}
	}
	return writeFields(w, append(lines, field{"created", at(c.CreatedAt)}))
}
