package secret

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// KeySize is the length of a key in bytes.
const KeySize = 32

// ParseKey reads a key from text: 64 hex digits, or base64 with 44 characters. The error does not show the text.
func ParseKey(text string) ([]byte, error) {
	text = strings.TrimSpace(text)
	if key, err := hex.DecodeString(text); err == nil && len(key) == KeySize {
		return key, nil
	}
	if key, err := base64.StdEncoding.DecodeString(text); err == nil && len(key) == KeySize {
		return key, nil
	}
	return nil, fmt.Errorf("is not %d bytes as hex digits or base64: make one with openssl rand -hex %d", KeySize, KeySize)
}

// LoadKey returns the key in the file at path. A file that others may read is refused. Without the file the error is an
// [fs.ErrNotExist].
func LoadKey(path string) ([]byte, error) {
	key, err := load(path)
	if err != nil {
		return nil, fmt.Errorf("secret key: %w", err)
	}
	return key, nil
}

// LoadOrCreateKey returns the key in the file at path. Without the file it makes a random key and writes it there,
// readable by the owner only; the directory must exist. The key is on disk before it is returned: a key that was used
// and then lost would lose the secrets with it. A file that others may read is refused.
func LoadOrCreateKey(path string) ([]byte, error) {
	key, err := load(path)
	if errors.Is(err, fs.ErrNotExist) {
		key, err = create(path)
	}
	if err != nil {
		return nil, fmt.Errorf("secret key: %w", err)
	}
	return key, nil
}

func load(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("others may read %s: run chmod 600 on it, and consider the key known", path)
	}
	key, err := ParseKey(string(text))
	if err != nil {
		return nil, fmt.Errorf("what is in %s %w", path, err)
	}
	return key, nil
}

// create writes the whole file under another name first, so that a crash never leaves half a key behind. The link
// fails when another process was faster; then its key is the key.
func create(path string) ([]byte, error) {
	key := NewKey()
	temporary, err := writeSynced(path+".*", hex.EncodeToString(key)+"\n")
	if err != nil {
		return nil, err
	}
	linkErr := os.Link(temporary, path)
	if err := os.Remove(temporary); err != nil {
		return nil, err
	}
	if errors.Is(linkErr, fs.ErrExist) {
		return load(path)
	}
	if linkErr != nil {
		return nil, linkErr
	}
	return key, syncDirectory(filepath.Dir(path))
}

// writeSynced writes text to a new file that only the owner can read, and returns its path.
func writeSynced(pattern, text string) (path string, err error) {
	file, err := os.CreateTemp(filepath.Dir(pattern), filepath.Base(pattern)) // mode 0600
	if err != nil {
		return "", err
	}
	_, err = file.WriteString(text)
	return file.Name(), errors.Join(err, file.Sync(), file.Close())
}

func syncDirectory(path string) error {
	directory, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(directory.Sync(), directory.Close())
}
