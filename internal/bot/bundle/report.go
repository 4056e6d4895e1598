package bundle

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/evanw/esbuild/pkg/api"

	"indaba/internal/core"
)

// explain turns esbuild's errors into ours: syntax errors and missing modules with file, line and column.
func (g *graph) explain(messages []api.Message) error {
	var problems []error
	told := map[string]bool{}
	for _, m := range messages {
		file, line, column := g.locate(m.Location)
		if err, ok := m.Detail.(error); ok {
			if m.Location != nil {
				err = prefixed(at(file, line, column), err)
			}
			problems = append(problems, err)
			continue
		}
		if specifier, ok := strings.CutPrefix(m.Text, "Could not resolve "); ok {
			specifier = strings.Trim(specifier, `"`)
			if !told[specifier] || strings.HasPrefix(specifier, ".") { // a package that is missing is told once
				problems = append(problems, g.missing(at(file, line, column), specifier))
			}
			told[specifier] = true
			continue
		}
		problems = append(problems, core.Errorf(core.Invalid, "%s: %s", at(file, line, column), m.Text))
	}
	return joinErrors(problems)
}

// warn collects what the author should look at. Warnings about the insides of packages are left out, but for what
// they cannot find, and those about an app context, whose purpose is to hand names on.
func (g *graph) warn(messages []api.Message) {
	for _, m := range messages {
		file, line, column := g.locate(m.Location)
		if strings.Contains("/"+file, "/node_modules/") || strings.HasPrefix(file, "toolkit:") || file == g.fileName(contextID) {
			continue
		}
		text := m.Text
		switch m.ID {
		case dynamicRequire:
			text = "require of something other than one string finds only what is required elsewhere by name"
		case indirectRequire:
			text = "require used as a value finds only what is required elsewhere by name"
		}
		g.warnings = append(g.warnings, at(file, line, column)+": "+text)
	}
	for _, importer := range slices.Sorted(maps.Keys(g.optional)) {
		for _, specifier := range slices.Sorted(maps.Keys(g.optional[importer])) {
			what := "is not in the bundle: requiring it throws"
			if isNodeModule(specifier) {
				what = "is a module of Node.js that bots do not have: requiring it throws"
			}
			g.warnings = append(g.warnings, fmt.Sprintf("%s: %q %s", g.fileName(importer), specifier, what))
		}
	}
}

// fileName names an importer for people.
func (g *graph) fileName(importer string) string {
	switch importer {
	case scriptID:
		return g.src.name
	case contextID:
		return "app_context"
	case listedID:
		return "node_modules of the manifest"
	}
	return importer
}

// locate maps a place in esbuild's input to a file of the folder; columns count from 1.
func (g *graph) locate(l *api.Location) (file string, line, column int) {
	if l == nil {
		return g.src.name, 1, 1
	}
	file = strings.TrimPrefix(l.File, namespace+":")
	if file == scriptID {
		file, line = position(g.src.segments, g.src.name, l.Line)
		return file, line, l.Column + 1
	}
	return g.fileName(file), l.Line, l.Column + 1
}

// missing explains a specifier that nothing answers to.
func (g *graph) missing(where, specifier string) error {
	if strings.HasPrefix(specifier, ".") || strings.HasPrefix(specifier, "#") || path.IsAbs(specifier) {
		return core.Errorf(core.Invalid, "%s requires %q, and there is no such file", where, specifier)
	}
	name, _ := splitPackage(specifier)
	if isNodeModule(specifier) {
		return core.Errorf(core.Invalid, "%s requires %q, a module of Node.js that bots do not have", where, specifier)
	}
	builtIn := "nor in the built-in set"
	if g.resolver.set == nil {
		builtIn = "and there are no built-in packages (\"make toolkit\" builds them in)"
	}
	return core.Errorf(core.Invalid,
		"%s requires %q, which is not in the folder's node_modules, %s: run \"npm install %s\" in the folder, "+
			"or take the require out", where, specifier, builtIn, name)
}

// at writes a place as it stands in messages; columns count from 1.
func at(file string, line, column int) string { return fmt.Sprintf("%s:%d:%d", file, line, column) }

// joinErrors makes one error of several, at most ten of them, and keeps the kind of the first.
func joinErrors(problems []error) error {
	if len(problems) <= 1 {
		return errors.Join(problems...)
	}
	var text []string
	for i, p := range problems {
		if i == 10 {
			text = append(text, fmt.Sprintf("and %d more", len(problems)-10))
			break
		}
		text = append(text, core.SafeMessage(p))
	}
	return core.Errorf(core.KindOf(problems[0]), "%s", strings.Join(text, "\n"))
}
