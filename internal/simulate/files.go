package simulate

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"indaba/internal/core"
)

// scriptSuffix is how the names of scripts end.
const scriptSuffix = ".conv.yaml"

// readScripts reads all scripts of a folder, in order of their paths. All that is wrong with them comes at once.
func readScripts(o TestOptions) ([]*script, error) {
	paths, err := findScripts(o.Dir)
	if err != nil {
		return nil, err
	}
	var scripts []*script
	var problems []error
	for _, path := range paths {
		text, err := os.ReadFile(filepath.Join(o.Dir, path))
		if err != nil {
			return nil, err
		}
		s, err := parse(path, string(text))
		if err != nil {
			problems = append(problems, err)
		} else if o.App == "" || s.app == o.App {
			scripts = append(scripts, s)
		}
	}
	if err := errors.Join(problems...); err != nil {
		return nil, core.Errorf(core.Invalid, "%v", err)
	}
	if len(scripts) == 0 {
		return nil, core.Errorf(core.NotFound, "there are no conversation scripts in %s: write one, such as test/first%s",
			o.Dir, scriptSuffix)
	}
	return scripts, nil
}

// findScripts lists the scripts of a folder, relative to it, with forward slashes.
func findScripts(dir string) ([]string, error) {
	root := os.DirFS(dir)
	paths, err := fs.Glob(root, "*"+scriptSuffix)
	if err != nil {
		return nil, err
	}
	for _, below := range []string{"test", "tests"} {
		err := fs.WalkDir(root, below, func(path string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) && path == below {
				return nil
			}
			if err == nil && !d.IsDir() && strings.HasSuffix(path, scriptSuffix) {
				paths = append(paths, path)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	slices.Sort(paths)
	return paths, nil
}
