package bundle

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"indaba/internal/core"
)

// Specifiers resolve as Node.js does for require. Each case is a folder and what the script's requires become.
func TestResolve(t *testing.T) {
	cases := []struct {
		name  string
		files map[string]string
		want  map[string]string // specifier in the script or "MODULE specifier" → target
	}{
		{"relative paths", map[string]string{
			"lib/a.js": "", "b.json": "{}", "c/index.js": "require('..'); require('../lib/a'); require('.');", "index.js": "",
			"d/package.json": `{"main": "./start"}`, "d/start.js": "", "e/package.json": `{"main": "lib"}`, "e/lib/index.js": "",
			"f/package.json": `{"main": "gone.js"}`, "f/index.js": "", "g.js": "", "g/index.js": "", "h.cjs": "",
		}, map[string]string{
			"./lib/a": "lib/a.js", "./lib/../lib/a.js": "lib/a.js", "./b": "b.json", "./b.json": "b.json", "./c": "c/index.js", "./c/": "c/index.js",
			"./d": "d/start.js", "./e": "e/lib/index.js", "./f": "f/index.js", "./g": "g.js", "./g/": "g/index.js", "./h": "h.cjs",
			"c/index.js ..": "index.js", "c/index.js ../lib/a": "lib/a.js", "c/index.js .": "c/index.js",
		}},
		{"packages", map[string]string{
			"node_modules/plain/index.js": "", "node_modules/plain/lib/part.js": "",
			"node_modules/main/package.json": `{"name":"main","main":"lib/entry"}`, "node_modules/main/lib/entry.js": "require('plain');",
			"node_modules/@scope/name/index.js": "", "node_modules/@scope/name/sub.js": "", "node_modules/single.js": "",
			"node_modules/data/package.json": `{"name":"data","version":"2.0.0"}`, "node_modules/data/index.json": "[1]",
		}, map[string]string{
			"plain": "node_modules/plain/index.js", "plain/lib/part": "node_modules/plain/lib/part.js", "main": "node_modules/main/lib/entry.js",
			"@scope/name": "node_modules/@scope/name/index.js", "@scope/name/sub": "node_modules/@scope/name/sub.js",
			"single": "node_modules/single.js", "data": "node_modules/data/index.json", "data/package.json": "node_modules/data/package.json",
			"node_modules/main/lib/entry.js plain": "node_modules/plain/index.js",
		}},
		{"two versions side by side", map[string]string{
			"node_modules/q/index.js":                  "",
			"node_modules/old/index.js":                "require('q');",
			"node_modules/old/node_modules/q/index.js": "", "node_modules/old/lib/deep/x.js": "require('q');",
		}, map[string]string{
			"q": "node_modules/q/index.js", "old": "node_modules/old/index.js", "old/lib/deep/x": "node_modules/old/lib/deep/x.js",
			"node_modules/old/index.js q": "node_modules/old/node_modules/q/index.js", "node_modules/old/lib/deep/x.js q": "node_modules/old/node_modules/q/index.js",
		}},
		{"exports", map[string]string{
			"node_modules/one/package.json": `{"name":"one","exports":"./main.cjs"}`, "node_modules/one/main.cjs": "require('one');",
			"node_modules/two/package.json": `{"name":"two","exports":{"import":"./m.mjs","require":"./c.cjs"}}`, "node_modules/two/c.cjs": "",
			"node_modules/two/m.mjs": "",
			"node_modules/three/package.json": `{"name":"three","exports":{".":{"browser":"./b.js","node":"./n.js","default":"./d.js"},
				"./max":{"require":{"types":"./t.d.ts","default":"./max.js"}},"./lib/*":"./src/*.js","./lib/private/*":null,"./list":["./absent-is-not-tried.js"]}}`,
			"node_modules/three/d.js": "", "node_modules/three/n.js": "", "node_modules/three/max.js": "", "node_modules/three/src/a/b.js": "",
			"node_modules/esm/package.json": `{"name":"esm","type":"module","exports":{"import":"./only.js"}}`,
			"node_modules/esm/only.js":      "export default 1;",
		}, map[string]string{
			"one": "node_modules/one/main.cjs", "node_modules/one/main.cjs one": "node_modules/one/main.cjs", "two": "node_modules/two/c.cjs",
			"three": "node_modules/three/d.js", "three/max": "node_modules/three/max.js", "three/lib/a/b": "node_modules/three/src/a/b.js",
			"esm": "node_modules/esm/only.js",
		}},
		{"imports", map[string]string{
			"package.json": `{"name":"app","imports":{"#dep":{"node":"./n.js","default":"./d.js"},"#lib/*":"./lib/*.js","#ext":"plain"}}`,
			"d.js":         "", "n.js": "", "lib/x.js": "", "node_modules/plain/index.js": "",
		}, map[string]string{"#dep": "d.js", "#lib/x": "lib/x.js", "#ext": "node_modules/plain/index.js"}},
		{"built-in modules come before packages", map[string]string{
			"node_modules/events/index.js": "", "node_modules/events/package.json": `{"name":"events"}`,
			"node_modules/zlib/index.js": "",
		}, map[string]string{
			"events": "builtin:events", "node:util": "builtin:util", "events/": "node_modules/events/index.js", "zlib": "node_modules/zlib/index.js",
		}},
		{"linked packages", map[string]string{
			"node_modules/a": "-> .store/a@1/node_modules/a",
			"node_modules/.store/a@1/node_modules/a/index.js": "require('b');",
			"node_modules/.store/a@1/node_modules/b":          "-> ../../b@2/node_modules/b",
			"node_modules/.store/b@2/node_modules/b/index.js": "",
		}, map[string]string{
			"a": "node_modules/.store/a@1/node_modules/a/index.js",
			"node_modules/.store/a@1/node_modules/a/index.js b": "node_modules/.store/b@2/node_modules/b/index.js",
		}},
		{"circles", map[string]string{"a.js": "require('./b');", "b.js": "require('./a'); require('./b');"},
			map[string]string{"./a": "a.js", "a.js ./b": "b.js", "b.js ./a": "a.js", "b.js ./b": "b.js"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var script strings.Builder
			script.WriteString("api;\n")
			for _, specifier := range slices.Sorted(maps.Keys(c.want)) {
				if !strings.Contains(specifier, " ") {
					script.WriteString("require('" + specifier + "');\n")
				}
			}
			c.files["go-app.js"] = script.String()
			got := links(mustRead(t, folder(t, c.files), Options{}))
			if !maps.Equal(got, c.want) {
				for specifier, want := range c.want {
					if got[specifier] != want {
						t.Errorf("%s gives %q, want %q", specifier, got[specifier], want)
					}
				}
				t.Errorf("all links: %v", got)
			}
		})
	}
}

