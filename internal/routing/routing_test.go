package routing_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"indaba/internal/core"
	"indaba/internal/db"
	"indaba/internal/db/dbtest"
	"indaba/internal/routing"
)

// book knows the groups of some people.
type book map[string][]string

func (b book) GroupsOf(_ context.Context, account, class, address string) ([]string, error) {
	return b[account+" "+class+" "+address], nil
}

// silent is an audit log that nobody reads.
type silent struct{}

func (silent) Audit(context.Context, string, string, string, any) error { return nil }

const account = "acc"

// place returns a service over a database that has channel c1, c2 and bots b1, b2, b3 in the account, and a bot of
// another account.
func place(t *testing.T, d *db.DB, clock *time.Time) *routing.Service {
	t.Helper()
	now := func() time.Time { return *clock }
	s := routing.New(d, book{"acc ussd +1": {"vips"}, "acc ussd +2": {"others"}}, silent{}, now)
	for _, key := range []string{"c1", "c2"} {
		exec(t, d, "INSERT INTO channel (key, account, type, name, address, settings, enabled, trouble, created_at) "+
			"VALUES ($1, $2, 'x', 'x', 'x', '', $3, '', 0)", key, account, true)
	}
	for key, owner := range map[string]string{"b1": account, "b2": account, "b3": account, "alien": "other"} {
		exec(t, d, "INSERT INTO bot (key, account, name, kind, version, config, created_at) VALUES ($1, $2, 'x', 'sandbox', 0, '{}', 0)", key, owner)
	}
	return s
}

func exec(t *testing.T, d *db.DB, text string, args ...any) {
	t.Helper()
	if _, err := d.Exec(t.Context(), text, args...); err != nil {
		t.Fatal(err)
	}
}

func link(t *testing.T, s *routing.Service, pairs ...string) error {
	t.Helper()
	return s.Link(t.Context(), account, entries(t, pairs...)...)
}

func from(address, text string, event core.SessionEvent) *core.Message {
	return &core.Message{Account: account, Channel: "c1", From: address, Content: &text, SessionEvent: event}
}

// where says in one word where a message goes.
func where(t *testing.T, s *routing.Service, m *core.Message) string {
	t.Helper()
	d, err := s.Inbound(t.Context(), m, "ussd")
	if none, ok := errors.AsType[*routing.NoRoute](err); ok {
		return none.Error()
	}
	if err != nil {
		t.Fatal(err)
	}
	if d.Commit != nil {
		if err := d.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if d.Reply != nil {
		return "says " + *d.Reply
	}
	text := "null"
	if d.Message.Content != nil {
		text = *d.Message.Content
	}
	return fmt.Sprintf("%s/%s %s %s", d.Bot, d.Endpoint, d.Message.SessionEvent, text)
}

func TestTable(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		clock := time.Now()
		s := place(t, d, &clock)
		if got := where(t, s, from("+1", "hi", "")); got != "no route from channel:c1:default" {
			t.Fatal(got)
		}
		if err := link(t, s, "channel:c1 bot:b1", "bot:b1 channel:c1", "bot:b1:sms:pool:tag channel:c2"); err != nil {
			t.Fatal(err)
		}
		if got := where(t, s, from("+1", "hi", "")); got != "b1/default  hi" {
			t.Fatal(got)
		}
		if channel, _, err := s.Outbound(t.Context(), account, "b1", "sms:pool:tag"); channel != "c2" || err != nil {
			t.Fatal(channel, err)
		}
		if _, _, err := s.Outbound(t.Context(), account, "b1", "nowhere"); err == nil {
			t.Fatal("an endpoint without a route led somewhere")
		}
		if err := link(t, s, "channel:c1 bot:b2:other"); err != nil { // a source has one target: the newer wins
			t.Fatal(err)
		}
		if got := where(t, s, from("+1", "hi", "")); got != "b2/other  hi" {
			t.Fatal(got)
		}
		for pair, kind := range map[string]core.Kind{
			"channel:c1 channel:c2": core.Invalid, "bot:b1 bot:b2": core.Invalid, "channel:c1 bot:none": core.NotFound,
			"channel:c1 bot:alien": core.NotFound, "channel:none bot:b1": core.NotFound, "bot:b1 router-in:x": core.Invalid,
		} {
			if err := link(t, s, pair); core.KindOf(err) != kind {
				t.Errorf("%s: %v", pair, err)
			}
		}
		if err := s.Forget(t.Context(), account, "b2"); err != nil {
			t.Fatal(err)
		}
		entries, err := s.Table(t.Context(), account)
		if err != nil || len(entries) != 2 {
			t.Fatalf("%v %v", entries, err)
		}
		source, _ := routing.ParseEndpoint("bot:b1") // written right above
		if err := s.Unlink(t.Context(), account, source); err != nil {
			t.Fatal(err)
		}
		if err := s.Unlink(t.Context(), account, source); core.KindOf(err) != core.NotFound {
			t.Fatal(err)
		}
	})
}

