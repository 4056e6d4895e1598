package bundle

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"indaba/internal/bot/js"
)

// libraries are the known releases of q in the built-in set.
var libraries = map[string]string{"q 1.5.1": "node_modules/q/q.js", "q 0.9.7": "node_modules/vumigo_v01/node_modules/q/q.js"}

// originals returns the known releases as they are published, and the same with the faster promises.
func originals(t *testing.T) (original, fast map[string]string) {
	t.Helper()
	set := builtinSet(t)
	original, fast = map[string]string{}, map[string]string{}
	for name, file := range libraries {
		text, err := set.tree.readText(file, MaxScriptBytes)
		if err != nil {
			t.Fatal(err)
		}
		changed, known := withFasterParts(text)
		if !known {
			t.Fatalf("%s is not the %s that promises.go knows", file, name)
		}
		original[name], fast[name] = text, changed
	}
	return original, fast
}

// talker is a pool with both libraries and the program of testdata/promises.
func talker(t *testing.T, sources map[string]string) *js.Pool {
	t.Helper()
	script, err := os.ReadFile("testdata/promises/app.js")
	if err != nil {
		t.Fatal(err)
	}
	p := &js.Program{Script: string(script), Roots: map[string]string{"process": "builtin:process"}}
	for name, source := range sources {
		p.Modules = append(p.Modules, js.Module{ID: name, Source: source})
		p.Roots[name] = name
	}
	pool, err := js.NewPool(p, js.PoolOptions{Size: 1, RunsPerVM: 1,
		Limits: js.Limits{CPU: 10 * time.Second, Calls: 1 << 20, OutputBytes: 1 << 30, ConsoleBytes: 1 << 20}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

// listen runs a program and returns what it says.
func listen(t *testing.T, pool *js.Pool, library, other string, seed int32, steps int) []string {
	t.Helper()
	var said []string
	host := js.HostFunc(func(_ context.Context, command string, reply func(string)) error {
		said = append(said, command)
		reply("{}")
		return nil
	})
	command := fmt.Sprintf(`{"cmd":"run","library":%q,"other":%q,"seed":%d,"steps":%d}`, library, other, seed, steps)
	result := pool.Run(t.Context(), js.Input{Command: command}, host)
	for _, line := range result.Console {
		said = append(said, line.Level+" "+strings.SplitN(line.Text, " at ", 2)[0])
	}
	end := string(result.Outcome)
	if e, ok := result.Err.(*js.ScriptError); ok {
		// A promise may be thrown, too, and is told with its members, of which the faster ones lack source (docs/decisions/0012).
		const object = "threw an object: "
		message, members, thrown := strings.Cut(e.Message, object)
		if thrown && strings.HasPrefix(members, "{") {
			message += object
		}
		end += " " + e.Name + " " + message
	}
	return append(said, end)
}

// With the faster promises, random programs of every feature do the same in the same order as with the originals: handlers,
// their values, progress, timers, unhandled rejections, uncaught errors, and promises of one release inside the other.
func TestPromisesKeepTheirOrder(t *testing.T) {
	comparePromises(t, func(done int) bool { return done < 80 })
}

// TestSoakPromises does so for as long as "make soak" says.
func TestSoakPromises(t *testing.T) {
	length, err := time.ParseDuration(os.Getenv("INDABA_TEST_SOAK"))
	if err != nil {
		t.Skip("INDABA_TEST_SOAK says for how long: run it with make soak")
	}
	end := time.Now().Add(length)
	comparePromises(t, func(int) bool { return time.Now().Before(end) })
}

// comparePromises runs random programs on the originals and on the faster libraries.
func comparePromises(t *testing.T, more func(done int) bool) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	original, fast := originals(t)
	before, after := talker(t, original), talker(t, fast)
	n, lines := 0, 0
	for ; more(n); n++ {
		library, other := "q 1.5.1", "q 0.9.7"
		if n%3 == 0 {
			library, other = other, library
		}
		program, steps := int32(random.Uint32()), 20+random.IntN(100)
		want := listen(t, before, library, other, program, steps)
		got := listen(t, after, library, other, program, steps)
		lines += len(want)
		if want[len(want)-1] == string(js.CPU) {
			t.Fatalf("program %d of %s, %d steps, has no end", program, library, steps)
		}
		if at := parting(want, got); at >= 0 {
			t.Fatalf("program %d of %s, %d steps, parts at line %d.\nbefore that:\n%s\noriginal:\n%s\nfast:\n%s", program, library,
				steps, at, excerpt(want, at-8, at), excerpt(want, at, at+5), excerpt(got, at, at+5))
		}
	}
	t.Logf("%d programs said %d lines", n, lines)
	if lines < 50*n {
		t.Errorf("%d programs said only %d lines: the test does not see enough", n, lines)
	}
}

// parting returns the first line in which two texts differ, or -1.
func parting(a, b []string) int {
	for i := range max(len(a), len(b)) {
		if i >= len(a) || i >= len(b) || a[i] != b[i] {
			return i
		}
	}
	return -1
}

func excerpt(lines []string, from, to int) string {
	return strings.Join(lines[max(0, min(from, len(lines))):min(to, len(lines))], "\n")
}

// Very many tasks at once, and very many after one another, keep their order.
func TestPromisesInGreatNumbers(t *testing.T) {
	const script = `api.on_run = function () {
		var Q = require('q'), seen = [];
		function note(what) { return function (i) { if (i % 7 === 0) seen.push(what + i); return i + 1; }; }
		function spread(i) { for (var k = 0; k < 3; k++) Q(i * 10 + k).then(note('c')); return i; }
		var chain = Q(0), d = Q.defer();
		for (var i = 0; i < 1200; i++) {
			Q(i).then(note('a'));
			d.promise.then(note('w'));
			if (i % 4 === 0) chain = chain.then(note('b')).then(spread);
		}
		d.resolve(7);
		chain.then(function () {
			api.log_info(seen.length + ' ' + seen.join());
			api.done();
		}).done();
	};`
	original, fast := originals(t)
	for name := range original {
		said := map[string][]string{}
		for kind, source := range map[string]string{"original": original[name], "fast": fast[name]} {
			p := &js.Program{Script: script, Modules: []js.Module{{ID: "q", Source: source}}, Roots: map[string]string{"q": "q"}}
			said[kind] = run(t, p, `{"cmd":"run"}`)
		}
		if len(said["fast"]) != 2 || len(said["fast"][0]) < 3_000 || !slices.Equal(said["original"], said["fast"]) {
			t.Errorf("%s: the order of very many tasks differs: %.200q and %.200q", name, said["original"], said["fast"])
		}
	}
}

// The faster libraries have every member of the originals, with the same number of parameters.
func TestPromisesKeepTheirInterface(t *testing.T) {
	const script = `api.on_run = function () {
		function members(object) {
			return Object.keys(object).filter(function (name) { return !/^(inspect|promiseDispatch|valueOf)$/.test(name); })
				.map(function (name) { return name + ' ' + typeof object[name] + ' ' + object[name].length; });
		}
		var Q = require('q'), d = Q.defer();
		api.log_info(JSON.stringify([members(Q), members(Q.makePromise.prototype), members(Q.Promise || {}), members(d), Q.length,
			typeof d.promise.inspect, typeof d.promise.promiseDispatch, JSON.stringify([d.promise, Q(1)]), String(Q.defer().promise)]));
		api.done();
	};`
	original, fast := originals(t)
	for name := range original {
		said := map[string]string{}
		for kind, source := range map[string]string{"original": original[name], "fast": fast[name]} {
			p := &js.Program{Script: script, Modules: []js.Module{{ID: "q", Source: source}}, Roots: map[string]string{"q": "q"}}
			said[kind] = run(t, p, `{"cmd":"run"}`)[0]
		}
		if said["original"] != said["fast"] || len(said["fast"]) < 1000 {
			t.Errorf("%s has\n%s, it should have\n%s", name, said["fast"], said["original"])
		}
	}
}

// run runs a program once and returns its commands.
func run(t *testing.T, p *js.Program, command string) (commands []string) {
	t.Helper()
	pool, err := js.NewPool(p, js.PoolOptions{Size: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	result := pool.Run(t.Context(), js.Input{Command: command}, js.HostFunc(func(_ context.Context, c string, reply func(string)) error {
		commands = append(commands, c)
		reply("{}")
		return nil
	}))
	if result.Outcome != js.Done {
		t.Fatalf("it ended %s: %v", result.Outcome, result.Err)
	}
	return commands
}

// An error that nobody caught ends the run that it happened in, and not the promises of others on the same machine.
func TestPromisesOfOthersGoOn(t *testing.T) {
	const script = `api.on_run = function (command) {
		var Q = require('q'), d = Q.defer();
		api.request('wait', {}, d.resolve);
		if (!command.fails) return d.promise.then(function () { api.done(); });
		d.promise.then(function () { throw new Error('mine'); }).done();
		d.promise.then(function () { return 'not reached by any'; });
	};`
	_, fast := originals(t)
	for name, source := range fast {
		p := &js.Program{Script: script, Modules: []js.Module{{ID: "q", Source: source}}, Roots: map[string]string{"q": "q"}}
		pool, err := js.NewPool(p, js.PoolOptions{Size: 1})
		if err != nil {
			t.Fatal(err)
		}
		defer pool.Close()
		var answerOther func(string)
		begun, ended := make(chan struct{}), make(chan js.Result)
		go func() {
			ended <- pool.Run(t.Context(), js.Input{Command: `{"cmd":"run"}`}, js.HostFunc(func(_ context.Context, c string, reply func(string)) error {
				if strings.Contains(c, `"wait"`) {
					answerOther = reply
					close(begun)
				} else {
					reply("{}")
				}
				return nil
			}))
		}()
		<-begun
		failed := pool.Run(t.Context(), js.Input{Command: `{"cmd":"run","fails":true}`},
			js.HostFunc(func(_ context.Context, _ string, reply func(string)) error { reply("{}"); return nil }))
		if failed.Outcome != js.Threw || failed.Err.Error() != "Error: mine" {
			t.Errorf("%s: the run that throws ended %s: %v", name, failed.Outcome, failed.Err)
		}
		answerOther("{}")
		if other := <-ended; other.Outcome != js.Done {
			t.Errorf("%s: the other run ended %s: %v", name, other.Outcome, other.Err)
		}
	}
}

// Only a known release changes, only if the bot lets it, and what has changed stays on its line.
func TestPromisesSetting(t *testing.T) {
	set := builtinSet(t)
	original, _ := originals(t)
	const text = "var Q = require('q'); api.on_x = function () {};"
	pack := func(libraries string, files map[string]string) *Bundle {
		t.Helper()
		b, err := FromScript(text, "app.js", Settings{Name: "x", Libraries: libraries}, folder(t, files), Options{Set: set})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	own := func(source string) map[string]string {
		return map[string]string{"node_modules/q/q.js": source,
			"node_modules/q/package.json": `{"name":"q","version":"1.5.1","main":"q.js"}`}
	}
	none := map[string]string{"README": ""}
	for _, c := range []struct {
		name, libraries string
		files           map[string]string
		fast            bool
	}{
		{"the built-in one", "", none, true},
		{"the built-in one, original", "original", none, false},
		{"the folder's own", "", own(original["q 1.5.1"]), true},
		{"the folder's own, another release", "", own(original["q 0.9.7"]), true},
		{"the folder's own, changed", "", own(original["q 1.5.1"] + "\n"), false},
	} {
		b := pack(c.libraries, c.files)
		if got := strings.Contains(b.Modules[0].Source, "function sendReaction("); got != c.fast || b.Packages[0].Faster != c.fast {
			t.Errorf("%s: fast promises %v and noted as %v, want %v", c.name, got, b.Packages[0].Faster, c.fast)
		}
	}
	kept, err := Read(folder(t, map[string]string{"indaba.yaml": "script: a.js\nlibraries: original", "a.js": text}), Options{Set: set})
	if err != nil || kept.Packages[0].Faster {
		t.Errorf("a manifest with libraries original: %v, %v", kept, err)
	}
	lines, before := strings.Split(pack("", none).Modules[0].Source, "\n"), strings.Split(original["q 1.5.1"], "\n")
	for _, place := range []string{"Q.makePromise = Promise;", "Promise.prototype.nodeify = function (nodeback) {"} {
		if got, want := slices.Index(lines, place), slices.Index(before, place); got != want || got < 0 {
			t.Errorf("%s stands in line %d, not %d", place, got+1, want+1)
		}
	}
}
