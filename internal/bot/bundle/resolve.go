package bundle

import (
	"errors"
	"path"
	"slices"
	"strings"

	"indaba/internal/bot/js"
	"indaba/internal/core"
)

// errNotFound says that nothing answers to a specifier.
var errNotFound = errors.New("module not found")

// A place is a file or folder in a tree.
type place struct {
	tree *tree
	path string
}

// id names the file in the bundle.
func (p place) id() string { return p.tree.id(p.path) }

// A resolver finds modules as Node.js does: built-in modules first, relative paths, then node_modules upwards from the
// requiring file. From a bot's folder it goes on to the built-in set; from the set it does not come back.
type resolver struct {
	folder   *tree
	set      *tree // nil = there is no set
	builtins []string
}

func newResolver(folder *tree, set *Set) *resolver {
	r := &resolver{folder: folder, builtins: js.Builtins()}
	if set != nil {
		r.set = set.tree
	}
	return r
}

// builtin returns the name of the built-in module that a specifier means: "events" or "node:events".
func (r *resolver) builtin(specifier string) (string, bool) {
	name := strings.TrimPrefix(specifier, "node:")
	return name, slices.Contains(r.builtins, name)
}

// resolve finds the file that a specifier means for a file in the folder from. It returns errNotFound, or an error that
// says what is wrong with the file that the specifier leads to.
func (r *resolver) resolve(from place, specifier string) (place, error) {
	switch {
	case specifier == "":
		return place{}, errNotFound
	case specifier == "." || specifier == ".." || strings.HasPrefix(specifier, "./") || strings.HasPrefix(specifier, "../"):
		return r.relative(from, specifier)
	case path.IsAbs(specifier):
		return place{}, errNotFound // the file system of one machine is no part of a bot
	case specifier[0] == '#':
		return r.imported(from, specifier)
	}
	found, err := r.walkUp(from, specifier)
	if errors.Is(err, errNotFound) && from.tree == r.folder && r.set != nil {
		return r.walkUp(place{r.set, "."}, specifier)
	}
	return found, err
}

// relative resolves a path that begins with a dot.
func (r *resolver) relative(from place, specifier string) (place, error) {
	target := path.Join(from.path, specifier)
	if target == ".." || strings.HasPrefix(target, "../") {
		return place{}, escapes(specifier)
	}
	if !strings.HasSuffix(specifier, "/") && path.Base(specifier) != ".." && specifier != "." {
		if found, err := asFile(place{from.tree, target}); !errors.Is(err, errNotFound) {
			return found, err
		}
	}
	return asFolder(place{from.tree, target})
}

// imported resolves a "#name" through the imports of the package that the requiring file belongs to.
func (r *resolver) imported(from place, specifier string) (place, error) {
	p, dir, err := from.tree.packageOf(from.path)
	if err != nil {
		return place{}, err
	}
	if p == nil {
		return place{}, errNotFound
	}
	target, ok := p.Imports.lookup(specifier)
	if !ok || strings.HasPrefix(target, "#") {
		return place{}, errNotFound
	}
	return r.resolve(place{from.tree, dir}, target)
}

// walkUp looks for a package in the node_modules folders from a folder upwards.
func (r *resolver) walkUp(from place, specifier string) (place, error) {
	name, subpath := splitPackage(specifier)
	if own, dir, err := from.tree.packageOf(from.path); err == nil && own != nil && own.Name == name && own.Exports != nil {
		return exported(place{from.tree, dir}, own, subpath) // a package may require itself by name
	}
	for dir := from.path; ; dir = path.Dir(dir) {
		if path.Base(dir) != "node_modules" {
			candidate := place{from.tree, path.Join(dir, "node_modules", name)}
			if found, err := inPackage(candidate, subpath); !errors.Is(err, errNotFound) {
				return found, err
			}
		}
		if dir == "." {
			return place{}, errNotFound
		}
	}
}

// splitPackage splits "lodash/get" into the package's name and "./get", and "lodash" into its name and ".".
func splitPackage(specifier string) (name, subpath string) {
	parts := strings.SplitN(specifier, "/", 2)
	if specifier[0] == '@' {
		if parts = strings.SplitN(specifier, "/", 3); len(parts) > 1 {
			parts = append([]string{parts[0] + "/" + parts[1]}, parts[2:]...)
		}
	}
	if len(parts) == 1 || parts[1] == "" {
		return parts[0], "."
	}
	return parts[0], "./" + parts[1]
}

