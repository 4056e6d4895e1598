package sandbox

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"indaba/internal/bot/bundle"
	"indaba/internal/bot/js"
	"indaba/internal/core"
)

// What careless and malicious apps do ends their turn, says why in the bot's log, and sends nothing.
func TestHostileApps(t *testing.T) {
	if underRace {
		t.Skip("burns a processor for seconds, or minutes under the race detector")
	}
	const replies = `api.request('outbound.reply_to', {content: 'never', in_reply_to: command.msg.message_id}, function () { %s });`
	after := func(then string) string {
		return `api.on_inbound_message = function (command) {` + strings.Replace(replies, "%s", then, 1) + `};`
	}
	for name, c := range map[string]struct {
		script  string
		outcome js.Outcome
		log     string // in an ERROR line
	}{
		"throws":                 {after(`throw new Error('oh no');`), js.Threw, "oh no"},
		"throws null":            {after(`throw null;`), js.Threw, "null"},
		"throws when loaded":     {`throw new TypeError('at once');`, js.Threw, "TypeError: at once"},
		"rejects":                {`api.on_inbound_message = async function () { throw new Error('rejected'); };`, js.Threw, "rejected"},
		"loops":                  {after(`for (;;) {}`), js.CPU, "computed for more than"},
		"loops by promises":      {after(`(function f() { Promise.resolve().then(f); }());`), js.CPU, "computed for more than"},
		"recurses":               {after(`(function f() { return 1 + f(); }());`), js.Stack, "nested too deeply"},
		"allocates":              {after(`var a = []; for (;;) { a.push('x'.repeat(1e5) + a.length); }`), js.Memory, "bytes of memory"},
		"never done":             {after(``), js.Stalled, "never called api.done()"},
		"no handler":             {`var nothing;`, js.Stalled, "api.on_inbound_message"},
		"waits":                  {after(`setTimeout(function () {}, 1e6);`), js.Wall, "took more than"},
		"sends too many":         {after(`for (var i = 0; i < 1000; i++) { api.log_info('x'); }`), js.Calls, "more than 200 commands"},
		"sends too much":         {after(`api.log_info('x'.repeat(2e6));`), js.Output, "bytes of commands"},
		"unknown resource":       {after(`api.request('disk.erase', {}, function () { api.done(); });`), js.HostErr, `there is no resource "disk"`},
		"unknown command":        {after(`api.request('kv.flush', {}, function () { api.done(); });`), js.HostErr, `resource kv received unknown command "flush"`},
		"unknown http command":   {after(`api.request('http.brew', {}, function () { api.done(); });`), js.HostErr, `resource http received unknown command "brew"`},
		"no resource":            {after(`api.request('hello', {}, function () { api.done(); });`), js.HostErr, `commands are named RESOURCE.COMMAND`},
		"no name":                {after(`api.request(5, {}, function () { api.done(); });`), js.HostErr, `whose name is no text`},
		"an empty name":          {after(`api.request('', {}, function () { api.done(); });`), js.HostErr, `commands are named RESOURCE.COMMAND`},
		"a name like a property": {after(`api.request('__proto__.constructor', {}, function () { api.done(); });`), js.HostErr, `there is no resource`},
		"a list as command":      {after(`api.request('kv.get', [], function () { api.done(); });`), js.Threw, "a request must be an object"},
		"unknown js command":     {after(`api.request('js.undone', {});`), js.HostErr, `resource js received unknown command "undone"`},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(w *world) {
				// Only what a case is about may be short of anything, however slow the machine is.
				w.deps.Limits = js.Limits{CPU: time.Minute, Wall: 5 * time.Minute, MemoryBytes: 16 << 20}
				switch c.outcome {
				case js.CPU:
					w.deps.Limits.CPU = 300 * time.Millisecond
				case js.Wall:
					w.deps.Limits.Wall = time.Second
				}
				w.deps.Now = time.Now // limits follow the clock
			})
			result, err := w.load(c.script, bundle.Settings{}).Run(t.Context(), w.turn("1"))
			if err != nil {
				t.Fatal(err)
			}
			if result.Outcome != c.outcome || result.Err == "" || len(result.Sends) != 0 {
				t.Errorf("the outcome is %s: %q, with %d sends", result.Outcome, result.Err, len(result.Sends))
			}
			log := strings.Join(texts(result.Log), "\n")
			if !strings.Contains(log, c.log) || !strings.Contains(log, "ERROR") {
				t.Errorf("the log is\n%s\nwant an error about %q", log, c.log)
			}
		})
	}
}

// What looks wrong and is not.
func TestHarmlessApps(t *testing.T) {
	const reply = `api.request('outbound.reply_to', {content: 'hi', in_reply_to: command.msg.message_id}, `
	for name, script := range map[string]string{
		"done twice":        reply + `function () { api.done(); api.done(); });`,
		"done in between":   reply + `function () { api.done(); api.request('disk.erase', {}); });`,
		"js.done":           reply + `function () { api.request('js.done', {}); });`,
		"js.done by itself": `api.request('outbound.reply_to', {content: 'hi', in_reply_to: command.msg.message_id}); api.request('js.done', {});`,
		"no callbacks":      `api.request('outbound.reply_to', {content: 'hi', in_reply_to: command.msg.message_id}); api.done();`,
		"changes replies":   reply + `function (r) { r.success = null; delete r.cmd; api.done(); });`,
		"console":           `console.log('to the log %d', 5); ` + reply + `function () { api.done(); });`,
		"a broken toJSON":   `Object.prototype.toJSON = undefined; ` + reply + `function () { api.done(); });`,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			r := w.load(`api.on_inbound_message = function (command) {`+script+`};`, bundle.Settings{})
			result := w.run(r, w.turn("1"))
			if len(result.Sends) != 1 || *result.Sends[0].Content != "hi" {
				t.Errorf("it sends %+v", result.Sends)
			}
			replayed, differences, err := r.Replay(t.Context(), w.turn("1"), result.Record)
			if err != nil || len(differences) > 0 || replayed.Outcome != js.Done || asJSON(t, replayed.Sends) != asJSON(t, result.Sends) {
				t.Errorf("the replay ends with %s, differs in %v and sends %v: %v", replayed.Outcome, differences, replayed.Sends, err)
			}
			if name == "console" && !strings.Contains(strings.Join(texts(result.Log), "\n"), "INFO to the log 5") {
				t.Errorf("the log is %q", texts(result.Log))
			}
		})
	}
}

// Only the message of the turn can be answered, and an event not at all.
func TestForeignMessages(t *testing.T) {
	w := newWorld(t)
	script := `api.on_inbound_event = function (command) {
		api.request('outbound.reply_to', {content: 'x', in_reply_to: command.msg.user_message_id}, function (r) {
			api.request('log.info', {msg: r.reason}, function () { api.done(); });
		});
	};`
	turn := w.turn("")
	turn.Event = &core.Event{ID: "e1", Type: core.Ack, MessageID: turn.Message.ID, At: w.clock.now()}
	result := w.run(w.load(script, bundle.Settings{}), turn)
	if want := "Could not find original message with id: u'" + turn.Message.ID + "'"; result.Log[0].Text != want || len(result.Sends) != 0 {
		t.Errorf("the log is %q, the sends are %v", texts(result.Log), result.Sends)
	}
}

// When a part of the server fails, the turn is an error, to be run again; the script is told nothing.
func TestServerFaults(t *testing.T) {
	w := newWorld(t)
	r := w.load(`api.on_inbound_message = function () {
		api.request('kv.set', {key: 'a', value: 1}, function () { api.done(); });
	};`, bundle.Settings{})
	if err := w.db.Close(); err != nil {
		t.Fatal(err)
	}
	if result, err := r.Run(t.Context(), w.turn("")); err == nil {
		t.Errorf("the turn ended with %s", result.Outcome)
	}
}

// patientAccounts do not answer before the turn is over.
type patientAccounts struct{}

func (patientAccounts) CanManageOptouts(ctx context.Context, _ string) (bool, error) {
	<-ctx.Done()
	return false, ctx.Err()
}

// A limit that a turn breaks while a command is under way is the fault of the script, not of the server.
func TestLimitDuringCommand(t *testing.T) {
	w := newWorld(t, func(w *world) {
		w.deps.Limits = js.Limits{Wall: 300 * time.Millisecond}
		w.deps.Accounts = patientAccounts{}
		w.deps.Now = time.Now // limits follow the clock
	})
	r := w.load(`api.on_inbound_message = function () {
		api.request('optout.count', {}, function () { api.done(); });
	};`, bundle.Settings{})
	result, err := r.Run(t.Context(), w.turn(""))
	if err != nil || result.Outcome != js.Wall {
		t.Errorf("the turn ended with %s, %v", result.Outcome, err)
	}
}

func TestCanceledTurn(t *testing.T) {
	w := newWorld(t)
	r := w.load(`api.on_inbound_message = function () { setTimeout(function () { api.done(); }, 1e5); };`, bundle.Settings{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Run(ctx, w.turn("")); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	r.Close()
	if _, err := r.Run(t.Context(), w.turn("")); err == nil {
		t.Error("a closed runner runs a turn")
	}
}

// A bot may lower the limits of the server and not raise them.
func TestLimits(t *testing.T) {
	server := js.Limits{CPU: time.Second, Calls: 10}
	got := limits(server, bundle.Limits{CPUMillis: 5000, WallMillis: 1000, MemoryMiB: 32, OutputKiB: 1, Commands: 3})
	want := js.Limits{CPU: time.Second, Wall: time.Second, MemoryBytes: 32 << 20, OutputBytes: 1 << 10, Calls: 3}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := limits(js.Limits{}, bundle.Limits{}); got.CPU != js.DefaultLimits().CPU || got.Calls != js.DefaultLimits().Calls {
		t.Errorf("without limits: got %+v", got)
	}
	for _, c := range [][3]js.Isolation{{"", "", ""}, {js.Pooled, "fresh", js.Fresh}, {js.Process, "pooled", js.Process}, {js.Fresh, "", js.Fresh}} {
		if got := isolation(c[0], string(c[1])); got != c[2] {
			t.Errorf("server %q, bot %q: got %q, want %q", c[0], c[1], got, c[2])
		}
	}
}
