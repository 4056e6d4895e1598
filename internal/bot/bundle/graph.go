package bundle

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/evanw/esbuild/pkg/api"

	"indaba/internal/core"
)

// The ids of the roots of a graph. No file has such an id, because files of the folder are checked for a colon in front.
const (
	scriptID  = "script:"
	contextID = "app_context:"
	listedID  = "node_modules:"
	namespace = "bundle"
)

// What esbuild calls the require calls that it cannot follow.
const (
	dynamicRequire  = "unsupported-require-call"
	indirectRequire = "indirect-require"
)

// A moduleFile is one file of a graph.
type moduleFile struct {
	place         place
	source        string
	json          bool
	esm           bool // has import or export statements
	dynamicImport bool // has import(), which the engine's scripts do not
}

// A graph is all files that a script requires, directly and through each other. esbuild's parser finds the require calls,
// so that comments, strings, patterns, shadowed names and try blocks are understood; its output is not used.
type graph struct {
	resolver *resolver
	src      *source

	mu       sync.Mutex // esbuild resolves and loads from several goroutines
	files    map[string]*moduleFile
	script   moduleFile
	edges    map[string]map[string]string // importer → specifier → module ID or "builtin:NAME"
	optional map[string]map[string]bool   // importer → specifier that nothing answers to and that may be missing
	size     int
	warnings []string
}

func newGraph(src *source, r *resolver) *graph {
	return &graph{resolver: r, src: src, files: map[string]*moduleFile{}, edges: map[string]map[string]string{},
		optional: map[string]map[string]bool{}}
}

// walk follows all require calls from the script, the app context and the allow-list.
func (g *graph) walk() error {
	entries := []string{scriptID}
	if g.src.settings.AppContext != "" {
		entries = append(entries, contextID)
	}
	if len(g.src.settings.NodeModules) > 0 {
		entries = append(entries, listedID)
	}
	result := api.Build(api.BuildOptions{
		EntryPoints: entries, Bundle: true, Write: false, Outdir: "/", Metafile: true,
		Format: api.FormatCommonJS, Platform: api.PlatformNeutral, Target: api.ESNext, TsconfigRaw: "{}",
		LogLevel: api.LogLevelSilent, LogLimit: 0,
		LogOverride: map[string]api.LogLevel{dynamicRequire: api.LogLevelWarning, indirectRequire: api.LogLevelWarning},
		Plugins:     []api.Plugin{{Name: "bundle", Setup: g.setup}},
	})
	if len(result.Errors) > 0 {
		return g.explain(result.Errors)
	}
	g.warn(result.Warnings)
	return g.readFormats(result.Metafile)
}

// checkSyntax parses the script alone.
func (g *graph) checkSyntax() error {
	result := api.Transform(g.src.script, api.TransformOptions{Sourcefile: scriptID, Target: api.ESNext,
		TsconfigRaw: "{}", LogLevel: api.LogLevelSilent})
	if len(result.Errors) > 0 {
		return g.explain(result.Errors)
	}
	return nil
}

func (g *graph) setup(build api.PluginBuild) {
	build.OnResolve(api.OnResolveOptions{Filter: ".*"}, g.onResolve)
	build.OnLoad(api.OnLoadOptions{Filter: ".*", Namespace: namespace}, g.onLoad)
}

// onResolve answers one require call. What nothing answers to is left to esbuild, which reports it with its place unless
// it stands in a try block.
func (g *graph) onResolve(args api.OnResolveArgs) (api.OnResolveResult, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch args.Kind {
	case api.ResolveEntryPoint:
		return api.OnResolveResult{Path: args.Path, Namespace: namespace}, nil
	case api.ResolveJSRequireResolve:
		return api.OnResolveResult{Path: args.Path, External: true}, nil
	case api.ResolveJSDynamicImport:
		g.file(args.Importer).dynamicImport = true
	}
	if name, ok := g.resolver.builtin(args.Path); ok {
		g.edge(args.Importer, args.Path, "builtin:"+name)
		return api.OnResolveResult{Path: args.Path, External: true}, nil
	}
	from := g.folderOf(args.Importer)
	found, err := g.resolver.resolve(from, args.Path)
	if errors.Is(err, errNotFound) {
		if g.mayBeMissing(args.Importer, from, args.Path) {
			g.missingOptional(args.Importer, args.Path)
			return api.OnResolveResult{Path: args.Path, External: true}, nil
		}
		return api.OnResolveResult{}, nil
	}
	if err != nil {
		return api.OnResolveResult{}, err
	}
	id := found.id()
	if found.tree.label == "" && strings.Contains(strings.SplitN(id, "/", 2)[0], ":") {
		return api.OnResolveResult{}, core.Errorf(core.Invalid,
			"%s: a folder or file at the top may not have a colon in its name", id)
	}
	g.edge(args.Importer, args.Path, id)
	if g.files[id] == nil {
		g.files[id] = &moduleFile{place: found}
	}
	return api.OnResolveResult{Path: id, Namespace: namespace}, nil
}

