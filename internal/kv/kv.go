// Package kv keeps the key-value data of bots: JSON values under text keys, with expiry and a quota of keys
// (docs/spec/vumi-sandbox.md 9.2). Keys live in spaces: by default a space is an account, whose bots share user state
// on purpose, and it may be a single bot. Whom a bot belongs to and what it may do is decided by the caller.
package kv

import (
	"encoding/json"
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"indaba/internal/core"
)

// Limits of one key and one value.
const (
	MaxKeyBytes   = 1024
	MaxValueBytes = 1 << 20
)

// DefaultKeys is the quota of a space when [Quota] names none.
const DefaultKeys = 1_000_000

// Quota says how many keys one space may hold. Expired keys do not count.
type Quota struct {
	Keys int64 // hard limit: a key beyond it is refused; 0 means DefaultKeys
}

// Hard returns the number of keys beyond which a new one is refused.
func (q Quota) Hard() int64 {
	if q.Keys == 0 {
		return DefaultKeys
	}
	return q.Keys
}

// Soft returns the number of keys from which the owner of the bot is warned: 80 % of the hard limit.
func (q Quota) Soft() int64 { return q.Hard()/5*4 + q.Hard()%5*4/5 }

// Outcome is what a write did to the number of keys.
type Outcome struct {
	Created bool // the key was not there before
	// AboveSoft says that the write created a key and that the space holds Quota.Soft keys or more. The caller logs the
	// warning of docs/spec/vumi-sandbox.md 9.2.
	AboveSoft bool
}

// never is the expiry of a key that has none.
const never = math.MaxInt64

// checkKey refuses keys that one of the engines would not take.
func checkKey(key string) error {
	switch {
	case len(key) > MaxKeyBytes:
		return core.Errorf(core.Invalid, "the key has %d bytes, at most %d are allowed", len(key), MaxKeyBytes)
	case !utf8.ValidString(key):
		return core.Errorf(core.Invalid, "the key is not valid UTF-8 text")
	case strings.ContainsRune(key, 0):
		return core.Errorf(core.Invalid, "the key holds a NUL character")
	}
	return nil
}

// checkValue refuses what is not JSON in UTF-8. A NUL in JSON is written \u0000 and does no harm.
func checkValue(value json.RawMessage) error {
	switch {
	case len(value) > MaxValueBytes:
		return core.Errorf(core.TooLarge, "the value has %d bytes, at most %d are allowed", len(value), MaxValueBytes)
	case !utf8.Valid(value):
		return core.Errorf(core.Invalid, "the value is not valid UTF-8 text")
	case !json.Valid(value):
		return core.Errorf(core.Invalid, "the value is not JSON")
	}
	return nil
}

// expiry returns when a key set at now expires. Sums beyond the end of time are never.
func expiry(now time.Time, ttl time.Duration) int64 {
	at := now.UnixMicro()
	micros := ttl.Microseconds()
	if ttl == 0 || at > never-micros {
		return never
	}
	return at + micros
}
