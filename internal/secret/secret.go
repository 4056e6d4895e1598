// Package secret encrypts what must not be readable in the database, such as the credentials of providers, and keeps
// the key for that. It is not for passwords of users, which nobody needs to read again: those are hashed.
package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// version begins every sealed text, so that another way of sealing can be told apart later.
const version = "s1:"

// Sealer seals and opens texts with one key, by AES-256-GCM. It is safe for concurrent use.
type Sealer struct{ aead cipher.AEAD }

// New returns the sealer for a key of [KeySize] bytes.
func New(key []byte) (*Sealer, error) {
	if len(key) != KeySize {
		return nil, fmt.Errorf("secret key: has %d bytes, must have %d", len(key), KeySize)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("secret key: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("secret key: %w", err)
	}
	return &Sealer{aead}, nil
}

// Text is a sealed text and the context that it was sealed in.
type Text struct{ Sealed, Context string }

// Seal encrypts plain. Context says where the result belongs, such as "channel/" and a key: Open wants the same one, so
// that a sealed text cannot be moved to another place. Equal texts are sealed differently each time.
func (s *Sealer) Seal(plain, context string) string {
	sealed := s.aead.Seal(nil, nil, []byte(plain), []byte(context))
	return version + base64.RawStdEncoding.EncodeToString(sealed)
}

// Open gives back what was sealed, or [ErrNotSealed] or [ErrWrongKey].
func (s *Sealer) Open(sealed, context string) (string, error) {
	encoded, ok := strings.CutPrefix(sealed, version)
	if !ok {
		return "", ErrNotSealed
	}
	data, err := base64.RawStdEncoding.DecodeString(encoded)
	if err != nil {
		return "", ErrNotSealed
	}
	plain, err := s.aead.Open(nil, nil, data, []byte(context))
	if err != nil {
		return "", ErrWrongKey
	}
	return string(plain), nil
}

// What can be wrong with a sealed text. Neither says anything about its content.
var (
	ErrNotSealed = errors.New("not a sealed text, or one that a newer version sealed")
	ErrWrongKey  = errors.New("cannot be opened: the secret key is not the one it was sealed with, or it was changed " +
		"or moved; set secret_key, or put secret.key into the data directory, as it was")
)

// NewKey returns a random key.
func NewKey() []byte {
	key := make([]byte, KeySize)
	_, _ = rand.Read(key) // never fails since Go 1.24
	return key
}
