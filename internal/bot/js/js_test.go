package js

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"
)

// TestMain lets the test binary be its own child process, as cmd/indaba does.
func TestMain(m *testing.M) {
	ServeChild()
	os.Exit(m.Run())
}

const hello = `{"cmd":"inbound-message","msg":{"content":"hello","from_addr":"+27831234567"}}`

// success answers every command at once with {"success":true}.
func success(_ context.Context, _ string, reply func(string)) error {
	reply(`{"success":true}`)
	return nil
}

// recorder is a host that keeps the commands and answers each with success.
type recorder struct{ commands []string }

func (r *recorder) Command(_ context.Context, cmd string, reply func(string)) error {
	r.commands = append(r.commands, cmd)
	reply(`{"success":true}`)
	return nil
}

func newTestPool(t testing.TB, p *Program, o PoolOptions) *Pool {
	t.Helper()
	pool, err := NewPool(p, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

// runScript runs a script once, on a pool of its own.
func runScript(t testing.TB, script string, o PoolOptions) (Result, []string) {
	t.Helper()
	r := &recorder{}
	result := newTestPool(t, &Program{Script: script}, o).Run(t.Context(), Input{Command: hello}, r)
	return result, r.commands
}

// onMessage is a script whose handler has the given body.
func onMessage(body string) string {
	return "api.on_inbound_message = function (command) { " + body + "\n};"
}

func TestBareApp(t *testing.T) {
	result, commands := runScript(t, onMessage(`
		this.request('outbound.reply_to', {content: 'you said ' + command.msg.content}, function (reply) {
			if (this !== api || reply.cmd_id !== '0' || !reply.reply || reply.cmd !== 'outbound.reply_to') throw new Error(JSON.stringify(reply));
			this.done();
		});`), PoolOptions{})
	if result.Outcome != Done || result.Err != nil {
		t.Fatalf("outcome %s: %v", result.Outcome, result.Err)
	}
	want := []string{
		`{"content":"you said hello","cmd":"outbound.reply_to","cmd_id":"0","reply":false}`,
		`{"msg":"Done.","cmd":"log.info","cmd_id":"1","reply":false}`,
	}
	if strings.Join(commands, "\n") != strings.Join(want, "\n") {
		t.Errorf("commands:\n%s", strings.Join(commands, "\n"))
	}
	if result.Commands != 2 || len(result.Trace) != 3 || result.CPU <= 0 || result.Wall < result.CPU {
		t.Errorf("result %+v", result)
	}
}

func TestIsolationKinds(t *testing.T) {
	for _, kind := range []Isolation{Pooled, Fresh, Process} {
		t.Run(string(kind), func(t *testing.T) {
			pool := newTestPool(t, &Program{Script: onMessage(`
				globalThis.count = (globalThis.count || 0) + 1;
				setTimeout(function () { api.log_info('count ' + count, function () { api.done(); }); }, 5);`)},
				PoolOptions{Isolation: kind, Size: 1})
			for range 3 {
				r := &recorder{}
				result := pool.Run(t.Context(), Input{Command: hello}, r)
				if result.Outcome != Done || !strings.Contains(r.commands[0], `"count 1"`) {
					t.Fatalf("%s %v %v", result.Outcome, result.Err, r.commands)
				}
			}
		})
	}
}

func TestHangingMachineIsGivenUp(t *testing.T) {
	script := onMessage(`Array.prototype.indexOf.call({length: 1e10}, 1); api.done();`)
	limits := Limits{CPU: 50 * time.Millisecond}
	pool := newTestPool(t, &Program{Script: script}, PoolOptions{Isolation: Process, Limits: limits, Size: 1})
	for range 2 { // the second run needs a new child
		result := pool.Run(t.Context(), Input{Command: hello}, HostFunc(success))
		if result.Outcome != CPU {
			t.Fatalf("%s: %v", result.Outcome, result.Err)
		}
	}
}

func BenchmarkBareTurn(b *testing.B) {
	pool := newTestPool(b, &Program{Script: onMessage(`
		this.request('outbound.reply_to', {content: command.msg.content}, function () { this.done(); });`)}, PoolOptions{Size: 1})
	b.ReportAllocs()
	for b.Loop() {
		if r := pool.Run(b.Context(), Input{Command: hello}, HostFunc(success)); r.Outcome != Done {
			b.Fatal(r.Outcome, r.Err)
		}
	}
}

func BenchmarkStart(b *testing.B) {
	m, err := compile(&Program{Script: "1"})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		v, err := newVM(m, DefaultLimits())
		if err != nil {
			b.Fatal(err)
		}
		v.close()
	}
}

func BenchmarkFreshTurn(b *testing.B) {
	pool := newTestPool(b, &Program{Script: onMessage(`api.done();`)}, PoolOptions{Isolation: Fresh})
	for b.Loop() {
		if r := pool.Run(b.Context(), Input{Command: hello}, HostFunc(success)); r.Outcome != Done {
			b.Fatal(r.Outcome, r.Err)
		}
	}
}

func BenchmarkProcessTurn(b *testing.B) {
	pool := newTestPool(b, &Program{Script: onMessage(`api.done();`)}, PoolOptions{Isolation: Process, Size: 1})
	for b.Loop() {
		if r := pool.Run(b.Context(), Input{Command: hello}, HostFunc(success)); r.Outcome != Done {
			b.Fatal(r.Outcome, r.Err)
		}
	}
}
