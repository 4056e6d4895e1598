// Package optout keeps who does not want to be written to: addresses by type, per account (docs/spec/vumi-http.md 5,
// docs/spec/vumi-sandbox.md 9.9). Types and addresses are taken verbatim: +27… and 27… are two addresses. A [Gate] says
// what is not sent because of one, and which texts opt a person out. Whether an account may manage opt-outs is decided
// elsewhere.
package optout

import (
	"strings"
	"time"
	"unicode/utf8"

	"indaba/internal/core"
)

// Limits of one opt-out. Lengths are in bytes.
const (
	MaxTypeBytes    = 255
	MaxAddressBytes = 1024
	MaxMessageBytes = 255
)

// OptOut says that an address opted out.
type OptOut struct {
	Account   string
	Type      string // such as msisdn; free text
	Address   string
	MessageID string    // the message that caused it; empty when none did
	CreatedAt time.Time // UTC, microseconds
}

// check refuses what one of the engines would not store.
func (o OptOut) check() error {
	for _, field := range []struct {
		name, text string
		max        int
	}{
		{"type", o.Type, MaxTypeBytes},
		{"address", o.Address, MaxAddressBytes},
		{"message id", o.MessageID, MaxMessageBytes},
	} {
		switch {
		case len(field.text) > field.max:
			return core.Errorf(core.Invalid, "the %s has %d bytes, at most %d are allowed",
				field.name, len(field.text), field.max)
		case !utf8.ValidString(field.text):
			return core.Errorf(core.Invalid, "the %s is not valid UTF-8 text", field.name)
		case strings.ContainsRune(field.text, 0):
			return core.Errorf(core.Invalid, "the %s holds a NUL character", field.name)
		}
	}
	return nil
}
