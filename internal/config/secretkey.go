package config

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"indaba/internal/core"
	"indaba/internal/secret"
)

// secretKeyFile is where the key is kept unless it is a setting.
func (c *Config) secretKeyFile() string { return filepath.Join(c.Data, "secret.key") }

// lostKey says where to go on from a key that nobody has any more.
const lostKey = "; if that key is lost for good, see \"indaba lost-key --help\""

// LoadSecretKey returns the key that encrypts provider secrets at rest: secret_key when it is set, otherwise the one
// in secret.key in the data directory. When that does not exist, it is made, unless something is sealed already: a new
// key would open none of it, and would hide that the old one is missing, which is core.NotFound.
func (c *Config) LoadSecretKey(sealed bool) ([]byte, error) {
	if path := c.secretKeyFile(); c.SecretKey == "" && sealed {
		key, err := secret.LoadKey(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, core.Errorf(core.NotFound, "the database holds secrets of channels or bots, and their key is missing: put %s back, or set "+
				"secret_key"+lostKey, path)
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

// WrongSecretKey is the error about a key that opens nothing of what is sealed in the database.
func (c *Config) WrongSecretKey() error {
	if c.SecretKey != "" {
		return core.Errorf(core.Conflict, "secret_key is not the key that the secrets of channels and bots in the database were sealed with: "+
			"set the right one, or none if that is in %s"+lostKey, c.secretKeyFile())
	}
	return core.Errorf(core.Conflict, "%s is not the key that the secrets of channels and bots in the database were sealed with: "+
		"put the right one back, or set secret_key"+lostKey, c.secretKeyFile())
}
