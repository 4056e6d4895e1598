package admin

import (
	"encoding/json"
	"net/http"
	"time"

	"indaba/internal/account"
	"indaba/internal/api"
	"indaba/internal/core"
	"indaba/internal/user"
)

// Sessions (docs/spec/admin.md 3): a user gives e-mail address and password and gets an id, by which he is known until it
// expires. A browser keeps the id in a cookie that no script can read.

// cookieName is that of the cookie with the id.
const cookieName = "indaba_session"

// sessionView is a session as it is shown.
type sessionView struct {
	Account   string    `json:"account"`
	User      userView  `json:"user"`
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at"`
}

type userView struct {
	ID    int64     `json:"id"`
	Email string    `json:"email"`
	Name  string    `json:"name"`
	Nick  string    `json:"nick"`
	Role  user.Role `json:"role"`
}

// logIn is POST sessions.
func (f *face) logIn(w http.ResponseWriter, r *api.Request) error {
	if err := sameSite(r); err != nil {
		return err
	}
	text, err := r.Body()
	if err != nil {
		return err
	}
	email, password, err := readLogin(text)
	if err != nil {
		return err
	}
	login, err := f.Users.Authenticate(r.Context(), email, password, api.Address(r.Request, f.TrustProxy))
	if err != nil {
		return err
	}
	id, session, err := f.Users.StartSession(account.WithActor(r.Context(), api.Actor(login.ID)), login)
	if err != nil {
		return err
	}
	f.setCookie(w, r, id, int(session.ExpiresAt.Sub(session.CreatedAt)/time.Second))
	return api.WriteJSON(w, http.StatusCreated, jsonType, struct {
		Session   string    `json:"session"`
		ExpiresAt time.Time `json:"expires_at"`
	}{id, session.ExpiresAt})
}

// readLogin reads the body of a login.
func readLogin(text []byte) (email, password string, err error) {
	var value json.RawMessage
	if err := api.Parse(text, &value); err != nil {
		return "", "", err
	}
	members, ok := api.Object(value)
	if !ok {
		return "", "", core.Errorf(core.Invalid, "the body is no JSON object")
	}
	texts := map[string]*string{"email": &email, "password": &password}
	for name, value := range members {
		if texts[name] == nil {
			return "", "", core.Errorf(core.Invalid, "there is no member %q: give email and password", name)
		}
		if json.Unmarshal(value, texts[name]) != nil {
			return "", "", core.Errorf(core.Invalid, "%s is no text", name)
		}
	}
	if email == "" || password == "" {
		return "", "", core.Errorf(core.Invalid, "give email and password")
	}
	return email, password, nil
}

// showSession is GET sessions/current.
func (f *face) showSession(w http.ResponseWriter, r *api.Request) error {
	if _, err := f.resume(r); err != nil {
		return err
	}
	s, u := r.Session, r.Session.User
	w.Header().Set("Cache-Control", "no-store")
	return api.WriteJSON(w, http.StatusOK, jsonType, sessionView{u.Account, userView{u.ID, u.Email, u.Name, u.Nick, u.Role},
		s.CreatedAt, s.ExpiresAt})
}

// logOut is DELETE sessions/current.
func (f *face) logOut(w http.ResponseWriter, r *api.Request) error {
	if err := sameSite(r); err != nil {
		return err
	}
	id, err := f.resume(r)
	if err != nil {
		return err
	}
	if err := f.Users.EndSession(r.Context(), id); err != nil {
		return err
	}
	f.setCookie(w, r, "", -1)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// resume finds the session of a request: in its Authorization, or else in its cookie.
func (f *face) resume(r *api.Request) (id string, err error) {
	id, ok := api.SessionID(r.Request)
	if !ok {
		cookie, err := r.Cookie(cookieName)
		if err != nil {
			return "", core.Errorf(core.Unauthenticated, "nobody is logged in")
		}
		id = cookie.Value
	}
	return id, f.served.Resume(r, id)
}

// setCookie gives a browser the id, or with a negative age takes it away.
func (f *face) setCookie(w http.ResponseWriter, r *api.Request, id string, seconds int) {
	w.Header().Set("Cache-Control", "no-store")
	http.SetCookie(w, &http.Cookie{Name: cookieName, Value: id, Path: "/", MaxAge: seconds, HttpOnly: true,
		SameSite: http.SameSiteLaxMode, Secure: api.Encrypted(r.Request, f.TrustProxy)})
}

// sameSite refuses what a page of somebody else makes a browser ask for. SameSite keeps the cookie out of most of that, and
// does nothing against being logged in as somebody else.
func sameSite(r *api.Request) error {
	if err := http.NewCrossOriginProtection().Check(r.Request); err != nil {
		return core.Errorf(core.Forbidden, "the request comes from a page of another site")
	}
	return nil
}
