package core

import (
	"errors"
	"fmt"
	"time"
)

// Kind says what a caller can do about an error. Each face maps kinds to its own wire in one file.
type Kind uint8

// The kinds. An error without a kind is Internal: its text is for the operator only.
const (
	Internal        Kind = iota // a fault of ours: no detail leaves the server
	Invalid                     // the input is wrong: the caller must change it
	NotFound                    // no such thing, or it belongs to somebody else
	Conflict                    // it exists already, or its state does not allow this
	Unauthenticated             // who are you?
	Forbidden                   // we know you, and you may not
	TooLarge                    // over a size or quota
	Limited                     // too many at once or per time: wait and try again
	Unavailable                 // a part we need is down: try again later
	Timeout                     // it took too long
)

var kindNames = [...]string{"internal", "invalid", "not found", "conflict", "unauthenticated", "forbidden",
	"too large", "limited", "unavailable", "timeout"}

// String returns the kind's name as it stands in logs.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// Error is an error with a kind and a message that may be shown to whoever made the request.
type Error struct {
	Kind    Kind
	Message string // safe to show: no secrets, no internals
	Cause   error  // for the operator's log only; may be nil
	// Wait is after how long another try is worth it; 0 when nobody knows.
	Wait time.Duration
}

// Error returns the message, with the cause when there is one.
func (e *Error) Error() string {
	if e.Cause != nil {
		return e.Message + ": " + e.Cause.Error()
	}
	return e.Message
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Errorf returns an error of the given kind whose formatted message may be shown to the caller.
func Errorf(kind Kind, format string, args ...any) error {
	return &Error{Kind: kind, Message: fmt.Sprintf(format, args...)}
}

// KindOf returns the kind of the first [Error] in err's chain, and Internal when there is none.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return Internal
}

// WaitOf returns after how long it is worth trying again, as the first [Error] in err's chain has it, and 0 when it does not tell.
func WaitOf(err error) time.Duration {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Wait
	}
	return 0
}

// SafeMessage returns the text of err that may be shown to a caller: the message of the first [Error] in its chain, or
// "internal error".
func SafeMessage(err error) string {
	if e, ok := errors.AsType[*Error](err); ok && e.Kind != Internal {
		return e.Message
	}
	return "internal error"
}
