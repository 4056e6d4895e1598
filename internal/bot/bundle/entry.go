package bundle

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/evanw/esbuild/pkg/api"

	"indaba/internal/core"
)

// An entry is a TypeScript or ES module app on its way to one classic script. All files come through the tree, so that
// nothing outside the folder has a part in the outcome.
type entry struct {
	folder  *tree
	aliases []alias // "paths" of tsconfig.json
}

// An alias says where the imports that match a pattern are: "@text/*" → "src/text/*".
type alias struct {
	before, after string // of the *; without one, before is the whole import and star is false
	star          bool
	targets       []string
}

// bundleEntry bundles an entry file and the files that it imports to one classic script. Packages stay require calls,
// which resolve like those of any other script. Settings of tsconfig.json count but for "extends".
func bundleEntry(folder *tree, name string) (script string, segments []Segment, warnings []string, err error) {
	e := &entry{folder: folder}
	tsconfig, err := e.readTsconfig()
	if err != nil {
		return "", nil, nil, err
	}
	result := api.Build(api.BuildOptions{
		EntryPoints: []string{name}, AbsWorkingDir: "/", Outdir: "/", Bundle: true, Write: false,
		Format: api.FormatCommonJS, Platform: api.PlatformNeutral, Target: api.ES2023, Charset: api.CharsetUTF8,
		Supported: map[string]bool{"dynamic-import": false}, TsconfigRaw: tsconfig, LogLevel: api.LogLevelSilent, LogLimit: 0,
		Sourcemap: api.SourceMapExternal, SourcesContent: api.SourcesContentExclude,
		// A classic script has neither module nor exports; what the entry file exports goes nowhere.
		Banner:  map[string]string{"js": "(function (module, exports) {"},
		Footer:  map[string]string{"js": "})({exports: {}}, {});"},
		Plugins: []api.Plugin{{Name: "entry", Setup: e.setup}},
	})
	if len(result.Errors) > 0 {
		return "", nil, nil, explainEntry(result.Errors)
	}
	for _, w := range result.Warnings {
		warnings = append(warnings, entryMessage(w))
	}
	for _, out := range result.OutputFiles {
		if strings.HasSuffix(out.Path, ".map") {
			segments, err = readSourceMap(out.Contents)
		} else {
			script = string(out.Contents)
		}
	}
	return script, segments, warnings, err
}

func (e *entry) setup(build api.PluginBuild) {
	build.OnResolve(api.OnResolveOptions{Filter: ".*"}, e.onResolve)
	build.OnLoad(api.OnLoadOptions{Filter: ".*", Namespace: namespace}, e.onLoad)
}

// onResolve keeps imports of packages and finds imports of files. What is not found is left to esbuild to report.
func (e *entry) onResolve(args api.OnResolveArgs) (api.OnResolveResult, error) {
	if args.Kind == api.ResolveEntryPoint {
		return api.OnResolveResult{Path: args.Path, Namespace: namespace}, nil
	}
	candidates := e.aliased(args.Path)
	local := strings.HasPrefix(args.Path, "./") || strings.HasPrefix(args.Path, "../") || args.Path == "." || args.Path == ".."
	if local {
		candidates = []string{path.Join(path.Dir(args.Importer), args.Path)}
	}
	for _, candidate := range candidates {
		if !fs.ValidPath(candidate) {
			return api.OnResolveResult{}, escapes(args.Path)
		}
		if file, err := e.find(candidate); file != "" || err != nil {
			return api.OnResolveResult{Path: file, Namespace: namespace}, err
		}
	}
	if local || path.IsAbs(args.Path) {
		return api.OnResolveResult{}, nil
	}
	return api.OnResolveResult{Path: args.Path, External: true}, nil
}

// entryExtensions are tried in this order for an import without extension.
var entryExtensions = []string{".ts", ".tsx", ".mts", ".cts", ".js", ".mjs", ".cjs", ".json"}

// find returns the file that an import of a path means; "" when there is none. TypeScript imports "./x.js" where it means
// x.ts.
func (e *entry) find(name string) (string, error) {
	candidates := []string{name}
	if stem, ok := strings.CutSuffix(name, "js"); ok && slices.Contains([]string{".js", ".mjs", ".cjs"}, path.Ext(name)) {
		candidates = append(candidates, stem+"ts", stem+"tsx")
	}
	for _, base := range []string{name, path.Join(name, "index")} {
		for _, extension := range entryExtensions {
			candidates = append(candidates, base+extension)
		}
	}
	for _, candidate := range candidates {
		real, err := e.folder.real(candidate)
		if core.KindOf(err) == core.Invalid {
			return "", err
		}
		if err == nil && e.folder.isFile(real) {
			return real, nil
		}
	}
	return "", nil
}

