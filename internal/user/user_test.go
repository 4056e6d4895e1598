package user_test

import (
	"context"
	"database/sql"
	"strings"
	"sync"
	"testing"
	"time"

	"indaba/internal/core"
	"indaba/internal/db"
	"indaba/internal/db/dbtest"
	"indaba/internal/user"
)

const password = "correct horse battery"

// journal keeps what was audited.
type journal struct {
	mu      sync.Mutex
	actions []string
	fail    error
}

func (j *journal) Audit(_ context.Context, _, action, object string, _ any) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.actions = append(j.actions, action+" "+object)
	return j.fail
}

// fixture is what a test works with.
type fixture struct {
	*testing.T
	db      *db.DB
	users   *user.Service
	journal *journal
	at      time.Time
}

func each(t *testing.T, test func(b *fixture)) {
	t.Helper()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		b := &fixture{T: t, db: d, journal: &journal{}, at: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
		b.users = user.New(d, b.journal, func() time.Time { return b.at }, user.Options{SessionLife: time.Hour})
		test(b)
	})
}

func spec(account, email string) user.Spec {
	return user.Spec{Account: account, Email: email, Name: "Thandi", Role: user.Admin, Password: password}
}

func (b *fixture) create(s user.Spec) *user.User {
	b.Helper()
	u, err := b.users.Create(b.Context(), s)
	if err != nil {
		b.Fatal(err)
	}
	return u
}

func (b *fixture) login(email, password, address string) (*user.Login, error) {
	return b.users.Authenticate(b.Context(), email, password, address)
}

func (b *fixture) wantKind(err error, kind core.Kind) {
	b.Helper()
	if err == nil || core.KindOf(err) != kind {
		b.Errorf("got error %v of kind %v, want %v", err, core.KindOf(err), kind)
	}
}

func TestCreateAndGet(t *testing.T) {
	each(t, func(b *fixture) {
		u := b.create(user.Spec{Account: "a", Email: " Thandi@Example.ORG ", Name: " Thandi ", Nick: "T", Role: user.Agent})
		want := user.User{ID: u.ID, Account: "a", Email: "thandi@example.org", Name: "Thandi", Nick: "T", Role: user.Agent, CreatedAt: b.at}
		if *u != want || u.ID <= 0 {
			b.Errorf("got %+v, want %+v", u, want)
		}
		if got, err := b.users.Get(b.Context(), "a", u.ID); err != nil || *got != want {
			b.Errorf("got %+v, %v", got, err)
		}
		_, err := b.users.Get(b.Context(), "other", u.ID)
		b.wantKind(err, core.NotFound)
		_, err = b.users.Get(b.Context(), "a", u.ID+1)
		b.wantKind(err, core.NotFound)
		_, err = b.users.Create(b.Context(), spec("other", "THANDI@example.org"))
		b.wantKind(err, core.Conflict)
		if list, err := b.users.List(b.Context(), "other", 0, 0); err != nil || len(list) != 0 {
			b.Errorf("a refused user was kept: %v, %v", list, err)
		}
	})
}

func TestListIsPaged(t *testing.T) {
	each(t, func(b *fixture) {
		for _, email := range []string{"a@x.org", "b@x.org", "c@x.org"} {
			s := spec("a", email)
			s.Password = ""
			b.create(s)
		}
		first, err := b.users.List(b.Context(), "a", 0, 2)
		if err != nil || len(first) != 2 {
			b.Fatalf("%v, %v", first, err)
		}
		rest, err := b.users.List(b.Context(), "a", first[1].ID, 2)
		if err != nil || len(rest) != 1 || rest[0].Email != "c@x.org" {
			b.Errorf("%v, %v", rest, err)
		}
	})
}

