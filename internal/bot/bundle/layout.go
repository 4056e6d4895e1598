package bundle

import (
	"errors"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"indaba/internal/core"
)

// findLayout finds the app script of a folder; [Read] lists the layouts and their order.
func findLayout(folder *tree, opts Options) (*source, error) {
	manifest, name, err := readManifest(folder)
	if err != nil {
		return nil, err
	}
	if manifest != nil {
		return fromManifest(folder, manifest, name)
	}
	built, err := builtScripts(folder)
	if err != nil {
		return nil, err
	}
	if len(built) == 1 && (opts.App == "" || opts.App == built[0].name) {
		return fromFiles(folder, built[0].join, built[0].join.files[0], "")
	}
	if src, err := fromGruntfile(folder, opts.App); src != nil || err != nil {
		return src, err
	}
	if len(built) > 0 {
		chosen, err := chooseApp(built, opts.App, "the built scripts of the folder")
		if err != nil {
			return nil, err
		}
		return fromFiles(folder, chosen.join, chosen.join.files[0], chosen.name)
	}
	if opts.App != "" {
		return nil, core.Errorf(core.Invalid,
			"the folder builds no app %q: it has neither a Gruntfile.js with a concat configuration nor go-%s.js", opts.App, opts.App)
	}
	return fromPackageOrSource(folder)
}

// An app is one of the scripts that a folder builds.
type app struct {
	name string
	join concatenation
}

// chooseApp returns the named app, or the only one.
func chooseApp(apps []app, name, where string) (app, error) {
	var names []string
	for _, a := range apps {
		if a.name == name || name == "" && len(apps) == 1 {
			return a, nil
		}
		names = append(names, a.name)
	}
	if name == "" {
		return app{}, core.Errorf(core.Invalid, "%s are several apps; choose one of: %s", where, strings.Join(names, ", "))
	}
	return app{}, core.Errorf(core.Invalid, "there is no app %q among %s: %s", name, where, strings.Join(names, ", "))
}

// builtScripts lists go-*.js at the top of the folder, each as the app that its name says.
func builtScripts(folder *tree) ([]app, error) {
	names, err := fs.Glob(folder.fsys, "go-*.js")
	if err != nil {
		return nil, err
	}
	var apps []app
	for _, name := range names {
		short := strings.TrimSuffix(strings.TrimPrefix(name, "go-"), ".js")
		if short != "app" {
			short = strings.TrimPrefix(short, "app-")
		}
		apps = append(apps, app{short, concatenation{files: []string{name}}})
	}
	return apps, nil
}

// fromFiles makes a source of files joined to one script. A script of one file has its name and folder.
func fromFiles(folder *tree, join concatenation, name, appName string) (*source, error) {
	script, segments, err := join.join(folder)
	if err != nil {
		return nil, err
	}
	src := &source{app: appName, script: script, segments: segments, name: name}
	if len(segments) == 1 && segments[0].File != "" {
		src.name, src.dir = segments[0].File, path.Dir(segments[0].File)
	}
	return src, nil
}

// fromEntry makes a source of a TypeScript or ES module entry file.
func fromEntry(folder *tree, entry string) (*source, error) {
	script, segments, warnings, err := bundleEntry(folder, entry)
	if err != nil {
		return nil, err
	}
	return &source{script: script, segments: segments, name: "app.js", dir: path.Dir(entry), warnings: warnings}, nil
}

// fromManifest makes a source of what a manifest says.
func fromManifest(folder *tree, m *Manifest, manifestName string) (*source, error) {
	settings, err := m.settings(folder)
	if err != nil {
		return nil, prefixed(manifestName, err)
	}
	var src *source
	switch {
	case slices.ContainsFunc(m.Scripts, typescript):
		err = core.Errorf(core.Invalid, "scripts are joined as they are: give a TypeScript app's entry file as script")
	case m.Script == "":
		src, err = fromFiles(folder, concatenation{files: m.Scripts, separator: "\n"}, "app.js", "")
	case isModule(folder, path.Clean(m.Script)):
		src, err = fromEntry(folder, path.Clean(m.Script))
	default:
		src, err = fromFiles(folder, concatenation{files: []string{m.Script}}, m.Script, "")
	}
	if err != nil {
		return nil, prefixed(manifestName, err)
	}
	src.settings = settings
	return src, nil
}

