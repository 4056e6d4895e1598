package config

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"indaba/internal/secret"
)

// LoadSecretKey returns the key that encrypts provider secrets at rest: secret_key when it is set, otherwise the one
// in secret.key in the data directory. When that does not exist, it is made, unless something is sealed already: a new
// key would open none of it, and would hide that the old one is missing.
func (c *Config) LoadSecretKey(sealed bool) ([]byte, error) {
	if path := filepath.Join(c.Data, "secret.key"); c.SecretKey == "" && sealed {
		key, err := secret.LoadKey(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("the database holds secrets of channels, and their key is missing: put %s back, or set secret_key", path)
		}
		return key, err
	} else if c.SecretKey == "" {
		return secret.LoadOrCreateKey(path)
	}
	key, err := secret.ParseKey(c.SecretKey)
	if err != nil {
		return nil, fmt.Errorf("secret_key %w", err)
	}
	return key, nil
}
