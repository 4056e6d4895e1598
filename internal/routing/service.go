package routing

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"

	"indaba/internal/core"
	"indaba/internal/db"
)

// Groups tells which static groups the contact behind an address is in.
type Groups interface {
	GroupsOf(ctx context.Context, account, deliveryClass, address string) ([]string, error)
}

// Service keeps routing tables and routers and resolves routes.
type Service struct {
	db     *db.DB
	groups Groups
	audit  core.Auditor
	now    func() time.Time

	mu      sync.Mutex
	tables  map[string]*table // by account; emptied when configuration changes
	changes int               // how often they were emptied
}

// table is an account's routing, as read from the database.
type table struct {
	targets    map[Endpoint]Endpoint
	routers    map[string]*Router
	generation int64 // of the configuration, before it was read
}

// New returns the service over a database.
func New(d *db.DB, groups Groups, audit core.Auditor, now func() time.Time) *Service {
	s := &Service{db: d, groups: groups, audit: audit, now: now, tables: map[string]*table{}}
	d.OnChange(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		clear(s.tables)
		s.changes++
	})
	return s
}

// Link makes target the place where what leaves source goes, in place of any earlier target.
func (s *Service) Link(ctx context.Context, account string, entries ...Entry) error {
	for _, e := range entries {
		if err := e.check(); err != nil {
			return err
		}
	}
	return s.db.Tx(ctx, func(ctx context.Context) error {
		if err := s.db.Changed(ctx); err != nil { // first of all: see Forget
			return err
		}
		for _, e := range entries {
			if err := s.exists(ctx, account, e.Source); err != nil {
				return err
			}
			if err := s.exists(ctx, account, e.Target); err != nil {
				return err
			}
			if _, err := s.db.Exec(ctx, "INSERT INTO route (account, source, target) VALUES ($1, $2, $3) "+
				"ON CONFLICT (account, source) DO UPDATE SET target = excluded.target",
				account, e.Source.String(), e.Target.String()); err != nil {
				return fmt.Errorf("link %s to %s: %w", e.Source, e.Target, err)
			}
			if err := s.audit.Audit(ctx, account, "route.link", e.Source.String(), e.Target.String()); err != nil {
				return err
			}
		}
		return nil
	})
}

// exists refuses endpoints of things that the account does not have.
func (s *Service) exists(ctx context.Context, account string, e Endpoint) error {
	from, there := "router", ""
	switch e.Kind {
	case Channel:
		from, there = "channel", " AND removed_at = 0"
	case Bot:
		from, there = "bot", " AND archived_at = 0"
	}
	var n int
	if err := s.db.Row(ctx, "SELECT count(*) FROM "+from+" WHERE key = $1 AND account = $2"+there, []any{e.Key, account}, &n); err != nil {
		return err
	}
	if n == 0 {
		return core.Errorf(core.NotFound, "there is no %s %s", from, e.Key)
	}
	return nil
}

// Unlink removes the entry of a source.
func (s *Service) Unlink(ctx context.Context, account string, source Endpoint) error {
	return s.db.Tx(ctx, func(ctx context.Context) error {
		n, err := s.db.Exec(ctx, "DELETE FROM route WHERE account = $1 AND source = $2", account, source.String())
		if err == nil && n == 0 {
			return core.Errorf(core.NotFound, "nothing is linked from %s", source)
		}
		if err != nil {
			return err
		}
		if err := s.audit.Audit(ctx, account, "route.unlink", source.String(), nil); err != nil {
			return err
		}
		return s.db.Changed(ctx)
	})
}

// Forget removes every entry from or to a channel, router or bot that is being removed (docs/spec/vumi-http.md 8).
func (s *Service) Forget(ctx context.Context, account, key string) error {
	return s.db.Tx(ctx, func(ctx context.Context) error {
		// First of all, because it makes this the only change of configuration under way: a link that is being made waits,
		// and finds the thing gone.
		if err := s.db.Changed(ctx); err != nil {
			return err
		}
		entries, err := s.Table(ctx, account)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if e.Source.Key != key && e.Target.Key != key {
				continue
			}
			if _, err := s.db.Exec(ctx, "DELETE FROM route WHERE account = $1 AND source = $2", account, e.Source.String()); err != nil {
				return fmt.Errorf("remove the route from %s: %w", e.Source, err)
			}
			if err := s.audit.Audit(ctx, account, "route.unlink", e.Source.String(), e.Target.String()); err != nil {
				return err
			}
		}
		return nil
	})
}

// Table returns the account's entries, in order of their sources.
func (s *Service) Table(ctx context.Context, account string) ([]Entry, error) {
	return db.Collect(ctx, s.db, func(r *sql.Rows) (e Entry, err error) {
		var source, target string
		if err = r.Scan(&source, &target); err != nil {
			return e, err
		}
		if e.Source, err = ParseEndpoint(source); err != nil {
			return e, err
		}
		e.Target, err = ParseEndpoint(target)
		return e, err
	}, "SELECT source, target FROM route WHERE account = $1 ORDER BY source", account)
}

// table returns what is known of an account's routing. Changes by other processes may be up to a second away.
func (s *Service) table(ctx context.Context, account string) (*table, error) {
	s.mu.Lock()
	t := s.tables[account]
	s.mu.Unlock()
	if t != nil {
		return t, nil
	}
	return s.read(ctx, account)
}

