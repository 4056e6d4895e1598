package js

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
)

// console runs a program's script and returns its console lines joined with " | ".
func console(t *testing.T, p *Program) string {
	t.Helper()
	result := newTestPool(t, p, PoolOptions{Size: 1}).Run(t.Context(), Input{Command: hello}, HostFunc(success))
	if result.Outcome != Done {
		t.Fatalf("%s: %v %v", result.Outcome, result.Err, result.Console)
	}
	var lines []string
	for _, l := range result.Console {
		lines = append(lines, l.Text)
	}
	return strings.Join(lines, " | ")
}

func TestScripts(t *testing.T) {
	for _, test := range []struct{ name, script, want string }{
		{"this is the global object", `this.App = function () {}; this.api.x = 1;` + onMessage(`console.log(typeof App, api.x, this === api); api.done();`), "function 1 true"},
		{"sloppy mode", `go = {}; function f() { return this === globalThis; } delete go.x; var undeclared = 010;` + onMessage(`console.log(typeof go, f(), undeclared); api.done();`), "object true 8"},
		{"missing names", onMessage(`console.log(typeof process, typeof module, typeof exports, typeof window); try { nope; } catch (e) { console.log(e.name); } api.done();`), "undefined undefined undefined undefined | ReferenceError"},
		{"order of tasks", onMessage(`
			setTimeout(function () { console.log('timer'); api.done(); }, 50);
			setImmediate(function () { console.log('immediate'); });
			Promise.resolve().then(function () { console.log('promise'); });
			api.log_info('x', function () { console.log('reply'); });
			console.log('now');`), "now | promise | immediate | reply | timer"},
		{"timers in order", onMessage(`
			setTimeout(function () { console.log('c'); api.done(); }, 9);
			setTimeout(function (x) { console.log(x); }, 1, 'a');
			setTimeout(function () { console.log('b'); }, 5);
			var id = setTimeout(function () { console.log('never'); }, 2); clearTimeout(id);
			clearTimeout(undefined); clearTimeout(null); clearTimeout(99);
			clearImmediate(setImmediate(function () { console.log('never'); }));`), "a | b | c"},
		{"interval", onMessage(`var n = 0; var id = setInterval(function () { console.log(++n); if (n === 3) { clearInterval(id); api.done(); } }, 1);`), "1 | 2 | 3"},
		{"async", onMessage(`(async function () { for await (var x of (async function* () { yield 1; yield 2; })()) console.log(x); api.done(); })();`), "1 | 2"},
		{"no call within request", onMessage(`var sync = true; api.log_info('x', function () { console.log(sync); api.done(); }); sync = false;`), "false"},
		{"replies are fresh", onMessage(`api.request('a.b', {}, function (r) { r.success = 'mine'; api.request('a.b', {}, function (r) { console.log(r.success); api.done(); }); });`), "true"},
		{"unknown command", `api.on_unknown_command = function (c) { console.log(this === api, c.cmd); api.done(); };`, "true inbound-message"},
		{"ids", onMessage(`console.log(api.next_id(), api.id, api.populate_command('x', {}).cmd_id); api.id = 0; console.log(api.next_id()); api.done();`), "0 1 1 | 2"},
		{"emitter", onMessage(`api.emitter.on('request', function (m) { console.log(m.cmd); }); api.log_info('x'); api.emitter.on('done', function () { console.log('done'); }); api.done();`), "log.info | done | log.info"},
		{"Function and eval", onMessage(`console.log(new Function('a', 'return a + 1')(1), eval('2 + 2'), (0, eval)('typeof this.api')); api.done();`), "2 4 object"},
		{"globals stay", onMessage(`console.log(typeof Buffer, typeof fetch, typeof URL, typeof TextEncoder, typeof queueMicrotask, typeof Headers, btoa('a'), Object.keys(globalThis).join()); api.done();`), "function function function function function function YQ== "},
		{"lone surrogate", onMessage(`api.log_info('\ud800', function () { console.log('ok\u0000' + '\u2028'); api.done(); });`), "ok\x00\u2028"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := console(t, &Program{Script: test.script}); got != test.want {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}

func TestModules(t *testing.T) {
	p := &Program{
		Modules: []Module{
			{ID: "lib/a.js", Source: "#!/usr/bin/env node\nexports.early = 1; exports.b = require('./b'); exports.name = __filename + ' ' + __dirname; this.t = 1;", Requires: map[string]string{"./b": "lib/b.js"}},
			{ID: "lib/b.js", Source: "var a = require('./a'); module.exports = {early: a.early, late: a.b}", Requires: map[string]string{"./a": "lib/a.js"}},
			{ID: "data.json", JSON: true, Source: "\ufeff{\"__proto__\": 1, \"x\": [1, 2]}"},
			{ID: "bad.json", JSON: true, Source: "{"},
			{ID: "throws.js", Source: "tries = (typeof tries === 'undefined' ? 0 : tries) + 1; throw new Error('load ' + tries)"},
			{ID: "leaky.js", Source: "leakedByModule = 'kept'; exports.x = typeof process.nextTick + typeof global.Buffer"},
			{ID: "old/q.js", Source: "module.exports = 'q 0.9'"}, {ID: "new/q.js", Source: "module.exports = 'q 1.5'"},
			{ID: "usesold.js", Source: "module.exports = require('q')", Requires: map[string]string{"q": "old/q.js"}},
			{ID: "lonely.js", Source: "require('not-there')"},
		},
		Roots: map[string]string{"a": "lib/a.js", "data": "data.json", "bad": "bad.json", "throws": "throws.js", "leaky": "leaky.js", "q": "new/q.js", "old": "usesold.js", "util": "builtin:util", "lonely": "lonely.js"},
		Script: `var a = require('a'), attempt = function (f) { try { return f(); } catch (e) { return (e.code || e.name) + ': ' + e.message; } };` + onMessage(`
			console.log(a.b.early, a.b.late, a.name, a.t, require('a') === a);
			console.log(require('data').x.length, Object.keys(require('data')).join());
			console.log(attempt(function () { return require('nope'); }));
			console.log(attempt(function () { return require({}); }));
			console.log(attempt(function () { return require('lonely'); }));
			console.log(attempt(function () { return require('throws'); }), attempt(function () { return require('throws'); }));
			console.log(attempt(function () { return typeof require('bad'); }).slice(0, 11));
			console.log(require('leaky').x, leakedByModule, require('q'), require('old'));
			api.done();`),
	}
	want := "1 undefined lib/a.js lib 1 true | 2 __proto__,x | MODULE_NOT_FOUND: Cannot find module 'nope' | " +
		"MODULE_NOT_FOUND: Cannot find module '[object Object]' | MODULE_NOT_FOUND: Cannot find module 'not-there' | " +
		"Error: load 1 Error: load 2 | SyntaxError | functionfunction kept q 1.5 q 0.9"
	if got := console(t, p); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestAppContext(t *testing.T) {
	p := &Program{
		Modules:    []Module{{ID: "m.js", Source: "module.exports = typeof Buffer"}},
		Roots:      map[string]string{"m": "m.js", "util": "builtin:util"},
		AppContext: `{ require: function (name) { return name === 'm' ? require(name) : null; }, extra: 'yes' } // trailing`,
		Script:     onMessage(`console.log(require('m'), require('util'), extra, this === api); api.done();`),
	}
	if got := console(t, p); got != "function null yes true" {
		t.Errorf("got %s", got)
	}
}

func TestCompileErrors(t *testing.T) {
	for _, test := range []struct {
		name    string
		program Program
		want    string
	}{
		{"script", Program{Script: "var a;\nvar var;", ScriptName: "go-app.js"}, "go-app.js:2:5: "},
		{"unnamed script", Program{Script: "}{"}, "app.js:1:1: "},
		{"script that closes the wrapper", Program{Script: "}); (function () {"}, "app.js:1:"},
		{"return outside of a function", Program{Script: "\nreturn 1;"}, "app.js:2:"},
		{"unclosed comment", Program{Script: "/* never closed"}, "app.js:"},
		{"module", Program{Modules: []Module{{ID: "a.js", Source: "1;\n\n  ("}}}, "a.js:"},
		{"second module", Program{Modules: []Module{{ID: "a.js", Source: "1\n2\n"}, {ID: "b.js", Source: "\n'"}}}, "b.js:2:1: "},
		{"context", Program{AppContext: "{"}, "app_context:"},
		{"context that throws", Program{AppContext: "{x: null.x}"}, "evaluating app_context: TypeError"},
		{"context without an end", Program{AppContext: "{x: Array.prototype.indexOf.call({length: 1e15}, 1)}"}, "is not ready after 2s of processor time"},
		{"same id", Program{Modules: []Module{{ID: "a"}, {ID: "a"}}}, `two modules have the id "a"`},
		{"reserved id", Program{Modules: []Module{{ID: "builtin:x"}}}, "reserved"},
		{"unknown module", Program{Roots: map[string]string{"x": "y"}}, `the app script requires "x" as module "y"`},
		{"unknown builtin", Program{Roots: map[string]string{"x": "builtin:cluster"}}, "not built in"},
		{"hidden builtin", Program{Roots: map[string]string{"x": "builtin:date"}}, "not built in"},
	} {
		t.Run(test.name, func(t *testing.T) {
			pool, err := NewPool(&test.program, PoolOptions{})
			if err == nil {
				pool.Close()
				t.Fatal("no error")
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}

func TestErrorsTellWhere(t *testing.T) {
	p := &Program{
		ScriptName: "go-app.js",
		Modules:    []Module{{ID: "lib/x.js", Source: "\nexports.fail = function fail() {\n  null.x;\n};"}},
		Roots:      map[string]string{"x": "lib/x.js"},
		Script:     "\n\n" + onMessage("\n  require('x').fail();"),
	}
	result := newTestPool(t, p, PoolOptions{}).Run(t.Context(), Input{Command: hello}, HostFunc(success))
	var e *ScriptError
	if result.Outcome != Threw || !errors.As(result.Err, &e) || e.Name != "TypeError" {
		t.Fatalf("%s: %v", result.Outcome, result.Err)
	}
	frames := strings.Split(e.Stack, "\n")
	if len(frames) < 2 || !strings.HasPrefix(frames[0], "at fail (lib/x.js:3:") || !strings.Contains(frames[1], "(go-app.js:4:") {
		t.Errorf("stack:\n%s", e.Stack)
	}
	if strings.Contains(e.Stack, "eval>") || strings.Contains(e.Stack, "kernel") {
		t.Errorf("the engine shows:\n%s", e.Stack)
	}
}

func TestFetch(t *testing.T) {
	pool := newTestPool(t, &Program{Script: onMessage(`
		return fetch('https://example.org/x', {method: 'post', headers: {'X-A': 1}, body: JSON.stringify({a: 1})}).then(async function (r) {
			console.log(r.ok, r.status, r.headers.get('content-type'), (await r.json()).b);
			await fetch('nope').catch(function (e) { console.log(e.name, e.message); });
			api.done();
		});`)}, PoolOptions{})
	var first string
	result := pool.Run(t.Context(), Input{Command: hello}, HostFunc(func(_ context.Context, cmd string, reply func(string)) error {
		switch {
		case strings.Contains(cmd, "example.org"):
			first = cmd
			reply(`{"success":true,"status":201,"headers":{"Content-Type":"application/json"},"body":"{\"b\":2}"}`)
		case strings.Contains(cmd, "nope"):
			reply(`{"success":false,"reason":"no such host"}`)
		default:
			reply(`{}`)
		}
		return nil
	}))
	want := `{"url":"https://example.org/x","method":"POST","headers":{"x-a":"1"},"body":"{\"a\":1}","cmd":"fetch","cmd_id":"0","reply":false}`
	if first != want {
		t.Errorf("command %s", first)
	}
	if result.Outcome != Done || result.Console[0].Text != "true 201 application/json 2" || result.Console[1].Text != "TypeError fetch failed: no such host" {
		t.Errorf("%s %v %v", result.Outcome, result.Err, result.Console)
	}
}

func TestHostMisbehaves(t *testing.T) {
	t.Run("error", func(t *testing.T) {
		boom := errors.New("unknown command")
		pool := newTestPool(t, &Program{Script: onMessage(`api.log_info('a'); api.log_info('b'); api.done();`)}, PoolOptions{})
		calls := 0
		result := pool.Run(t.Context(), Input{Command: hello}, HostFunc(func(context.Context, string, func(string)) error {
			calls++
			return boom
		}))
		if result.Outcome != HostErr || !errors.Is(result.Err, boom) || calls != 1 {
			t.Errorf("%s %v, %d calls", result.Outcome, result.Err, calls)
		}
	})
	t.Run("answers twice, late and wrongly", func(t *testing.T) {
		pool := newTestPool(t, &Program{Script: onMessage(`var n = 0; api.log_info('a', function () { console.log(++n); setTimeout(api.done, 5); });`)}, PoolOptions{})
		var late func(string)
		result := pool.Run(t.Context(), Input{Command: hello}, HostFunc(func(_ context.Context, _ string, reply func(string)) error {
			reply(`{}`)
			reply(`{}`)
			late = reply
			return nil
		}))
		late(`{}`)
		if result.Outcome != Done || len(result.Console) != 1 {
			t.Errorf("%s %v %v", result.Outcome, result.Err, result.Console)
		}
	})
	t.Run("no JSON", func(t *testing.T) {
		result, _ := runHost(t, `api.log_info('a', api.done);`, "{")
		if result.Outcome != Threw {
			t.Errorf("%s %v", result.Outcome, result.Err)
		}
	})
	t.Run("no answer", func(t *testing.T) {
		result, _ := runHost(t, `api.log_info('a', api.done);`, "")
		if result.Outcome != Stalled {
			t.Errorf("%s %v", result.Outcome, result.Err)
		}
		result, _ = runHost(t, `api.done();`, "")
		if result.Outcome != Done {
			t.Errorf("done without an answer: %s %v", result.Outcome, result.Err)
		}
	})
}

func runHost(t *testing.T, body, answer string) (Result, error) {
	t.Helper()
	pool := newTestPool(t, &Program{Script: onMessage(body)}, PoolOptions{})
	return pool.Run(t.Context(), Input{Command: hello}, HostFunc(func(_ context.Context, _ string, reply func(string)) error {
		reply(answer)
		return nil
	})), nil
}

func TestStalledSaysWhatIsMissing(t *testing.T) {
	result, _ := runScript(t, "var x = 1;", PoolOptions{})
	if result.Outcome != Stalled || !strings.Contains(result.Err.Error(), "api.on_inbound_message") {
		t.Errorf("%s %v", result.Outcome, result.Err)
	}
}

func TestBuiltins(t *testing.T) {
	names := Builtins()
	for _, want := range []string{"events", "util", "url", "querystring", "assert", "buffer", "crypto", "timers", "path", "string_decoder", "fs", "console", "process", "os", "stream", "http", "https"} {
		if !slices.Contains(names, want) {
			t.Errorf("%s is missing", want)
		}
	}
	if slices.Contains(names, "date") || !slices.IsSorted(names) {
		t.Errorf("names %v", names)
	}
}

// Replies reach the callbacks of their own requests, in whatever order they come, once.
func TestRepliesInAnyOrder(t *testing.T) {
	const script = `api.on_inbound_message = function () {
		var heard = [];
		function ask(name) {
			api.request('ask', { name: name }, function (reply) {
				heard.push(name + reply.answer);
				if (name === 'c') ask('g');
				if (heard.length === 7) api.log_info(heard.join(' '), function () { api.done(); });
			});
		}
		['a', 'b', 'c', 'd', 'e', 'f'].forEach(ask);
	};`
	for _, order := range []string{"abcdefg", "fedcbag", "cgfabed", "fcgabde"} {
		asked, said, next := map[string]func(string){}, "", 0
		result := newTestPool(t, &Program{Script: script}, PoolOptions{}).Run(t.Context(), Input{Command: hello},
			HostFunc(func(_ context.Context, cmd string, reply func(string)) error {
				var c struct{ Cmd, Name, Msg string }
				if err := json.Unmarshal([]byte(cmd), &c); err != nil {
					return err
				}
				if c.Cmd != "ask" {
					said += c.Msg + "\n"
					reply(`{}`)
					return nil
				}
				asked[c.Name] = reply
				for next < len(order) && len(asked) >= 6 && asked[order[next:next+1]] != nil {
					answer := asked[order[next:next+1]]
					answer(`{"answer":"+"}`)
					answer(`{"answer":"again"}`)
					next++
				}
				return nil
			}))
		if result.Outcome != Done || len(said) == 0 {
			t.Fatalf("%s: it ended %s: %v", order, result.Outcome, result.Err)
		}
		if want := strings.Join(strings.Split(order, ""), "+ ") + "+"; strings.Split(said, "\n")[0] != want {
			t.Errorf("replies in the order %s are heard as %s", order, said)
		}
	}
}
