package js_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"indaba/internal/bot/bundle"
	"indaba/internal/bot/js"
)

// packages is the folder with the npm packages that "make toolkit" installs.
const packages = "../../../toolkit"

// A phone is a host with one user: just enough of the resources for the toolkit's examples.
type phone struct {
	config  string
	kv      map[string]json.RawMessage
	contact map[string]any
	said    string // the last reply of the bot
	ended   bool   // the bot has closed the session
}

func newPhone() *phone {
	return &phone{
		config: `{"name":"bench","delivery_class":"ussd"}`,
		kv:     map[string]json.RawMessage{}, contact: map[string]any{
			"key": "c1", "user_account": "a1", "msisdn": "+27831234567", "created_at": "2024-01-01 12:00:00", "extra": map[string]any{},
		},
	}
}

func (p *phone) Command(_ context.Context, text string, reply func(string)) error {
	var c struct {
		Cmd, Key, Content string
		Value             json.RawMessage
		Fields            map[string]any
		ContinueSession   bool `json:"continue_session"`
	}
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		return err
	}
	answer := map[string]any{"success": true}
	switch c.Cmd {
	case "config.get":
		answer["value"] = "{}"
		if c.Key == "config" {
			answer["value"] = p.config
		}
	case "kv.get":
		answer["value"] = p.kv[c.Key]
	case "kv.set":
		p.kv[c.Key] = c.Value
	case "contacts.get_or_create":
		answer["contact"] = p.contact
	case "contacts.save", "contacts.update":
		var saved struct{ Contact map[string]any }
		if err := json.Unmarshal([]byte(text), &saved); err != nil {
			return err
		}
		p.contact = saved.Contact
		answer["contact"] = p.contact
	case "outbound.reply_to":
		p.said, p.ended = c.Content, !c.ContinueSession
	case "log.info", "metrics.fire":
	default:
		return fmt.Errorf("the phone did not expect %s", text)
	}
	data, err := json.Marshal(answer)
	if err != nil {
		return err
	}
	reply(string(data))
	return nil
}

// say is a turn: the user says something, or begins a session with "".
func (p *phone) say(ctx context.Context, pool *js.Pool, content string) (js.Result, error) {
	event := `"resume"`
	if content == "" {
		event = `"new"`
	}
	command := `{"cmd":"inbound-message","msg":{"message_id":"m1","content":` + strconv.Quote(content) +
		`,"from_addr":"+27831234567","to_addr":"*120*1#","transport_type":"ussd","session_event":` + event + `}}`
	result := pool.Run(ctx, js.Input{Command: command}, p)
	if result.Outcome != js.Done {
		return result, fmt.Errorf("%s: %w", result.Outcome, result.Err)
	}
	return result, nil
}

// A line is one turn of a conversation.
type line struct{ says, hears string }

// conversations are whole ones with apps that the toolkit comes with. Saying nothing begins a session.
var conversations = []struct {
	example string
	lines   []line
}{
	{"simple", []line{{"", "Tea or coffee?\n1. Tea\n2. Coffee"}, {"2", "Cool :) Bye."}}},
	{"contacts", []line{
		{"", "What is your name?"}, {"Ayanda", "Do you like tea or coffee?\n1. Tea\n2. Coffee"},
		{"1", "Hello Ayanda. I hear you like tea. That's nice. Bye."},
	}},
}

// converse has a whole conversation on a new phone, and returns the processor time of its turns.
func converse(tb testing.TB, pool *js.Pool, lines []line) (cpu time.Duration) {
	p := newPhone()
	for i, l := range lines {
		result, err := p.say(tb.Context(), pool, l.says)
		if err != nil {
			tb.Fatal(err)
		}
		if last := i == len(lines)-1; p.said != l.hears || p.ended != last {
			tb.Fatalf("after %q the bot said %q (end of the session: %v), want %q (%v)", l.says, p.said, p.ended, l.hears, last)
		}
		cpu += result.CPU
	}
	return cpu
}

