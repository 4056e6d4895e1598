// Package bundle turns a folder that holds a sandbox bot into a program that the JavaScript engine runs: it finds the
// app script in the layouts that production apps use, resolves what the script requires as Node.js does (from the
// folder's own node_modules, then from the built-in set of toolkit packages), and packs everything into one
// self-contained, deterministic bundle. It does not run bots and does not fetch packages.
package bundle

import (
	"path/filepath"
	"slices"

	"indaba/internal/bot/js"
	"indaba/internal/core"
)

// What a bundle may weigh. Sizes are in bytes of source text.
const (
	MaxScriptBytes = 5 << 20  // the app script
	MaxBundleBytes = 50 << 20 // script, modules and settings together
	maxModules     = 10_000
	maxConfigBytes = 1 << 20 // one package.json, manifest or configuration value
)

// Options say how to read a bot.
type Options struct {
	App  string // which app of a folder that builds several; "" = the only one
	Name string // the bot's name; "" = from the manifest, package.json or the folder
	Set  *Set   // the built-in packages; nil = the folder must bring all it requires
}

// A Bundle is one version of a sandbox bot with all code that it requires. It does not refer to the folder or to the
// built-in set that it was made from: a bundle does the same on every server and after every upgrade.
type Bundle struct {
	Settings
	Script     string            // the app script: a sloppy-mode classic script (docs/spec/vumi-sandbox.md 4)
	ScriptName string            // its name in stack traces
	Segments   []Segment         // where the lines of Script come from, in order
	Modules    []js.Module       // in order of ID
	Roots      map[string]string // what the script's own require calls resolve to: a module ID or "builtin:NAME"
	Packages   []Package         // the npm packages in it, by path
	Warnings   []string          // what the author should look at, as "FILE:LINE:COLUMN: TEXT" where a place is known
}

// A Package is one npm package of a bundle. The same name may occur at several versions.
type Package struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Path    string `json:"path"` // in stack traces, such as "node_modules/q" or "toolkit:q"
	// Faster says that some of its functions were replaced by faster ones when the bundle was made.
	Faster bool `json:"faster,omitempty"`
}

// Read makes a bundle of the bot in the folder dir. The folder is one of the following, tried in this order:
//
//  1. a manifest, indaba.json or indaba.yaml (see [Manifest]);
//  2. exactly one built script go-app.js or go-NAME.js;
//  3. a Gruntfile.js whose concat configuration builds one or several scripts: each target is an app;
//  4. several built scripts go-NAME.js: each NAME is an app;
//  5. package.json whose main (index.js when it names none) is a sandbox script, which is to say that it mentions api,
//     or is TypeScript or an ES module;
//  6. an entry file src/index.ts, src/index.mts or src/index.mjs, or src/index.js with "type": "module";
//  7. src/index.js, then all other src/**/*.js in order of their paths, then src/init.js, joined by line feeds.
//
// TypeScript and ES modules are bundled to one classic script; packages stay require calls. Nothing outside dir is read,
// and symbolic links may not leave it. Errors that the bot's author can mend are of kind core.Invalid, core.NotFound or
// core.TooLarge and name file, line and column where there are any.
func Read(dir string, opts Options) (*Bundle, error) {
	folder, err := openFolder(dir)
	if err != nil {
		return nil, err
	}
	defer func() { _ = folder.close() }() // opened for reading only: nothing can be lost
	src, err := findLayout(folder, opts)
	if err != nil {
		return nil, err
	}
	if opts.Name != "" {
		src.settings.Name = opts.Name
	}
	if src.settings.Name == "" {
		src.settings.Name = defaultName(folder, src.app)
	}
	return pack(src, folder, opts.Set)
}

// FromScript makes a bundle of a script that stands in no folder. It may require the modules and packages of the folder
// dir, as if it stood there, and those of opts.Set; dir "" means the set alone. name is the script's name in stack
// traces. opts.App is not used.
func FromScript(script, name string, settings Settings, dir string, opts Options) (*Bundle, error) {
	folder := emptyFolder()
	if dir != "" {
		var err error
		if folder, err = openFolder(dir); err != nil {
			return nil, err
		}
	}
	defer func() { _ = folder.close() }() // opened for reading only: nothing can be lost
	if opts.Name != "" {
		settings.Name = opts.Name
	}
	src := &source{settings: settings, script: cleanText(script), name: name,
		segments: []Segment{{File: name, Line: 1, FileLine: 1}}}
	return pack(src, folder, opts.Set)
}

// Program returns the bundle as the engine takes it. The program shares no memory that is changed later.
func (b *Bundle) Program() *js.Program {
	return &js.Program{Modules: slices.Clone(b.Modules), Roots: b.Roots, Script: b.Script, ScriptName: b.ScriptName,
		AppContext: b.appContext(), TimeZone: b.TimeZone}
}

// defaultName names a bot that has no name of its own: after its app, its package or its folder.
func defaultName(folder *tree, app string) string {
	if app != "" {
		return app
	}
	if p, err := folder.packageJSON("."); err == nil && p != nil && p.Name != "" {
		return p.Name
	}
	return filepath.Base(folder.dir)
}

// checkSize refuses a bundle that is over a limit.
func (b *Bundle) checkSize() error {
	if len(b.Script) > MaxScriptBytes {
		return core.Errorf(core.TooLarge, "the app script has %d bytes; at most %d are allowed", len(b.Script), MaxScriptBytes)
	}
	if len(b.Modules) > maxModules {
		return core.Errorf(core.TooLarge, "the bundle has %d modules; at most %d are allowed", len(b.Modules), maxModules)
	}
	total := len(b.Script) + len(b.AppContext)
	for _, m := range b.Modules {
		total += len(m.Source)
	}
	for _, text := range b.Config {
		total += len(text)
	}
	if total > MaxBundleBytes {
		return core.Errorf(core.TooLarge, "the bundle has %d bytes; at most %d are allowed", total, MaxBundleBytes)
	}
	return nil
}
