package bundle

import (
	"slices"
	"strings"
	"testing"

	"indaba/internal/core"
)

// Patterns pick files as grunt does.
func TestGlob(t *testing.T) {
	files := map[string]string{}
	for _, name := range []string{"a.js", "b.js", "c.ts", ".hidden.js", "src/a.js", "src/x/b.js", "src/x/y/c.js", "src/.git/d.js", "src/.e.js",
		"lib/[odd].js", "node_modules/m/index.js", "src/node_modules/n/index.js"} {
		files[name] = "x"
	}
	files["linked"] = "-> src"
	tree, err := openFolder(folder(t, files))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tree.close() }()
	for patterns, want := range map[string]string{
		"*.js":                       "a.js b.js",
		"?.js":                       "a.js b.js",
		"[b-z].*":                    "b.js c.ts",
		"*.{ts,js}":                  "a.js b.js c.ts",
		"{src,lib}/*.js":             "lib/[odd].js src/a.js",
		"**/*.js":                    "a.js b.js lib/[odd].js src/a.js src/x/b.js src/x/y/c.js",
		"src/**":                     "src/a.js src/x/b.js src/x/y/c.js",
		"src/**/**/c.js":             "src/x/y/c.js",
		"src/**/x/**/*.js":           "src/x/b.js src/x/y/c.js",
		".*.js":                      ".hidden.js",
		"src/.git/*":                 "src/.git/d.js",
		"node_modules/*/index.js":    "node_modules/m/index.js",
		"gone/*.js":                  "",
		"b.js a.js b.js":             "b.js a.js",
		"b.js *.js":                  "b.js a.js",
		"*.js !a.js c.ts":            "b.js c.ts",
		"*.js !*.js":                 "",
		"./src/../a.js":              "a.js",
		"src\\x\\*.js":               "src/x/b.js",
		"linked/*.js":                "linked/a.js",
		"src/a.js src/x/b.js !**/b*": "src/a.js",
	} {
		got, err := matchAll(tree, strings.Fields(patterns))
		if err != nil || !slices.Equal(got, strings.Fields(want)) {
			t.Errorf("%s gives %q, want %q (%v)", patterns, got, want, err)
		}
	}
	for _, pattern := range []string{"../*.js", "/etc/*", "src/../../x.js", "!../a.js"} {
		if got, err := matchAll(tree, []string{pattern}); core.KindOf(err) != core.Invalid {
			t.Errorf("%s gives %q, %v", pattern, got, err)
		}
	}
}