// links lists what all requires of a bundle resolve to.
func links(b *Bundle) map[string]string {
	all := maps.Clone(b.Roots)
	for _, m := range b.Modules {
		for specifier, target := range m.Requires {
			all[m.ID+" "+specifier] = target
		}
	}
	return all
}

// What Node.js does not find is not found here either, and the message says where it was required.
func TestNotResolved(t *testing.T) {
	files := map[string]string{
		"node_modules/closed/package.json": `{"name":"closed","exports":{".":"./index.js","./gone":"./gone.js","./out":"./../../x.js"}}`,
		"node_modules/closed/index.js":     "", "node_modules/closed/hidden.js": "", "node_modules/empty/readme.txt": "", "x.js": "",
		"node_modules/broken/package.json": "{", "binding.node": "\x7fELF",
	}
	for specifier, want := range map[string]string{
		"absent":         `go-app.js:2:9 requires "absent", which is not in the folder's node_modules, and there are no built-in packages`,
		"closed/hidden":  `requires "closed/hidden"`,
		"closed/gone":    `requires "closed/gone"`,
		"closed/out":     "exports leads out of the package",
		"empty":          `requires "empty"`,
		"./absent":       `go-app.js:2:9 requires "./absent", and there is no such file`,
		"/etc/passwd":    `requires "/etc/passwd", and there is no such file`,
		"../bot/x.js":    "leads out of the bot's folder",
		"child_process":  `requires "child_process", a module of Node.js that bots do not have`,
		"node:sqlite":    `requires "node:sqlite", a module of Node.js that bots do not have`,
		"broken":         "node_modules/broken/package.json: unexpected end of JSON input",
		"./binding.node": "binding.node is no JavaScript, TypeScript or JSON file",
	} {
		files["go-app.js"] = "api;\nrequire('" + specifier + "');"
		_, err := Read(folder(t, files), Options{})
		if core.KindOf(err) != core.Invalid || !strings.Contains(core.SafeMessage(err), want) {
			t.Errorf("%s: %v, want %s", specifier, err, want)
		}
	}
}

// Requires are found where Node.js would run them, and nowhere else.
func TestFindRequires(t *testing.T) {
	dir := folder(t, map[string]string{
		"go-app.js": "api; // require('comment')\n/* require('block') */ var s = \"require('string')\", t = `require('template') ${require('a')}`,\n" +
			"r = /require('regex')/; (function (require) { require('shadowed'); }(null));\n" +
			"var f = function () { return f ? require('b') : 1 / require('c') / 2; };\nobject.require('method');\n" +
			"try { require('perhaps'); } catch (e) {}\nrequire(`d`);\n",
		"node_modules/a/index.js": "", "node_modules/b/index.js": "", "node_modules/c/index.js": "", "node_modules/d/index.js": "",
	})
	b := mustRead(t, dir, Options{})
	want := map[string]string{"a": "node_modules/a/index.js", "b": "node_modules/b/index.js", "c": "node_modules/c/index.js", "d": "node_modules/d/index.js"}
	if !maps.Equal(b.Roots, want) {
		t.Errorf("found %v, want %v", b.Roots, want)
	}
}

// A package may do without what it names as optional, and without modules of Node.js.
func TestOptional(t *testing.T) {
	dir := folder(t, map[string]string{
		"go-app.js":                     "api; require('p');",
		"node_modules/p/package.json":   `{"name":"p","optionalDependencies":{"fast":"1"},"peerDependenciesMeta":{"peer":{"optional":true}}}`,
		"node_modules/p/index.js":       "require('fast/lib'); require('peer'); require('node:child_process');",
		"node_modules/p/unused/deep.js": "require('never');",
	})
	b := mustRead(t, dir, Options{})
	want := []string{
		`node_modules/p/index.js: "fast/lib" is not in the bundle: requiring it throws`,
		`node_modules/p/index.js: "node:child_process" is a module of Node.js that bots do not have: requiring it throws`,
		`node_modules/p/index.js: "peer" is not in the bundle: requiring it throws`,
	}
	if !slices.Equal(b.Warnings, want) {
		t.Errorf("the warnings are %q, want %q", b.Warnings, want)
	}
}
