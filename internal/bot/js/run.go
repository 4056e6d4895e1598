package js

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
)

// Outcome says how a run ended.
type Outcome string

// The outcomes.
const (
	Done     Outcome = "done"     // the script called api.done() and its log command was answered
	Stalled  Outcome = "stalled"  // nothing is left that could go on, and api.done() was never called
	Threw    Outcome = "threw"    // the script threw and nobody caught
	CPU      Outcome = "cpu"      // Limits.CPU
	Wall     Outcome = "wall"     // Limits.Wall
	Memory   Outcome = "memory"   // Limits.MemoryBytes
	Stack    Outcome = "stack"    // Limits.StackFrames
	Output   Outcome = "output"   // Limits.OutputBytes
	Calls    Outcome = "calls"    // Limits.Calls
	Crashed  Outcome = "crashed"  // the engine, or the child process, died
	HostErr  Outcome = "host"     // Host.Command returned an error
	Canceled Outcome = "canceled" // the context ended, or the pool was closed
	Evicted  Outcome = "evicted"  // through no proven fault of this run: run it again, with Input.Alone
)

// orderly reports whether the script itself came to the end, so that the host still gets the commands it has sent.
func (o Outcome) orderly() bool { return o == Done || o == Stalled || o == Threw }

// Input is what a run is started with.
type Input struct {
	Command string   // JSON object with a member cmd, such as {"cmd":"inbound-message","msg":{…}}
	Seed    [32]byte // of Math.random and crypto.randomBytes; keep it secret where scripts make secrets
	Alone   bool     // run on a virtual machine of its own, whatever the pool's isolation
}

// Host carries out the commands of a run.
type Host interface {
	// Command gets each command of the run as JSON text, in order, from one goroutine at a time. It answers by calling
	// reply at most once, at once or later and from any goroutine, with a JSON object; the engine adds the members cmd,
	// cmd_id and reply. An empty text says that there is no answer to come. Later calls, and calls after the end of the
	// run, do nothing. The context ends with the run. An error ends the run with outcome [HostErr].
	Command(ctx context.Context, cmd string, reply func(json string)) error
}

// HostFunc makes a [Host] of a function.
type HostFunc func(ctx context.Context, cmd string, reply func(json string)) error

// Command calls f.
func (f HostFunc) Command(ctx context.Context, cmd string, reply func(json string)) error {
	return f(ctx, cmd, reply)
}

// Result tells how a run went.
type Result struct {
	Outcome  Outcome
	Err      error // nil for Done; else why, in words for the author of the bot; a *ScriptError for Threw
	Console  []ConsoleLine
	CPU      time.Duration // spent executing
	Wall     time.Duration // from start to end
	Commands int
	Trace    []TraceEntry
}

// A ConsoleLine is one call of console.log or its like.
type ConsoleLine struct {
	Level string `json:"level"` // debug, info, warn or error
	Text  string `json:"text"`
}

var consoleLevels = map[byte]string{'d': "debug", 'i': "info", 'w': "warn", 'e': "error"}

// A TraceEntry records one slice of a run: what began it, when, and which commands came out. The trace of a run is what
// [Pool.Replay] needs.
type TraceEntry struct {
	Kind     string   `json:"k"`            // "start", "reply" or "timer"
	At       int64    `json:"at"`           // the script's clock, milliseconds since 1970
	ID       string   `json:"id,omitempty"` // of a reply: the cmd_id that it answers
	Payload  string   `json:"p,omitempty"`  // JSON: the command of a start, or the reply; "" = no answer will come
	Commands []string `json:"c,omitempty"`  // JSON of each command that the slice sent, in order
}

var traceKinds = map[sliceKind]string{startSlice: "start", replySlice: "reply", timerSlice: "timer"}

// seedKey derives the two seeds of a run, 16 bytes for Math.random and 32 for crypto, so that neither tells the other.
func seedKey(seed [32]byte) string {
	random := sha256.Sum256(append([]byte("random "), seed[:]...))
	secret := sha256.Sum256(append([]byte("secret "), seed[:]...))
	return hex.EncodeToString(random[:16]) + hex.EncodeToString(secret[:])
}

type command struct{ id, text string }

// A run is one run on a worker. The worker owns all but the mailbox.
type run struct {
	id      string
	input   Input
	now     func() time.Time
	started time.Time
	cpu     time.Duration
	waiting int
	next    int64 // when the next timer is due, or -1
	console []ConsoleLine
	trace   []TraceEntry
	over    int // slices of the trace that are over
	count   int
	noted   string // the handler that the script lacks
	refused bool   // the host has returned an error; used by the goroutine of Pool.Run only

	mu     sync.Mutex
	queue  []command
	result *Result
	notify chan struct{} // capacity 1: the queue or the result changed
	ended  context.CancelFunc
}

func newRun(id string, in Input, now func() time.Time, ended context.CancelFunc) *run {
	r := &run{id: id, input: in, now: now, started: now(), next: -1, notify: make(chan struct{}, 1), ended: ended}
	r.begin(slice{Kind: startSlice, Now: r.started.UnixMilli(), Text: in.Command})
	return r
}

// begin puts a slice into the trace, in the place of one that was begun and is not over: a run can be replayed although its
// last slice, or even its first one, has never come back.
func (r *run) begin(s slice) {
	entry := TraceEntry{Kind: traceKinds[s.Kind], At: s.Now, Payload: s.Text}
	if s.Kind == replySlice {
		entry.ID = s.Key
	}
	r.trace = append(r.trace[:r.over], entry)
}