// exampleProgram bundles an example of the toolkit, or skips where the packages are not installed.
func exampleProgram(tb testing.TB, example string, settings bundle.Settings) *js.Program {
	tb.Helper()
	source, err := os.ReadFile(filepath.Join(packages, "node_modules", "vumigo_v02", "examples", example, "lib", "app.js"))
	if errors.Is(err, fs.ErrNotExist) && os.Getenv("CI") != "true" {
		tb.Skip("toolkit/node_modules is missing: run \"make toolkit\"")
	}
	if err != nil {
		tb.Fatal(err)
	}
	script := strings.Replace(string(source), "'../../../lib'", "'vumigo_v02'", 1)
	settings.Name = example
	b, err := bundle.FromScript(script, "app.js", settings, packages, bundle.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	return b.Program()
}

func newPool(tb testing.TB, p *js.Program, o js.PoolOptions) *js.Pool {
	tb.Helper()
	pool, err := js.NewPool(p, o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(pool.Close)
	return pool
}

// patient is for machines that are busy, or instrumented: these conversations test no limit.
var patient = js.Limits{CPU: time.Minute, Wall: 5 * time.Minute}

var isolations = []js.Isolation{js.Pooled, js.Fresh, js.Process}

// TestToolkitConversations has several conversations with each app on the same machine, in every isolation.
func TestToolkitConversations(t *testing.T) {
	times, kinds := 3, isolations // times on one machine
	if testing.Short() {
		times, kinds = 1, isolations[:1] // under the race detector, which makes the engine slow
	}
	for _, c := range conversations {
		program := exampleProgram(t, c.example, bundle.Settings{})
		for _, isolation := range kinds {
			t.Run(c.example+"/"+string(isolation), func(t *testing.T) {
				pool := newPool(t, program, js.PoolOptions{Size: 1, Isolation: isolation, Limits: patient})
				for range times {
					converse(t, pool, c.lines)
				}
			})
		}
	}
}

// published keeps packages as they are published.
var published = bundle.Settings{Libraries: "original"}

// TestReplayOnOtherLibraries replays turns that ran on packages as they are published with the faster ones, and the other
// way round: the commands are the same, in the same order.
func TestReplayOnOtherLibraries(t *testing.T) {
	if testing.Short() {
		t.Skip("one turn after the other: the run without -short does it")
	}
	for _, c := range conversations {
		fast := newPool(t, exampleProgram(t, c.example, bundle.Settings{}), js.PoolOptions{Size: 1, Limits: patient})
		original := newPool(t, exampleProgram(t, c.example, published), js.PoolOptions{Size: 1, Limits: patient})
		replayEach(t, c.example+" recorded on the originals", c.lines, original, fast)
		replayEach(t, c.example+" replayed on the originals", c.lines, fast, original)
	}
}

// replayEach has a conversation on one pool and replays each of its turns on another.
func replayEach(t *testing.T, what string, lines []line, recorded, replayed *js.Pool) {
	t.Helper()
	p := newPhone()
	for _, l := range lines {
		result, err := p.say(t.Context(), recorded, l.says)
		if err != nil {
			t.Fatal(err)
		}
		again, differences := replayed.Replay(t.Context(), js.Input{Command: result.Trace[0].Payload}, result.Trace)
		if again.Outcome != js.Done || len(differences) > 0 {
			t.Errorf("%s: the replay ended %s (%v) and differs: %v", what, again.Outcome, again.Err, differences)
		}
	}
}

// BenchmarkToolkitTurn is one turn of an app on the npm toolkit, averaged over whole conversations. ns-script is what the
// engine counts towards Limits.CPU: the rest is the host and the way between the two.
func BenchmarkToolkitTurn(b *testing.B) {
	for _, c := range conversations {
		program := exampleProgram(b, c.example, bundle.Settings{})
		for _, isolation := range isolations {
			b.Run(c.example+"/"+string(isolation), func(b *testing.B) { benchmarkTurns(b, program, isolation, c.lines) })
		}
		original := exampleProgram(b, c.example, published)
		b.Run(c.example+"/original libraries", func(b *testing.B) { benchmarkTurns(b, original, js.Pooled, c.lines) })
	}
}

func benchmarkTurns(b *testing.B, program *js.Program, isolation js.Isolation, lines []line) {
	pool := newPool(b, program, js.PoolOptions{Size: 1, Isolation: isolation, Limits: patient})
	converse(b, pool, lines) // loads the modules
	b.ReportAllocs()
	b.ResetTimer()
	turns, script := 0, time.Duration(0)
	for ; turns < b.N; turns += len(lines) {
		script += converse(b, pool, lines)
	}
	b.ReportMetric(float64(b.Elapsed())/float64(turns), "ns/op")
	b.ReportMetric(float64(script)/float64(turns), "ns-script/op")
}
