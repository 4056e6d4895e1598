package bundle

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"

	"indaba/internal/core"
)

// A tree is a place that modules are read from: a bot's folder or the built-in set. Paths in it are slash-separated and
// relative, as in [fs.FS]. It may be used from several goroutines.
type tree struct {
	label string // stands before the paths of modules: "" for a folder, "toolkit:" for the built-in set
	dir   string // the folder on disk; "" = none
	fsys  fs.FS
	root  *os.Root // what fsys reads through, so that nothing outside the folder is ever opened; nil for the set

	mu       sync.Mutex
	packages map[string]*packageJSON // by folder; nil for a folder without package.json
}

// openFolder opens a bot's folder.
func openFolder(dir string) (*tree, error) {
	absolute, err := filepath.Abs(dir)
	if err == nil {
		absolute, err = filepath.EvalSymlinks(absolute)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, core.Errorf(core.NotFound, "there is no folder %s", dir)
	}
	if err != nil {
		return nil, fmt.Errorf("finding folder %s: %w", dir, err)
	}
	if info, err := os.Stat(absolute); err != nil || !info.IsDir() {
		return nil, core.Errorf(core.Invalid, "%s is not a folder", dir)
	}
	root, err := os.OpenRoot(absolute)
	if err != nil {
		return nil, fmt.Errorf("opening folder %s: %w", dir, err)
	}
	return &tree{dir: absolute, fsys: root.FS(), root: root, packages: map[string]*packageJSON{}}, nil
}

// emptyFolder returns a tree without files.
func emptyFolder() *tree {
	return &tree{fsys: noFiles{}, packages: map[string]*packageJSON{}}
}

type noFiles struct{}

func (noFiles) Open(name string) (fs.File, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

func (t *tree) close() error {
	if t.root == nil {
		return nil
	}
	return t.root.Close()
}

// id names a file of the tree in a bundle: its path, or "toolkit:q/q.js" for a file of the built-in set.
func (t *tree) id(name string) string {
	if t.label == "" {
		return name
	}
	return t.label + strings.TrimPrefix(name, "node_modules/")
}

// isFile and isDir follow symbolic links; what cannot be read is neither.
func (t *tree) isFile(name string) bool {
	info, err := fs.Stat(t.fsys, name)
	return err == nil && info.Mode().IsRegular()
}

func (t *tree) isDir(name string) bool {
	info, err := fs.Stat(t.fsys, name)
	return err == nil && info.IsDir()
}

// real returns the path of a file with symbolic links followed: packages are told apart by where they really are, as in
// Node.js, which package managers that link packages depend on.
func (t *tree) real(name string) (string, error) {
	if t.root == nil {
		return name, nil
	}
	real, err := filepath.EvalSymlinks(filepath.Join(t.dir, filepath.FromSlash(name)))
	if err != nil {
		return "", fmt.Errorf("following links of %s: %w", name, err)
	}
	relative, err := filepath.Rel(t.dir, real)
	if err != nil || !filepath.IsLocal(relative) {
		return "", escapes(name)
	}
	return filepath.ToSlash(relative), nil
}

// readText reads a file of at most limit bytes as UTF-8 text, without a byte order mark; malformed bytes become U+FFFD,
// as in Node.js. A missing file is core.NotFound and also matches [fs.ErrNotExist].
func (t *tree) readText(name string, limit int) (string, error) {
	clean := path.Clean(strings.TrimPrefix(filepath.ToSlash(name), "./"))
	if path.IsAbs(clean) || !fs.ValidPath(clean) {
		return "", escapes(name)
	}
	if _, err := t.real(clean); err != nil && core.KindOf(err) == core.Invalid {
		return "", err
	}
	file, err := t.fsys.Open(clean)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return "", &core.Error{Kind: core.NotFound, Message: fmt.Sprintf("there is no file %s", name), Cause: fs.ErrNotExist}
		}
		return "", &core.Error{Kind: core.Invalid, Message: fmt.Sprintf("%s cannot be read", name), Cause: err}
	}
	defer func() { _ = file.Close() }() // only read from
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		return "", core.Errorf(core.Invalid, "%s is not a file", name)
	}
	data, err := io.ReadAll(io.LimitReader(file, int64(limit)+1))
	if err != nil {
		return "", fmt.Errorf("reading %s: %w", name, err)
	}
	if len(data) > limit {
		return "", core.Errorf(core.TooLarge, "%s is larger than %d bytes", name, limit)
	}
	return cleanText(string(data)), nil
}

func escapes(name string) error {
	return core.Errorf(core.Invalid, "%s leads out of the bot's folder; only files inside it can be used", name)
}

// cleanText returns text as a JavaScript engine reads a file: without byte order mark, malformed UTF-8 replaced.
func cleanText(text string) string {
	return strings.ToValidUTF8(strings.TrimPrefix(text, "\ufeff"), "\ufffd")
}

// A packageJSON is what resolution needs of a package.json.
type packageJSON struct {
	Name                 string              `json:"name"`
	Version              string              `json:"version"`
	Main                 string              `json:"-"` // main, when it is a string
	RawMain              json.RawMessage     `json:"main"`
	Type                 string              `json:"type"`
	Exports              *conditional        `json:"exports"`
	Imports              *conditional        `json:"imports"`
	OptionalDependencies map[string]any      `json:"optionalDependencies"`
	PeerDependenciesMeta map[string]peerMeta `json:"peerDependenciesMeta"`
}

type peerMeta struct {
	Optional bool `json:"optional"`
}

// optional says whether the package can do without a package that it requires.
func (p *packageJSON) optional(name string) bool {
	if p == nil {
		return false
	}
	_, listed := p.OptionalDependencies[name]
	return listed || p.PeerDependenciesMeta[name].Optional
}

// packageJSON returns the package.json of a folder, or nil when it has none.
func (t *tree) packageJSON(dir string) (*packageJSON, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if p, known := t.packages[dir]; known {
		return p, nil
	}
	if !t.isDir(dir) {
		return nil, nil
	}
	name := path.Join(dir, "package.json")
	text, err := t.readText(name, maxConfigBytes)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			t.packages[dir] = nil
			return nil, nil
		}
		return nil, err
	}
	p := new(packageJSON)
	if err := json.Unmarshal([]byte(text), p); err != nil {
		return nil, core.Errorf(core.Invalid, "%s: %v", t.id(name), err)
	}
	_ = json.Unmarshal(p.RawMain, &p.Main) // old packages have lists and false here; Node.js ignores those too
	t.packages[dir] = p
	return p, nil
}

// packageOf returns the nearest package.json at or above a folder, and where it is; nil when there is none.
func (t *tree) packageOf(dir string) (*packageJSON, string, error) {
	for {
		p, err := t.packageJSON(dir)
		if err != nil || p != nil {
			return p, dir, err
		}
		above := path.Dir(dir)
		if above == dir || path.Base(dir) == "node_modules" {
			return nil, dir, nil
		}
		dir = above
	}
}
