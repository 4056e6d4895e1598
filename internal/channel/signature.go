package channel

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"strconv"
	"time"

	"indaba/internal/core"
)

// SignatureTolerance is how far a signed timestamp may lie from our clock, either way.
const SignatureTolerance = 5 * time.Minute

// HMACSHA256 returns the MAC of the parts, one after the other.
func HMACSHA256(secret string, parts ...[]byte) []byte {
	mac := hmac.New(sha256.New, []byte(secret))
	for _, part := range parts {
		_, _ = mac.Write(part) // a hash never fails
	}
	return mac.Sum(nil)
}

// SameHex reports in constant time whether text is mac in hexadecimal, upper or lower case.
func SameHex(mac []byte, text string) bool {
	given, err := hex.DecodeString(text)
	return err == nil && hmac.Equal(mac, given)
}

// SameSecret reports whether two secrets are equal, in a time that tells nothing about them, not even their lengths. An
// empty secret equals none.
func SameSecret(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1 && a != ""
}

// CheckFresh returns a core.Unauthenticated error unless timestamp, in seconds since 1970, lies within
// SignatureTolerance of now.
func CheckFresh(timestamp string, now time.Time) error {
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil {
		return core.Errorf(core.Unauthenticated, "the timestamp must be seconds since 1970")
	}
	const tolerance = int64(SignatureTolerance / time.Second)
	if seconds < now.Unix()-tolerance || seconds > now.Unix()+tolerance {
		return core.Errorf(core.Unauthenticated, "the timestamp is more than five minutes off: check the clock")
	}
	return nil
}
