package js

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"
)

// requireAll lets a script require every built-in module.
func requireAll() map[string]string {
	roots := map[string]string{}
	for _, name := range Builtins() {
		roots[name] = builtinPrefix + name
	}
	return roots
}

// expressions reads a file of expressions, one per line.
func expressions(t *testing.T, file string) []string {
	t.Helper()
	source, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for line := range strings.Lines(string(source)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "//") {
			list = append(list, line)
		}
	}
	return list
}

func goldenLines(t *testing.T, file string) []string {
	t.Helper()
	golden, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for line := range strings.Lines(string(golden)) {
		list = append(list, unquote(strings.TrimSpace(line)))
	}
	return list
}

// evaluateAll returns what the engine makes of each expression, as String() gives it.
func evaluateAll(t *testing.T, zone string, list []string) []string {
	t.Helper()
	text, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	script := `var j = JSON.stringify, process = require('process');
		api.on_inbound_message = function () {
			` + string(text) + `.forEach(function (text) {
				var v;
				try { v = String(new Function('require', 'j', 'process', 'return ' + text)(require, j, process)); } catch (e) { v = 'threw ' + e; }
				api.request('test.value', {value: v});
			});
			api.done();
		};`
	r := &recorder{}
	program := &Program{Script: script, Roots: requireAll(), TimeZone: zone}
	result := newTestPool(t, program, PoolOptions{Limits: Limits{Calls: 1000, CPU: time.Minute}}).Run(t.Context(), Input{Command: hello}, r)
	if result.Outcome != Done {
		t.Fatalf("%s: %v", result.Outcome, result.Err)
	}
	var values []string
	for i := range list {
		var got struct{ Value string }
		if err := json.Unmarshal([]byte(r.commands[i]), &got); err != nil {
			t.Fatal(err)
		}
		values = append(values, got.Value)
	}
	return values
}

func compareGolden(t *testing.T, list, got, want []string) {
	t.Helper()
	if len(list) != len(want) || len(list) == 0 {
		t.Fatalf("%d expressions and %d golden lines", len(list), len(want))
	}
	for i := range list {
		if got[i] != want[i] {
			t.Errorf("%s\n got %s\nwant %s", list[i], got[i], want[i])
		}
	}
}

func TestBuiltinsAgreeWithNode(t *testing.T) {
	list := expressions(t, "testdata/builtins.js")
	compareGolden(t, list, evaluateAll(t, "", list), goldenLines(t, "testdata/builtins.golden"))
}

func TestDatesAgreeWithNode(t *testing.T) {
	list := expressions(t, "testdata/dates.js")
	want := goldenLines(t, "testdata/dates.golden")
	for i, zone := range []string{"UTC", "Africa/Johannesburg", "Europe/London", "America/New_York", "Asia/Kathmandu"} {
		t.Run(zone, func(t *testing.T) {
			compareGolden(t, list, evaluateAll(t, zone, list), want[i*len(list):(i+1)*len(list)])
		})
	}
}

func TestUnknownTimeZone(t *testing.T) {
	for _, zone := range []string{"Mars/Phobos", "Local", "../etc/passwd"} {
		if _, err := NewPool(&Program{TimeZone: zone}, PoolOptions{}); err == nil || !strings.Contains(err.Error(), zone) {
			t.Errorf("%s: %v", zone, err)
		}
	}
}
