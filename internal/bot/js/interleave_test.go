package js

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestInterleaving lets 30 users have conversations at the same time on one machine, with replies that come late and in
// any order. Each turn reads and writes its user's state through the host, and uses globals that it never declared. No
// answer may show anything of another user (docs/spec/vumi-sandbox.md 1).
func TestInterleaving(t *testing.T) {
	t.Parallel()
	const users, turns = 30, 10
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	pool := newTestPool(t, &Program{Script: `
		this.me = null;
		count = 0; // never declared
		api.on_inbound_message = function (command) {
			me = command.msg.from_addr;
			count = command.msg.turn;
			api.request('kv.get', {key: me}, function (reply) {
				count += 100;
				setTimeout(function () {
					Promise.resolve().then(function () {
						var text = [me, this.me, count, reply.value, command.msg.from_addr].join(' ');
						api.request('kv.set', {key: me, value: reply.value + 1}, function () {
							api.request('outbound.reply_to', {content: text, in_reply_to: me}, function () { api.done(); });
						});
					});
				}, 1 + Math.floor(Math.random() * 3));
			});
		};`}, PoolOptions{Size: 1})

	var mu sync.Mutex
	state := map[string]int{}
	var wait sync.WaitGroup
	mismatches := 0
	for u := range users {
		random := rand.New(rand.NewPCG(seed, uint64(u)))
		wait.Go(func() {
			me := fmt.Sprintf("+2783%07d", u)
			for turn := range turns {
				got := ""
				host := HostFunc(func(_ context.Context, cmd string, reply func(string)) error {
					var c struct {
						Cmd, Key, Content string
						Value             int
					}
					if err := json.Unmarshal([]byte(cmd), &c); err != nil {
						return err
					}
					mu.Lock()
					defer mu.Unlock()
					answer := `{"success":true}`
					switch c.Cmd {
					case "kv.get":
						answer = fmt.Sprintf(`{"success":true,"value":%d}`, state[c.Key])
					case "kv.set":
						state[c.Key] = c.Value
					case "outbound.reply_to":
						got = c.Content
					}
					time.AfterFunc(time.Duration(random.IntN(4000))*time.Microsecond, func() { reply(answer) })
					return nil
				})
				command := fmt.Sprintf(`{"cmd":"inbound-message","msg":{"from_addr":%q,"turn":%d}}`, me, turn)
				result := pool.Run(context.Background(), Input{Command: command}, host)
				want := fmt.Sprintf("%s %s %d %d %s", me, me, turn+100, turn, me)
				if result.Outcome != Done || got != want {
					mu.Lock()
					if mismatches++; mismatches < 5 {
						t.Errorf("%s (%v): got %q, want %q", result.Outcome, result.Err, got, want)
					}
					mu.Unlock()
				}
			}
		})
	}
	wait.Wait()
	if mismatches > 0 {
		t.Errorf("%d of %d turns went wrong", mismatches, users*turns)
	}
}

func TestRecycling(t *testing.T) {
	pool := newTestPool(t, &Program{
		Modules: []Module{{ID: "count.js", Source: "var n = 0; module.exports = function () { return ++n; };"}},
		Roots:   map[string]string{"count": "count.js"},
		Script:  onMessage(`console.log(require('count')()); api.done();`),
	}, PoolOptions{Size: 1, RunsPerVM: 3})
	var got string
	for range 7 {
		result := pool.Run(t.Context(), Input{Command: hello}, HostFunc(success))
		if result.Outcome != Done {
			t.Fatalf("%s: %v", result.Outcome, result.Err)
		}
		got += result.Console[0].Text
	}
	if got != "1231231" {
		t.Errorf("the module counted %s, want 1231231", got)
	}
}

func TestMemoryHeldByOthers(t *testing.T) {
	pool := newTestPool(t, &Program{
		Modules: []Module{{ID: "hoard.js", Source: "module.exports = [];"}},
		Roots:   map[string]string{"hoard": "hoard.js"},
		Script:  onMessage(`require('hoard').push(new Uint8Array(5 << 20)); api.done();`),
	}, PoolOptions{Size: 1, Limits: Limits{MemoryBytes: 16 << 20}})
	outcomes := map[Outcome]int{}
	for range 8 {
		outcomes[pool.Run(t.Context(), Input{Command: hello}, HostFunc(success)).Outcome]++
	}
	if outcomes[Evicted] == 0 || outcomes[Done] == 0 || len(outcomes) != 2 {
		t.Errorf("outcomes %v, want evicted and done only", outcomes)
	}
	if result := pool.Run(t.Context(), Input{Command: hello, Alone: true}, HostFunc(success)); result.Outcome != Done {
		t.Errorf("alone: %s (%v)", result.Outcome, result.Err)
	}
}

