package admin_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"indaba/internal/account"
	"indaba/internal/api/admin"
	"indaba/internal/db"
	"indaba/internal/db/dbtest"
	"indaba/internal/user"
)

const password = "correct horse battery"

// desk is a served face over a fresh database with one user, and a clock that tests move.
type desk struct {
	t        *testing.T
	handler  http.Handler
	accounts *account.Service
	users    *user.Service
	owner    *user.User
	at       time.Time
}

func serveDesk(t *testing.T, d *db.DB, o admin.Options) *desk {
	t.Helper()
	s := &desk{t: t, at: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)}
	now := func() time.Time { return s.at }
	s.accounts = account.New(d, now)
	s.users = user.New(d, s.accounts, now, user.Options{SessionLife: time.Hour})
	s.handler = admin.New(admin.Deps{Accounts: s.accounts, Users: s.users, Log: slog.New(slog.DiscardHandler), Options: o})
	a, err := s.accounts.Create(t.Context(), "a", "")
	if err != nil {
		t.Fatal(err)
	}
	s.owner, err = s.users.Create(t.Context(), user.Spec{Account: a.Key, Email: "thandi@example.org", Name: "Thandi", Nick: "T",
		Role: user.Owner, Password: password})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// outcome is what an answer says beside its body.
type outcome struct {
	StatusCode int
	Header     http.Header
	cookies    []*http.Cookie
}

// ask sends a request that change, which may be nil, has changed.
func (s *desk) ask(method, path, body string, change func(*http.Request)) (outcome, string) {
	s.t.Helper()
	r := httptest.NewRequestWithContext(s.t.Context(), method, admin.Prefix+path, strings.NewReader(body))
	if change != nil {
		change(r)
	}
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	answer := w.Result()
	defer func() { _ = answer.Body.Close() }() // it stands in memory
	return outcome{answer.StatusCode, answer.Header, answer.Cookies()}, w.Body.String()
}

func login(email, password string) string {
	text, err := json.Marshal(map[string]string{"email": email, "password": password})
	if err != nil {
		panic(err) // two texts
	}
	return string(text)
}

// enter logs the owner in and returns the cookie.
func (s *desk) enter(change func(*http.Request)) *http.Cookie {
	s.t.Helper()
	answer, body := s.ask("POST", "sessions", login("Thandi@Example.org", password), change)
	if answer.StatusCode != 201 || len(answer.cookies) != 1 {
		s.t.Fatalf("%d %s %v", answer.StatusCode, body, answer.Header)
	}
	cookie := answer.cookies[0]
	if want := fmt.Sprintf(`{"session":%q,"expires_at":"2026-03-04T06:06:07Z"}`, cookie.Value); strings.TrimSpace(body) != want {
		s.t.Errorf("%s, want %s", body, want)
	}
	if answer.Header.Get("Cache-Control") != "no-store" {
		s.t.Errorf("headers %v", answer.Header)
	}
	return cookie
}

func with(cookie *http.Cookie) func(*http.Request) {
	return func(r *http.Request) { r.AddCookie(&http.Cookie{Name: cookie.Name, Value: cookie.Value}) }
}

func basic(name, id string) func(*http.Request) {
	return func(r *http.Request) { r.SetBasicAuth(name, id) }
}