// prefixed puts a file's name before the message of an error that the author can mend.
func prefixed(name string, err error) error {
	if e, ok := errors.AsType[*core.Error](err); ok {
		return &core.Error{Kind: e.Kind, Message: name + ": " + err.Error(), Cause: e.Cause}
	}
	return err
}

// isModule says whether a script is TypeScript or an ES module by its name or by the "type" of its package.
func isModule(folder *tree, name string) bool {
	if typescript(name) || path.Ext(name) == ".mjs" {
		return true
	}
	if path.Ext(name) == ".js" {
		p, _, err := folder.packageOf(path.Dir(name))
		return err == nil && p != nil && p.Type == "module"
	}
	return false
}

// typescript says whether a file is TypeScript by its name.
func typescript(name string) bool {
	return slices.Contains([]string{".ts", ".mts", ".cts", ".tsx"}, path.Ext(name))
}

// mentionsAPI finds the one name that every app script uses, directly or as this.api.
var mentionsAPI = regexp.MustCompile(`\bapi\b`)

// fromPackageOrSource handles folders that neither a manifest nor a build describes.
func fromPackageOrSource(folder *tree) (*source, error) {
	p, err := folder.packageJSON(".")
	if err != nil {
		return nil, err
	}
	if p != nil {
		if src, err := fromMain(folder, p); src != nil || err != nil {
			return src, err
		}
	}
	for _, entry := range []string{"src/index.ts", "src/index.mts", "src/index.mjs", "src/index.js"} {
		if folder.isFile(entry) && isModule(folder, entry) {
			return fromEntry(folder, entry)
		}
	}
	files, err := sourceFiles(folder)
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, noBot()
	}
	return fromFiles(folder, concatenation{files: files, separator: "\n"}, "app.js", "")
}

// fromMain makes a source of package.json's main if it is a sandbox script; nil if it is not.
func fromMain(folder *tree, p *packageJSON) (*source, error) {
	main := path.Clean(p.Main)
	if p.Main == "" {
		main = "index.js"
	}
	for _, candidate := range []string{main, main + ".js", path.Join(main, "index.js")} {
		if !fs.ValidPath(candidate) || !folder.isFile(candidate) {
			continue
		}
		if isModule(folder, candidate) {
			return fromEntry(folder, candidate)
		}
		text, err := folder.readText(candidate, MaxScriptBytes)
		if err != nil {
			return nil, err
		}
		if !mentionsAPI.MatchString(text) {
			return nil, nil
		}
		return fromFiles(folder, concatenation{files: []string{candidate}}, candidate, "")
	}
	return nil, nil
}

// sourceFiles lists src/index.js, then the other scripts under src in order of their paths, then src/init.js.
func sourceFiles(folder *tree) ([]string, error) {
	if !folder.isDir("src") {
		return nil, nil
	}
	files, err := glob(folder, "src/**/*.js")
	if err != nil {
		return nil, err
	}
	rank := func(name string) int {
		switch name {
		case "src/index.js":
			return 0
		case "src/init.js":
			return 2
		}
		return 1
	}
	slices.SortStableFunc(files, func(a, b string) int { return rank(a) - rank(b) })
	return files, nil
}

// noBot says what was looked for.
func noBot() error {
	return core.Errorf(core.Invalid, "this folder holds no bot. Looked for: a manifest (%s), "+
		"a built script (go-app.js, go-NAME.js), a Gruntfile.js with a concat configuration, a package.json whose main is a script that uses api, "+
		"src/index.ts, src/index.mts, src/index.mjs, and scripts under src", strings.Join(manifestNames[:], ", "))
}