func TestEndpointTexts(t *testing.T) {
	for text, want := range map[string]string{"bot:k": "bot:k:default", "bot:k:": "bot:k:default", "bot:k:a:b": "bot:k:a:b",
		"router-in:r": "router-in:r:default", "": "", "bot": "", "bot:": "", "tree:k": "", ":k": ""} {
		e, err := routing.ParseEndpoint(text)
		if (err == nil) != (want != "") || err == nil && e.String() != want {
			t.Errorf("%q: %v, %v", text, e, err)
		}
	}
}

func TestKeywordAndGroupRouters(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		clock := time.Now()
		s := place(t, d, &clock)
		words := &routing.Router{Account: account, Type: routing.Keyword, Name: "words", Config: routing.RouterConfig{
			Keywords: map[string]string{"Join": "in", "STOP": "out"}}}
		people := &routing.Router{Account: account, Type: routing.Group, Name: "people", Config: routing.RouterConfig{
			Rules: []routing.GroupRule{{Group: "vips", Endpoint: "vip"}}}}
		for _, r := range []*routing.Router{words, people} {
			if err := s.CreateRouter(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}
		if got := strings.Join(words.Endpoints(), " "); got != "default in out" {
			t.Fatal(got)
		}
		// What the first router does not know goes to the second.
		if err := link(t, s, "channel:c1 router-in:"+words.Key, "router-out:"+words.Key+":in bot:b1:in", "router-out:"+words.Key+" router-in:"+people.Key,
			"router-out:"+people.Key+":vip bot:b2", "router-out:"+people.Key+" bot:b3",
			"bot:b1:in router-out:"+words.Key+":in", "router-in:"+words.Key+" channel:c1"); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct{ address, text, want string }{
			{"+9", "join now", "b1/in  join now"}, {"+9", "  JOIN", "b1/in    JOIN"}, {"+1", "joining", "b2/default  joining"},
			{"+2", "hello", "b3/default  hello"}, {"+9", "", "b3/default  "}, {"+9", "stop", "no route from router-out:" + words.Key + ":out"},
		} {
			if got := where(t, s, from(c.address, c.text, "")); got != c.want {
				t.Errorf("%s %q: %s, want %s", c.address, c.text, got, c.want)
			}
		}
		if channel, _, err := s.Outbound(t.Context(), account, "b1", "in"); channel != "c1" || err != nil {
			t.Fatal(channel, err)
		}
		// A circle ends.
		if err := link(t, s, "router-out:"+people.Key+" router-in:"+words.Key); err != nil {
			t.Fatal(err)
		}
		const endless = " comes to an end: they lead in a circle, or through more than 9 routers"
		if got := where(t, s, from("+2", "hello", "")); got != "no route from channel:c1:default"+endless {
			t.Fatal(got)
		}
		if err := link(t, s, "bot:b2 router-out:"+words.Key, "router-in:"+words.Key+" router-out:"+people.Key,
			"router-in:"+people.Key+" router-out:"+words.Key); err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.Outbound(t.Context(), account, "b2", routing.Default); err == nil || err.Error() != "no route from bot:b2:default"+endless {
			t.Fatal(err)
		}
		if err := s.DeleteRouter(t.Context(), account, words.Key); err != nil {
			t.Fatal(err)
		}
		if got := where(t, s, from("+2", "hello", "")); got != "no route from channel:c1:default" {
			t.Fatal(got)
		}
	})
}