func TestSpecsAreChecked(t *testing.T) {
	each(t, func(b *fixture) {
		for name, change := range map[string]func(*user.Spec){
			"no e-mail":          func(s *user.Spec) { s.Email = "" },
			"no address":         func(s *user.Spec) { s.Email = "thandi" },
			"name in address":    func(s *user.Spec) { s.Email = "Thandi <thandi@example.org>" },
			"two addresses":      func(s *user.Spec) { s.Email = "a@x.org, b@x.org" },
			"NUL in address":     func(s *user.Spec) { s.Email = "a\x00@x.org" },
			"address not UTF-8":  func(s *user.Spec) { s.Email = "a\xff@x.org" },
			"long address":       func(s *user.Spec) { s.Email = strings.Repeat("a", 250) + "@x.org" },
			"no name":            func(s *user.Spec) { s.Name = "  " },
			"NUL in name":        func(s *user.Spec) { s.Name = "a\x00" },
			"nick not UTF-8":     func(s *user.Spec) { s.Nick = "\xff" },
			"no role":            func(s *user.Spec) { s.Role = "" },
			"unknown role":       func(s *user.Spec) { s.Role = "king" },
			"nine characters":    func(s *user.Spec) { s.Password = "ééééééééé" },
			"password of blanks": func(s *user.Spec) { s.Password = " " },
			"password not UTF-8": func(s *user.Spec) { s.Password = "correct horse \xe9" },
		} {
			s := spec("a", "thandi@example.org")
			change(&s)
			if _, err := b.users.Create(b.Context(), s); core.KindOf(err) != core.Invalid {
				b.Errorf("%s: %v", name, err)
			}
		}
		long := spec("a", "thandi@example.org")
		long.Name = strings.Repeat("é", 256)
		_, err := b.users.Create(b.Context(), long)
		b.wantKind(err, core.TooLarge)
		long = spec("a", "thandi@example.org")
		long.Password = strings.Repeat("x", 1025)
		_, err = b.users.Create(b.Context(), long)
		b.wantKind(err, core.TooLarge)
	})
}

func TestAuthenticate(t *testing.T) {
	each(t, func(b *fixture) {
		u := b.create(spec("a", "thandi@example.org"))
		without := spec("a", "sipho@example.org")
		without.Password = ""
		b.create(without)
		got, err := b.login("Thandi@example.org ", password, "192.0.2.1:5000")
		if err != nil || *got.User != *u {
			b.Fatalf("got %+v, %v", got, err)
		}
		var texts []string
		for _, try := range [][2]string{{"thandi@example.org", "wrong password"}, {"nobody@example.org", password},
			{"sipho@example.org", ""}, {"sipho@example.org", password}, {"not an address", password},
			{"thandi@example.org", password + " "}, {"thandi@example.org", ""}, {"thandi@example.org", strings.Repeat("x", 1<<20)}} {
			_, err := b.login(try[0], try[1], "192.0.2.1:5000")
			b.wantKind(err, core.Unauthenticated)
			texts = append(texts, core.SafeMessage(err))
		}
		for _, text := range texts {
			if text != texts[0] {
				b.Errorf("the answers tell users from others: %q and %q", text, texts[0])
			}
		}
	})
}

func TestSetPassword(t *testing.T) {
	each(t, func(b *fixture) {
		u := b.create(spec("a", "thandi@example.org"))
		b.wantKind(b.users.SetPassword(b.Context(), "other", u.ID, "another password"), core.NotFound)
		b.wantKind(b.users.SetPassword(b.Context(), "a", u.ID, "short"), core.Invalid)
		if err := b.users.SetPassword(b.Context(), "a", u.ID, "another password"); err != nil {
			b.Fatal(err)
		}
		_, err := b.login(u.Email, password, "192.0.2.1:1")
		b.wantKind(err, core.Unauthenticated)
		if _, err := b.login(u.Email, "another password", "192.0.2.1:1"); err != nil {
			b.Error(err)
		}
	})
}

func TestChangesAreAuditedInTheSameTransaction(t *testing.T) {
	each(t, func(b *fixture) {
		u := b.create(spec("a", "thandi@example.org"))
		b.journal.fail = core.Errorf(core.Unavailable, "the log is full")
		_, err := b.users.Create(b.Context(), spec("a", "sipho@example.org"))
		b.wantKind(err, core.Unavailable)
		b.wantKind(b.users.SetPassword(b.Context(), "a", u.ID, "another password"), core.Unavailable)
		if list, err := b.users.List(b.Context(), "a", 0, 0); err != nil || len(list) != 1 {
			b.Errorf("%d users, %v: a change was kept without its entry", len(list), err)
		}
		if _, err := b.login(u.Email, password, "192.0.2.1:1"); err != nil {
			b.Errorf("the password was changed without an entry: %v", err)
		}
		if b.journal.actions[0] != "user.create 1" {
			b.Errorf("audited %v", b.journal.actions)
		}
	})
}

func TestPasswordsAreNotKept(t *testing.T) {
	each(t, func(b *fixture) {
		b.create(spec("a", "thandi@example.org"))
		b.create(spec("a", "sipho@example.org"))
		hashes, err := db.Collect(b.Context(), b.db, scanText, "SELECT password FROM login ORDER BY id")
		if err != nil || len(hashes) != 2 {
			b.Fatalf("%v, %v", hashes, err)
		}
		if !strings.HasPrefix(hashes[0], "$argon2id$v=19$m=19456,t=2,p=1$") || hashes[0] == hashes[1] {
			b.Errorf("hashes %v", hashes)
		}
	})
}

