package account_test

import (
	"context"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"indaba/internal/account"
	"indaba/internal/core"
	"indaba/internal/db"
	"indaba/internal/db/dbtest"
)

// clock is a time that tests move.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// each runs a test on every engine.
func each(t *testing.T, test func(t *testing.T, d *db.DB, s *account.Service, c *clock)) {
	t.Helper()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		c := newClock()
		test(t, d, account.New(d, c.now), c)
	})
}

func create(t *testing.T, s *account.Service, name string) *account.Account {
	t.Helper()
	a, err := s.Create(t.Context(), name, "")
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func wantKind(t *testing.T, err error, kind core.Kind) {
	t.Helper()
	if err == nil || core.KindOf(err) != kind {
		t.Errorf("got error %v of kind %v, want %v", err, core.KindOf(err), kind)
	}
}

func TestCreateAndGet(t *testing.T) {
	each(t, func(t *testing.T, _ *db.DB, s *account.Service, _ *clock) {
		main := create(t, s, "  Main  ")
		child, err := s.Create(t.Context(), "Child", main.Key)
		if err != nil {
			t.Fatal(err)
		}
		if main.Name != "Main" || child.Parent != main.Key {
			t.Errorf("main %+v, child %+v", main, child)
		}
		for _, want := range []*account.Account{main, child} {
			if got, err := s.Get(t.Context(), want.Key); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("got %+v, %v; want %+v", got, err, want)
			}
			apps, err := s.Apps(t.Context(), want.Key, "", 0)
			if err != nil || len(apps) != 1 || apps[0].Key != want.Key || apps[0].Name != want.Name {
				t.Errorf("apps %+v, %v", apps, err)
			}
		}
		_, err = s.Get(t.Context(), core.NewKey())
		wantKind(t, err, core.NotFound)
		_, err = s.Create(t.Context(), "Orphan", core.NewKey())
		wantKind(t, err, core.NotFound)
		if all, err := s.List(t.Context(), "", 0); err != nil || len(all) != 2 {
			t.Errorf("%d accounts, %v: a refused one was kept, or one is missing", len(all), err)
		}
	})
}

func TestNamesAreChecked(t *testing.T) {
	each(t, func(t *testing.T, _ *db.DB, s *account.Service, _ *clock) {
		a := create(t, s, strings.Repeat("é", 255))
		for name, kind := range map[string]core.Kind{"": core.Invalid, " \t": core.Invalid, "a\x00b": core.Invalid,
			"a\nb": core.Invalid, "\xff": core.Invalid, strings.Repeat("é", 256): core.TooLarge} {
			_, err := s.Create(t.Context(), name, "")
			wantKind(t, err, kind)
			_, err = s.CreateApp(t.Context(), a.Key, name)
			wantKind(t, err, kind)
			_, _, err = s.CreateToken(t.Context(), account.TokenSpec{Account: a.Key, Name: name, Scopes: []string{"admin"}})
			wantKind(t, err, kind)
		}
	})
}

func TestHostileKeys(t *testing.T) {
	each(t, func(t *testing.T, _ *db.DB, s *account.Service, _ *clock) {
		a := create(t, s, "A")
		for _, key := range []string{"\x00", "\xff\xfe", "'; DROP TABLE account; --", strings.Repeat("a", 1<<20), a.Key + "\x00"} {
			_, err := s.Get(t.Context(), key)
			wantKind(t, err, core.NotFound)
			_, err = s.Create(t.Context(), "Child", key)
			wantKind(t, err, core.NotFound)
			wantKind(t, s.SetFlags(t.Context(), key, account.Flags{}), core.NotFound)
			wantKind(t, s.Revoke(t.Context(), a.Key, key), core.NotFound)
			_, _, err = s.CreateToken(t.Context(), account.TokenSpec{Account: a.Key, App: key, Name: "t", Scopes: []string{"admin"}})
			wantKind(t, err, core.NotFound)
			_, err = s.List(t.Context(), key, 0)
			wantKind(t, err, core.Invalid)
			_, err = s.Apps(t.Context(), a.Key, key, 0)
			wantKind(t, err, core.Invalid)
			_, err = s.Tokens(t.Context(), a.Key, key, 0)
			wantKind(t, err, core.Invalid)
		}
	})
}

