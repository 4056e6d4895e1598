package bundle

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"indaba/internal/core"
)

// Folders that are no good are refused with the reason, in the author's terms.
func TestRefused(t *testing.T) {
	big := strings.Repeat("a", MaxScriptBytes+1)
	manifest := func(text string) map[string]string {
		return map[string]string{"indaba.json": text, "app.js": "api;"}
	}
	cases := []struct {
		name  string
		files map[string]string
		app   string
		kind  core.Kind
		want  string
	}{
		{"nothing", nil, "", core.Invalid, "this folder holds no bot. Looked for: a manifest (indaba.json, indaba.yaml"},
		{"no script", map[string]string{"README.md": "hello", "package.json": `{"name":"x","main":"lib.js"}`, "lib.js": "exports.x = 1;"},
			"", core.Invalid, "this folder holds no bot"},
		{"empty script", map[string]string{"go-app.js": " \n"}, "", core.Invalid, "go-app.js: the app script is empty"},
		{"syntax error", map[string]string{"go-app.js": "api;\nvar x = ;"}, "", core.Invalid, `go-app.js:2:9: Unexpected ";"`},
		{"syntax error in a joined file", map[string]string{"src/index.js": "var go;\n", "src/b.js": "api;\n  if );", "src/init.js": ""},
			"", core.Invalid, `src/b.js:2:6: Expected "("`},
		{"syntax error in a module", map[string]string{"go-app.js": "require('m')", "node_modules/m/index.js": "\n\nlet let;"},
			"", core.Invalid, "node_modules/m/index.js:3:5: "},
		{"syntax error in JSON", map[string]string{"go-app.js": "require('./d')", "d.json": "{\"a\": 1,\n}"}, "", core.Invalid, "d.json:"},
		{"syntax error in TypeScript", map[string]string{"src/index.ts": "let x: number = ;\n"}, "", core.Invalid, "src/index.ts:1:17: Unexpected"},
		{"syntax error in an imported file", map[string]string{"src/index.ts": "import './a';", "src/a.ts": "\nclass {"},
			"", core.Invalid, "src/a.ts:2:7: "},
		{"broken tsconfig", map[string]string{"src/index.ts": "api", "tsconfig.json": "{"}, "", core.Invalid, "tsconfig.json: unexpected end"},
		{"alias out of the folder", map[string]string{"src/index.ts": "import '@x/a';", "tsconfig.json": `{"compilerOptions":{"paths":{"@x/*":["../*"]}}}`},
			"", core.Invalid, "src/index.ts:1:8: @x/a leads out of the bot's folder"},
		{"missing import", map[string]string{"src/index.mjs": "import x from './gone.js';\nx;"}, "", core.Invalid,
			`src/index.mjs:1:15: Could not resolve "./gone.js"`},
		{"await at the top", map[string]string{"src/index.mjs": "import './a.mjs';\nawait 1;", "src/a.mjs": ""}, "", core.Invalid, "src/index.mjs:2:1: "},
		{"link out of the folder", map[string]string{"go-app.js": "require('./secret')", "secret.js": "-> /etc/hostname"},
			"", core.Invalid, "leads out of the bot's folder"},
		{"script is a link out", map[string]string{"go-app.js": "-> ../../outside.js"}, "", core.Invalid, "go-app.js"},
		{"import through a link out", map[string]string{"src/index.mjs": "import './x.mjs';", "src/x.mjs": "-> /etc/hostname"}, "", core.Invalid, "src/index.mjs:1:8: src/x.mjs leads out of the bot's folder"},
		{"import out of the folder", map[string]string{"src/index.mjs": "import '../../../../../../etc/hostname';"}, "", core.Invalid, "hostname"},
		{"package through a link out", map[string]string{"go-app.js": "require('p')", "node_modules/p": "-> /usr/lib"}, "", core.Invalid, "go-app.js:1:9: node_modules/p leads out of the bot's folder"},
		{"huge script", map[string]string{"go-app.js": big}, "", core.TooLarge, "go-app.js is larger than 5242880 bytes"},
		{"huge joined script", map[string]string{"src/index.js": "//" + big[:3<<20], "src/init.js": "//" + big[:3<<20]}, "", core.TooLarge,
			"the app script is larger than 5242880 bytes with src/init.js"},
		{"several built scripts", map[string]string{"go-one.js": "1", "go-app-two.js": "2"}, "", core.Invalid, "choose one of: two, one"},
		{"unknown app", map[string]string{"go-one.js": "1", "go-two.js": "2"}, "three", core.Invalid, `there is no app "three"`},
		{"app of a folder with one", map[string]string{"src/index.js": "api"}, "three", core.Invalid, `the folder builds no app "three"`},
		{"manifest: syntax", manifest("{\n\"script\": }"), "", core.Invalid, "indaba.json:2:11: invalid character '}'"},
		{"manifest: field", manifest(`{"script": "app.js", "scirpts": []}`), "", core.Invalid, `indaba.json: json: unknown field "scirpts"`},
		{"manifest: more text", manifest(`{"script": "app.js"} {}`), "", core.Invalid, "text after the end"},
		{"manifest: no script", manifest(`{"name": "x"}`), "", core.Invalid, "script (one file) or scripts"},
		{"manifest: null", manifest(`null`), "", core.Invalid, "script (one file) or scripts"},
		{"manifest: both", manifest(`{"script": "a", "scripts": ["b"]}`), "", core.Invalid, "not both"},
		{"manifest: kind", manifest(`{"script": "app.js", "kind": "tree"}`), "", core.Invalid, `kind is "tree"`},
		{"manifest: zone", manifest(`{"script": "app.js", "time_zone": "Mars/Base"}`), "", core.Invalid, `time_zone "Mars/Base"`},
		{"manifest: isolation", manifest(`{"script": "app.js", "isolation": "none"}`), "", core.Invalid, "isolation is \"none\""},
		{"manifest: limits", manifest(`{"script": "app.js", "limits": {"cpu_ms": -1}}`), "", core.Invalid, "must not be negative"},
		{"manifest: missing script", manifest(`{"script": "gone.js"}`), "", core.NotFound, "indaba.json: there is no file gone.js"},
		{"manifest: missing config", manifest(`{"script": "app.js", "config": "gone.json"}`), "", core.NotFound, "configuration key config: there is no file gone.json"},
		{"manifest: script out", manifest(`{"script": "../app.js"}`), "", core.Invalid, "../app.js leads out of the bot's folder"},
		{"manifest: absolute script", manifest(`{"script": "/app.js"}`), "", core.Invalid, "indaba.json: /app.js leads out of the bot's folder"},
		{"manifest: absolute config", manifest(`{"script": "app.js", "config": "/etc/hostname"}`), "", core.Invalid, "leads out"},
		{"manifest: pattern", manifest(`{"scripts": ["lib/*.js"]}`), "", core.Invalid, "no file matches lib/*.js"},
		{"manifest: bad pattern", manifest(`{"scripts": ["[z-"]}`), "", core.Invalid, "[z- is not a pattern"},
		{"manifest: brace bomb", manifest(`{"scripts": ["` + strings.Repeat("{a,b}", 30) + `"]}`), "", core.Invalid, "too many alternatives"},
		{"manifest: joined TypeScript", manifest(`{"scripts": ["src/a.ts"]}`), "", core.Invalid, "give a TypeScript app's entry file as script"},
		{"manifest: two requires", manifest(`{"script": "app.js", "app_context": "{}", "node_modules": ["q"]}`), "", core.Invalid, "app_context or node_modules"},
		{"manifest: broken app context", manifest(`{"script": "app.js", "app_context": "{require: }"}`), "", core.Invalid, "app_context:1:"},
		{"manifest: unknown allowed package", manifest(`{"script": "app.js", "node_modules": ["nowhere"]}`), "", core.Invalid, `requires "nowhere"`},
		{"manifest: yaml", map[string]string{"indaba.yaml": "script: [\n"}, "", core.Invalid, "indaba.yaml: yaml: line"},
		{"manifest: yaml field", map[string]string{"indaba.yml": "script: a.js\ncolour: red"}, "", core.Invalid, `unknown field "colour"`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b, err := Read(folder(t, c.files), Options{App: c.app})
			if err == nil {
				t.Fatalf("it was taken: %q", b.Script[:min(80, len(b.Script))])
			}
			if core.KindOf(err) != c.kind || !strings.Contains(core.SafeMessage(err), c.want) {
				t.Errorf("refused as %v: %v; want %v: %s", core.KindOf(err), err, c.kind, c.want)
			}
		})
	}
}