// file returns the file of an importer; the script and the other roots share one that stands for the script.
func (g *graph) file(importer string) *moduleFile {
	if f := g.files[importer]; f != nil {
		return f
	}
	return &g.script
}

// folderOf returns the folder that an importer's relative paths start from.
func (g *graph) folderOf(importer string) place {
	if f := g.files[importer]; f != nil {
		return place{f.place.tree, path.Dir(f.place.path)}
	}
	return place{g.resolver.folder, path.Clean(g.src.dir)}
}

func (g *graph) edge(importer, specifier, target string) {
	if g.edges[importer] == nil {
		g.edges[importer] = map[string]string{}
	}
	g.edges[importer][specifier] = target
}

// missingOptional notes a specifier that throws when it is required.
func (g *graph) missingOptional(importer, specifier string) {
	if g.optional[importer] == nil {
		g.optional[importer] = map[string]bool{}
	}
	g.optional[importer][specifier] = true
}

// mayBeMissing says whether a bundle is good without something that nothing answers to: the script asks an app context
// or allow-list, which has an answer of its own; a package names it as optional; a package asks for a module of Node.js,
// often on a path that bots do not take.
func (g *graph) mayBeMissing(importer string, from place, specifier string) bool {
	if importer == scriptID {
		return g.src.settings.answersItself(specifier)
	}
	if g.files[importer] == nil {
		return false
	}
	if isNodeModule(specifier) {
		return true
	}
	name, _ := splitPackage(specifier)
	owner, _, err := from.tree.packageOf(from.path)
	return err == nil && owner.optional(name)
}

// onLoad gives esbuild the text of a file.
func (g *graph) onLoad(args api.OnLoadArgs) (api.OnLoadResult, error) {
	text, loader := "", api.LoaderJS
	switch args.Path {
	case scriptID:
		text = g.src.script
	case contextID:
		text = "(" + g.src.settings.AppContext + "\n)"
	case listedID:
		text = requireAll(g.src.settings.NodeModules)
	default:
		g.mu.Lock()
		file := g.files[args.Path]
		g.mu.Unlock()
		var err error
		if text, err = file.place.tree.readText(file.place.path, MaxBundleBytes); err != nil {
			return api.OnLoadResult{}, err
		}
		loader = loaderFor(args.Path)
		if loader == api.LoaderNone {
			return api.OnLoadResult{}, core.Errorf(core.Invalid, "%s is no JavaScript, TypeScript or JSON file", args.Path)
		}
		text = withoutHashbang(text)
		if err := g.loaded(file, text, loader == api.LoaderJSON); err != nil {
			return api.OnLoadResult{}, err
		}
	}
	return api.OnLoadResult{Contents: &text, Loader: loader}, nil
}

// loaded keeps a file's text, as long as all of them together stay below the limit.
func (g *graph) loaded(file *moduleFile, text string, isJSON bool) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	file.source, file.json = text, isJSON
	if g.size += len(text); g.size > MaxBundleBytes {
		return core.Errorf(core.TooLarge, "the modules of the bundle have more than %d bytes", MaxBundleBytes)
	}
	return nil
}

// loaderFor says what kind of file a name means; LoaderNone = none that can be required. Files without extension
// are JavaScript, as in Node.js.
func loaderFor(name string) api.Loader {
	switch path.Ext(name) {
	case ".json":
		return api.LoaderJSON
	case ".ts", ".mts", ".cts":
		return api.LoaderTS
	case ".tsx":
		return api.LoaderTSX
	case ".node", ".wasm":
		return api.LoaderNone
	}
	return api.LoaderJS
}

// withoutHashbang takes "#!/usr/bin/env node" out and keeps the line.
func withoutHashbang(text string) string {
	if !strings.HasPrefix(text, "#!") {
		return text
	}
	if end := strings.IndexByte(text, '\n'); end >= 0 {
		return text[end:]
	}
	return ""
}

// requireAll is a script that requires each of the names.
func requireAll(names []string) string {
	var text strings.Builder
	for _, name := range names {
		quoted, err := json.Marshal(name)
		if err == nil { // a string always encodes
			fmt.Fprintf(&text, "require(%s);\n", quoted)
		}
	}
	return text.String()
}

// needsTransform says whether the engine cannot take the file as it is.
func (g *graph) needsTransform(f *moduleFile) bool {
	return f.esm || f.dynamicImport || typescript(f.place.path)
}

// readFormats learns which files are ES modules.
func (g *graph) readFormats(metafile string) error {
	var meta struct {
		Inputs map[string]struct {
			Format string `json:"format"`
		} `json:"inputs"`
	}
	if err := json.Unmarshal([]byte(metafile), &meta); err != nil {
		return fmt.Errorf("reading the list of modules: %w", err)
	}
	for _, id := range slices.Collect(maps.Keys(g.files)) {
		g.files[id].esm = meta.Inputs[namespace+":"+id].Format == "esm"
	}
	return nil
}
