package api

import (
	"net/http"
	"strconv"

	"indaba/internal/account"
	"indaba/internal/core"
)

// sessionUser is the user of Basic credentials whose password is the id of a session (docs/spec/vumi-http.md 1.1).
const sessionUser = "session_id"

// SessionID returns the id of the session that a request names in its Authorization.
func SessionID(r *http.Request) (id string, ok bool) {
	name, id, ok := r.BasicAuth()
	return id, ok && name == sessionUser
}

// Resume makes a request act for the user of a session. An id of none is [core.Unauthenticated].
func (f *Face) Resume(r *Request, id string) error {
	session, err := f.Users.Session(r.Context(), id)
	if err != nil {
		return err
	}
	actor := Actor(session.User.ID)
	if !f.Limits.token(actor) {
		return core.Errorf(core.Limited, "too many requests of this user: wait a moment")
	}
	r.Session = session
	r.Request = r.WithContext(account.WithActor(r.Context(), actor))
	return nil
}

// Actor names a user in the audit log.
func Actor(user int64) string { return "user:" + strconv.FormatInt(user, 10) }