// onLoad reads one file.
func (e *entry) onLoad(args api.OnLoadArgs) (api.OnLoadResult, error) {
	text, err := e.folder.readText(args.Path, MaxScriptBytes)
	if err != nil {
		return api.OnLoadResult{}, err
	}
	loader := loaderFor(args.Path)
	if loader == api.LoaderNone {
		return api.OnLoadResult{}, core.Errorf(core.Invalid, "%s is no JavaScript, TypeScript or JSON file", args.Path)
	}
	return api.OnLoadResult{Contents: &text, Loader: loader}, nil
}

// readTsconfig returns the text of the folder's tsconfig.json and reads its paths; "{}" when there is none.
func (e *entry) readTsconfig() (string, error) {
	text, err := e.folder.readText("tsconfig.json", maxConfigBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return "{}", nil
	}
	if err != nil {
		return "", err
	}
	var config struct {
		CompilerOptions struct {
			BaseURL string              `json:"baseUrl"`
			Paths   map[string][]string `json:"paths"`
		} `json:"compilerOptions"`
	}
	if err := json.Unmarshal(plainJSON(text), &config); err != nil {
		return "", core.Errorf(core.Invalid, "tsconfig.json: %v", err)
	}
	for pattern, targets := range config.CompilerOptions.Paths {
		a := alias{}
		a.before, a.after, a.star = strings.Cut(pattern, "*")
		for _, target := range targets {
			a.targets = append(a.targets, path.Join(config.CompilerOptions.BaseURL, target))
		}
		e.aliases = append(e.aliases, a)
	}
	slices.SortFunc(e.aliases, func(a, b alias) int { // the most exact pattern first
		if d := len(b.before) - len(a.before); d != 0 {
			return d
		}
		return len(b.after) - len(a.after)
	})
	return text, nil
}

// aliased lists the paths that an import may mean by tsconfig.json, of the most exact pattern that fits.
func (e *entry) aliased(specifier string) []string {
	for _, a := range e.aliases {
		if !a.star && specifier != a.before {
			continue
		}
		rest, ok := strings.CutPrefix(specifier, a.before)
		if !ok || len(rest) < len(a.after) || !strings.HasSuffix(rest, a.after) {
			continue
		}
		var paths []string
		for _, target := range a.targets {
			paths = append(paths, strings.ReplaceAll(target, "*", rest[:len(rest)-len(a.after)]))
		}
		return paths
	}
	return nil
}

// plainJSON turns the comments and trailing commas that tsconfig.json may have into spaces.
func plainJSON(text string) []byte {
	out := []byte(text)
	blank := func(from, to int) {
		for i := from; i < to; i++ {
			if out[i] != '\n' {
				out[i] = ' '
			}
		}
	}
	comma := -1 // position of a comma that nothing but space has followed yet
	for i := 0; i < len(out); i++ {
		switch c := out[i]; {
		case c == '"':
			comma = -1
			for i++; i < len(out) && out[i] != '"'; i++ {
				if out[i] == '\\' {
					i++
				}
			}
		case strings.HasPrefix(text[i:], "//"), strings.HasPrefix(text[i:], "/*"):
			end := commentEnd(text, i)
			blank(i, end)
			i = end - 1
		case c == ',':
			comma = i
		case (c == '}' || c == ']') && comma >= 0:
			blank(comma, comma+1)
			comma = -1
		case c > ' ':
			comma = -1
		}
	}
	return out
}

// commentEnd returns where the comment that begins at start ends.
func commentEnd(text string, start int) int {
	mark, size := "\n", 0
	if text[start+1] == '*' {
		mark, size = "*/", 2
	}
	if i := strings.Index(text[start+2:], mark); i >= 0 {
		return start + 2 + i + size
	}
	return len(text)
}

// explainEntry turns esbuild's errors about an entry file into ours.
func explainEntry(messages []api.Message) error {
	var problems []error
	for _, m := range messages {
		err, ok := m.Detail.(error)
		switch {
		case !ok:
			err = core.Errorf(core.Invalid, "%s", entryMessage(m))
		case m.Location != nil:
			err = prefixed(entryPlace(m.Location), err)
		}
		problems = append(problems, err)
	}
	return joinErrors(problems)
}

func entryMessage(m api.Message) string {
	if m.Location == nil {
		return m.Text
	}
	return fmt.Sprintf("%s: %s", entryPlace(m.Location), m.Text)
}

// entryPlace returns the place of a message; columns count from 1.
func entryPlace(l *api.Location) string {
	return at(strings.TrimPrefix(l.File, namespace+":"), l.Line, l.Column+1)
}