// A folder that is none is told apart from an empty one.
func TestNoFolder(t *testing.T) {
	dir := t.TempDir()
	if _, err := Read(filepath.Join(dir, "gone"), Options{}); core.KindOf(err) != core.NotFound {
		t.Errorf("a missing folder gave %v", err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(file, Options{}); core.KindOf(err) != core.Invalid || !strings.Contains(err.Error(), "is not a folder") {
		t.Errorf("a file gave %v", err)
	}
}

// The search for a package.json ends at the top, whatever path it begins with.
func TestPackageOfEnds(t *testing.T) {
	for _, dir := range []string{"/a/b", "/", "../a", "a/b", "."} {
		if p, _, err := emptyFolder().packageOf(dir); p != nil || err != nil {
			t.Errorf("%s has the package %+v, %v", dir, p, err)
		}
	}
}

// All modules together stay below the limit, however few each of them has.
func TestHugeBundle(t *testing.T) {
	files := map[string]string{}
	var script strings.Builder
	comment := "//" + strings.Repeat("x", 6<<20)
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i"} {
		files[name+".js"] = comment
		script.WriteString("require('./" + name + "');\n")
	}
	files["go-app.js"] = script.String()
	if _, err := Read(folder(t, files), Options{}); core.KindOf(err) != core.TooLarge {
		t.Errorf("54 MiB of modules gave %v", err)
	}
}

// The order of layouts, and of the files of a folder without description.
func TestLayoutOrder(t *testing.T) {
	files := map[string]string{"src/index.js": "0", "src/init.js": "api", "src/b.js": "b", "src/a/z.js": "z", "src/.hidden.js": "h", "src/notes.txt": "?"}
	expect := func(want, script string) {
		t.Helper()
		b := mustRead(t, folder(t, files), Options{})
		if b.Script != want || b.ScriptName != script {
			t.Errorf("the script %s is %q, want %s %q", b.ScriptName, b.Script, script, want)
		}
	}
	expect("0\nz\nb\napi", "app.js")
	files["package.json"] = `{"main": "lib/x"}`
	files["lib/x.js"] = "this.api"
	expect("this.api", "lib/x.js")
	files["go-a.js"], files["go-b.js"] = "a", "b"
	files["Gruntfile.js"] = "module.exports = function (grunt) { grunt.initConfig({concat: {only: {src: ['go-b.js', 'go-a.js'], dest: 'x.js'}}}); };"
	expect("b\na", "app.js")
	delete(files, "go-a.js")
	expect("b", "go-b.js")
	files["indaba.yaml"] = "scripts: ['src/*.js', '!src/in*.js', 'go-{b,c}.js']"
	expect("b\nb", "app.js")
}

// Text is read as Node.js reads it.
func TestEncodings(t *testing.T) {
	b := mustRead(t, folder(t, map[string]string{
		"go-app.js": "\ufeffapi; require('./latin'); require('./tool'); require('./data.json')",
		"latin.js":  "exports.x = 'caf\xe9';", "tool": "#!/usr/bin/env node\nexports.y = 1;", "data.json": "\ufeff{\"z\": 1}",
	}), Options{})
	if strings.HasPrefix(b.Script, "\ufeff") {
		t.Error("the script begins with a byte order mark")
	}
	for id, want := range map[string]string{"latin.js": "exports.x = 'caf\ufffd';", "tool": "\nexports.y = 1;", "data.json": `{"z": 1}`} {
		found := false
		for _, m := range b.Modules {
			if m.ID == id {
				found = true
				if m.Source != want || m.JSON != (id == "data.json") {
					t.Errorf("%s is %q (JSON %v), want %q", id, m.Source, m.JSON, want)
				}
			}
		}
		if !found {
			t.Errorf("%s is not in the bundle", id)
		}
	}
}

// Packages that are ES modules, and import() in old scripts, become what the engine takes.
func TestModuleFormats(t *testing.T) {
	dir := folder(t, map[string]string{
		"go-app.js": `
			var esm = require('esm'), typed = require('./typed.ts');
			api.on_inbound_message = function () {
				var self = this;
				import('later').then(function (later) {
					self.request('outbound.reply_to', {content: [esm.default, esm.named, typed.double(4), later.default].join()},
						function () { self.done(); });
				});
			};`,
		"typed.ts":                        "export const double = (n: number): number => n * 2;",
		"node_modules/esm/package.json":   `{"name": "esm", "version": "1.0.0", "type": "module", "exports": "./main.js"}`,
		"node_modules/esm/main.js":        "import { part } from './part.js'; export default 'd'; export const named = part;",
		"node_modules/esm/part.js":        "export const part = 'p';",
		"node_modules/later/package.json": `{"name": "later"}`,
		"node_modules/later/index.js":     "module.exports = 'l';",
	})
	b := mustRead(t, dir, Options{})
	p, result := say(t, b, "")
	if len(p.said) != 1 || p.said[0] != "d,p,8,l" {
		t.Errorf("it said %q and ended %s: %v", p.said, result.Outcome, result.Err)
	}
}

// Imports of a TypeScript app are found as TypeScript finds them.
func TestEntryImports(t *testing.T) {
	b := mustRead(t, folder(t, map[string]string{
		"src/index.ts": `import { a } from './a.js'; import b from './dir'; import { c } from '@lib/deep/c'; import { d } from 'exact';
			import { e } from './e.mjs'; import f from '../f.json'; import type { Gone } from './gone-type'; import * as q from 'q';
			const all: unknown[] = [a, b, c, d, e, f, q];
			api.on_inbound_message = function () { this.request('outbound.reply_to', {content: JSON.stringify(all)}, () => this.done()); };`,
		"src/a.ts": "export const a = 'a';", "src/dir/index.js": "export default 'dir';", "lib/deep/c.ts": "export const c = 'c';",
		"src/d.tsx": "export const d = 'd';", "src/e.mts": "export const e = 'e';", "f.json": `"f"`, "node_modules/q/index.js": "exports.q = 1;",
		"tsconfig.json": `{
			// a comment with "quotes" and https://example.org
			"extends": "../../nowhere.json",
			"compilerOptions": {"strict": true, /* "paths": {} */ "baseUrl": ".", "paths": {
				"@lib/*": ["gone/*", "lib/*"], "exact": ["src/d"], "*": ["types/*",],
			}},
		}`,
	}), Options{})
	p, result := say(t, b, "")
	if len(p.said) != 1 || p.said[0] != `["a","dir","c","d","e","f",{"default":{"q":1},"q":1}]` {
		t.Errorf("it said %q and ended %s: %v", p.said, result.Outcome, result.Err)
	}
}
