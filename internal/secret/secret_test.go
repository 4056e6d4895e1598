package secret_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"indaba/internal/secret"
)

func newSealer(t *testing.T) *secret.Sealer {
	t.Helper()
	s, err := secret.New(secret.NewKey())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSealAndOpen(t *testing.T) {
	s := newSealer(t)
	for _, plain := range []string{"", "hunter2 hunter2", `{"token":"abc"}`, strings.Repeat("é\x00", 100_000)} {
		sealed := s.Seal(plain, "channel/1")
		if plain != "" && strings.Contains(sealed, plain) {
			t.Errorf("%.20q stands in the sealed text", plain)
		}
		if again := s.Seal(plain, "channel/1"); again == sealed {
			t.Errorf("%.20q is sealed the same way twice", plain)
		}
		if got, err := s.Open(sealed, "channel/1"); err != nil || got != plain {
			t.Errorf("got %.20q, %v; want %.20q", got, err, plain)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	s := newSealer(t)
	sealed := s.Seal("plain", "channel/1")
	changed := []byte(sealed)
	at := len(changed) - 2 // the last character may hold bits that do not count
	changed[at] = map[bool]byte{true: 'B', false: 'A'}[changed[at] == 'A']
	for _, test := range []struct {
		name, sealed, context string
		sealer                *secret.Sealer
		want                  error
	}{
		{"another key", sealed, "channel/1", newSealer(t), secret.ErrWrongKey},
		{"another place", sealed, "channel/2", s, secret.ErrWrongKey},
		{"changed", string(changed), "channel/1", s, secret.ErrWrongKey},
		{"cut", sealed[:10], "channel/1", s, secret.ErrWrongKey},
		{"nothing behind the version", "s1:", "channel/1", s, secret.ErrWrongKey},
		{"empty", "", "channel/1", s, secret.ErrNotSealed},
		{"plain", "plain", "channel/1", s, secret.ErrNotSealed},
		{"newer version", "s2" + sealed[2:], "channel/1", s, secret.ErrNotSealed},
		{"not base64", "s1:!", "channel/1", s, secret.ErrNotSealed},
	} {
		if got, err := test.sealer.Open(test.sealed, test.context); !errors.Is(err, test.want) || got != "" {
			t.Errorf("%s: got %q, %v", test.name, got, err)
		}
	}
}

func TestParseKey(t *testing.T) {
	key := secret.NewKey()
	for _, text := range []string{hex.EncodeToString(key), strings.ToUpper(hex.EncodeToString(key)) + "\n",
		base64.StdEncoding.EncodeToString(key)} {
		if got, err := secret.ParseKey(text); err != nil || !bytes.Equal(got, key) {
			t.Errorf("%q: %x, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "hunter2", hex.EncodeToString(key[1:]), hex.EncodeToString(key) + "00"} {
		if got, err := secret.ParseKey(text); err == nil {
			t.Errorf("%q is read as %x", text, got)
		} else if text != "" && strings.Contains(err.Error(), text) {
			t.Errorf("the error tells the key: %v", err)
		}
	}
	if _, err := secret.New(key[1:]); err == nil {
		t.Error("a short key makes a sealer")
	}
}

func TestKeyFileIsMadeOnce(t *testing.T) {
	directory := t.TempDir()
	path := filepath.Join(directory, "secret.key")
	keys := make([][]byte, 20)
	var group sync.WaitGroup
	for i := range keys {
		group.Go(func() {
			key, err := secret.LoadOrCreateKey(path)
			if err != nil {
				t.Error(err)
			}
			keys[i] = key
		})
	}
	group.Wait()
	for _, key := range keys {
		if len(key) != secret.KeySize || !bytes.Equal(key, keys[0]) {
			t.Fatalf("different keys: %x and %x", key, keys[0])
		}
	}
	entries, err := os.ReadDir(directory)
	if err != nil || len(entries) != 1 {
		t.Fatalf("left behind: %v, %v", entries, err)
	}
	if info, err := entries[0].Info(); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestKeyFileMistakes(t *testing.T) {
	good := hex.EncodeToString(secret.NewKey())
	for name, file := range map[string]struct {
		text string
		mode os.FileMode
	}{
		"half a file":    {good[:20], 0o600},
		"empty":          {"", 0o600},
		"open to others": {good, 0o644},
	} {
		path := filepath.Join(t.TempDir(), "secret.key")
		if err := os.WriteFile(path, []byte(file.text), file.mode); err != nil {
			t.Fatal(err)
		}
		if key, err := secret.LoadOrCreateKey(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: got %x, %v", name, key, err)
		}
	}
	if _, err := secret.LoadOrCreateKey(filepath.Join(t.TempDir(), "missing", "secret.key")); err == nil {
		t.Error("makes a key in a directory that does not exist")
	}
}