// read reads an account's routing and keeps it, unless it changed meanwhile: what was read may be older than the change.
func (s *Service) read(ctx context.Context, account string) (*table, error) {
	s.mu.Lock()
	changes := s.changes
	s.mu.Unlock()
	generation, err := s.db.Generation(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the generation of the configuration: %w", err)
	}
	t := &table{targets: map[Endpoint]Endpoint{}, routers: map[string]*Router{}, generation: generation}
	entries, err := s.Table(ctx, account)
	if err != nil {
		return nil, fmt.Errorf("read the routing table: %w", err)
	}
	for _, e := range entries {
		t.targets[e.Source] = e.Target
	}
	routers, err := s.Routers(ctx, account)
	if err != nil {
		return nil, fmt.Errorf("read the routers: %w", err)
	}
	for _, r := range routers {
		t.routers[r.Key] = r
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.changes == changes {
		s.tables[account] = t
	}
	return t, nil
}

// maxHops is how many routes a message takes at most: it ends those that go in circles.
const maxHops = 10

// Decision is where a message goes.
type Decision struct {
	Bot      string // key of the bot; empty when Reply is set
	Endpoint string // of the bot
	// Reply is what a router itself answers, with the session event of the answer; nothing else gets the message.
	Reply        *string
	ReplySession core.SessionEvent
	// Message is what the bot gets: the message itself, unless a router changed it.
	Message *core.Message
	// Commit writes what routers noted, as part of the transaction that ends the turn; nil when there is nothing.
	Commit func(context.Context) error
	// Routers are the keys of the routers on the way, for [Service.Passed].
	Routers []string
}

// Inbound finds the bot for a message from a person. A *NoRoute error means that the table leads nowhere; the routers that
// were passed until there are returned all the same.
func (s *Service) Inbound(ctx context.Context, m *core.Message, deliveryClass string) (d Decision, err error) {
	err = s.resolve(ctx, m.Account, func(t *table) error {
		d, err = s.inbound(ctx, t, m, deliveryClass)
		return err
	})
	return d, err
}

// resolve calls find with the account's table, and once more with a table read anew when the first leads nowhere and
// anything has changed since it was read: the answer is final for a message, and another process may have made the route
// a moment ago.
func (s *Service) resolve(ctx context.Context, account string, find func(*table) error) error {
	t, err := s.table(ctx, account)
	if err != nil {
		return err
	}
	unfound := find(t)
	if _, none := errors.AsType[*NoRoute](unfound); !none {
		return unfound
	}
	generation, err := s.db.Generation(ctx)
	if err == nil && generation == t.generation {
		return unfound
	}
	if t, err = s.read(ctx, account); err != nil {
		return err
	}
	return find(t)
}

func (s *Service) inbound(ctx context.Context, t *table, m *core.Message, deliveryClass string) (Decision, error) {
	from := Endpoint{Channel, m.Channel, Default}
	at := from
	d := Decision{Message: m}
	for range maxHops {
		target, ok := t.targets[at]
		if !ok {
			return d, &NoRoute{From: at}
		}
		if target.Kind == Bot {
			d.Bot, d.Endpoint = target.Key, target.Name
			return d, nil
		}
		router := t.routers[target.Key]
		if router == nil {
			return d, &NoRoute{From: target}
		}
		d.Routers = append(d.Routers, router.Key)
		name, err := s.choose(ctx, router, &d, deliveryClass)
		if err != nil {
			return d, fmt.Errorf("router %s: %w", router.Name, err)
		}
		if d.Reply != nil {
			return d, nil
		}
		at = Endpoint{RouterOut, router.Key, name}
	}
	return d, &NoRoute{From: from, Endless: true}
}

// Outbound finds the channel by which a message leaves a bot's endpoint, and the keys of the routers on the way, for
// [Service.Passed]: with a *NoRoute error those until there.
func (s *Service) Outbound(ctx context.Context, account, bot, endpoint string) (channel string, routers []string, err error) {
	err = s.resolve(ctx, account, func(t *table) error {
		channel, routers, err = t.outbound(bot, endpoint)
		return err
	})
	return channel, routers, err
}

func (t *table) outbound(bot, endpoint string) (channel string, routers []string, err error) {
	from := Endpoint{Bot, bot, endpoint}
	at := from
	for range maxHops {
		target, ok := t.targets[at]
		if !ok {
			return "", routers, &NoRoute{From: at}
		}
		if target.Kind == Channel {
			return target.Key, routers, nil
		}
		routers = append(routers, target.Key)
		at = Endpoint{RouterIn, target.Key, Default}
	}
	return "", routers, &NoRoute{From: from, Endless: true}
}

// Passed notes which routers a message passed, as part of the transaction that keeps the message. Answers to a message pass
// the same routers and are not noted.
func (s *Service) Passed(ctx context.Context, message string, routers []string) error {
	for _, router := range routers {
		if err := s.db.ExecLater(ctx, nil, "INSERT INTO router_message (router, message) VALUES ($1, $2) ON CONFLICT DO NOTHING",
			router, message); err != nil {
			return fmt.Errorf("note that message %s passed a router: %w", message, err)
		}
	}
	return nil
}