// A turn may make far more garbage than the limit of memory, cycles too, as long as it keeps little at a time.
func TestGarbageOfOneTurn(t *testing.T) {
	pool := newTestPool(t, &Program{Script: onMessage(`
		for (var i = 0; i < 400; i++) {
			var parent = {bytes: new Uint8Array(256 << 10)}; // 100 MB in all
			parent.child = {parent: parent};
		}
		api.done();`)}, PoolOptions{Size: 1, Limits: Limits{MemoryBytes: 8 << 20}})
	for range 3 {
		if result := pool.Run(t.Context(), Input{Command: hello}, HostFunc(success)); result.Outcome != Done {
			t.Fatalf("%s: %v", result.Outcome, result.Err)
		}
	}
}

func TestNeighbourOutlivesTooManyCalls(t *testing.T) {
	pool := newTestPool(t, &Program{Script: onMessage(`
		if (command.msg.content === 'hello') api.request('x.wait', {}, function () { api.done(); });
		else for (;;) api.log_info('x');`)}, PoolOptions{Size: 1})
	waiting := make(chan func(string), 1)
	neighbour := make(chan Result, 1)
	go func() {
		neighbour <- pool.Run(context.Background(), Input{Command: hello}, HostFunc(func(_ context.Context, cmd string, reply func(string)) error {
			if strings.Contains(cmd, "x.wait") {
				waiting <- reply
			} else {
				reply("{}")
			}
			return nil
		}))
	}()
	reply := <-waiting
	if r := pool.Run(t.Context(), Input{Command: `{"cmd":"inbound-message","msg":{}}`}, HostFunc(success)); r.Outcome != Calls {
		t.Errorf("%s: %v", r.Outcome, r.Err)
	}
	reply("{}")
	if r := <-neighbour; r.Outcome != Done {
		t.Errorf("%s: %v", r.Outcome, r.Err)
	}
}

// TestChildDies kills the child process under a waiting run.
// A library that collects work and does it at one later time, as promise libraries do, waits for ever for a time that was dropped
// with the run that threw. Runs that share it cannot be blamed for that.
func TestNeighbourOfARunThatThrewIsRunAgain(t *testing.T) {
	t.Parallel()
	pool := newTestPool(t, &Program{Script: `
		var library = Math.library = Math.library || {tasks: [], waits: false}; // as what a module keeps
		function later(task) {
			library.tasks.push(task);
			if (library.waits) return;
			library.waits = true;
			setImmediate(function () {
				library.waits = false;
				library.tasks.splice(0).forEach(function (task) { task(); });
			});
		}
		api.on_inbound_message = function (command) {
			api.request('wait', {}, function () {
				later(function () { api.done(); });
				if (command.msg.throws) throw new Error('no');
			});
		};`}, PoolOptions{Size: 1})
	started, threw := make(chan struct{}), make(chan struct{})
	ended := make(chan Result, 1)
	good := Input{Command: `{"cmd":"inbound-message","msg":{}}`}
	go func() {
		ended <- pool.Run(t.Context(), good, HostFunc(func(_ context.Context, cmd string, reply func(string)) error {
			if strings.Contains(cmd, `"wait"`) {
				close(started)
				<-threw
			}
			reply(`{"success":true}`)
			return nil
		}))
	}()
	select {
	case <-started:
	case r := <-ended:
		t.Fatalf("%s (%v)", r.Outcome, r.Err)
	}
	at := HostFunc(func(_ context.Context, _ string, reply func(string)) error {
		reply(`{"success":true}`)
		return nil
	})
	if r := pool.Run(t.Context(), Input{Command: `{"cmd":"inbound-message","msg":{"throws":true}}`}, at); r.Outcome != Threw {
		t.Fatalf("%s (%v)", r.Outcome, r.Err)
	}
	close(threw)
	if r := <-ended; r.Outcome != Evicted {
		t.Fatalf("%s (%v)", r.Outcome, r.Err)
	}
	good.Alone = true
	if r := pool.Run(t.Context(), good, at); r.Outcome != Done {
		t.Fatalf("%s (%v)", r.Outcome, r.Err)
	}
}

