package routing

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"indaba/internal/core"
	"indaba/internal/db"
)

// The types of routers (docs/spec/vumi-http.md 8).
const (
	Keyword     = "keyword"         // by the first word of the text
	Group       = "group"           // by the groups of the sender's contact
	Multiplexer = "app_multiplexer" // by a menu that the sender chooses from
)

// Router chooses between bots.
type Router struct {
	Key     string
	Account string
	Type    string
	Name    string
	Config  RouterConfig
}

// RouterConfig is what a router goes by. Each type reads its own fields.
type RouterConfig struct {
	// Keywords maps first words to endpoints; they are compared without regard to case.
	Keywords map[string]string `json:"keyword_endpoint_mapping,omitempty"`
	// Rules are tried in order: the first whose group holds the sender's contact wins.
	Rules []GroupRule `json:"rules,omitempty"`
	// MenuTitle stands above the menu, and Entries are what it offers.
	MenuTitle struct {
		Content string `json:"content"`
	} `json:"menu_title,omitzero"`
	Entries []MenuEntry `json:"entries,omitempty"`
	// SessionSeconds is how long a choice is remembered; 0 means 300.
	SessionSeconds int `json:"session_seconds,omitempty"`
}

// GroupRule sends the members of a static group to an endpoint.
type GroupRule struct {
	Group    string `json:"group"` // key of the group
	Endpoint string `json:"endpoint"`
}

// MenuEntry is one choice of a multiplexer's menu.
type MenuEntry struct {
	Label    string `json:"label"`
	Endpoint string `json:"endpoint"`
}

// Endpoints returns the names of the router's endpoints towards bots: default first.
func (r *Router) Endpoints() []string {
	names := []string{Default}
	add := func(name string) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, keyword := range slices.Sorted(mapKeys(r.Config.Keywords)) {
		add(r.Config.Keywords[keyword])
	}
	for _, rule := range r.Config.Rules {
		add(rule.Endpoint)
	}
	for _, entry := range r.Config.Entries {
		add(entry.Endpoint)
	}
	return names
}

