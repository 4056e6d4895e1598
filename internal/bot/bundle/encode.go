package bundle

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/klauspost/compress/zstd"

	"indaba/internal/bot/js"
	"indaba/internal/core"
)

// An encoded bundle is magic, one byte of version, and a zstd frame of the JSON of an encodedBundle.
const (
	magic           = "INDABA-BUNDLE\x00"
	encodingVersion = 1
	// maxEncodedJSON bounds what a hostile encoding unpacks to: JSON text is at most six times its source.
	maxEncodedJSON = 6*MaxBundleBytes + 1<<20
)

// An encodedBundle is the stored form of a bundle. Its JSON decides the bundle's hash: fields are added, never changed.
type encodedBundle struct {
	Settings   Settings          `json:"settings"`
	Script     string            `json:"script"`
	ScriptName string            `json:"script_name"`
	Segments   []Segment         `json:"segments,omitempty"`
	Modules    []encodedModule   `json:"modules"`
	Roots      map[string]string `json:"roots"`
	Packages   []Package         `json:"packages,omitempty"`
	Warnings   []string          `json:"warnings,omitempty"`
}

type encodedModule struct {
	ID       string            `json:"id"`
	Source   string            `json:"source"`
	JSON     bool              `json:"json,omitempty"`
	Requires map[string]string `json:"requires,omitempty"`
}

// marshal returns the JSON that Encode compresses and Hash hashes.
func (b *Bundle) marshal() ([]byte, error) {
	e := encodedBundle{Settings: b.Settings, Script: b.Script, ScriptName: b.ScriptName, Segments: b.Segments,
		Modules: make([]encodedModule, 0, len(b.Modules)), Roots: b.Roots, Packages: b.Packages, Warnings: b.Warnings}
	for _, m := range b.Modules {
		e.Modules = append(e.Modules, encodedModule(m))
	}
	data, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("encoding a bundle: %w", err)
	}
	return data, nil
}

// Hash names the bundle's content: lower-case hexadecimal SHA-256. Bundles that differ in anything but their warnings
// differ in hash.
func (b *Bundle) Hash() (string, error) {
	content := *b
	content.Warnings = nil
	data, err := content.marshal()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:]), nil
}

// Encode returns the bundle as one block of bytes for [Decode]. Equal bundles give equal bytes.
func (b *Bundle) Encode() ([]byte, error) {
	data, err := b.marshal()
	if err != nil {
		return nil, err
	}
	// One goroutine: several would cut the frame differently from machine to machine.
	writer, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, fmt.Errorf("compressing a bundle: %w", err)
	}
	return writer.EncodeAll(data, append([]byte(magic), encodingVersion)), nil
}

// Decode reads what Encode wrote. Bytes from elsewhere do no harm: they give an error of kind core.Invalid, or of
// core.TooLarge when they unpack to more than a bundle may have.
func Decode(data []byte) (*Bundle, error) {
	body, ok := bytes.CutPrefix(data, []byte(magic))
	if !ok || len(body) == 0 {
		return nil, core.Errorf(core.Invalid, "this is not an encoded bundle")
	}
	if body[0] != encodingVersion {
		return nil, core.Errorf(core.Invalid, "the bundle has format %d; this server reads format %d", body[0], encodingVersion)
	}
	plain, err := decompress(body[1:])
	if err != nil {
		return nil, err
	}
	var e encodedBundle
	if err := json.Unmarshal(plain, &e); err != nil {
		return nil, &core.Error{Kind: core.Invalid, Message: "the encoded bundle is damaged", Cause: err}
	}
	b := &Bundle{Settings: e.Settings, Script: e.Script, ScriptName: e.ScriptName, Segments: e.Segments, Roots: e.Roots,
		Packages: e.Packages, Warnings: e.Warnings}
	for _, m := range e.Modules {
		b.Modules = append(b.Modules, js.Module(m))
	}
	if err := b.checkSize(); err != nil {
		return nil, err
	}
	return b, b.checkLinks()
}

func decompress(frame []byte) ([]byte, error) {
	reader, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxEncodedJSON))
	if err != nil {
		return nil, fmt.Errorf("unpacking a bundle: %w", err)
	}
	defer reader.Close()
	plain, err := reader.DecodeAll(frame, nil)
	if err != nil {
		return nil, &core.Error{Kind: core.Invalid, Message: "the encoded bundle is damaged or too large", Cause: err}
	}
	return plain, nil
}

// checkLinks refuses a bundle whose modules are not all there.
func (b *Bundle) checkLinks() error {
	known := make(map[string]bool, len(b.Modules))
	for _, m := range b.Modules {
		if m.ID == "" || known[m.ID] {
			return core.Errorf(core.Invalid, "the encoded bundle has two modules %q", m.ID)
		}
		known[m.ID] = true
	}
	check := func(from string, requires map[string]string) error {
		for specifier, target := range requires {
			if !known[target] && !strings.HasPrefix(target, "builtin:") {
				return core.Errorf(core.Invalid, "the encoded bundle lacks %q, which %s requires as %q", target, from, specifier)
			}
		}
		return nil
	}
	for _, m := range b.Modules {
		if err := check(m.ID, m.Requires); err != nil {
			return err
		}
	}
	return check(b.ScriptName, b.Roots)
}
