package bundle

import (
	"context"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"indaba/internal/bot/js"
	"indaba/internal/core"
)

// builtinSet returns the built-in packages, or skips the test in a build without them; in CI that is a failure.
func builtinSet(t *testing.T) *Set {
	t.Helper()
	set, err := BuiltinSet()
	if core.KindOf(err) == core.NotFound && os.Getenv("CI") != "true" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// folder writes files to a new folder. A content "-> x" makes a symbolic link to x.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "bot")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		full := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		target, link := strings.CutPrefix(content, "-> ")
		var err error
		if link {
			err = os.Symlink(target, full)
		} else {
			err = os.WriteFile(full, []byte(content), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// mustRead reads a bundle that has to be good.
func mustRead(t *testing.T, dir string, opts Options) *Bundle {
	t.Helper()
	b, err := Read(dir, opts)
	if err != nil {
		t.Fatalf("reading %s: %v", dir, err)
	}
	return b
}

// A platform answers what the toolkits ask for, from the bundle's own settings, and keeps what bots say.
type platform struct {
	config map[string]string
	said   []string
	errors []string
}

func (p *platform) Command(_ context.Context, cmd string, reply func(string)) error {
	var c struct {
		Cmd, Key, Content, Msg string
	}
	if err := json.Unmarshal([]byte(cmd), &c); err != nil {
		return err
	}
	answer := map[string]any{"success": true}
	switch c.Cmd {
	case "config.get":
		answer["value"] = nil
		if text, ok := p.config[c.Key]; ok {
			answer["value"] = text
		}
	case "kv.get":
		answer["value"] = nil
	case "outbound.reply_to":
		p.said = append(p.said, c.Content)
	case "log.error":
		p.errors = append(p.errors, c.Msg)
	}
	text, err := json.Marshal(answer)
	if err != nil {
		return err
	}
	reply(string(text))
	return nil
}

// say runs the bundle for one inbound message and returns what the bot replied and how the run ended.
func say(t *testing.T, b *Bundle, content string) (*platform, js.Result) {
	t.Helper()
	pool, err := js.NewPool(b.Program(), js.PoolOptions{Size: 1})
	if err != nil {
		t.Fatalf("the engine refuses the bundle: %v", err)
	}
	defer pool.Close()
	command, err := json.Marshal(map[string]any{"cmd": "inbound-message", "msg": map[string]any{
		"message_id": "m1", "from_addr": "+27831234567", "to_addr": "*120*1#", "content": content, "session_event": "new"}})
	if err != nil {
		t.Fatal(err)
	}
	p := &platform{config: b.Config}
	return p, pool.Run(t.Context(), js.Input{Command: string(command)}, p)
}

// Every layout gives a bundle that runs, before and after storing it.
func TestLayouts(t *testing.T) {
	set := builtinSet(t)
	cases := []struct {
		dir, app, content string
		name              string
		script            string
		reply             string
		packages          []string
	}{
		{dir: "concat", name: "clinic", script: "app.js", reply: "Jina lako nani?",
			packages: []string{"jed 0.5.4", "lodash 4.17.21", "moment 2.29.4", "q 1.5.1", "vumigo_v02 0.3.2"}},
		{dir: "v01", name: "old-survey", script: "lib/ussd.js", reply: "Which village are you from?",
			packages: []string{"jed 0.5.4", "vumigo_v01 0.1.23", "q 0.9.7"}},
		{dir: "typescript", name: "typed-menu", script: "app.js", reply: "Good to see you, number 7!",
			packages: []string{"jed 0.5.4", "lodash 4.17.21", "moment 2.29.4", "q 1.5.1", "vumigo_v02 0.3.2"}},
		{dir: "esmodule", name: "modern-menu", script: "app.js", content: "hi", reply: "You said: hi 6f6b", packages: []string{"lodash 4.17.21"}},
		{dir: "grunt", app: "clinic", name: "clinic", script: "app.js", reply: "shared clinic"},
		{dir: "grunt", app: "nurse", name: "nurse", script: "app.js", reply: "nurse"},
		{dir: "plain", name: "plain", script: "app.js", reply: "index another menu/main zebra"},
		{dir: "bare", name: "bare", script: "go-app.js", content: "x", reply: "bare: x"},
	}
	for _, c := range cases {
		t.Run(c.dir+c.app, func(t *testing.T) {
			b := mustRead(t, filepath.Join("testdata", c.dir), Options{App: c.app, Set: set})
			if b.Name != c.name || b.ScriptName != c.script {
				t.Errorf("it is called %q with script %q, want %q and %q", b.Name, b.ScriptName, c.name, c.script)
			}
			var packages []string
			for _, p := range b.Packages {
				packages = append(packages, p.Name+" "+p.Version)
			}
			if !slices.Equal(packages, c.packages) {
				t.Errorf("it has the packages %q, want %q", packages, c.packages)
			}
			encoded, err := b.Encode()
			if err != nil {
				t.Fatal(err)
			}
			stored, err := Decode(encoded)
			if err != nil {
				t.Fatal(err)
			}
			for _, bundle := range []*Bundle{b, stored} {
				p, result := say(t, bundle, c.content)
				if result.Outcome != js.Done || !slices.Equal(p.said, []string{c.reply}) {
					t.Errorf("it said %q and ended %s (%v; logged %q), want %q", p.said, result.Outcome, result.Err, p.errors, c.reply)
				}
			}
		})
	}
}

// A manifest's settings arrive, files read and defaults filled in.
func TestManifestSettings(t *testing.T) {
	b := mustRead(t, "testdata/concat", Options{Set: builtinSet(t)})
	if b.TimeZone != "Africa/Johannesburg" || b.DeliveryClass != "ussd" || b.Endpoints["sms"].DeliveryClass != "sms" ||
		b.Limits != (Limits{CPUMillis: 1500, MemoryMiB: 48}) || !slices.Equal(b.AllowHosts, []string{"clinic.example.org"}) {
		t.Errorf("the settings are %+v", b.Settings)
	}
	keys := slices.Sorted(maps.Keys(b.Config))
	if !slices.Equal(keys, []string{"config", "greeting.times", "translation.sw"}) {
		t.Errorf("the configuration keys are %q", keys)
	}
	if got := b.Config["greeting.times"]; got != `{"evening":18,"morning":6}` {
		t.Errorf("greeting.times is %s", got)
	}
	var config map[string]any
	if err := json.Unmarshal([]byte(b.Config["config"]), &config); err != nil {
		t.Fatal(err)
	}
	if config["name"] != "clinic" || config["default_lang"] != "sw" || config["delivery_class"] != "ussd" || config["endpoints"] == nil {
		t.Errorf("config is %v", config)
	}
	if len(b.Warnings) != 1 || b.Warnings[0] != `app.js: "libxmljs" is not in the bundle: requiring it throws` {
		t.Errorf("the warnings are %q", b.Warnings)
	}
}

// Lines of joined and bundled scripts are told by the files that they stand in.
func TestPosition(t *testing.T) {
	set := builtinSet(t)
	for _, c := range []struct{ dir, app, text, file string }{
		{dir: "concat", text: "text: $('Thank you')", file: "src/clinic.js"},
		{dir: "concat", text: "new go.app.ClinicApp()", file: "src/init.js"},
		{dir: "grunt", app: "clinic", text: "go.second = true", file: "src/clinic/b.js"},
		{dir: "typescript", text: "failed on line 10", file: "src/text/greeting.ts"},
		{dir: "esmodule", text: "You said: ", file: "src/reply.js"},
		{dir: "bare", text: "bare: ", file: "go-app.js"},
	} {
		dir := filepath.Join("testdata", c.dir)
		b := mustRead(t, dir, Options{App: c.app, Set: set})
		source, err := os.ReadFile(filepath.Join(dir, c.file))
		if err != nil {
			t.Fatal(err)
		}
		file, line := b.Places().Position(lineOf(b.Script, c.text))
		if want := lineOf(string(source), c.text); file != c.file || line != want {
			t.Errorf("%s: %q stands at %s:%d, want %s:%d", c.dir, c.text, file, line, c.file, want)
		}
	}
	b := mustRead(t, "testdata/grunt", Options{App: "clinic"})
	if file, line := b.Places().Position(1); file != "app.js" || line != 1 {
		t.Errorf("the banner stands at %s:%d", file, line)
	}
}

func lineOf(text, part string) int {
	before, _, _ := strings.Cut(text, part)
	return strings.Count(before, "\n") + 1
}

// The same folder gives the same bundle, wherever it stands; any change gives another.
func TestDeterminism(t *testing.T) {
	files := map[string]string{
		"src/index.js": "var a = require('one'), b = require('two'), c = require('./c');", "src/c.js": "", "src/init.js": "api;",
		"package.json":                  `{"name":"same","main":"go.js"}`,
		"c.js":                          "exports.c = require('one');",
		"node_modules/one/index.js":     "module.exports = 1;",
		"node_modules/two/index.js":     "module.exports = require('./lib');",
		"node_modules/two/lib/index.js": "module.exports = 2;",
		"node_modules/one/package.json": `{"name":"one","version":"1.0.0"}`,
	}
	hash := func() (string, string) {
		b := mustRead(t, folder(t, files), Options{})
		h, err := b.Hash()
		if err != nil {
			t.Fatal(err)
		}
		encoded, err := b.Encode()
		if err != nil {
			t.Fatal(err)
		}
		return h, string(encoded)
	}
	first, bytes := hash()
	for range 5 {
		if again, encoded := hash(); again != first || encoded != bytes {
			t.Fatalf("the hash was %s and is %s", first, again)
		}
	}
	files["node_modules/two/lib/index.js"] = "module.exports = 3;"
	if changed, _ := hash(); changed == first {
		t.Error("a changed module did not change the hash")
	}
}

// A script from elsewhere than a folder, such as from a console, has the built-in packages.
func TestFromScript(t *testing.T) {
	set := builtinSet(t)
	script := "api.on_inbound_message = function (c) { this.request('outbound.reply_to', {content: " +
		"require('lodash').capitalize(c.msg.content)}, function () { this.done(); }); };"
	b, err := FromScript(script, "console.js", Settings{Name: "small"}, "", Options{Set: set})
	if err != nil {
		t.Fatal(err)
	}
	if p, result := say(t, b, "hELLO"); result.Outcome != js.Done || !slices.Equal(p.said, []string{"Hello"}) {
		t.Errorf("it said %q and ended %s: %v", p.said, result.Outcome, result.Err)
	}
	if b.Config["config"] != `{"name":"small"}` {
		t.Errorf("config is %s", b.Config["config"])
	}
	if _, err := FromScript("require('./local')", "console.js", Settings{}, "", Options{Set: set}); core.KindOf(err) != core.Invalid {
		t.Errorf("a local file outside any folder gave %v", err)
	}
}

// The names in node_modules of a manifest can be required, by any means; all others give null.
func TestAllowList(t *testing.T) {
	dir := folder(t, map[string]string{
		"indaba.json": `{"script": "app.js", "node_modules": ["one", "util"]}`,
		"app.js": `var name = 'one', content = [require(name), require('two'), typeof require('util').inherits, require('events')];
			api.on_inbound_message = function () {
				this.request('outbound.reply_to', {content: JSON.stringify(content)}, function () { this.done(); });
			};`,
		"node_modules/one/index.js": "module.exports = 'first';",
		"node_modules/two/index.js": "module.exports = 'second';",
	})
	p, result := say(t, mustRead(t, dir, Options{}), "")
	if result.Outcome != js.Done || !slices.Equal(p.said, []string{`["first",null,"function",null]`}) {
		t.Errorf("it said %q and ended %s: %v", p.said, result.Outcome, result.Err)
	}
}

// A name that was not required when the bundle was made throws the error that scripts look for.
func TestRuntimeErrors(t *testing.T) {
	dir := folder(t, map[string]string{"go-app.js": `
		var results = [];
		function load(name) { return require(name); }
		try { load('left-pad'); } catch (e) { results.push(e.code); }
		try { require('absent'); } catch (e) { results.push(e.code); }
		api.on_inbound_message = function () {
			this.request('outbound.reply_to', {content: results.join()}, function () { this.done(); });
		};`})
	b := mustRead(t, dir, Options{})
	p, result := say(t, b, "")
	if result.Outcome != js.Done || !slices.Equal(p.said, []string{"MODULE_NOT_FOUND,MODULE_NOT_FOUND"}) {
		t.Errorf("it said %q and ended %s: %v", p.said, result.Outcome, result.Err)
	}
	if len(b.Warnings) == 0 || !strings.HasPrefix(b.Warnings[0], "go-app.js:3:32: require of something other than one string finds only") {
		t.Errorf("the warnings are %q", b.Warnings)
	}
}

// A build without the set says what is missing and how to get it.
func TestWithoutSet(t *testing.T) {
	_, err := BuiltinSet()
	if err != nil && (core.KindOf(err) != core.NotFound || !strings.Contains(err.Error(), "make toolkit")) {
		t.Errorf("the missing set is told as %v", err)
	}
	_, err = Read("testdata/concat", Options{})
	if !strings.Contains(core.SafeMessage(err), "make toolkit") {
		t.Errorf("a bundle without the set is told as %v", err)
	}
	if _, err := OpenSet([]byte("not a zip archive")); err == nil {
		t.Error("a damaged set was opened")
	}
}
