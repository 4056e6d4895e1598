package vumi

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"indaba/internal/api"
	"indaba/internal/bot/httpbot"
	"indaba/internal/core"
)

// writeError answers a request that failed, in the envelope of the API that it went to: the status and body of
// docs/spec/vumi-http.md 1.1, 2 and 5. Faults of the JSON-RPC that are no errors of HTTP are written by rpc.
func writeError(w http.ResponseWriter, path []string, err error) {
	status, reason := statusOf(err), reasonOf(err)
	if noMethod, ok := errors.AsType[*api.NoMethod](err); ok {
		w.Header().Set("Allow", strings.Join(noMethod.Allow, ", "))
	}
	if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	switch name := firstOf(path); name {
	case "api", "optouts":
		if core.KindOf(err) == core.Unauthenticated { // here a bad token is no better than none
			status, reason = http.StatusUnauthorized, http.StatusText(http.StatusUnauthorized)
		}
		if name == "api" {
			writeRPCError(w, status, reason)
			return
		}
		if status == http.StatusUnauthorized {
			reason = "Owner ID not valid."
		}
		writeOptout(w, status, reason, nil)
	case messageStore:
		writeMessageStoreError(w, status, reason)
	case httpbot.Streaming, httpbot.NoStreaming:
		writeConversationError(w, status, reason, err)
	case conversationAPI:
		writeConfigError(w, status, reason, err)
	default:
		writeREST(w, status, reason)
	}
}

// firstOf returns the segment that names the API.
func firstOf(path []string) string {
	if len(path) == 0 {
		return ""
	}
	return path[0]
}

// restError is the body of errors of contacts, groups and metrics.
type restError struct {
	Status int    `json:"status_code"`
	Reason string `json:"reason"`
}

func writeREST(w http.ResponseWriter, status int, reason string) {
	_ = api.WriteJSON(w, status, jsonUTF8, restError{status, reason}) // two fields that always encode
}

// writeRPCError answers before there is an envelope for a fault. Tools that people use ask for credentials only when
// they are challenged.
func writeRPCError(w http.ResponseWriter, status int, reason string) {
	if status == http.StatusUnauthorized {
		w.Header().Add("WWW-Authenticate", `basic realm="Vumi Go API"`)
		w.Header().Add("WWW-Authenticate", `bearer realm="Vumi Go API"`)
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(reason)) // a client that went away needs no answer
}

// statusOf returns the status for an error. A token that is none is 403, a request without one 401.
func statusOf(err error) int {
	if core.KindOf(err) == core.Unauthenticated && !errors.Is(err, api.ErrNoCredentials) {
		return http.StatusForbidden
	}
	return api.StatusOf(err)
}

// reasonOf returns the text for an error.
func reasonOf(err error) string {
	if _, ok := errors.AsType[*api.NoMethod](err); ok {
		return "Method Not Allowed"
	}
	switch core.KindOf(err) {
	case core.Unauthenticated:
		return http.StatusText(statusOf(err))
	case core.Forbidden:
		return "Forbidden: " + core.SafeMessage(err)
	case core.Internal:
		if f, ok := errors.AsType[*failure](err); ok {
			return f.reason
		}
		return "Internal server error."
	}
	return core.SafeMessage(err)
}

// failure is an unexpected error with what the client is told of it.
type failure struct {
	reason string
	cause  error
}

// Error is for the log.
func (f *failure) Error() string { return f.reason + " " + f.cause.Error() }

// Unwrap returns what happened.
func (f *failure) Unwrap() error { return f.cause }

// failing gives the unexpected errors of a handler the reason that the client is told; {key} stands for the parameter.
func failing(reason string, handle api.Handler) api.Handler {
	return func(w http.ResponseWriter, r *api.Request) error {
		err := handle(w, r)
		if err == nil || core.KindOf(err) != core.Internal {
			return err
		}
		return &failure{strings.ReplaceAll(reason, "{key}", r.Param("key")), err}
	}
}

// invalid returns an error that is the request's fault.
func invalid(format string, args ...any) error { return core.Errorf(core.Invalid, format, args...) }

// as gives an error another kind, with the same text.
func as(kind core.Kind, err error) error {
	return &core.Error{Kind: kind, Message: core.SafeMessage(err), Cause: fmt.Errorf("as %s: %w", kind, err)}
}