func TestListsArePaged(t *testing.T) {
	each(t, func(t *testing.T, _ *db.DB, s *account.Service, _ *clock) {
		var want, got []string
		for range 7 {
			want = append(want, create(t, s, "A").Key)
		}
		for after := ""; ; after = got[len(got)-1] {
			page, err := s.List(t.Context(), after, 3)
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range page {
				got = append(got, a.Key)
			}
			if len(page) < 3 {
				break
			}
		}
		if slices.Sort(want); !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	})
}

func TestFlags(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB, s *account.Service, _ *clock) {
		a, other := create(t, s, "A"), create(t, s, "B")
		changes := 0
		d.OnChange(func() { changes++ })
		flags := account.Flags{CanManageOptouts: true, IsDeveloper: true}
		if err := s.SetFlags(t.Context(), a.Key, flags); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Get(t.Context(), a.Key); err != nil || got.Flags != flags {
			t.Errorf("got %+v, %v", got, err)
		}
		if got, err := s.Get(t.Context(), other.Key); err != nil || got.Flags != (account.Flags{}) {
			t.Errorf("another account got %+v, %v", got, err)
		}
		wantKind(t, s.SetFlags(t.Context(), core.NewKey(), flags), core.NotFound)
		if changes != 1 {
			t.Errorf("%d changes were told, want 1", changes)
		}
	})
}

func TestAppsBelongToTheirAccount(t *testing.T) {
	each(t, func(t *testing.T, _ *db.DB, s *account.Service, _ *clock) {
		a, other := create(t, s, "A"), create(t, s, "B")
		app, err := s.CreateApp(t.Context(), a.Key, "Second")
		if err != nil {
			t.Fatal(err)
		}
		apps, err := s.Apps(t.Context(), a.Key, "", 0)
		if err != nil || len(apps) != 2 || !slices.ContainsFunc(apps, func(b *account.App) bool { return *b == *app }) {
			t.Errorf("apps %v, %v", apps, err)
		}
		_, err = s.CreateApp(t.Context(), core.NewKey(), "Lost")
		wantKind(t, err, core.NotFound)
		_, _, err = s.CreateToken(t.Context(), account.TokenSpec{Account: other.Key, App: app.Key, Name: "t", Scopes: []string{"admin"}})
		wantKind(t, err, core.NotFound)
	})
}

func TestTokenLife(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB, s *account.Service, _ *clock) {
		a := create(t, s, "A")
		secret, token, err := s.CreateToken(t.Context(), account.TokenSpec{Account: a.Key, Name: "robot", Bot: "b1",
			Scopes: []string{"metrics", "contacts", "metrics"}})
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(secret, "ind_") || len(secret) != 4+64 {
			t.Errorf("secret %q", secret)
		}
		got, err := s.Authenticate(t.Context(), secret)
		if err != nil {
			t.Fatal(err)
		}
		if got.Key != token.Key || got.Account != a.Key || got.App != a.Key || got.Name != "robot" || got.Bot != "b1" ||
			!slices.Equal(got.Scopes, []string{"contacts", "metrics"}) || !got.CreatedAt.Equal(token.CreatedAt) {
			t.Errorf("got %+v, want %+v", got, token)
		}
		for _, wrong := range []string{"", "ind_", secret[:len(secret)-1], secret + "0", strings.ToUpper(secret),
			strings.TrimPrefix(secret, "ind_"), token.Key, "ind_" + core.NewSecret(), secret + "\x00"} {
			_, err := s.Authenticate(t.Context(), wrong)
			wantKind(t, err, core.Unauthenticated)
		}
		other := create(t, s, "B")
		wantKind(t, s.Revoke(t.Context(), other.Key, token.Key), core.NotFound)
		if _, err := s.Authenticate(t.Context(), secret); err != nil {
			t.Errorf("another account revoked it: %v", err)
		}
		if err := s.Revoke(t.Context(), a.Key, token.Key); err != nil {
			t.Fatal(err)
		}
		_, err = s.Authenticate(t.Context(), secret)
		wantKind(t, err, core.Unauthenticated)
		wantKind(t, s.Revoke(t.Context(), a.Key, token.Key), core.NotFound)
		secretIsNowhere(t, d, s, a.Key, secret)
	})
}

