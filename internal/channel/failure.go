package channel

import (
	"fmt"
	"time"
)

// Class says what to do about a message that the provider did not take (docs/spec/channels.md 0).
type Class string

// The failure classes.
const (
	Retry         Class = "retry"     // try again later
	Permanent     Class = "permanent" // it will never be taken
	AccountFault  Class = "account"   // our account is refused: pause the channel and tell the operator
	Recipient     Class = "recipient" // this recipient cannot or will not be reached
	Window        Class = "window"    // only a template may be sent now
	UnknownResult Class = "unknown"   // the request may have arrived and nothing tells
)

// SendError tells why a provider did not take a message.
type SendError struct {
	Class   Class
	After   time.Duration // for Retry: not before; 0 means the default schedule
	Code    string        // the provider's code, or the HTTP status
	Message string        // for the operator: no secrets
}

// Error returns class, code and message.
func (e *SendError) Error() string {
	if e.Code == "" {
		return fmt.Sprintf("%s: %s", e.Class, e.Message)
	}
	return fmt.Sprintf("%s: %s (%s)", e.Class, e.Message, e.Code)
}
