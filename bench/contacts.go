package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"indaba/internal/app"
	"indaba/internal/contact"
	"indaba/internal/db"
)

// book is the contacts of one account, on a running server.
type book struct {
	*place
	o       *options
	t       *table
	keys    []string // of some of the contacts
	numbers []string // of the same
	all     string   // key of the smart group that has everybody
	few     string   // key of the smart group that has few
}

// Queries of the two smart groups that exist from the beginning, and so are kept by every contact that is created.
const (
	queryAll = "msisdn:*"
	queryFew = "surname:Surname17 AND extras-language:zu"
)

// contacts measures an account with many contacts: how fast they come in, are found, counted and read, and that the
// server's memory does not grow with their number. What users do with single contacts goes over HTTP, bulk and queries
// through the service, as an import or a bot does it.
func contacts(ctx context.Context, o *options) (*table, error) {
	l, err := open(ctx, o, "contacts", nil)
	if err != nil {
		return nil, err
	}
	b := &book{place: l, o: o, t: &table{}}
	for _, step := range []func(context.Context) error{b.groups, b.oneByOne, b.bulk, b.oneByOne, b.gets, b.queries, b.newGroup,
		b.sizes, b.streams} {
		if err := step(ctx); err != nil {
			return nil, errors.Join(err, l.close())
		}
	}
	return b.t, l.close()
}

// groups makes the two smart groups.
func (b *book) groups(ctx context.Context) (err error) {
	return everybody(ctx, b.address(), 1, func(_ context.Context, _ int, c *conn) error {
		if b.all, err = b.createGroup(c, "everybody", queryAll); err == nil {
			b.few, err = b.createGroup(c, "few", queryFew)
		}
		return err
	})
}

func (b *book) createGroup(c *conn, name, query string) (key string, err error) {
	return b.create(c, "/groups/", map[string]string{"name": name, "query": query})
}

// create posts a record and returns its key.
func (b *book) create(c *conn, path string, record any) (key string, err error) {
	body, err := json.Marshal(record)
	if err != nil {
		return "", err
	}
	answer, err := c.ask(b.request("POST", path, body))
	if err != nil {
		return "", err
	}
	var created struct {
		Key string `json:"key"`
	}
	return created.Key, json.Unmarshal(answer, &created)
}

func (b *book) request(method, path string, body []byte) []byte {
	return fmt.Appendf(nil, "%s /api/v1/go%s HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n%s",
		method, path, b.token, len(body), body)
}

// person makes up a contact as imports have them: a random number, names from a small set, some extras.
func person(r *rand.Rand) contact.Contact {
	return contact.Contact{
		Msisdn:  fmt.Sprintf("+27%09d", r.IntN(1_000_000_000)),
		Name:    new(fmt.Sprint("Name", r.IntN(1000))),
		Surname: new(fmt.Sprint("Surname", r.IntN(20_000))),
		Extra: map[string]string{"city": fmt.Sprint("City", r.IntN(500)), "part": fmt.Sprint("p", r.IntN(100)),
			"language": []string{"en", "zu", "xh"}[r.IntN(3)]},
	}
}

// oneByOne has many clients create contacts, one in each request.
func (b *book) oneByOne(ctx context.Context) error {
	const clients = 64
	begun := time.Now()
	sample, err := timed(ctx, b.address(), clients, func(_ context.Context, i int, c *conn, note func(time.Duration)) error {
		r := rand.New(rand.NewPCG(uint64(len(b.keys)), uint64(i)))
		for time.Since(begun) < b.o.length {
			p := person(r)
			record := map[string]any{"msisdn": p.Msisdn, "name": p.Name, "surname": p.Surname, "extra": p.Extra}
			at := time.Now()
			if _, err := b.create(c, "/contacts/", record); err != nil {
				return err
			}
			note(time.Since(at))
		}
		return nil
	})
	figure := perSecond(len(sample), time.Since(begun))
	what := "created one by one, the first"
	if len(b.keys) > 0 {
		what = fmt.Sprintf("created one by one, beside %d", b.o.contacts)
	}
	b.t.row(what, rateText(figure), rateText(b.o.syncs)+" syncs one by one", ratioText(figure, b.o.syncs), "≥ 5,000/s")
	b.t.row("", percentiles(sample), "", "", "")
	return err
}

// crowd makes up n contacts, in the portions in which they are created, one portion ahead of whoever takes them.
func crowd(ctx context.Context, n int) <-chan []contact.Contact {
	portions := make(chan []contact.Contact)
	go func() {
		defer close(portions)
		r := rand.New(rand.NewPCG(1, 2))
		for made := 0; made < n; made += contact.MaxBulk {
			many := make([]contact.Contact, min(contact.MaxBulk, n-made))
			for i := range many {
				many[i] = person(r)
			}
			select {
			case portions <- many:
			case <-ctx.Done():
				return
			}
		}
	}()
	return portions
}

// bulk creates the many, one portion after the other, beside the server, which stands idle.
func (b *book) bulk(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	return b.with(ctx, func(a *app.App) error {
		begun, tenth := time.Now(), time.Now()
		var slowest float64
		done, next := 0, b.o.contacts/10
		for many := range crowd(ctx, b.o.contacts) {
			created, err := a.Contacts.CreateMany(ctx, b.account, many)
			if err != nil {
				return err
			}
			for i := 0; i < len(created); i += 10 {
				b.keys, b.numbers = append(b.keys, created[i].Key), append(b.numbers, created[i].Msisdn)
			}
			if done += len(many); done >= next {
				figure := perSecond(max(b.o.contacts/10, len(many)), time.Since(tenth))
				if slowest == 0 || figure < slowest {
					slowest = figure
				}
				tenth, next = time.Now(), next+b.o.contacts/10
			}
		}
		figure := perSecond(b.o.contacts, time.Since(begun))
		b.t.row(fmt.Sprintf("%d created in bulk", b.o.contacts), rateText(figure), rateText(b.o.syncs)+" syncs one by one",
			ratioText(figure, b.o.syncs), "≥ 20,000/s")
		b.t.row("", fmt.Sprintf("slowest tenth %s", rateText(slowest)), "", "", "")
		return b.analyze(ctx)
	})
}

