package bundle

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"indaba/internal/bot/js"
	"indaba/internal/core"
)

// A source is an app script as the folder holds it, before what it requires is known.
type source struct {
	settings Settings
	app      string // which of the folder's apps; "" = the only one
	script   string
	name     string // the script's name in stack traces
	dir      string // the folder that the script's own relative requires start from; "" = the bot's folder
	segments []Segment
	warnings []string
}

// pack finds everything that the script requires and makes the bundle.
func pack(src *source, folder *tree, set *Set) (*Bundle, error) {
	if strings.TrimSpace(src.script) == "" {
		return nil, core.Errorf(core.Invalid, "%s: the app script is empty", src.name)
	}
	b := &Bundle{Settings: src.settings, Script: src.script, ScriptName: src.name, Segments: src.segments}
	if err := b.completeConfig(); err != nil {
		return nil, err
	}
	if err := b.checkSize(); err != nil {
		return nil, err
	}
	g := newGraph(src, newResolver(folder, set))
	if err := g.walk(); err != nil {
		return nil, err
	}
	if err := g.fill(b); err != nil {
		return nil, err
	}
	b.Warnings = slices.Concat(src.warnings, g.warnings)
	return b, b.checkSize()
}

// fill puts the modules, the roots and the packages of a walked graph into the bundle.
func (g *graph) fill(b *Bundle) error {
	packages := map[string]Package{}
	for _, id := range slices.Sorted(maps.Keys(g.files)) {
		file := g.files[id]
		module := js.Module{ID: id, Source: file.source, JSON: file.json, Requires: g.edges[id]}
		if g.needsTransform(file) {
			text, _, err := toCommonJS(id, file.source)
			if err != nil {
				return err
			}
			module.Source = text
		}
		faster := false
		if b.Libraries != originalLibraries {
			module.Source, faster = withFasterParts(module.Source)
		}
		b.Modules = append(b.Modules, module)
		if err := addPackage(packages, file.place, faster); err != nil {
			return err
		}
	}
	b.Roots = map[string]string{}
	maps.Copy(b.Roots, g.edges[scriptID])
	maps.Copy(b.Roots, g.edges[contextID])
	maps.Copy(b.Roots, g.edges[listedID])
	if g.script.dynamicImport {
		if err := b.scriptToCommonJS(); err != nil {
			return err
		}
	}
	b.Packages = slices.SortedFunc(maps.Values(packages), func(a, c Package) int { return cmp.Compare(a.Path, c.Path) })
	return nil
}

// addPackage notes the npm package that a file belongs to: the folder right under the last node_modules of its path. A
// file outside node_modules belongs to none.
func addPackage(packages map[string]Package, file place, faster bool) error {
	start := strings.LastIndex("/"+file.path, "/node_modules/")
	if start < 0 {
		return nil
	}
	start += len("node_modules/")
	name, _ := splitPackage(file.path[start:])
	dir := file.path[:start] + name
	p, err := file.tree.packageJSON(dir)
	if err != nil || p == nil {
		return err
	}
	id := file.tree.id(dir)
	packages[id] = Package{Name: p.Name, Version: p.Version, Path: id, Faster: faster || packages[id].Faster}
	return nil
}