// An old, cheaper hash is good for one more login, which renews it.
func TestHashesAreRenewed(t *testing.T) {
	each(t, func(b *fixture) {
		u := b.create(spec("a", "thandi@example.org"))
		// The hash of "correct horse battery" with 8 MiB and one round.
		const old = "$argon2id$v=19$m=8192,t=1,p=1$c2FsdHNhbHRzYWx0c2FsdA$exh/RmO17fS7g1zxmN2BVBL7yNsQG0lrq3yrukpnUx8"
		if _, err := b.db.Exec(b.Context(), "UPDATE login SET password = $1", old); err != nil {
			b.Fatal(err)
		}
		for range 2 {
			if _, err := b.login(u.Email, password, "192.0.2.1:1"); err != nil {
				b.Fatal(err)
			}
		}
		hashes, err := db.Collect(b.Context(), b.db, scanText, "SELECT password FROM login")
		if err != nil || !strings.Contains(hashes[0], "m=19456") {
			b.Errorf("%v, %v", hashes, err)
		}
	})
}

func TestMalformedHashLetsNobodyIn(t *testing.T) {
	each(t, func(b *fixture) {
		u := b.create(spec("a", "thandi@example.org"))
		for _, hash := range []string{"x", "$argon2id$v=19$m=8192,t=1,p=1$c2FsdA$", "$argon2id$v=19$m=8,t=0,p=0$c2FsdA$c2FsdA",
			"$argon2i$v=19$m=8,t=1,p=1$c2FsdA$c2FsdA", password} {
			if _, err := b.db.Exec(b.Context(), "UPDATE login SET password = $1", hash); err != nil {
				b.Fatal(err)
			}
			if got, err := b.login(u.Email, password, "192.0.2.1:1"); err == nil || got != nil {
				b.Errorf("%q lets %+v in", hash, got)
			}
		}
	})
}

func TestGuessingIsSlowedDown(t *testing.T) {
	each(t, func(b *fixture) {
		u := b.create(spec("a", "thandi@example.org"))
		for _, email := range []string{u.Email, "nobody@example.org"} { // who is throttled does not tell who is a user
			for range 10 {
				_, err := b.login(email, "wrong password", "192.0.2.1:1")
				b.wantKind(err, core.Unauthenticated)
			}
			_, err := b.login(email, password, "192.0.2.1:2")
			b.wantKind(err, core.Limited)
			if wait := core.WaitOf(err); wait != time.Minute || err.Error() != "too many failed logins: wait 1m0s and try again" {
				b.Errorf("%v, with a wait of %v", err, wait)
			}
		}
		if _, err := b.login(u.Email, password, "198.51.100.9:1"); err != nil {
			b.Errorf("a stranger elsewhere locks the user out: %v", err)
		}
		b.at = b.at.Add(time.Minute)
		for range 20 { // who knows the password is not slowed down by using it
			if _, err := b.login(u.Email, password, "192.0.2.1:1"); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func TestUserIsRemoved(t *testing.T) {
	each(t, func(b *fixture) {
		u := b.create(spec("a", "thandi@example.org"))
		login, err := b.login(u.Email, password, "192.0.2.1:1")
		if err != nil {
			b.Fatal(err)
		}
		id := b.start(login)
		b.wantKind(b.users.Remove(b.Context(), "other", u.ID), core.NotFound)
		if _, err := b.users.Session(b.Context(), id); err != nil {
			b.Error(err)
		}
		if err := b.users.Remove(b.Context(), "a", u.ID); err != nil {
			b.Fatal(err)
		}
		b.wantKind(b.users.Remove(b.Context(), "a", u.ID), core.NotFound)
		_, err = b.users.Session(b.Context(), id)
		b.wantKind(err, core.Unauthenticated)
		_, _, err = b.users.StartSession(b.Context(), login)
		b.wantKind(err, core.Unauthenticated)
		_, err = b.login(u.Email, password, "192.0.2.1:1")
		b.wantKind(err, core.Unauthenticated)
		if last := b.journal.actions[len(b.journal.actions)-1]; last != "user.remove 1" {
			b.Errorf("audited %v", b.journal.actions)
		}
		b.create(spec("other", u.Email)) // the address is free
	})
}

func scanText(rows *sql.Rows) (text string, err error) {
	err = rows.Scan(&text)
	return text, err
}