func mapKeys(m map[string]string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// check reports what is missing from a router.
func (r *Router) check() error {
	switch r.Type {
	case Keyword, Group:
	case Multiplexer:
		if len(r.Config.Entries) == 0 {
			return core.Errorf(core.Invalid, "a multiplexer needs entries to choose from")
		}
	default:
		return core.Errorf(core.Invalid, "%q is no type of router: use keyword, group or app_multiplexer", r.Type)
	}
	for _, name := range r.Endpoints() {
		if name == "" {
			return core.Errorf(core.Invalid, "an endpoint of the router has no name")
		}
	}
	if r.Config.SessionSeconds < 0 {
		return core.Errorf(core.Invalid, "session_seconds must not be negative")
	}
	return nil
}

// CreateRouter stores a new router and gives it a key. A name that another router of the account has is core.Conflict.
func (s *Service) CreateRouter(ctx context.Context, r *Router) error {
	if err := r.check(); err != nil {
		return err
	}
	config, err := json.Marshal(r.Config)
	if err != nil {
		return err
	}
	return s.db.TxOn(ctx, r.Account, func(ctx context.Context) error {
		if r.Key == "" {
			r.Key = core.NewKey()
		}
		if err := s.nameIsFree(ctx, r.Account, r.Key, r.Name); err != nil {
			return err
		}
		_, err := s.db.Exec(ctx, "INSERT INTO router (key, account, type, name, config, created_at) VALUES ($1, $2, $3, $4, $5, $6)",
			r.Key, r.Account, r.Type, r.Name, string(config), s.now().UnixMicro())
		if err != nil {
			return fmt.Errorf("create a router: %w", err)
		}
		if err := s.audit.Audit(ctx, r.Account, "router.create", r.Key, r); err != nil {
			return err
		}
		return s.db.Changed(ctx)
	})
}

// Router returns a router of the account, or [core.NotFound].
func (s *Service) Router(ctx context.Context, account, key string) (*Router, error) {
	t, err := s.table(ctx, account)
	if err != nil {
		return nil, err
	}
	if r := t.routers[key]; r != nil {
		return r, nil
	}
	return nil, core.Errorf(core.NotFound, "there is no router %s", key)
}

// DeleteRouter removes a router with its routes, and what is known of the messages that passed it.
func (s *Service) DeleteRouter(ctx context.Context, account, key string) error {
	return s.db.Tx(ctx, func(ctx context.Context) error {
		n, err := s.db.Exec(ctx, "DELETE FROM router WHERE key = $1 AND account = $2", key, account)
		if err == nil && n == 0 {
			err = core.Errorf(core.NotFound, "there is no router %s", key)
		}
		if err != nil {
			return err
		}
		for _, kept := range []string{"router_session", "router_message"} {
			if _, err := s.db.Exec(ctx, "DELETE FROM "+kept+" WHERE router = $1", key); err != nil {
				return err
			}
		}
		if err := s.audit.Audit(ctx, account, "router.delete", key, nil); err != nil {
			return err
		}
		return s.Forget(ctx, account, key)
	})
}

// RenameRouter gives a router of the account another name, which no other router of it has.
func (s *Service) RenameRouter(ctx context.Context, account, key, name string) error {
	name, err := core.CheckName("router", name)
	if err != nil {
		return err
	}
	return s.db.TxOn(ctx, account, func(ctx context.Context) error {
		if err := s.nameIsFree(ctx, account, key, name); err != nil {
			return err
		}
		n, err := s.db.Exec(ctx, "UPDATE router SET name = $3 WHERE key = $1 AND account = $2", key, account, name)
		if err == nil && n == 0 {
			err = core.Errorf(core.NotFound, "there is no router %s", key)
		}
		if err != nil {
			return err
		}
		if err := s.audit.Audit(ctx, account, "router.rename", key, name); err != nil {
			return err
		}
		return s.db.Changed(ctx)
	})
}

// Routers returns the account's routers in order of their keys.
func (s *Service) Routers(ctx context.Context, account string) ([]*Router, error) {
	return db.Collect(ctx, s.db, func(rows *sql.Rows) (*Router, error) {
		r := &Router{Account: account}
		var config string
		if err := rows.Scan(&r.Key, &r.Type, &r.Name, &config); err != nil {
			return nil, err
		}
		return r, json.Unmarshal([]byte(config), &r.Config)
	}, "SELECT key, type, name, config FROM router WHERE account = $1 ORDER BY key", account)
}

// choose returns the endpoint that a router picks for the message in d, or sets d.Reply.
func (s *Service) choose(ctx context.Context, r *Router, d *Decision, deliveryClass string) (string, error) {
	switch r.Type {
	case Keyword:
		return r.byKeyword(d.Message), nil
	case Group:
		return s.byGroup(ctx, r, d.Message, deliveryClass)
	default:
		return s.byMenu(ctx, r, d)
	}
}

func (r *Router) byKeyword(m *core.Message) string {
	if m.Content != nil {
		if words := strings.Fields(*m.Content); len(words) > 0 {
			for keyword, endpoint := range r.Config.Keywords {
				if strings.EqualFold(keyword, words[0]) {
					return endpoint
				}
			}
		}
	}
	return Default
}

func (s *Service) byGroup(ctx context.Context, r *Router, m *core.Message, deliveryClass string) (string, error) {
	groups, err := s.groups.GroupsOf(ctx, m.Account, deliveryClass, m.From)
	if err != nil {
		return "", err
	}
	for _, rule := range r.Config.Rules {
		if slices.Contains(groups, rule.Group) {
			return rule.Endpoint, nil
		}
	}
	return Default, nil
}

// What a multiplexer says (docs/spec/vumi-http.md 8).
const (
	menuTitle = "Please select a choice."
	menuWrong = "That is an incorrect choice. Please enter the number of the menu item you wish to choose.\n\n 1) Try Again"
)

// Where a member stands in a multiplexer's menu. No row means: nowhere yet.
const (
	choosing = "select"
	chosen   = "selected"
	erring   = "bad_input"
)

func (r *Router) menu() string {
	var b strings.Builder
	b.WriteString(menuTitle)
	if r.Config.MenuTitle.Content != "" {
		b.Reset()
		b.WriteString(r.Config.MenuTitle.Content)
	}
	for i, entry := range r.Config.Entries {
		fmt.Fprintf(&b, "\n%d) %s", i+1, entry.Label)
	}
	return b.String()
}

// byMenu walks a member through the menu: a new session gets it, a number picks an entry, and what follows goes there.
func (s *Service) byMenu(ctx context.Context, r *Router, d *Decision) (string, error) {
	m := d.Message
	state, endpoint, err := s.menuState(ctx, r.Key, m.From)
	if err != nil {
		return "", err
	}
	if m.SessionEvent == core.SessionNew {
		state = ""
	}
	input := ""
	if m.Content != nil {
		input = strings.TrimSpace(*m.Content)
	}
	if m.SessionEvent == core.SessionClose {
		s.note(r, d, "", "")
		if state == chosen {
			return endpoint, nil
		}
		return Default, nil
	}
	switch {
	case state == chosen:
		s.note(r, d, chosen, endpoint)
		return endpoint, nil
	case state == choosing:
		n, err := strconv.Atoi(input)
		if err != nil || n < 1 || n > len(r.Config.Entries) {
			s.answer(r, d, erring, menuWrong)
			return "", nil
		}
		endpoint = r.Config.Entries[n-1].Endpoint
		first := *m // the bot sees the beginning of a session, not the number that led to it
		first.Content, first.SessionEvent = nil, core.SessionNew
		d.Message = &first
		s.note(r, d, chosen, endpoint)
		return endpoint, nil
	case state == erring && input != "1":
		s.answer(r, d, erring, menuWrong)
		return "", nil
	default:
		s.answer(r, d, choosing, r.menu())
		return "", nil
	}
}

func (s *Service) answer(r *Router, d *Decision, state, text string) {
	d.Reply = &text
	s.note(r, d, state, "")
}

// note remembers, with the commit that ends the turn, where the member stands; an empty state forgets it.
func (s *Service) note(r *Router, d *Decision, state, endpoint string) {
	address, before := d.Message.From, d.Commit
	d.Commit = func(ctx context.Context) error {
		if before != nil {
			if err := before(ctx); err != nil {
				return err
			}
		}
		if state == "" {
			_, err := s.db.Exec(ctx, "DELETE FROM router_session WHERE router = $1 AND address = $2", r.Key, address)
			return err
		}
		seconds := r.Config.SessionSeconds
		if seconds == 0 {
			seconds = 300
		}
		_, err := s.db.Exec(ctx, "INSERT INTO router_session (router, address, state, endpoint, expires_at) VALUES ($1, $2, $3, $4, $5) "+
			"ON CONFLICT (router, address) DO UPDATE SET state = excluded.state, endpoint = excluded.endpoint, expires_at = excluded.expires_at",
			r.Key, address, state, endpoint, s.now().Add(time.Duration(seconds)*time.Second).UnixMicro())
		return err
	}
}

func (s *Service) menuState(ctx context.Context, router, address string) (state, endpoint string, err error) {
	err = s.db.Row(ctx, "SELECT state, endpoint FROM router_session WHERE router = $1 AND address = $2 AND expires_at > $3",
		[]any{router, address, s.now().UnixMicro()}, &state, &endpoint)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return state, endpoint, err
}

// nameIsFree makes sure that no other router of the account has a name, so that commands can go by it.
func (s *Service) nameIsFree(ctx context.Context, account, key, name string) error {
	var others int
	err := s.db.Row(ctx, "SELECT count(*) FROM router WHERE account = $1 AND name = $2 AND key <> $3", []any{account, name, key}, &others)
	if err == nil && others > 0 {
		err = core.Errorf(core.Conflict, "another router is called %s", name)
	}
	return err
}
