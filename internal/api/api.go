// Package api is what the HTTP faces share: a table of routes that is matched by exact slashes, tokens, limits, bodies,
// and answers that are written piece by piece. It knows no wire: how errors look, and what any path means, is up to each
// face.
package api

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"indaba/internal/account"
	"indaba/internal/core"
	"indaba/internal/user"
)

// Handler answers one request, or returns an error for the face to write. It returns no error after it has begun to
// write unless the answer is to be cut off.
type Handler func(w http.ResponseWriter, r *Request) error

// Request is a request that a route was found for.
type Request struct {
	*http.Request
	Route   *Route
	Token   *account.Token // whom it acts for; nil on routes without a scope, and with a session
	Session *user.Session  // whom it acts for in the place of a token, on routes that take one
	params  map[string]string
	max     int64 // bytes of a body
}

// Param returns the unescaped path segment that stands for {name} in the route's path.
func (r *Request) Param(name string) string { return r.params[name] }

// Account returns the key of the account that the request acts for.
func (r *Request) Account() string {
	if r.Session != nil {
		return r.Session.User.Account
	}
	return r.Token.Account
}

// Face serves a table of routes under a prefix.
type Face struct {
	Name     string // in the log
	Prefix   string // such as "/api/v1/go/", with both slashes
	Routes   []Route
	Accounts *account.Service
	Users    *user.Service // needed by routes that take sessions
	Limits   *Limits
	MaxBody  int64 // bytes
	// Patience is how long a client may take to receive each piece of a streamed answer, some 32 KiB, before it counts as
	// gone; 0 means 30 seconds.
	Patience time.Duration
	// WriteError answers a request that failed. path holds the unescaped segments after the prefix. What the caller of
	// the face may not know has been logged before.
	WriteError func(w http.ResponseWriter, path []string, err error)
	Log        *slog.Logger
}

// NoMethod says that the path exists, but not for this method.
type NoMethod struct{ Allow []string }

// Error tells the methods that there are.
func (n *NoMethod) Error() string { return "the path takes only " + strings.Join(n.Allow, ", ") }

// ServeHTTP finds the route, checks token and limits, and calls the handler. A handler that panics is an internal error.
func (f *Face) ServeHTTP(w http.ResponseWriter, plain *http.Request) {
	began := time.Now()
	path, err := segments(plain, f.Prefix)
	r := &Request{Request: plain, max: f.MaxBody}
	answer := &recorder{ResponseWriter: w, patience: f.Patience}
	if err == nil {
		err = f.answer(answer, r, path)
	}
	f.log(answer, r, err, time.Since(began))
	if err == nil {
		return
	}
	if answer.status != 0 {
		// The client must not take what it got for the whole.
		panic(http.ErrAbortHandler)
	}
	if !gone(plain, err) {
		r.drain()
		f.WriteError(answer, path, err)
	}
}

// answer is ServeHTTP up to the error.
func (f *Face) answer(w http.ResponseWriter, r *Request, path []string) (err error) {
	defer func() {
		if p := recover(); p == http.ErrAbortHandler {
			panic(p)
		} else if p != nil {
			f.Log.ErrorContext(r.Context(), "a handler panicked", "face", f.Name, "panic", p, "stack", string(debug.Stack()))
			err = errors.New("a handler panicked")
		}
	}()
	if !f.Limits.address(r.Request) {
		return core.Errorf(core.Limited, "too many requests from this address: wait a moment")
	}
	route, allow := f.find(r, path)
	if route == nil && allow == nil {
		return core.Errorf(core.NotFound, "there is nothing under this path")
	}
	if guard := guardOf(route, allow); guard.Scope != "" {
		if err := f.authenticate(r, guard); err != nil {
			return err
		}
	}
	if route == nil {
		return &NoMethod{methods(allow)}
	}
	return route.Handle(w, r)
}

// authenticate finds the account of the token, or of the session, and notes whose it is as the actor of what the request
// changes.
func (f *Face) authenticate(r *Request, guard *Route) error {
	if id, ok := SessionID(r.Request); ok && guard.Sessions {
		return f.Resume(r, id)
	}
	secret, ok := bearer(r.Header.Get("Authorization"))
	if !ok {
		return &core.Error{Kind: core.Unauthenticated, Message: "the request has no bearer token", Cause: ErrNoCredentials}
	}
	token, err := f.Accounts.Authenticate(r.Context(), secret)
	if err != nil {
		return err
	}
	switch {
	case !f.Limits.token(token.Key):
		return core.Errorf(core.Limited, "too many requests with this token: wait a moment")
	case token.Bot != "":
		return core.Errorf(core.Forbidden, "the token is for one bot only")
	case !token.Allows(guard.Scope):
		return core.Errorf(core.Forbidden, "the token lacks the scope %s", guard.Scope)
	}
	r.Token = token
	r.Request = r.WithContext(account.WithActor(r.Context(), "token:"+token.Key))
	return nil
}

// ErrNoCredentials is in the chain of the error of a request that does not say who makes it.
var ErrNoCredentials = errors.New("no credentials")

// bearer returns the secret of an Authorization header; the word Bearer is written as one likes (RFC 6750 2.1).
func bearer(header string) (secret string, ok bool) {
	scheme, secret, _ := strings.Cut(header, " ")
	secret = strings.TrimSpace(secret)
	return secret, strings.EqualFold(scheme, "Bearer") && secret != ""
}

// gone reports whether the error is only that nobody waits for the answer any more.
func gone(r *http.Request, err error) bool {
	return r.Context().Err() != nil && errors.Is(err, context.Canceled)
}

// log notes how a request ended. Paths, queries and headers may hold addresses and secrets and are left out; the route
// says enough.
func (f *Face) log(w *recorder, r *Request, err error, took time.Duration) {
	attributes := []any{"face", f.Name, "method", r.Method, "took", took}
	if r.Route != nil {
		attributes = append(attributes, "route", r.Route.Path)
	}
	if r.Token != nil || r.Session != nil {
		attributes = append(attributes, "account", r.Account())
	}
	if err == nil {
		f.Log.DebugContext(r.Context(), "request", append(attributes, "status", w.status)...)
		return
	}
	if internal(err) && !gone(r.Request, err) && !cut(err) {
		f.Log.ErrorContext(r.Context(), "request failed", append(attributes, "error", err)...)
		return
	}
	// The text of a refusal may repeat what the request held.
	f.Log.DebugContext(r.Context(), "request refused", append(attributes, "kind", core.KindOf(err))...)
}

// internal reports whether an error is ours.
func internal(err error) bool { return StatusOf(err) == http.StatusInternalServerError }

// cut reports whether the connection failed: the client went away, or did not take the answer in time.
func cut(err error) bool {
	_, network := errors.AsType[net.Error](err)
	return network
}

// recorder notes whether an answer was begun.
type recorder struct {
	http.ResponseWriter
	status   int
	patience time.Duration
}

// WriteHeader notes the status.
func (w *recorder) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write is the standard one; without a status before it, the status is 200.
func (w *recorder) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }
