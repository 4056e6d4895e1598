package js

import (
	"context"
	"strings"
	"testing"
	"time"
)

// hostile are bodies of a message handler that try to do harm, and the outcomes that may come of it.
var hostile = []struct {
	name, body string
	outcomes   []Outcome
}{
	{"endless loop", `for (;;);`, []Outcome{CPU}},
	{"endless loop that catches", `for (;;) try { for (;;); } catch (e) {} finally { for (;;); }`, []Outcome{CPU}},
	{"endless recursion", `function f() { f(); } f();`, []Outcome{Stack}},
	{"endless recursion by getter", `var o = { get x() { return this.x; } }; o.x;`, []Outcome{Stack}},
	{"endless recursion by toString", `var o = { toString: function () { return '' + this; } }; '' + o;`, []Outcome{Stack}},
	{"endless recursion by proxy", `var p = new Proxy({}, { get: function (t, k, r) { return r[k]; } }); p.x;`, []Outcome{Stack}},
	{"endless recursion by sort", `function f() { [2, 1].sort(f); } f();`, []Outcome{Stack}},
	{"endless recursion by replace", `function f() { 'a'.replace(/a/, f); } f();`, []Outcome{Stack}},
	{"catastrophic regular expression", `/^(a+)+$/.test('a'.repeat(50) + 'b');`, []Outcome{CPU, Memory}},
	{"catastrophic alternation", `/^(a|a|aa)+$/.exec('a'.repeat(60) + '!');`, []Outcome{CPU, Memory}},
	{"string bomb", `var s = 'x'; for (;;) s += s + 'y';`, []Outcome{Memory, Threw, CPU}},
	{"array bomb", `var a = []; for (;;) a.push(new Array(1000).fill(a.length));`, []Outcome{Memory, CPU}},
	{"typed array bomb", `var a = []; for (;;) a.push(new Uint8Array(1 << 20));`, []Outcome{Memory, CPU}},
	{"one huge typed array", `new Float64Array(1 << 27);`, []Outcome{Memory, Threw}},
	{"repeat bomb", `var a = []; for (;;) a.push('ab'.repeat(1 << 20) + a.length);`, []Outcome{Memory, Threw, CPU}},
	{"map bomb", `var m = new Map(); for (var i = 0; ; i++) m.set(i, { i: i });`, []Outcome{Memory, CPU, Threw}},
	{"closure bomb", `var f = null; for (;;) f = (function (g) { return function () { return g; }; })(f);`, []Outcome{Memory, CPU}},
	{"bigint bomb", `var n = 3n; for (;;) n = n * n;`, []Outcome{Threw, CPU, Memory}},
	{"endless promises", `(function f() { Promise.resolve().then(f); })();`, []Outcome{CPU}},
	{"endless async function", `(async function () { for (;;) await null; })();`, []Outcome{CPU}},
	{"endless immediates", `(function f() { setImmediate(f); })();`, []Outcome{CPU}},
	{"endless ticks", `(function f() { queueMicrotask(f); })();`, []Outcome{CPU}},
	{"endless timers", `setInterval(function () {}, 0);`, []Outcome{Wall, CPU}},
	{"timer bomb", `for (;;) setTimeout(function () {}, 1e6);`, []Outcome{Memory, CPU}},
	{"tick bomb in a tick", `queueMicrotask(function f() { queueMicrotask(f); queueMicrotask(f); });`, []Outcome{CPU, Memory}},
	{"never done", `setTimeout(function () {}, 1e9);`, []Outcome{Wall}},
	{"nothing done", ``, []Outcome{Stalled}},
	{"deep JSON", `JSON.parse('['.repeat(1e6));`, []Outcome{Stack, Threw}},
	{"deep object to JSON", `var o = {}; for (var i = 0; i < 1e5; i++) o = { o: o }; api.request('x.y', o);`, []Outcome{Stack, Threw, Memory, CPU}},
	{"circular command", `var o = {}; o.o = o; api.request('x.y', o);`, []Outcome{Threw}},
	{"huge command", `api.request('x.y', { s: 'x'.repeat(3e6) });`, []Outcome{Output}},
	{"huge command, caught", `try { api.request('x.y', { s: 'x'.repeat(3e6) }); } catch (e) {} api.done();`, []Outcome{Output}},
	{"command flood", `for (;;) api.log_info('x');`, []Outcome{Calls}},
	{"command flood by replies", `(function f() { api.log_info('x', f); })();`, []Outcome{Calls}},
	{"command that is no object", `api.request('x.y', { toJSON: function () { return 5; } });`, []Outcome{Threw}},
	{"command that vanishes", `api.request('x.y', { toJSON: function () {} });`, []Outcome{Threw}},
	{"command without a message", `api.request('x.y');`, []Outcome{Threw}},
	{"throwing toJSON", `api.request('x.y', { toJSON: function () { throw new Error('no'); } });`, []Outcome{Threw}},
	{"throwing getter", `api.request('x.y', { get a() { throw null; } });`, []Outcome{Threw}},
	{"throws null", `throw null;`, []Outcome{Threw}},
	{"throws undefined", `throw undefined;`, []Outcome{Threw}},
	{"throws a trap", `throw new Proxy({}, { get: function () { throw 1; }, getPrototypeOf: function () { throw 2; } });`, []Outcome{Threw}},
	{"throws an endless message", `throw { get message() { for (;;); } };`, []Outcome{CPU}},
	{"throws a huge message", `throw new Error('x'.repeat(1e6));`, []Outcome{Threw}},
	{"throws in a reply", `api.log_info('x', function () { throw new TypeError('late'); });`, []Outcome{Threw}},
	{"throws in a timer", `setTimeout(function () { throw new TypeError('late'); }, 1);`, []Outcome{Threw}},
	{"rejects", `return Promise.reject(new RangeError('async'));`, []Outcome{Threw}},
	{"tampers with api", `var done = api.done; api.request = api.next_id = api.populate_command = null; api.id = -5; delete api.emitter; done();`, []Outcome{Done}},
	{"freezes everything", `Object.freeze(api); Object.freeze(globalThis); Object.freeze(Object.prototype); api.done();`, []Outcome{Done, Threw, Stalled}},
	{"replaces JSON", `JSON.stringify = JSON.parse = null; JSON = null; api.done();`, []Outcome{Done}},
	{"replaces array methods", `Array.prototype.push = Array.prototype.slice = Array.prototype[Symbol.iterator] = null; api.done();`, []Outcome{Done}},
	{"setters on prototypes", `Object.defineProperty(Array.prototype, '0', { set: function () { throw 1; } });
		['get', 'set', 'value', 'cmd', 'callback', 'fn'].forEach(function (k) {
			Object.defineProperty(Object.prototype, k, { get: function () { throw 2; }, set: function () { throw 3; } }); }); api.done();`, []Outcome{Done, Threw}},
	{"toJSON on prototypes", `Object.prototype.toJSON = String.prototype.toJSON = function () { return 1; }; api.log_info('x');`, []Outcome{Threw}},
	{"replaces primordials", `Promise = Map = Object = Function = String = Reflect = Symbol = undefined;
		Function_ = (function () {}).constructor; Function_.prototype.call = Function_.prototype.apply = null; api.done();`, []Outcome{Done}},
	{"import", `import('std').then(function () { api.done(); });`, []Outcome{Threw, Stalled}},
	{"blocks", `Atomics.wait(new Int32Array(new SharedArrayBuffer(8)), 0, 0, 1e9);`, []Outcome{Threw}},
	{"forges an end", `throw new InternalError('interrupted');`, []Outcome{CPU}},
	{"done twice", `api.done(); api.done(); setTimeout(api.done, 1);`, []Outcome{Done}},
	{"done, then on", `api.done(); for (var i = 0; i < 50; i++) { setImmediate(function () { api.log_info('x'); }); }`, []Outcome{Done}},
	{"done, then a loop", `api.done(); for (;;);`, []Outcome{CPU}},
	{"console flood", `for (var i = 0; i < 1e5; i++) console.log('x'.repeat(1000)); api.done();`, []Outcome{Done, CPU}},
	{"console trap", `console.log(new Proxy({}, { ownKeys: function () { throw 1; }, get: function () { throw 2; } })); api.done();`, []Outcome{Done}},
}

func TestHostileScripts(t *testing.T) {
	if underRace {
		t.Skip("tells limits apart by time, which the race detector distorts")
	}
	t.Parallel()
	limits := Limits{CPU: 300 * time.Millisecond, Wall: 600 * time.Millisecond}
	for _, test := range hostile {
		t.Run(test.name, func(t *testing.T) {
			script := `api.on_inbound_message = function (command) { if (command.msg.content === 'hello') { return hostile.call(this, command); }
				this.request('outbound.reply_to', {content: command.msg.content}, function () { api.done(); }); };
				function hostile(command) { ` + test.body + "\n}"
			pool := newTestPool(t, &Program{Script: script}, PoolOptions{Limits: limits, Size: 2}) // one may hang
			result := pool.Run(t.Context(), Input{Command: hello}, HostFunc(success))
			if !containsOutcome(test.outcomes, result.Outcome) {
				t.Errorf("outcome %s (%v), want one of %v", result.Outcome, result.Err, test.outcomes)
			}
			if (result.Err == nil) != (result.Outcome == Done) || (result.Err != nil && result.Err.Error() == "") {
				t.Errorf("outcome %s with error %v", result.Outcome, result.Err)
			}
			var console int
			for _, line := range result.Console {
				console += len(line.Text)
			}
			if console > 70<<10 {
				t.Errorf("%d bytes of console text", console)
			}
			// Whatever happened, a harmless run must work, if need be on a machine of its own.
			r := &recorder{}
			harmless := strings.Replace(hello, "hello", "harmless", 1)
			after := pool.Run(t.Context(), Input{Command: harmless, Alone: strings.Contains(test.name, "freezes") || strings.Contains(test.name, "prototypes")}, r)
			if after.Outcome != Done || !strings.Contains(r.commands[0], "harmless") {
				t.Errorf("the run after it: %s (%v)", after.Outcome, after.Err)
			}
		})
	}
}

func containsOutcome(list []Outcome, o Outcome) bool {
	for _, x := range list {
		if x == o {
			return true
		}
	}
	return false
}

// TestNeighbourIsEvicted checks that a run which waits on the same machine as a guilty one ends with Evicted.
func TestNeighbourIsEvicted(t *testing.T) {
	pool := newTestPool(t, &Program{Script: onMessage(`
		if (command.msg.content === 'hello') api.request('x.wait', {}, function () { api.done(); });
		else for (;;);`)}, PoolOptions{Size: 1, Limits: Limits{CPU: 50 * time.Millisecond}})
	waiting := make(chan func(string), 1)
	victim := make(chan Result, 1)
	go func() {
		victim <- pool.Run(context.Background(), Input{Command: hello}, HostFunc(func(_ context.Context, cmd string, reply func(string)) error {
			if strings.Contains(cmd, "x.wait") {
				waiting <- reply
			} else {
				reply(`{}`)
			}
			return nil
		}))
	}()
	reply := <-waiting
	guilty := pool.Run(t.Context(), Input{Command: `{"cmd":"inbound-message","msg":{}}`}, HostFunc(success))
	if guilty.Outcome != CPU {
		t.Errorf("guilty: %s", guilty.Outcome)
	}
	if v := <-victim; v.Outcome != Evicted {
		t.Errorf("victim: %s (%v)", v.Outcome, v.Err)
	}
	reply(`{}`) // too late: must do nothing
}
