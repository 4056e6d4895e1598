package main

import (
	"archive/zip"
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"indaba/internal/bot/bundle"
)

func file(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }

// What bots require is packed, with licences; tests, documentation and packages for development are not.
func TestPack(t *testing.T) {
	root := fstest.MapFS{
		"node_modules/a/package.json": file(`{"name":"a","version":"1.0.0","main":"lib/a.js"}`), "node_modules/a/lib/a.js": file("a"),
		"node_modules/a/lib/a.min.js": file(""), "node_modules/a/LICENSE": file("BSD"), "node_modules/a/README.md": file(""),
		"node_modules/a/test/a.js": file(""), "node_modules/a/lib/test/kept.js": file(""), "node_modules/a/dist/a.js": file(""),
		"node_modules/a/Gruntfile.js": file(""), "node_modules/a/data.json": file("{}"),
		"node_modules/a/node_modules/b/package.json": file(`{"name":"b","version":"0.1.0","main":["old"]}`), "node_modules/a/node_modules/b/index.js": file("b"),
		"node_modules/c/package.json": file(`{"name":"c","version":"2.0.0","main":"./dist/c"}`), "node_modules/c/dist/c.js": file("c"),
		"node_modules/dev/package.json": file(`{"name":"dev"}`), "node_modules/dev/index.js": file(""),
	}
	folders := []string{"node_modules/a", "node_modules/a/node_modules/b", "node_modules/c"}
	archive, files, err := pack(root, folders)
	if err != nil {
		t.Fatal(err)
	}
	reader, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range reader.File {
		names = append(names, strings.TrimPrefix(f.Name, "node_modules/"))
	}
	want := []string{"a/LICENSE", "a/data.json", "a/lib/a.js", "a/lib/test/kept.js", "a/package.json",
		"a/node_modules/b/index.js", "a/node_modules/b/package.json", "c/dist/c.js", "c/package.json"}
	if !slices.Equal(names, want) || files != len(want) {
		t.Errorf("it packed %q, want %q", names, want)
	}
	again, _, err := pack(root, folders)
	if err != nil || !bytes.Equal(archive, again) {
		t.Errorf("the same packages gave other bytes: %v", err)
	}
	set, err := bundle.OpenSet(archive)
	if err != nil {
		t.Fatal(err)
	}
	packages, err := set.Packages()
	if err != nil {
		t.Fatal(err)
	}
	wantPackages := []bundle.Package{{Name: "a", Version: "1.0.0", Path: "toolkit:a"},
		{Name: "b", Version: "0.1.0", Path: "toolkit:a/node_modules/b"}, {Name: "c", Version: "2.0.0", Path: "toolkit:c"}}
	if !slices.Equal(packages, wantPackages) {
		t.Errorf("the set has %v, want %v", packages, wantPackages)
	}
	if _, _, err := pack(root, []string{"node_modules/gone"}); err == nil || !strings.Contains(err.Error(), "npm ci") {
		t.Errorf("a package that is not installed gave %v", err)
	}
}

// The lock file decides what is packed.
func TestPackageFolders(t *testing.T) {
	lock := filepath.Join(t.TempDir(), "package-lock.json")
	text := `{"packages": {"": {}, "node_modules/z": {}, "node_modules/a": {"version": "1"}, "node_modules/dev": {"dev": true}}}`
	if err := os.WriteFile(lock, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	folders, err := packageFolders(lock)
	if err != nil || !slices.Equal(folders, []string{"node_modules/a", "node_modules/z"}) {
		t.Errorf("it lists %q, %v", folders, err)
	}
}
