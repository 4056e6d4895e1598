package config

import (
	"fmt"
	"path/filepath"

	"indaba/internal/secret"
)

// LoadSecretKey returns the key that encrypts provider secrets at rest: secret_key when it is set, otherwise the one
// in secret.key in the data directory, which is made when it does not exist. See [secret.LoadOrCreateKey].
func (c *Config) LoadSecretKey() ([]byte, error) {
	if c.SecretKey == "" {
		return secret.LoadOrCreateKey(filepath.Join(c.Data, "secret.key"))
	}
	key, err := secret.ParseKey(c.SecretKey)
	if err != nil {
		return nil, fmt.Errorf("secret_key %w", err)
	}
	return key, nil
}