// secretIsNowhere looks for the secret where a thief of the database would.
func secretIsNowhere(t *testing.T, d *db.DB, s *account.Service, key, secret string) {
	t.Helper()
	log, err := s.AuditLog(t.Context(), key, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(log)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), secret[4:]) {
		t.Errorf("the audit log tells the secret: %s", text)
	}
	if _, _, err := s.CreateToken(t.Context(), account.TokenSpec{Account: key, Name: "t", Scopes: []string{"admin"}}); err != nil {
		t.Fatal(err)
	}
	var hash []byte
	if err := d.Row(t.Context(), "SELECT hash FROM token WHERE account = $1", []any{key}, &hash); err != nil || len(hash) != 32 {
		t.Errorf("hash %x, %v", hash, err)
	}
}

func TestLastUseIsNotedOnceAMinute(t *testing.T) {
	each(t, func(t *testing.T, _ *db.DB, s *account.Service, c *clock) {
		a := create(t, s, "A")
		secret, token, err := s.CreateToken(t.Context(), account.TokenSpec{Account: a.Key, Name: "t", Scopes: []string{"admin"}})
		if err != nil || !token.LastUsedAt.IsZero() {
			t.Fatalf("%+v, %v", token, err)
		}
		first := c.now().Truncate(time.Microsecond)
		for _, step := range []struct {
			wait time.Duration
			want time.Time
		}{{0, first}, {59 * time.Second, first}, {time.Second, first.Add(time.Minute)}} {
			c.advance(step.wait)
			if _, err := s.Authenticate(t.Context(), secret); err != nil {
				t.Fatal(err)
			}
			tokens, err := s.Tokens(t.Context(), a.Key, "", 0)
			if err != nil || len(tokens) != 1 || !tokens[0].LastUsedAt.Equal(step.want) {
				t.Errorf("after %v: %+v, %v; want %v", step.wait, tokens, err, step.want)
			}
		}
	})
}