func TestLogInAndOut(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := serveDesk(t, d, admin.Options{})
		cookie := s.enter(nil)
		if !cookie.HttpOnly || cookie.SameSite != http.SameSiteLaxMode || cookie.Path != "/" || cookie.MaxAge != 3600 || cookie.Secure ||
			cookie.Domain != "" {
			t.Errorf("cookie %v", cookie)
		}
		want := fmt.Sprintf(`{"account":%q,"user":{"id":%d,"email":"thandi@example.org","name":"Thandi","nick":"T","role":"owner"},`+
			`"created_at":"2026-03-04T05:06:07Z","expires_at":"2026-03-04T06:06:07Z"}`, s.owner.Account, s.owner.ID)
		for name, who := range map[string]func(*http.Request){"cookie": with(cookie), "header": basic("session_id", cookie.Value)} {
			if answer, body := s.ask("GET", "sessions/current", "", who); answer.StatusCode != 200 || strings.TrimSpace(body) != want {
				t.Errorf("by %s: %d %s, want %s", name, answer.StatusCode, body, want)
			}
		}
		answer, _ := s.ask("DELETE", "sessions/current", "", with(cookie))
		if answer.StatusCode != 204 || len(answer.cookies) != 1 || answer.cookies[0].MaxAge != -1 || answer.cookies[0].Value != "" {
			t.Errorf("logged out: %d %v", answer.StatusCode, answer.Header)
		}
		for _, method := range []string{"GET", "DELETE"} {
			if answer, body := s.ask(method, "sessions/current", "", with(cookie)); answer.StatusCode != 401 {
				t.Errorf("%s after the end: %d %s", method, answer.StatusCode, body)
			}
		}
		entries, err := s.accounts.AuditLog(t.Context(), s.owner.Account, 2, 0)
		if err != nil || len(entries) != 2 {
			t.Fatalf("%v, %v", entries, err)
		}
		actor := fmt.Sprintf("user:%d", s.owner.ID)
		for i, action := range []string{"user.logout", "user.login"} {
			if e := entries[i]; e.Action != action || e.Actor != actor || strings.Contains(string(e.Detail), cookie.Value) {
				t.Errorf("audited %+v", e)
			}
		}
	})
}

func TestSessionsExpire(t *testing.T) {
	s := serveDesk(t, dbtest.SQLite(t), admin.Options{})
	cookie := s.enter(nil)
	s.at = s.at.Add(time.Hour)
	if answer, body := s.ask("GET", "sessions/current", "", with(cookie)); answer.StatusCode != 401 || !strings.Contains(body, "Log in again") {
		t.Errorf("%d %s", answer.StatusCode, body)
	}
}

// Users and strangers get the same answer, and what is no login at all is told so.
func TestLoginsThatAreRefused(t *testing.T) {
	s := serveDesk(t, dbtest.SQLite(t), admin.Options{})
	_, wrong := s.ask("POST", "sessions", login("thandi@example.org", "wrong password"), nil)
	for _, test := range []struct {
		body   string
		status int
		want   string
	}{
		{login("thandi@example.org", "wrong password"), 401, wrong},
		{login("nobody@example.org", password), 401, wrong},
		{login("no address", password), 401, wrong},
		{login("thandi@example.org", strings.Repeat("x", 2000)), 401, wrong},
		{login("", password), 400, "give email and password"},
		{`{"email": "thandi@example.org"}`, 400, "give email and password"},
		{`{"email": "thandi@example.org", "password": null}`, 400, "give email and password"},
		{`{"email": "thandi@example.org", "password": 1234567890}`, 400, "password is no text"},
		{`{"email": "thandi@example.org", "password": "` + password + `", "remember": true}`, 400, `no member \"remember\"`},
		{`["thandi@example.org", "` + password + `"]`, 400, "no JSON object"},
		{`email=thandi%40example.org`, 400, "invalid character"},
		{``, 400, "unexpected end"},
	} {
		answer, body := s.ask("POST", "sessions", test.body, nil)
		if answer.StatusCode != test.status || !strings.Contains(body, test.want) || len(answer.cookies) > 0 ||
			strings.Contains(body, password) {
			t.Errorf("%s: %d %s, want %d %s", test.body, answer.StatusCode, body, test.status, test.want)
		}
	}
	for _, test := range [][2]string{{"GET", "sessions"}, {"PUT", "sessions/current"}} {
		if answer, _ := s.ask(test[0], test[1], "", nil); answer.StatusCode != 405 {
			t.Errorf("%v: %d", test, answer.StatusCode)
		}
	}
}

func TestLoginsAreThrottled(t *testing.T) {
	s := serveDesk(t, dbtest.SQLite(t), admin.Options{TrustProxy: true})
	from := func(address string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("X-Forwarded-For", "203.0.113.77, "+address) }
	}
	for range 10 {
		s.ask("POST", "sessions", login("thandi@example.org", "wrong password"), from("192.0.2.1"))
	}
	answer, body := s.ask("POST", "sessions", login("thandi@example.org", password), from("192.0.2.1"))
	if answer.StatusCode != 429 || answer.Header.Get("Retry-After") != "60" {
		t.Errorf("%d %s, again after %s", answer.StatusCode, body, answer.Header.Get("Retry-After"))
	}
	s.enter(from("192.0.2.2"))
}