func TestMultiplexer(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		clock := time.Now()
		s := place(t, d, &clock)
		menu := &routing.Router{Account: account, Type: routing.Multiplexer, Name: "menu", Config: routing.RouterConfig{
			Entries: []routing.MenuEntry{{Label: "Clinics", Endpoint: "one"}, {Label: "Advice", Endpoint: "two"}}}}
		if err := s.CreateRouter(t.Context(), menu); err != nil {
			t.Fatal(err)
		}
		if err := link(t, s, "channel:c1 router-in:"+menu.Key, "router-out:"+menu.Key+":one bot:b1", "router-out:"+menu.Key+":two bot:b2"); err != nil {
			t.Fatal(err)
		}
		const title = "says Please select a choice.\n1) Clinics\n2) Advice"
		const wrong = "says That is an incorrect choice. Please enter the number of the menu item you wish to choose.\n\n 1) Try Again"
		steps := []struct {
			address, text string
			event         core.SessionEvent
			want          string
		}{
			{"+1", "", core.SessionNew, title},
			{"+1", "7", core.SessionResume, wrong},
			{"+1", "2", core.SessionResume, wrong},
			{"+1", "1", core.SessionResume, title},
			{"+2", "hello", "", title}, // somebody else
			{"+1", "2", core.SessionResume, "b2/default new null"},
			{"+1", "my question", core.SessionResume, "b2/default resume my question"},
			{"+1", "", core.SessionClose, "b2/default close "},
			{"+1", "1", core.SessionResume, title}, // the choice was forgotten with the session
			{"+2", "1", "", "b1/default new null"},
			{"+2", "", core.SessionNew, title}, // a new session begins with the menu
		}
		for i, step := range steps {
			if got := where(t, s, from(step.address, step.text, step.event)); got != step.want {
				t.Fatalf("step %d: %q, want %q", i, got, step.want)
			}
		}
		clock = clock.Add(301 * time.Second)
		if got := where(t, s, from("+2", "1", "")); got != title {
			t.Fatalf("after five minutes: %q", got)
		}
	})
}

func TestBadRoutersAreRefused(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		clock := time.Now()
		s := place(t, d, &clock)
		for _, r := range []*routing.Router{
			{Type: "sorting"}, {Type: routing.Multiplexer}, {Type: routing.Keyword, Config: routing.RouterConfig{Keywords: map[string]string{"a": ""}}},
			{Type: routing.Group, Config: routing.RouterConfig{SessionSeconds: -1}},
		} {
			if err := s.CreateRouter(t.Context(), r); core.KindOf(err) != core.Invalid {
				t.Errorf("%+v: %v", r, err)
			}
		}
		if err := s.DeleteRouter(t.Context(), account, "none"); core.KindOf(err) != core.NotFound {
			t.Error(err)
		}
	})
}

// A route that another process has just made is found before the news of it arrives: "no route" is final for a message.
func TestRouteOfAnotherProcess(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		clock := time.Now()
		s := place(t, d, &clock)
		if got := where(t, s, from("+1", "hi", "")); got != "no route from channel:c1:default" {
			t.Fatal(got)
		}
		for source, target := range map[string]string{"channel:c1:default": "bot:b1:default", "bot:b1:default": "channel:c1:default"} {
			exec(t, d, "INSERT INTO route (account, source, target) VALUES ($1, $2, $3)", account, source, target)
		}
		exec(t, d, "UPDATE generation SET value = value + 1 WHERE id = 1") // as db.Changed does there
		if got := where(t, s, from("+1", "hi", "")); got != "b1/default  hi" {
			t.Fatal(got)
		}
		if channel, _, err := s.Outbound(t.Context(), account, "b1", routing.Default); channel != "c1" || err != nil {
			t.Fatal(channel, err)
		}
	})
}

