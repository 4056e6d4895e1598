package sandbox

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"indaba/internal/bot"
	"indaba/internal/bot/bundle"
	"indaba/internal/bot/js"
	"indaba/internal/core"
)

// read makes a bundle of a folder with these files.
func read(t *testing.T, files map[string]string) *bundle.Bundle {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	program, err := bundle.Read(dir, bundle.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return program
}

// Errors name the files that the author wrote, and not the script that they were joined to.
func TestErrorsNameSourceFiles(t *testing.T) {
	w := newWorld(t)
	files := map[string]string{
		"src/index.js": "var go = {};\n", "src/init.js": "api.on_inbound_message = function () {\n    go.start();\n};\n",
		"src/start.js": "\n\ngo.start = function () {\n    undefinedFunction();\n};\n",
	}
	r, err := Loader(w.deps)(w.bot(), bot.Version{Bot: testBot, Number: 1}, read(t, files))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	result, err := r.Run(t.Context(), w.turn("1"))
	if err != nil || result.Outcome != js.Threw {
		t.Fatalf("%s, %v", result.Outcome, err)
	}
	log := strings.Join(texts(result.Log), "\n")
	if !strings.Contains(log, "(src/start.js:4:") || !strings.Contains(log, "(src/init.js:2:") || strings.Contains(log, "app.js") {
		t.Errorf("the log is\n%s", log)
	}
}

// A program that only the engine can tell to be none is refused with file and line.
func TestProgramsThatDoNotLoad(t *testing.T) {
	w := newWorld(t, func(w *world) { w.deps.Limits = js.Limits{CPU: 200e6} })
	joined := func(text string) map[string]string {
		return map[string]string{"src/index.js": "var go = {};\n", "src/part.js": "\n" + text, "src/init.js": "\napi;\n"}
	}
	manifest := func(fields string) map[string]string {
		return map[string]string{"indaba.yaml": "script: app.js\n" + fields, "app.js": "api;"}
	}
	for name, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"a broken pattern":           {joined("var re = /(/;"), "src/part.js:2:"},
		"a return at the top":        {joined("if (!go.ready) {\n  return;\n}"), "src/part.js:3:"},
		"using":                      {joined("function f() {\n  using x = go;\n}"), "src/part.js:3:"},
		"a decorator":                {joined("function d() {}\n@d class A {}"), "src/part.js:3:"},
		"a URL as host":              {manifest("allow_hosts: ['http://x']"), `allow_hosts: "http://x" is no host`},
		"an app context that throws": {manifest("app_context: '{x: null.x}'"), "app_context:1:"},
		"an app context that loops":  {manifest("app_context: '(function () { for (;;); })()'"), "app_context took more than 200ms at"},
		"one that throws in a child": {manifest("isolation: process\napp_context: '{x: null.x}'"), "app_context:1:"},
	} {
		t.Run(name, func(t *testing.T) {
			err := Loader(w.deps).Check(w.bot(), read(t, c.files))
			if core.KindOf(err) != core.Invalid || !strings.Contains(core.SafeMessage(err), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
	if err := Loader(w.deps).Check(w.bot(), read(t, joined("go.ready = /[a-z]/;"))); err != nil {
		t.Error(err)
	}
}