// analyze does what autovacuum does within a minute, where it is not turned off: PostgreSQL learns what is in the tables.
func (b *book) analyze(ctx context.Context) error {
	if b.o.database == "" {
		return nil
	}
	d, err := db.Open(ctx, b.config.Database, db.Options{Writers: 1})
	if err != nil {
		return err
	}
	_, err = d.Exec(ctx, "ANALYZE")
	return errors.Join(err, d.Close())
}

// gets reads single contacts over HTTP, by key and by address.
func (b *book) gets(ctx context.Context) error {
	for _, way := range []struct {
		what string
		path func(r *rand.Rand) string
	}{
		{"get by key", func(r *rand.Rand) string { return "/contacts/" + b.keys[r.IntN(len(b.keys))] }},
		{"get by number", func(r *rand.Rand) string {
			return "/contacts/?query=msisdn%3D%2B" + b.numbers[r.IntN(len(b.numbers))][1:]
		}},
		{"page of a group of all", func(r *rand.Rand) string {
			return "/groups/" + b.all + "/contacts?max_results=100&cursor=" + b.keys[r.IntN(len(b.keys))]
		}},
		{"page of a group of few", func(*rand.Rand) string { return "/groups/" + b.few + "/contacts" }},
	} {
		bar := ""
		if way.what[:3] == "get" {
			bar = "p99 ≤ 1 ms"
		}
		err := everybody(ctx, b.address(), 1, func(_ context.Context, _ int, c *conn) error {
			return b.timed(way.what, bar, func(r *rand.Rand) error {
				_, err := c.ask(b.request("GET", way.path(r), nil))
				return err
			})
		})
		if err != nil {
			return fmt.Errorf("%s: %w", way.what, err)
		}
	}
	return nil
}

// timed does one thing again and again, for a while, and notes how long it takes.
func (b *book) timed(what, bar string, do func(*rand.Rand) error) error {
	r := rand.New(rand.NewPCG(3, 4))
	var sample []time.Duration
	for begun := time.Now(); time.Since(begun) < b.o.length/2 || len(sample) < 3; {
		at := time.Now()
		if err := do(r); err != nil {
			return err
		}
		sample = append(sample, time.Since(at))
	}
	b.t.row(what, percentiles(sample), fmt.Sprintf("%d times", len(sample)), "", bar)
	return nil
}

// queries searches as bots do.
func (b *book) queries(ctx context.Context) error {
	return b.with(ctx, func(a *app.App) error {
		for _, q := range []struct {
			what, bar string
			keys      int // wanted at most
			text      func(*rand.Rand) string
		}{
			{"search, two words, one rare", "p99 ≤ 5 ms", -1, func(r *rand.Rand) string {
				return fmt.Sprintf("surname:Surname%d AND extras-language:zu", r.IntN(20_000))
			}},
			{"search, first digits", "", -1, func(r *rand.Rand) string { return `msisdn:\` + b.numbers[r.IntN(len(b.numbers))][:9] + "*" }},
			{"search, one percent, the first 100", "", 100, func(r *rand.Rand) string { return fmt.Sprint("extras-part:p", r.IntN(100)) }},
			{"search, one percent, all", "", -1, func(r *rand.Rand) string { return fmt.Sprint("extras-part:p", r.IntN(100)) }},
			{"search, a third but some, the first 100", "", 100, func(*rand.Rand) string {
				return "extras-language:zu AND NOT surname:Surname1*"
			}},
			{"search, all but some, the first 100", "", 100, func(r *rand.Rand) string {
				return fmt.Sprint("NOT extras-part:p", r.IntN(100))
			}},
		} {
			if err := b.timed(q.what, q.bar, func(r *rand.Rand) error {
				_, err := a.Contacts.Search(ctx, b.account, q.text(r), q.keys)
				return err
			}); err != nil {
				return fmt.Errorf("%s: %w", q.what, err)
			}
		}
		return nil
	})
}

// newGroup makes a smart group over the many, and waits until its members are found.
func (b *book) newGroup(ctx context.Context) error {
	begun := time.Now()
	if err := everybody(ctx, b.address(), 1, func(_ context.Context, _ int, c *conn) error {
		_, err := b.createGroup(c, "one percent", "extras-part:p7")
		return err
	}); err != nil {
		return err
	}
	answered := time.Since(begun)
	return b.with(ctx, func(a *app.App) error {
		for {
			var building int
			if err := a.DB.Row(ctx, "SELECT count(*) FROM contact_group WHERE building = 1", nil, &building); err != nil {
				return err
			}
			if building == 0 {
				break
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(10 * time.Millisecond):
			}
		}
		b.t.row("smart group made", short(answered), "", "", "")
		b.t.row("", "members found after "+time.Since(begun).Round(10*time.Millisecond).String(), "", "", "")
		return nil
	})
}

// sizes asks for the number of members of groups, as bots do.
func (b *book) sizes(ctx context.Context) error {
	return b.with(ctx, func(a *app.App) error {
		for _, g := range []struct{ what, key string }{{"size of a group of all", b.all}, {"size of a group of few", b.few}} {
			if err := b.timed(g.what, "constant", func(*rand.Rand) error {
				_, err := a.Contacts.CountMembers(ctx, b.account, g.key)
				return err
			}); err != nil {
				return err
			}
		}
		return nil
	})
}