// inPackage resolves a subpath of the package at a place; a single file under node_modules is a package too.
func inPackage(at place, subpath string) (place, error) {
	if !at.tree.isDir(at.path) {
		if subpath == "." {
			return asFile(at)
		}
		return place{}, errNotFound
	}
	p, err := at.tree.packageJSON(at.path)
	if err != nil {
		return place{}, err
	}
	if p != nil && p.Exports != nil {
		return exported(at, p, subpath)
	}
	target := place{at.tree, path.Join(at.path, subpath)}
	if !strings.HasPrefix(target.path+"/", at.path+"/") {
		return place{}, errNotFound
	}
	if subpath != "." && !strings.HasSuffix(subpath, "/") {
		if found, err := asFile(target); !errors.Is(err, errNotFound) {
			return found, err
		}
	}
	return asFolder(target)
}

// exported resolves a subpath through the exports of a package. What exports does not name cannot be required.
func exported(at place, p *packageJSON, subpath string) (place, error) {
	target, ok := p.Exports.lookup(subpath)
	if !ok || !strings.HasPrefix(target, "./") {
		return place{}, errNotFound
	}
	full := path.Join(at.path, target)
	if at.path != "." && !strings.HasPrefix(full, at.path+"/") || strings.HasPrefix(full, "..") {
		return place{}, core.Errorf(core.Invalid, "%s: exports leads out of the package: %s",
			at.tree.id(path.Join(at.path, "package.json")), target)
	}
	if !at.tree.isFile(full) {
		return place{}, errNotFound
	}
	return realPlace(place{at.tree, full})
}

// asFile tries a path as a file: as it is, then with .js, .json and .cjs.
func asFile(p place) (place, error) {
	for _, extension := range []string{"", ".js", ".json", ".cjs"} {
		if candidate := (place{p.tree, p.path + extension}); p.tree.isFile(candidate.path) {
			return realPlace(candidate)
		}
	}
	return place{}, leavesFolder(p)
}

// leavesFolder returns an error for a path that is a link out of the folder, and errNotFound for any other.
func leavesFolder(p place) error {
	if p.tree.root == nil {
		return errNotFound
	}
	for _, extension := range []string{"", ".js", ".json", ".cjs"} {
		if _, err := p.tree.real(p.path + extension); err != nil && core.KindOf(err) == core.Invalid {
			return err
		}
	}
	return errNotFound
}

// asFolder tries a path as a folder: the main of its package.json, then index.js and index.json.
func asFolder(p place) (place, error) {
	if !p.tree.isDir(p.path) {
		return place{}, errNotFound
	}
	pkg, err := p.tree.packageJSON(p.path)
	if err != nil {
		return place{}, err
	}
	if pkg != nil && pkg.Main != "" {
		main := path.Join(p.path, pkg.Main)
		for _, candidate := range []string{main, path.Join(main, "index")} {
			if strings.HasPrefix(candidate, "..") {
				return place{}, escapes(pkg.Main)
			}
			if found, err := asFile(place{p.tree, candidate}); !errors.Is(err, errNotFound) {
				return found, err
			}
		}
	}
	return asFile(place{p.tree, path.Join(p.path, "index")})
}

// realPlace follows links, so that one file is one module.
func realPlace(p place) (place, error) {
	real, err := p.tree.real(p.path)
	return place{p.tree, real}, err
}

// nodeModules are the modules of Node.js itself: a specifier in this list that the engine does not offer is not a package
// that somebody forgot to install.
var nodeModules = []string{"async_hooks", "child_process", "cluster", "constants", "dgram", "diagnostics_channel", "dns",
	"domain", "fs", "http", "http2", "https", "inspector", "module", "net", "os", "path", "perf_hooks", "process",
	"punycode", "readline", "repl", "stream", "string_decoder", "sys", "tls", "trace_events", "tty", "v8", "vm", "wasi",
	"worker_threads", "zlib"}

// isNodeModule says whether a specifier means a module of Node.js.
func isNodeModule(specifier string) bool {
	name, _, _ := strings.Cut(strings.TrimPrefix(specifier, "node:"), "/")
	return strings.HasPrefix(specifier, "node:") || slices.Contains(nodeModules, name)
}
