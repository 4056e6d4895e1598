package sandbox

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"indaba/internal/bot"
	"indaba/internal/bot/bundle"
	"indaba/internal/bot/js"
	"indaba/internal/contact"
	"indaba/internal/core"
	"indaba/internal/db"
	"indaba/internal/db/dbtest"
	"indaba/internal/egress"
	"indaba/internal/kv"
	"indaba/internal/message"
	"indaba/internal/metric"
	"indaba/internal/optout"
)

// testAccount and testBot own what tests make.
const (
	testAccount = "0123456789abcdef0123456789abcdef"
	testBot     = "b0000000000000000000000000000001"
)

// A world is the server around a bot: real features on a database of their own.
type world struct {
	t     testing.TB
	db    *db.DB
	deps  Deps
	clock *clock
	probe bot.Runner
}

// A clock is set by tests.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// accounts are the flags of accounts: those listed may manage opt-outs.
type accounts map[string]bool

func (a accounts) CanManageOptouts(_ context.Context, account string) (bool, error) {
	return a[account], nil
}

// bots are the owners of bots.
type bots map[string]string

func (b bots) OwnsBot(_ context.Context, account, key string) (bool, error) {
	return b[key] == account, nil
}

func newWorld(t testing.TB, change ...func(*world)) *world {
	t.Helper()
	w := &world{t: t, db: dbtest.SQLite(t), clock: &clock{at: time.Date(2026, 3, 4, 5, 6, 7, 89_000, time.UTC)}}
	guard, err := egress.New(egress.Options{AllowHosts: []string{"127.0.0.1"}, Timeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(guard.Close)
	now := w.clock.now
	w.deps = Deps{
		Contacts: contact.New(w.db, now, contact.Options{}), KV: kv.New(w.db, kv.Quota{}, now),
		Metrics: metric.New(w.db, now, metric.Options{}), Optouts: optout.New(w.db, now), Messages: message.New(w.db, 4, now), Egress: guard, Accounts: accounts{testAccount: true},
		Bots: bots{testBot: testAccount}, Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Now: now, Machines: 1,
	}
	for _, f := range change {
		f(w)
	}
	return w
}

// load makes a runner of a script.
func (w *world) load(script string, settings bundle.Settings) bot.Runner {
	w.t.Helper()
	set, err := bundle.BuiltinSet()
	if err != nil {
		w.t.Fatal(err)
	}
	program, err := bundle.FromScript(script, "app.js", settings, "", bundle.Options{Set: set})
	if err != nil {
		w.t.Fatal(err)
	}
	r, err := Loader(w.deps)(w.bot(), bot.Version{Bot: testBot, Number: 1}, program)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(r.Close)
	return r
}

func (w *world) bot() *bot.Bot {
	return &bot.Bot{Key: testBot, Account: testAccount, Name: "test", Kind: bot.Sandbox}
}

// turn is a turn for a message.
func (w *world) turn(content string) *bot.Turn {
	return &bot.Turn{
		Bot: w.bot(), Version: 1, Config: map[string]string{"config": `{"name": "test"}`},
		Message: &core.Message{
			ID: "0192f0c0000070008000000000000001", Account: testAccount, Channel: "c0000000000000000000000000000001",
			Direction: core.Inbound, From: "+27831234567", To: "*120*1#", Content: &content,
			SessionEvent: core.SessionNew, TransportType: "ussd", Bot: testBot, Endpoint: "default",
			CreatedAt: w.clock.now(),
		},
		Channel: "c0000000000000000000000000000001", Address: "+27831234567",
	}
}

// run runs a turn that must come to its end.
func (w *world) run(r bot.Runner, turn *bot.Turn) bot.Result {
	w.t.Helper()
	result, err := r.Run(w.t.Context(), turn)
	if err != nil {
		w.t.Fatal(err)
	}
	if result.Outcome != js.Done {
		w.t.Fatalf("the turn ended with %s: %s\nlog: %v", result.Outcome, result.Err, result.Log)
	}
	return result
}

// probeScript sends the commands that its message lists, one after the other, and logs the replies.
const probeScript = `
api.on_inbound_message = function (command) {
    var commands = JSON.parse(command.msg.content), replies = [];
    (function next() {
        if (replies.length === commands.length) {
            api.request('log.debug', {msg: 'REPLIES ' + JSON.stringify(replies)}, function () { api.done(); });
            return;
        }
        var c = commands[replies.length];
        api.request(c.cmd, c, function (reply) { replies.push(reply); next(); });
    }());
};`

// ask sends commands, each a JSON object with a member cmd, and returns their replies without the envelope, and the
// result of the turn.
func (w *world) ask(turn *bot.Turn, commands ...string) ([]map[string]any, bot.Result) {
	w.t.Helper()
	if w.probe == nil {
		w.probe = w.load(probeScript, bundle.Settings{})
	}
	content := "[" + strings.Join(commands, ",") + "]"
	turn.Message.Content = &content
	result := w.run(w.probe, turn)
	for i, line := range result.Log {
		text, ok := strings.CutPrefix(line.Text, "REPLIES ")
		if !ok {
			continue
		}
		var replies []map[string]any
		decoder := json.NewDecoder(strings.NewReader(text))
		decoder.UseNumber()
		if err := decoder.Decode(&replies); err != nil {
			w.t.Fatalf("%v in %s", err, text)
		}
		for _, reply := range replies {
			for _, member := range []string{"cmd", "cmd_id", "reply"} {
				if reply[member] == nil {
					w.t.Errorf("a reply has no %s: %v", member, reply)
				}
				delete(reply, member)
			}
		}
		result.Log = append(result.Log[:i:i], result.Log[i+1:]...)
		return replies, result
	}
	w.t.Fatalf("the probe logged no replies: %v", result.Log)
	return nil, result
}

// reply sends one command and returns its reply as JSON with sorted members.
func (w *world) reply(command string) string {
	w.t.Helper()
	replies, _ := w.ask(w.turn(""), command)
	return asJSON(w.t, replies[0])
}

func asJSON(t testing.TB, value any) string {
	t.Helper()
	data, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// failed is the reply of a command that failed for a reason.
func failed(t testing.TB, reason string) string {
	t.Helper()
	return asJSON(t, map[string]any{"success": false, "reason": reason})
}
