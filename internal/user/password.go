package user

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"

	"indaba/internal/core"
)

const (
	minPassword = 10   // characters
	maxPassword = 1024 // bytes: nobody remembers more, and hashing takes time
)

func checkPassword(password string) error {
	switch {
	case !utf8.ValidString(password):
		return core.Errorf(core.Invalid, "the password is not UTF-8 text: it could never be typed where one logs in")
	case utf8.RuneCountInString(password) < minPassword:
		return core.Errorf(core.Invalid, "the password is too short: it needs %d characters or more", minPassword)
	case len(password) > maxPassword:
		return core.Errorf(core.TooLarge, "the password is too long: at most %d bytes", maxPassword)
	}
	return nil
}

// cost is what a hash costs to make. It stands in the hash, so that it can be raised later.
type cost struct {
	memory  uint32 // KiB
	time    uint32
	threads uint8
}

// current is what OWASP's password storage cheat sheet asks of argon2id at least: some 30 ms and 19 MiB.
var current = cost{memory: 19 * 1024, time: 2, threads: 1}

const (
	saltSize = 16
	hashSize = 32
)

// hasher makes and compares hashes, a few at a time: a crowd at the door must not eat up the memory.
type hasher struct{ places chan struct{} }

func newHasher(places int) *hasher { return &hasher{places: make(chan struct{}, places)} }

// hash returns the hash of a password in the PHC string format.
func (h *hasher) hash(ctx context.Context, password string) (string, error) {
	var salt [saltSize]byte
	_, _ = rand.Read(salt[:]) // never fails since Go 1.24
	sum, err := h.sum(ctx, password, salt[:], current)
	if err != nil {
		return "", err
	}
	encode := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, current.memory, current.time,
		current.threads, encode(salt[:]), encode(sum)), nil
}

// matches reports whether password is the one that was hashed, and whether the hash was made at the current cost. An
// empty hash matches nothing and takes as long as any other.
func (h *hasher) matches(ctx context.Context, password, hash string) (ok, upToDate bool, err error) {
	c, salt, want := current, make([]byte, saltSize), []byte(nil)
	if hash != "" {
		if c, salt, want, err = parseHash(hash); err != nil {
			return false, false, err
		}
	}
	got, err := h.sum(ctx, password, salt, c)
	if err != nil {
		return false, false, err
	}
	return subtle.ConstantTimeCompare(got, want) == 1, c == current, nil
}

func (h *hasher) sum(ctx context.Context, password string, salt []byte, c cost) ([]byte, error) {
	select {
	case h.places <- struct{}{}:
		defer func() { <-h.places }()
		return argon2.IDKey([]byte(password), salt, c.time, c.memory, c.threads, hashSize), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func parseHash(text string) (c cost, salt, sum []byte, err error) {
	malformed := errors.New("the stored password hash is malformed")
	parts := strings.Split(text, "$")
	if len(parts) != 6 || parts[1] != "argon2id" {
		return c, nil, nil, malformed
	}
	var version int
	if _, err := fmt.Sscanf(parts[2], "v=%d", &version); err != nil || version != argon2.Version {
		return c, nil, nil, malformed
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &c.memory, &c.time, &c.threads); err != nil || c.time == 0 ||
		c.threads == 0 {
		return c, nil, nil, malformed
	}
	salt, saltErr := base64.RawStdEncoding.DecodeString(parts[4])
	sum, sumErr := base64.RawStdEncoding.DecodeString(parts[5])
	if saltErr != nil || sumErr != nil || len(sum) != hashSize {
		return c, nil, nil, malformed
	}
	return c, salt, sum, nil
}