// Who knows the password gets in, however many of him come at once.
func TestManyLoginsAtOnce(t *testing.T) {
	s := serveDesk(t, dbtest.SQLite(t), admin.Options{})
	var group sync.WaitGroup
	for range 60 {
		group.Go(func() {
			if answer, body := s.ask("POST", "sessions", login("thandi@example.org", password), nil); answer.StatusCode != 201 {
				t.Errorf("%d %s", answer.StatusCode, body)
			}
		})
	}
	group.Wait()
}

func TestCookiesAreSecureOverTLS(t *testing.T) {
	d := dbtest.SQLite(t)
	trusting, wary := serveDesk(t, d, admin.Options{TrustProxy: true}), (*desk)(nil)
	for _, test := range []struct {
		name  string
		trust bool
		ask   func(*http.Request)
		want  bool
	}{
		{"TLS", false, func(r *http.Request) { r.TLS = &tls.ConnectionState{} }, true},
		{"a proxy says TLS", true, func(r *http.Request) { r.Header.Set("X-Forwarded-Proto", "https") }, true},
		{"somebody before the proxy says TLS", true, func(r *http.Request) { r.Header.Set("X-Forwarded-Proto", "https, http") }, false},
		{"anybody says TLS", false, func(r *http.Request) { r.Header.Set("X-Forwarded-Proto", "https") }, false},
		{"plain", true, nil, false},
	} {
		s := trusting
		if !test.trust {
			if wary == nil {
				wary = serveDesk(t, dbtest.SQLite(t), admin.Options{})
			}
			s = wary
		}
		if got := s.enter(test.ask).Secure; got != test.want {
			t.Errorf("%s: secure is %v", test.name, got)
		}
	}
}

// A page of somebody else can neither log a browser in nor out.
func TestPagesOfOtherSites(t *testing.T) {
	s := serveDesk(t, dbtest.SQLite(t), admin.Options{})
	cookie := s.enter(nil)
	for name, header := range map[string][2]string{"a new browser": {"Sec-Fetch-Site", "cross-site"}, "an old one": {"Origin", "https://evil.example"}} {
		foreign := func(r *http.Request) { with(cookie)(r); r.Header.Set(header[0], header[1]) }
		if answer, body := s.ask("POST", "sessions", login("thandi@example.org", password), foreign); answer.StatusCode != 403 || len(answer.cookies) > 0 {
			t.Errorf("%s logs in: %d %s", name, answer.StatusCode, body)
		}
		if answer, body := s.ask("DELETE", "sessions/current", "", foreign); answer.StatusCode != 403 {
			t.Errorf("%s logs out: %d %s", name, answer.StatusCode, body)
		}
	}
	own := func(r *http.Request) { with(cookie)(r); r.Header.Set("Sec-Fetch-Site", "same-origin") }
	if answer, body := s.ask("DELETE", "sessions/current", "", own); answer.StatusCode != 204 {
		t.Errorf("our own page: %d %s", answer.StatusCode, body)
	}
}

// A session opens what says so, and nothing else; a token is no session.
func TestWhatSessionsOpen(t *testing.T) {
	s := serveDesk(t, dbtest.SQLite(t), admin.Options{})
	cookie := s.enter(nil)
	for name, who := range map[string]func(*http.Request){"cookie": with(cookie), "header": basic("session_id", cookie.Value),
		"bearer": func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+cookie.Value) }} {
		if answer, body := s.ask("GET", "contacts/imports", "", who); answer.StatusCode != 401 {
			t.Errorf("contacts by %s: %d %s", name, answer.StatusCode, body)
		}
	}
	secret, _, err := s.accounts.CreateToken(context.WithoutCancel(t.Context()), account.TokenSpec{Account: s.owner.Account, Name: "t",
		Scopes: []string{account.ScopeAdmin}})
	if err != nil {
		t.Fatal(err)
	}
	for name, who := range map[string]func(*http.Request){
		"nothing": nil, "a token": func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+secret) },
		"a token as session": basic("session_id", secret), "another name": basic("session", cookie.Value),
		"a made-up id": basic("session_id", "ins_"+strings.Repeat("0", 64)), "an empty cookie": with(&http.Cookie{Name: cookie.Name}),
	} {
		if answer, body := s.ask("GET", "sessions/current", "", who); answer.StatusCode != 401 || !strings.Contains(body, "unauthenticated") {
			t.Errorf("%s: %d %s", name, answer.StatusCode, body)
		}
	}
}
