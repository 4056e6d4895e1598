package bundle

import (
	"archive/zip"
	"bytes"
	"cmp"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"indaba/internal/core"
)

//go:generate go run ./buildset -lock ../../../toolkit/package-lock.json -out builtin/set.zip

//go:embed builtin
var builtin embed.FS

// A Set is a collection of npm packages that bots can require without bringing them: the toolkits and what production
// apps use beside them. It may be used from several goroutines.
type Set struct {
	tree *tree
}

// BuiltinSet returns the packages that are built into the program. It fails with core.NotFound in a program that was
// built without them.
func BuiltinSet() (*Set, error) {
	data, err := builtin.ReadFile("builtin/set.zip")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, core.Errorf(core.NotFound, "this program was built without the built-in packages (vumigo_v02 and others): "+
			"run \"make toolkit\" and build it again, or install the packages in the bot's folder")
	}
	if err != nil {
		return nil, fmt.Errorf("reading the built-in packages: %w", err)
	}
	return OpenSet(data)
}

// OpenSet reads a set from the zip archive that buildset makes: a node_modules folder.
func OpenSet(archive []byte) (*Set, error) {
	reader, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		return nil, fmt.Errorf("reading a set of packages: %w", err)
	}
	return &Set{&tree{label: "toolkit:", fsys: reader, packages: map[string]*packageJSON{}}}, nil
}

// Packages lists the packages of the set, by path.
func (s *Set) Packages() ([]Package, error) {
	var all []Package
	err := fs.WalkDir(s.tree.fsys, "node_modules", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return err
		}
		parent := path.Dir(name)
		inScope := strings.HasPrefix(path.Base(parent), "@") && path.Base(path.Dir(parent)) == "node_modules"
		if path.Base(parent) != "node_modules" && !inScope {
			return nil
		}
		p, err := s.tree.packageJSON(name)
		if p != nil && p.Name != "" {
			all = append(all, Package{Name: p.Name, Version: p.Version, Path: s.tree.id(name)})
		}
		return err
	})
	slices.SortFunc(all, func(a, b Package) int { return cmp.Compare(a.Path, b.Path) })
	if err != nil {
		return nil, fmt.Errorf("listing the built-in packages: %w", err)
	}
	return all, nil
}