func TestScopes(t *testing.T) {
	each(t, func(t *testing.T, _ *db.DB, s *account.Service, _ *clock) {
		a := create(t, s, "A")
		for _, scopes := range [][]string{nil, {"everything"}, {"contacts", ""}, {"contacts admin"}, {"bots"}} {
			_, _, err := s.CreateToken(t.Context(), account.TokenSpec{Account: a.Key, Name: "t", Scopes: scopes})
			wantKind(t, err, core.Invalid)
		}
	})
	each(t, func(t *testing.T, d *db.DB, s *account.Service, _ *clock) { // a token from when there was a scope more
		a := create(t, s, "A")
		secret, _, err := s.CreateToken(t.Context(), account.TokenSpec{Account: a.Key, Name: "t", Scopes: []string{"contacts"}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.Exec(t.Context(), "UPDATE token SET scopes = 'contacts bots'"); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Authenticate(t.Context(), secret); err != nil || !got.Allows("contacts") || got.Allows("metrics") {
			t.Errorf("it is now %+v, %v", got, err)
		}
	})
	for _, scope := range account.Scopes() {
		if scope.Help == "" {
			t.Errorf("%s has no help", scope.Name)
		}
		if !(&account.Token{Scopes: []string{account.ScopeAdmin}}).Allows(scope.Name) {
			t.Errorf("admin does not include %s", scope.Name)
		}
		alone := &account.Token{Scopes: []string{scope.Name}}
		for _, other := range account.Scopes() {
			if want := other == scope || scope.Name == account.ScopeAdmin; alone.Allows(other.Name) != want {
				t.Errorf("%s allows %s: %v", scope.Name, other.Name, !want)
			}
		}
	}
}

func TestAudit(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB, s *account.Service, _ *clock) {
		a, other := create(t, s, "A"), create(t, s, "B")
		ctx := account.WithActor(t.Context(), "user:17")
		if err := s.SetFlags(ctx, a.Key, account.Flags{IsDeveloper: true}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.CreateApp(ctx, a.Key, "Second"); err != nil {
			t.Fatal(err)
		}
		undone := core.Errorf(core.Conflict, "changed my mind")
		err := d.Tx(ctx, func(ctx context.Context) error {
			if err := s.Audit(ctx, a.Key, "nothing", "x", nil); err != nil {
				return err
			}
			return undone
		})
		wantKind(t, err, core.Conflict)
		wantLog(t, s, a.Key, "app.create by user:17", "account.set_flags by user:17", "account.create by system")
		wantLog(t, s, other.Key, "account.create by system")
		if err := s.Audit(ctx, a.Key, "bad", "x", make(chan int)); err == nil {
			t.Error("a channel was written as JSON")
		}
	})
}

// wantLog reads the log one entry at a time and compares it, newest first.
func wantLog(t *testing.T, s *account.Service, key string, want ...string) {
	t.Helper()
	var got []string
	for before := int64(0); ; {
		page, err := s.AuditLog(t.Context(), key, 1, before)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		before = page[0].ID
		got = append(got, page[0].Action+" by "+page[0].Actor)
		if !json.Valid(page[0].Detail) || page[0].Account != key || page[0].At.IsZero() {
			t.Errorf("entry %+v", page[0])
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("log %v, want %v", got, want)
	}
}

func TestOptoutKeywords(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB, s *account.Service, _ *clock) {
		a, err := s.Create(t.Context(), "Clinic", "")
		if err != nil {
			t.Fatal(err)
		}
		want := func(keywords ...string) {
			t.Helper()
			got, err := s.Get(t.Context(), a.Key)
			if err != nil || !slices.Equal(got.OptoutKeywords, keywords) {
				t.Fatalf("%v %v, want %v", got.OptoutKeywords, err, keywords)
			}
			if _, listed, err := s.OptoutPolicy(t.Context(), a.Key); err != nil || !slices.Equal(listed, keywords) {
				t.Fatalf("%v %v, want %v", listed, err, keywords)
			}
		}
		want()
		if err := s.SetOptoutKeywords(t.Context(), a.Key, []string{" STOP", "opt out", "Stop", "ЖУК"}); err != nil {
			t.Fatal(err)
		}
		want("opt out", "stop", "жук")
		many := make([]string, 101)
		for i := range many {
			many[i] = strings.Repeat("x", i+1)
		}
		for name, bad := range map[string][]string{
			"empty": {"stop", " "}, "NUL": {"a\x00b"}, "not UTF-8": {"a\xff"}, "long": {strings.Repeat("ж", 161)}, "many": many,
		} {
			if kind := core.KindOf(s.SetOptoutKeywords(t.Context(), a.Key, bad)); kind != core.Invalid && kind != core.TooLarge {
				t.Errorf("%s: %v", name, kind)
			}
		}
		want("opt out", "stop", "жук")
		if err := s.SetOptoutKeywords(t.Context(), core.NewKey(), []string{"stop"}); core.KindOf(err) != core.NotFound {
			t.Errorf("of an account that is not there: %v", err)
		}
		if err := s.SetOptoutKeywords(t.Context(), a.Key, nil); err != nil {
			t.Fatal(err)
		}
		want()
		if err := s.SetFlags(t.Context(), a.Key, account.Flags{DisableOptouts: true}); err != nil {
			t.Fatal(err)
		}
		if disabled, _, err := s.OptoutPolicy(t.Context(), a.Key); !disabled || err != nil {
			t.Fatal(disabled, err)
		}
		log, err := s.AuditLog(t.Context(), a.Key, 10, 0)
		if err != nil || len(log) != 4 || log[2].Action != "account.set_optout_keywords" || string(log[2].Detail) != `["opt out","stop","жук"]` {
			t.Fatalf("%v %v", log, err)
		}
	})
}
