package vumi_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"indaba/internal/app"
	"indaba/internal/user"
)

const userPassword = "correct horse battery"

// newUser makes a user of an account, with the usual password.
func (s *server) newUser(t *testing.T, owner string) *user.User {
	t.Helper()
	u, err := s.own.Users.Create(t.Context(), user.Spec{Account: owner, Email: unique() + "@example.org", Name: "conformance",
		Role: user.Owner, Password: userPassword})
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// logIn returns the id of a new session (docs/spec/admin.md 3).
func (s *server) logIn(t *testing.T, email string) string {
	t.Helper()
	text, err := json.Marshal(map[string]string{"email": email, "password": userPassword})
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), "POST", s.root()+"/api/admin/v1/sessions", strings.NewReader(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	status, _, body := s.exchange(t, r)
	var made struct{ Session string }
	if err := json.Unmarshal(body, &made); err != nil || status != http.StatusCreated {
		t.Fatalf("%d %s", status, body)
	}
	return made.Session
}

// campaigns asks the account API by a session, and returns the status and the key of the campaign.
func (s *server) campaigns(t *testing.T, session string) (status int, key string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "POST", s.url+"/api/", strings.NewReader(`{"id": 0, "method": "campaigns", "params": []}`))
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth("session_id", session)
	status, _, body := s.exchange(t, r)
	if status != http.StatusOK {
		return status, ""
	}
	var answer any
	if err := json.Unmarshal(body, &answer); err != nil {
		t.Fatal(err)
	}
	return status, pick(t, answer, "result.0.key")
}

// A session opens its user's account and no other, until he logs out, gets another password, or is removed
// (docs/spec/vumi-http.md 1.1).
func TestSessions(t *testing.T) {
	eachEngine(t, func(t *testing.T, start func(app.Options) *server) {
		s := start(app.Options{})
		s.furnish(t)
		owner, other := s.newUser(t, s.given["account"]), s.newUser(t, s.given["otheraccount"])
		var sessions []string
		for range 3 {
			sessions = append(sessions, s.logIn(t, owner.Email))
		}
		theirs := s.logIn(t, other.Email)
		if status, key := s.campaigns(t, sessions[0]); status != 200 || key != s.given["account"] {
			t.Errorf("%d %s", status, key)
		}
		if status, key := s.campaigns(t, theirs); status != 200 || key != s.given["otheraccount"] {
			t.Errorf("%d %s", status, key)
		}
		r, err := http.NewRequestWithContext(t.Context(), "DELETE", s.root()+"/api/admin/v1/sessions/current", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		r.SetBasicAuth("session_id", sessions[0])
		if status, _, body := s.exchange(t, r); status != http.StatusNoContent {
			t.Errorf("log out: %d %s", status, body)
		}
		s.wantSessions(t, map[string]bool{sessions[0]: false, sessions[1]: true, sessions[2]: true, theirs: true})
		if err := s.own.Users.SetPassword(t.Context(), owner.Account, owner.ID, "another password"); err != nil {
			t.Fatal(err)
		}
		s.wantSessions(t, map[string]bool{sessions[1]: false, sessions[2]: false, theirs: true})
		if err := s.own.Users.Remove(t.Context(), other.Account, other.ID); err != nil {
			t.Fatal(err)
		}
		s.wantSessions(t, map[string]bool{theirs: false})
	})
}

func (s *server) wantSessions(t *testing.T, last map[string]bool) {
	t.Helper()
	for id, want := range last {
		if status, _ := s.campaigns(t, id); (status == 200) != want || !want && status != 401 {
			t.Errorf("a session that should last (%v) is answered %d", want, status)
		}
	}
}
