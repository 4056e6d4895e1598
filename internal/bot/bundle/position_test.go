package bundle

import (
	"encoding/json"
	"strings"
	"testing"

	"indaba/internal/bot/js"
	"indaba/internal/core"
)

// Lines keep their places when import() makes a script be written anew.
func TestPositionAfterTransform(t *testing.T) {
	b := mustRead(t, folder(t, map[string]string{
		"src/index.js": "var go = {};\n\n\n// comments go away\n", "src/later.js": "go.later = function () {\n\n    return import('m');\n};\n",
		"src/init.js": "api.x = 'the end';", "node_modules/m/index.js": "",
	}), Options{})
	for text, want := range map[string]string{"var go": "src/index.js:1", "go.later": "src/later.js:1", "require(\"m\")": "src/later.js:3", "the end": "src/init.js:1"} {
		if !strings.Contains(b.Script, text) {
			t.Fatalf("the script lacks %q: %s", text, b.Script)
		}
		if file, line := b.Places().Position(lineOf(b.Script, text)); file != strings.Split(want, ":")[0] || line != int(want[len(want)-1]-'0') {
			t.Errorf("%q stands at %s:%d, want %s", text, file, line, want)
		}
	}
}

// What a script throws is told with the file that it stands in.
func TestMap(t *testing.T) {
	b := mustRead(t, folder(t, map[string]string{
		"src/index.js": "var go = {};\n", "src/init.js": "api.on_inbound_message = function () {\n    go.start();\n};\n",
		"src/start.js": "\n\ngo.start = function () {\n    throw new Error('on line 4');\n};\n",
	}), Options{})
	_, result := say(t, b, "")
	thrown, ok := result.Err.(*js.ScriptError)
	if result.Outcome != js.Threw || !ok {
		t.Fatalf("it ended %s: %v", result.Outcome, result.Err)
	}
	stack := b.Places().Map(thrown.Stack)
	if !strings.Contains(stack, "src/start.js:4") || !strings.Contains(stack, "src/init.js:2") || strings.Contains(stack, "app.js") {
		t.Errorf("the stack\n%s\nbecame\n%s", thrown.Stack, stack)
	}
	if got := b.Places().Map("app.js:99999999999999999999 xapp.js:1"); got != "app.js:99999999999999999999 xapp.js:1" {
		t.Errorf("places that are none became %q", got)
	}
}

// JSON with comments becomes JSON; what was JSON stays as it is.
func FuzzPlainJSON(f *testing.F) {
	for _, text := range []string{`{"a": "// no, \" comment", "b": [1, 2]}`, "{/* x */}", `{"a": [1,], }`, `"\`, "//", "/*", "[1,/*,*/]"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		plain := plainJSON(text)
		if len(plain) != len(text) {
			t.Errorf("%q became %q", text, plain)
		}
		if json.Valid([]byte(text)) && string(plain) != text {
			t.Errorf("the JSON %q became %q", text, plain)
		}
	})
}

// Hostile exports are refused, and quickly.
func TestDeepExports(t *testing.T) {
	deep := strings.Repeat(`{"require":`, 5000) + `"./x.js"` + strings.Repeat("}", 5000)
	_, err := Read(folder(t, map[string]string{"go-app.js": "require('p')", "node_modules/p/package.json": `{"exports":` + deep + "}",
		"node_modules/p/x.js": ""}), Options{})
	if core.KindOf(err) != core.Invalid || !strings.Contains(err.Error(), "more than 32 levels") {
		t.Errorf("deep exports gave %v", err)
	}
}
