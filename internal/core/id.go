package core

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"time"
)

// NewKey returns a random 128-bit key as 32 lower-case hex digits (a UUID version 4 without dashes). Accounts, apps,
// bots, channels, contacts and groups are named by such keys (docs/spec/vumi-http.md, head).
func NewKey() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return hex.EncodeToString(b[:])
}

// NewMessageID returns a UUID version 7 without dashes: hex like a key, but ascending with time, so that an index over
// messages grows at its end and messages can be listed in order.
func NewMessageID(now time.Time) string {
	var b [16]byte
	_, _ = rand.Read(b[8:])
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(now.UnixMilli()))
	copy(b[:6], ms[2:])
	// The twelve bits after the milliseconds are their fraction (RFC 9562 6.2, method 3): two ids made one after the
	// other keep that order, but for some hundred nanoseconds.
	binary.BigEndian.PutUint16(b[6:], uint16(now.Nanosecond()%1_000_000*4096/1_000_000)) // < 4096
	b[6] |= 0x70
	b[8] = b[8]&0x3f | 0x80
	return hex.EncodeToString(b[:])
}

// NewSecret returns a random token with 256 bits of entropy, as 64 hex digits.
func NewSecret() string {
	var b [32]byte
	_, _ = rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// HashSecret returns what is kept of a secret that [NewSecret] made. It needs no salt and no slowness: that has 256 random
// bits.
func HashSecret(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}