func TestChildDies(t *testing.T) {
	pool := newTestPool(t, &Program{Script: onMessage(`api.request('x.wait', {}, function () { api.done(); });`)},
		PoolOptions{Size: 1, Isolation: Process})
	kill := true
	host := HostFunc(func(_ context.Context, _ string, reply func(string)) error {
		if kill {
			kill = false
			pool.mu.Lock()
			w := pool.slots[0]
			pool.mu.Unlock()
			w.mu.Lock()
			c, ok := w.machine.(*child)
			w.mu.Unlock()
			if !ok {
				return errors.New("no child process")
			}
			if err := c.command.Process.Kill(); err != nil {
				return err
			}
		}
		reply("{}")
		return nil
	})
	if r := pool.Run(t.Context(), Input{Command: hello}, host); r.Outcome != Crashed {
		t.Errorf("%s: %v", r.Outcome, r.Err)
	}
	if r := pool.Run(t.Context(), Input{Command: hello}, host); r.Outcome != Done {
		t.Errorf("after it: %s: %v", r.Outcome, r.Err)
	}
}

func TestClose(t *testing.T) {
	pool, err := NewPool(&Program{Script: onMessage(`api.request('x.wait', {}, function () {});`)}, PoolOptions{})
	if err != nil {
		t.Fatal(err)
	}
	started := make(chan bool, 1)
	ended := make(chan Result, 1)
	go func() {
		ended <- pool.Run(context.Background(), Input{Command: hello}, HostFunc(func(context.Context, string, func(string)) error {
			started <- true
			return nil
		}))
	}()
	<-started
	pool.Close()
	if r := <-ended; r.Outcome != Canceled {
		t.Errorf("%s: %v", r.Outcome, r.Err)
	}
	if r := pool.Run(t.Context(), Input{Command: hello}, HostFunc(success)); r.Outcome != Canceled {
		t.Errorf("after Close: %s", r.Outcome)
	}
	pool.Close() // twice does no harm
}

func TestCancelWhileWaiting(t *testing.T) {
	pool := newTestPool(t, &Program{Script: onMessage(`api.request('x.wait', {}, function () {});`)}, PoolOptions{})
	ctx, cancel := context.WithCancel(t.Context())
	result := pool.Run(ctx, Input{Command: hello}, HostFunc(func(context.Context, string, func(string)) error {
		cancel()
		return nil
	}))
	if result.Outcome != Canceled {
		t.Errorf("%s: %v", result.Outcome, result.Err)
	}
}

// A machine of this process that hangs cannot be stopped, but it is the last one that hangs for long.
func TestHangingMachineIsFollowedByChildProcesses(t *testing.T) {
	if testing.Short() || underRace {
		t.Skip("burns a processor for seconds, or minutes under the race detector")
	}
	t.Parallel()
	for _, isolation := range []Isolation{Pooled, Fresh} {
		hung := 0
		pool := newTestPool(t, &Program{Script: onMessage(`
			if (command.msg.content === 'hello') Array.prototype.indexOf.call({length: 1e8}, 1);
			api.done();`)}, PoolOptions{Isolation: isolation, Size: 1, Limits: Limits{CPU: 50 * time.Millisecond}, OnHang: func() { hung++ }})
		for range 2 {
			if result := pool.Run(t.Context(), Input{Command: hello}, HostFunc(success)); result.Outcome != CPU {
				t.Fatalf("%s: %s (%v)", isolation, result.Outcome, result.Err)
			}
			harmless := Input{Command: `{"cmd":"inbound-message","msg":{}}`}
			if result := pool.Run(t.Context(), harmless, HostFunc(success)); result.Outcome != Done {
				t.Fatalf("%s: after a machine hung: %s (%v)", isolation, result.Outcome, result.Err)
			}
		}
		if hung != 1 {
			t.Errorf("%s: %d machines hung", isolation, hung)
		}
	}
}

// Scripts that share a processor take longer, and are not at fault.
func TestLimitIsOfProcessorTime(t *testing.T) {
	if underRace {
		t.Skip("the race detector makes scripts slow")
	}
	limits := Limits{CPU: time.Second}
	for _, isolation := range []Isolation{Pooled, Process} {
		pool := newTestPool(t, &Program{Script: onMessage(`for (var i = 0, x = 0; i < 1e6; i++) { x += i % 7; } api.done();`)},
			PoolOptions{Isolation: isolation, Size: 12, Limits: limits})
		var all sync.WaitGroup
		results := make(chan Result, 12)
		for range cap(results) {
			all.Go(func() { results <- pool.Run(t.Context(), Input{Command: hello}, HostFunc(success)) })
		}
		all.Wait()
		close(results)
		longest := time.Duration(0)
		for result := range results {
			if result.Outcome != Done || result.CPU > limits.CPU {
				t.Errorf("%s: %s after %v of processor time: %v", isolation, result.Outcome, result.CPU, result.Err)
			}
			longest = max(longest, result.Wall)
		}
		t.Logf("%s: the slowest took %v", isolation, longest)
	}
}
