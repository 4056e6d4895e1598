package bundle

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"indaba/internal/bot/js"
)

// libraryFiles are the files with faster parts in the built-in set.
var libraryFiles = map[string]string{
	"lodash": "node_modules/lodash/lodash.js",
	"utils":  "node_modules/vumigo_v02/lib/utils.js",
	"events": "node_modules/vumigo_v02/lib/events.js",
}

// variants returns a file as it is published, and with its faster parts.
func variants(t *testing.T, name string) (original, fast string) {
	t.Helper()
	original, err := builtinSet(t).tree.readText(libraryFiles[name], MaxScriptBytes)
	if err != nil {
		t.Fatal(err)
	}
	fast, known := withFasterParts(original)
	if !known {
		t.Fatalf("%s is not the release that libraries.go knows", libraryFiles[name])
	}
	if a, b := strings.Count(original, "\n"), strings.Count(fast, "\n"); a != b {
		t.Fatalf("%s has %d lines and the faster one %d: places in stack traces move", name, a, b)
	}
	return original, fast
}

// The faster parts of lodash do the same steps as the published ones, to the last property that they look at.
func TestLodashKeepsItsSteps(t *testing.T) {
	script, err := os.ReadFile("testdata/libraries/lodash.js")
	if err != nil {
		t.Fatal(err)
	}
	original, fast := variants(t, "lodash")
	p := &js.Program{Script: string(script), Modules: []js.Module{{ID: "original", Source: original}, {ID: "fast", Source: fast}},
		Roots: map[string]string{"original": "original", "fast": "fast"}}
	pool, err := js.NewPool(p, js.PoolOptions{Size: 1, Limits: js.Limits{CPU: 2 * time.Minute, Wall: 4 * time.Minute}})
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	seed := rand.Int32()
	t.Logf("seed %d", seed)
	calls := 4000
	if testing.Short() {
		calls = 300
	}
	var compared struct {
		Calls, Steps int
		Members      []string
	}
	result := pool.Run(t.Context(), js.Input{Command: fmt.Sprintf(`{"cmd":"run","seed":%d,"calls":%d}`, seed, calls)},
		js.HostFunc(func(_ context.Context, command string, reply func(string)) error {
			var said struct{ Cmd, Name, Original, Fast string }
			if err := json.Unmarshal([]byte(command), &said); err != nil {
				return err
			}
			switch said.Cmd {
			case "differs":
				t.Errorf("%s of the original:\n%s\n\nof the faster one:\n%s", said.Name, said.Original, said.Fast)
			case "compared":
				if err := json.Unmarshal([]byte(command), &compared); err != nil {
					return err
				}
			}
			reply("{}")
			return nil
		}))
	if result.Outcome != js.Done {
		t.Fatalf("it ended %s: %v", result.Outcome, result.Err)
	}
	if compared.Calls != calls || compared.Steps < calls {
		t.Errorf("%d calls of %d were compared, with %d steps: the test does not see enough", compared.Calls, calls, compared.Steps)
	}
	if m := compared.Members; len(m) != 2 || m[0] != m[1] {
		t.Errorf("names and parameters are %q", m)
	}
}

