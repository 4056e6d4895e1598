package user_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"indaba/internal/core"
	"indaba/internal/db"
	"indaba/internal/user"
)

// enter logs in with the right password.
func (b *fixture) enter(u *user.User) *user.Login {
	b.Helper()
	login, err := b.login(u.Email, password, "192.0.2.1:1")
	if err != nil {
		b.Fatal(err)
	}
	return login
}

func (b *fixture) start(login *user.Login) (id string) {
	b.Helper()
	id, _, err := b.users.StartSession(b.Context(), login)
	if err != nil {
		b.Fatal(err)
	}
	return id
}

func (b *fixture) lasts(id string) bool {
	b.Helper()
	_, err := b.users.Session(b.Context(), id)
	if err != nil && core.KindOf(err) != core.Unauthenticated {
		b.Error(err)
	}
	return err == nil
}

func (b *fixture) kept() int {
	b.Helper()
	var n int
	if err := b.db.Row(b.Context(), "SELECT count(*) FROM login_session", nil, &n); err != nil {
		b.Fatal(err)
	}
	return n
}

func TestSessions(t *testing.T) {
	each(t, func(b *fixture) {
		u := b.create(spec("a", "thandi@example.org"))
		id, begun, err := b.users.StartSession(b.Context(), b.enter(u))
		if err != nil || !strings.HasPrefix(id, "ins_") || len(id) != 68 || begun.ExpiresAt != b.at.Add(time.Hour) {
			b.Fatalf("%q, %+v, %v", id, begun, err)
		}
		other := b.start(b.enter(u))
		got, err := b.users.Session(b.Context(), id)
		if err != nil || *got.User != *u || got.CreatedAt != b.at || got.ExpiresAt != begun.ExpiresAt {
			b.Errorf("%+v, %v", got, err)
		}
		for _, wrong := range []string{"", "ins_", id + "0", id[:67], strings.ToUpper(id), "ins_\x00\xff", "ind_" + id[4:]} {
			if b.lasts(wrong) {
				b.Errorf("%q is a session", wrong)
			}
			b.wantKind(b.users.EndSession(b.Context(), wrong), core.Unauthenticated)
		}
		if err := b.users.EndSession(b.Context(), id); err != nil {
			b.Error(err)
		}
		b.wantKind(b.users.EndSession(b.Context(), id), core.Unauthenticated)
		if b.lasts(id) || !b.lasts(other) {
			b.Error("the wrong session has ended")
		}
		if got := strings.Join(b.journal.actions, ", "); got != "user.create 1, user.login 1, user.login 1, user.logout 1" {
			b.Errorf("audited %s", got)
		}
		hashes, err := db.Collect(b.Context(), b.db, scanText, "SELECT hash FROM login_session")
		if err != nil || len(hashes) != 1 || len(hashes[0]) != 32 || strings.Contains(hashes[0], other[4:12]) {
			b.Errorf("kept as %q, %v", hashes, err)
		}
	})
}

func TestSessionsExpire(t *testing.T) {
	each(t, func(b *fixture) {
		u := b.create(spec("a", "thandi@example.org"))
		id := b.start(b.enter(u))
		b.at = b.at.Add(time.Hour - time.Microsecond)
		later := b.start(b.enter(u))
		if !b.lasts(id) {
			b.Error("it has ended early")
		}
		b.at = b.at.Add(time.Microsecond)
		if b.lasts(id) {
			b.Error("it has not expired")
		}
		if err := b.users.Sweep(b.Context()); err != nil || b.kept() != 1 || !b.lasts(later) {
			b.Errorf("%d are kept, %v", b.kept(), err)
		}
	})
}

func TestNewPasswordEndsSessions(t *testing.T) {
	each(t, func(b *fixture) {
		u, other := b.create(spec("a", "thandi@example.org")), b.create(spec("a", "sipho@example.org"))
		ids := []string{b.start(b.enter(u)), b.start(b.enter(u))}
		theirs, late := b.start(b.enter(other)), b.enter(u)
		if err := b.users.SetPassword(b.Context(), "a", u.ID, "another password"); err != nil {
			b.Fatal(err)
		}
		if b.lasts(ids[0]) || b.lasts(ids[1]) || !b.lasts(theirs) {
			b.Error("the wrong sessions have ended")
		}
		_, _, err := b.users.StartSession(b.Context(), late) // the password was right when it was checked
		b.wantKind(err, core.Unauthenticated)
	})
}

// Whoever logs in while the password changes has a session of the new password, or none.
func TestLoginsRaceWithNewPassword(t *testing.T) {
	each(t, func(b *fixture) {
		u := b.create(spec("a", "thandi@example.org"))
		login := b.enter(u)
		var group sync.WaitGroup
		for range 20 {
			group.Go(func() {
				if _, _, err := b.users.StartSession(b.Context(), login); err != nil {
					b.wantKind(err, core.Unauthenticated)
				}
			})
		}
		group.Go(func() {
			if err := b.users.SetPassword(b.Context(), "a", u.ID, "another password"); err != nil {
				b.Error(err)
			}
		})
		group.Wait()
		if n := b.kept(); n != 0 {
			b.Errorf("%d sessions of the old password are left", n)
		}
	})
}

func TestSessionsAreBounded(t *testing.T) {
	each(t, func(b *fixture) {
		u, other := b.create(spec("a", "thandi@example.org")), b.create(spec("a", "sipho@example.org"))
		theirs, login := b.start(b.enter(other)), b.enter(u)
		first := b.start(login)
		var last string
		for range 100 {
			b.at = b.at.Add(time.Second)
			last = b.start(login)
		}
		if b.lasts(first) || !b.lasts(last) || !b.lasts(theirs) || b.kept() != 101 {
			b.Errorf("%d sessions are kept", b.kept())
		}
	})
}

func TestSessionsAreAuditedInTheSameTransaction(t *testing.T) {
	each(t, func(b *fixture) {
		u := b.create(spec("a", "thandi@example.org"))
		id, login := b.start(b.enter(u)), b.enter(u)
		b.journal.fail = core.Errorf(core.Unavailable, "the log is full")
		_, _, err := b.users.StartSession(b.Context(), login)
		b.wantKind(err, core.Unavailable)
		b.wantKind(b.users.EndSession(b.Context(), id), core.Unavailable)
		if b.kept() != 1 || !b.lasts(id) {
			b.Errorf("%d sessions are kept", b.kept())
		}
	})
}