// clock is the time of the run: it starts with the wall clock and never goes back.
func (r *run) clock() time.Time { return r.started.Add(r.now().Sub(r.started)) }

func (r *run) millis() int64 { return r.clock().UnixMilli() }

// record takes what a slice led to into the run: commands go to the mailbox, all of it into the trace. It returns the
// verdict of the slice; "" means that the run goes on.
func (r *run) record(s slice, out output, m *image) (Outcome, error) {
	r.cpu += out.Elapsed
	r.waiting, r.next = out.Waiting, out.NextTimer
	r.begin(s)
	entry := &r.trace[r.over]
	r.over++
	var commands []command
	var outcome Outcome
	var err error
	for _, line := range out.Lines {
		body := line[1:]
		switch line[0] {
		case 'c':
			id, text, _ := strings.Cut(body, " ")
			commands = append(commands, command{id, text})
			entry.Commands = append(entry.Commands, text)
		case 'l':
			r.console = append(r.console, ConsoleLine{Level: consoleLevels[body[0]], Text: unquote(body[1:])})
		case 'h':
			r.noted = body
		case 'd':
			outcome = Done
		case 'b':
			outcome = Outcome(body)
		case 'e':
			outcome, err = thrown(body, m)
		}
	}
	r.count += len(commands)
	r.push(commands)
	if out.Fault != nil {
		outcome, err = out.Fault.Outcome, out.Fault.err()
	} else if outcome == "" && (out.Closed || (r.waiting == 0 && r.next < 0)) {
		outcome = Stalled
	}
	return outcome, err
}

func (r *run) push(commands []command) {
	if len(commands) == 0 {
		return
	}
	r.mu.Lock()
	r.queue = append(r.queue, commands...)
	r.mu.Unlock()
	r.signal()
}

func (r *run) signal() {
	select {
	case r.notify <- struct{}{}:
	default:
	}
}

// finish settles the result. Only the first call counts.
func (r *run) finish(outcome Outcome, err error, l Limits) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.result != nil {
		return
	}
	r.result = &Result{
		Outcome: outcome, Err: r.explain(outcome, err, l), Console: r.console, CPU: r.cpu, Wall: r.clock().Sub(r.started),
		Commands: r.count, Trace: r.trace,
	}
	r.signal()
	if !outcome.orderly() {
		r.ended() // a host that is still at work need not go on
	}
}

// take returns what the host has to do next.
func (r *run) take() ([]command, *Result) {
	r.mu.Lock()
	defer r.mu.Unlock()
	queue := r.queue
	r.queue = nil
	return queue, r.result
}

func (f *fault) err() error {
	if f.Stack == "" && f.Message == "" {
		return nil
	}
	return &ScriptError{Message: f.Message, Stack: f.Stack}
}

// thrown reads an error line of the kernel: name, message and stack as JSON strings between tabs.
func thrown(body string, m *image) (Outcome, error) {
	f := strings.Split(body, "\t")
	if len(f) != 3 {
		return Threw, errors.New("the script failed")
	}
	name, message, stack := unquote(f[0]), unquote(f[1]), unquote(f[2])
	e := m.scriptError(name, message, stack)
	if outcome, ok := engineOutcome(name, message); ok {
		return outcome, e
	}
	return Threw, e
}

func unquote(text string) string {
	var s string
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return text
	}
	return s
}

// explain puts an outcome into words for the author of the bot.
func (r *run) explain(outcome Outcome, err error, l Limits) error {
	var text string
	switch outcome {
	case Done:
		return nil
	case Stalled:
		if err != nil {
			return err // it is not the script that has no more to do: a recording has
		}
		text = "the script has nothing left to do and never called api.done(): look for a forgotten callback, an error " +
			"that was swallowed, or an async function that failed and that nobody awaited"
		if r.noted != "" {
			text = "the script set no api." + r.noted + ", so nothing handled the command"
		}
	case CPU:
		text = fmt.Sprintf("the script computed for more than %v", l.CPU)
	case Wall:
		text = fmt.Sprintf("the script took more than %v, with %d requests unanswered", l.Wall, r.waiting)
	case Memory:
		text = fmt.Sprintf("the script needed more than %d bytes of memory", l.MemoryBytes)
	case Stack:
		text = "the script's calls are nested too deeply: look for a recursion without end"
	case Output:
		text = fmt.Sprintf("the script sent more than %d bytes of commands", l.OutputBytes)
	case Calls:
		text = fmt.Sprintf("the script sent more than %d commands", l.Calls)
	case Evicted:
		text = "the virtual machine was lost to another run, spoilt by it, or its memory was used up by several: run this one again, alone"
	case Threw, HostErr, Canceled, Crashed:
		if err != nil {
			return err
		}
		text = "the run ended: " + string(outcome)
	}
	return &LimitError{Message: text, Cause: err}
}

// A LimitError explains an outcome other than an error of the script's own.
type LimitError struct {
	Message string
	Cause   error // where the script was, as far as known: a *ScriptError; or nil
}

// Error returns the explanation.
func (e *LimitError) Error() string { return e.Message }

// Unwrap returns the cause.
func (e *LimitError) Unwrap() error { return e.Cause }
