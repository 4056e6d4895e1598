package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "indaba"

// pkg is one folder with Go files. Its name in the table is its path below internal/, and below the root with a slash
// in front for folders elsewhere.
type pkg struct {
	name  string
	files []*file
	set   *token.FileSet
}

type file struct {
	path string // from the root of the repository
	test bool
	tree *ast.File
}

// packages parses every Go file of the module.
func packages(t *testing.T) []*pkg {
	t.Helper()
	byName := map[string]*pkg{}
	set := token.NewFileSet()
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return enter(root, name, entry.Name())
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		tree, err := parser.ParseFile(set, name, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		relative = filepath.ToSlash(relative)
		p := byName[tableName(path.Dir(relative))]
		if p == nil {
			p = &pkg{name: tableName(path.Dir(relative)), set: set}
			byName[p.name] = p
		}
		p.files = append(p.files, &file{path: relative, test: strings.HasSuffix(name, "_test.go"), tree: tree})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	all := make([]*pkg, 0, len(byName))
	for _, p := range byName {
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b *pkg) int { return strings.Compare(a.name, b.name) })
	return all
}

// enter skips folders that hold no code of this module: tools is a module of its own.
func enter(root, name, base string) error {
	skipped := []string{"testdata", "node_modules", "data", "bin", "vendor"}
	if name == filepath.Join(root, "tools") || slices.Contains(skipped, base) ||
		name != root && strings.HasPrefix(base, ".") {
		return fs.SkipDir
	}
	return nil
}

// tableName turns a folder, or an import path below the module, into its name in the table.
func tableName(folder string) string {
	if name, ok := strings.CutPrefix(folder, "internal/"); ok {
		return name
	}
	return "/" + folder
}

// imports returns the import paths of a file.
func (f *file) imports() []string {
	var paths []string
	for _, spec := range f.tree.Imports {
		if text, err := strconv.Unquote(spec.Path.Value); err == nil {
			paths = append(paths, text)
		}
	}
	return paths
}

// at writes where a node stands.
func (p *pkg) at(f *file, node ast.Node) string {
	return fmt.Sprintf("%s:%d", f.path, p.set.Position(node.Pos()).Line)
}