// The toolkit's classes and events do the same in the same order with their faster parts.
func TestToolkitKeepsItsSteps(t *testing.T) {
	script, err := os.ReadFile("testdata/libraries/toolkit.js")
	if err != nil {
		t.Fatal(err)
	}
	set := builtinSet(t)
	p := &js.Program{Script: string(script), Roots: map[string]string{"q": "q"}}
	for name, file := range map[string]string{"q": "node_modules/q/q.js", "lodash": libraryFiles["lodash"], "moment": "node_modules/moment/moment.js"} {
		source, err := set.tree.readText(file, MaxScriptBytes)
		if err != nil {
			t.Fatal(err)
		}
		p.Modules = append(p.Modules, js.Module{ID: name, Source: source})
	}
	for _, name := range []string{"utils", "events"} {
		original, fast := variants(t, name)
		for variant, source := range map[string]string{"original": original, "fast": fast} {
			id := name + " " + variant
			p.Roots[id] = id
			p.Modules = append(p.Modules, js.Module{ID: id, Source: source, Requires: map[string]string{
				"q": "q", "lodash": "lodash", "moment": "moment", "./utils": "utils " + variant, "events": "builtin:events",
				"url": "builtin:url", "querystring": "builtin:querystring", "util": "builtin:util",
			}})
		}
	}
	want := run(t, p, `{"cmd":"run","variant":"original"}`)
	got := run(t, p, `{"cmd":"run","variant":"fast"}`)
	if at := parting(want, got); at >= 0 {
		t.Errorf("line %d:\noriginal:\n%s\nfast:\n%s", at, excerpt(want, at-2, at+3), excerpt(got, at-2, at+3))
	}
	if len(want) < 60 {
		t.Errorf("it said only %d lines: the test does not see enough\n%s", len(want), strings.Join(want, "\n"))
	}
}

// toolkitID is what a file of the built-in set is called in a bundle.
func toolkitID(file string) string { return "toolkit:" + strings.TrimPrefix(file, "node_modules/") }

// Libraries: original keeps every package as it is published; so does a file that somebody has changed.
func TestLibrariesSetting(t *testing.T) {
	set := builtinSet(t)
	const text = "var vumigo = require('vumigo_v02'); api.on_x = function () {};"
	originals := map[string]string{}
	for name, file := range libraryFiles {
		originals[file], _ = variants(t, name)
	}
	for _, c := range []struct {
		setting Settings
		fast    []string
	}{
		{Settings{}, []string{"events", "lodash", "utils"}},
		{Settings{Libraries: "original"}, nil},
	} {
		c.setting.Name = "x"
		b, err := FromScript(text, "app.js", c.setting, folder(t, map[string]string{"README": ""}), Options{Set: set})
		if err != nil {
			t.Fatal(err)
		}
		var fast []string
		for _, m := range b.Modules {
			for name, file := range libraryFiles {
				if m.ID == toolkitID(file) && m.Source != originals[file] {
					fast = append(fast, name)
				}
			}
		}
		for _, p := range b.Packages {
			if want := c.fast != nil && (p.Name == "lodash" || p.Name == "vumigo_v02" || p.Name == "q"); p.Faster != want {
				t.Errorf("%+v: %s is noted as faster: %v, want %v", c.setting, p.Name, p.Faster, want)
			}
		}
		if slices.Sort(fast); !slices.Equal(fast, c.fast) {
			t.Errorf("%+v: faster are %v, not %v", c.setting, fast, c.fast)
		}
	}
	changed := folder(t, map[string]string{"node_modules/lodash/lodash.js": originals[libraryFiles["lodash"]] + "\n",
		"node_modules/lodash/package.json": `{"name":"lodash","version":"4.17.21","main":"lodash.js"}`})
	b, err := FromScript("require('lodash');", "app.js", Settings{Name: "x"}, changed, Options{Set: set})
	if err != nil || strings.Contains(b.Modules[0].Source, "objectKeysIn") {
		t.Errorf("a lodash that somebody has changed: %v", err)
	}
	if _, err := Read(folder(t, map[string]string{"indaba.yaml": "script: a.js\nlibraries: quick", "a.js": text}), Options{Set: set}); err == nil ||
		!strings.Contains(err.Error(), `libraries is "quick"; it is one of fast and original`) {
		t.Errorf("a manifest with libraries quick: %v", err)
	}
	kept, err := Read(folder(t, map[string]string{"indaba.yaml": "script: a.js\nlibraries: original", "a.js": text}), Options{Set: set})
	if err != nil || kept.Libraries != originalLibraries {
		t.Errorf("a manifest with libraries original: %v, %v", kept, err)
	}
}