func TestWhatIsGoneHasNoRoutes(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		clock := time.Unix(1000, 0)
		s := place(t, d, &clock)
		words := &routing.Router{Account: account, Type: routing.Keyword, Name: "words"}
		if err := s.CreateRouter(t.Context(), words); err != nil {
			t.Fatal(err)
		}
		if err := link(t, s, "channel:c1 router-in:"+words.Key, "router-out:"+words.Key+" bot:b1", "bot:b1 router-out:"+words.Key,
			"router-in:"+words.Key+" channel:c1", "channel:c2 bot:b2", "bot:b2:sms channel:c2"); err != nil {
			t.Fatal(err)
		}
		exec(t, d, "INSERT INTO router_session (router, address, state, endpoint, expires_at) VALUES ($1, '+1', 'select', '', 0)", words.Key)
		exec(t, d, "UPDATE bot SET archived_at = 1 WHERE key = 'b3'")
		exec(t, d, "UPDATE channel SET removed_at = 1 WHERE key = 'c2'")
		for _, pair := range []string{"channel:c1 bot:b3", "bot:b3 channel:c1", "bot:b2 channel:c2", "channel:c2 bot:b1"} {
			if err := link(t, s, pair); core.KindOf(err) != core.NotFound {
				t.Errorf("linked %s: %v", pair, err)
			}
			if err := s.Replace(t.Context(), account, entries(t, pair)); core.KindOf(err) != core.NotFound {
				t.Errorf("replaced by %s: %v", pair, err)
			}
		}
		if err := s.DeleteRouter(t.Context(), account, words.Key); err != nil {
			t.Fatal(err)
		}
		table, err := s.Table(t.Context(), account)
		if err != nil || len(table) != 2 || table[0].Source.Key != "b2" || table[1].Source.Key != "c2" {
			t.Fatalf("%+v %v", table, err)
		}
		var sessions int
		if err := d.Row(t.Context(), "SELECT count(*) FROM router_session", nil, &sessions); err != nil || sessions != 0 {
			t.Fatal(sessions, err)
		}
	})
}

func TestRouterIsRenamed(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		clock := time.Unix(1000, 0)
		s := place(t, d, &clock)
		words := &routing.Router{Account: account, Type: routing.Keyword, Name: "words"}
		other := &routing.Router{Account: account, Type: routing.Keyword, Name: "taken"}
		for _, r := range []*routing.Router{words, other} {
			if err := s.CreateRouter(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}
		second := &routing.Router{Account: account, Type: routing.Keyword, Name: "taken"}
		if err := s.CreateRouter(t.Context(), second); core.KindOf(err) != core.Conflict {
			t.Errorf("a second router of one name: %v", err)
		}
		for name, kind := range map[string]core.Kind{"taken": core.Conflict, " ": core.Invalid} {
			if err := s.RenameRouter(t.Context(), account, words.Key, name); core.KindOf(err) != kind || err == nil {
				t.Errorf("%q: %v", name, err)
			}
		}
		if err := s.RenameRouter(t.Context(), "other", words.Key, "mine"); core.KindOf(err) != core.NotFound {
			t.Error(err)
		}
		if err := s.RenameRouter(t.Context(), account, words.Key, "first words"); err != nil {
			t.Fatal(err)
		}
		routers, err := s.Routers(t.Context(), account)
		if err != nil || !slices.ContainsFunc(routers, func(r *routing.Router) bool { return r.Name == "first words" }) {
			t.Errorf("%+v %v", routers, err)
		}
	})
}
