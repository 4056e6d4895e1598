package js

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"time"
)

// A Difference is a place where a replay left the recording.
type Difference struct {
	Entry int            `json:"entry"` // index into the trace
	Kind  DifferenceKind `json:"kind"`
	Want  string         `json:"want,omitempty"` // the recorded command
	Got   string         `json:"got,omitempty"`  // the command of the replay
}

// DifferenceKind says what kind of difference it is.
type DifferenceKind string

// The kinds of difference.
const (
	ExtraCommand   DifferenceKind = "extra"      // Got was sent, nothing like it was recorded there
	MissingCommand DifferenceKind = "missing"    // Want was recorded, nothing like it was sent
	Unanswered     DifferenceKind = "unanswered" // Got waits for a reply that the recording lacks: the replay ends here
)

// Replay runs the program again with the replies, timers and times of a recorded run, on a virtual machine of its own,
// and compares the commands that come out. Nothing reaches a host. The machine is in a child process whatever the pool's
// isolation is: a script that hung when it was recorded hangs again, and nothing but the end of its process ends that. With
// the program and the seed of the recording there are no differences, except where the program kept state between runs.
// With another version of the program, a reply is given to the command that equals the recorded one (cmd_id aside),
// wherever it now stands in the order.
func (p *Pool) Replay(ctx context.Context, in Input, trace []TraceEntry) (Result, []Difference) {
	if !p.enter() {
		return Result{Outcome: Canceled, Err: errClosed}, nil
	}
	defer p.running.Done()
	select {
	case p.alone <- struct{}{}:
		defer func() { <-p.alone }()
	case <-ctx.Done():
		return Result{Outcome: Canceled, Err: context.Cause(ctx)}, nil
	case <-p.closing:
		return Result{Outcome: Canceled, Err: errClosed}, nil
	}
	if len(trace) == 0 || trace[0].Kind != traceKinds[startSlice] {
		return Result{Outcome: Crashed, Err: errors.New("the run was recorded without its beginning: there is nothing to replay")}, nil
	}
	options := p.options
	options.RunsPerVM = 1
	m, err := newChild(p.image, options)
	if err != nil {
		return Result{Outcome: Crashed, Err: fmt.Errorf("starting a virtual machine: %w", err)}, nil
	}
	defer m.close()
	stop := context.AfterFunc(ctx, func() { m.stop() })
	defer stop()
	y := &replay{machine: m, image: p.image, limits: p.options.Limits, trace: trace, sent: map[string]recorded{}}
	y.run = newRun("1", in, func() time.Time { return time.UnixMilli(y.now) }, func() {})
	y.now = trace[0].At
	y.run.started = time.UnixMilli(y.now)
	return y.play(ctx), y.differences
}

// recorded is a command of the trace: where it stands, and its content without cmd_id.
type recorded struct {
	text    string
	content any
}

type replay struct {
	machine     machine
	image       *image
	limits      Limits
	run         *run
	trace       []TraceEntry
	now         int64
	sent        map[string]recorded // commands of the trace so far, by cmd_id
	want        []expected          // recorded, and not seen yet in the replay
	extra       []expected          // seen in the replay, and not yet in the recording
	pending     []pendingCommand    // sent by the replay, no reply given yet
	differences []Difference
}

type expected struct {
	entry   int
	text    string
	content any
}

type pendingCommand struct {
	command
	content any
}

func (y *replay) play(ctx context.Context) Result {
	outcome, err := y.slice(0, slice{Kind: startSlice, Key: seedKey(y.run.input.Seed), Text: y.run.input.Command})
	y.compare(0)
	for i := 1; i < len(y.trace) && outcome == "" && ctx.Err() == nil; i++ {
		e := y.trace[i]
		y.now = e.At
		if e.Kind == traceKinds[timerSlice] {
			outcome, err = y.slice(i, slice{Kind: timerSlice})
		} else if id, ok := y.target(e.ID); ok {
			outcome, err = y.slice(i, slice{Kind: replySlice, Key: id, Text: e.Payload})
		}
		y.compare(i)
	}
	if ctx.Err() != nil { // and not what the end of the machine looks like
		outcome, err = Canceled, context.Cause(ctx)
	}
	y.conclude(outcome)
	if outcome == "" { // the recording was of a run that ended from outside, or the program now waits for more
		outcome, err = Stalled, errors.New("the recording ends here")
	}
	y.run.finish(outcome, err, y.limits)
	_, result := y.run.take()
	return *result
}

// slice executes one slice at the recorded time.
func (y *replay) slice(entry int, s slice) (Outcome, error) {
	s.Run, s.Now = y.run.id, y.now
	out := y.execute(s, y.limits.CPU-y.run.cpu)
	before := y.run.count
	outcome, err := y.run.record(s, out, y.image)
	commands, _ := y.run.take()
	if y.run.count != before {
		for _, c := range commands {
			content := contentOf(c.text)
			y.extra = append(y.extra, expected{entry: entry, text: c.text, content: content})
			y.pending = append(y.pending, pendingCommand{c, content})
		}
	}
	return outcome, err
}

// execute executes a slice.
func (y *replay) execute(s slice, budget time.Duration) output {
	defer guard(y.machine, budget)()
	return y.machine.run(s, budget)
}

// compare takes the recorded commands of an entry in, and strikes out those that both sides have.
func (y *replay) compare(entry int) {
	for _, text := range y.trace[entry].Commands {
		content := contentOf(text)
		y.sent[commandID(text)] = recorded{text, content}
		y.want = append(y.want, expected{entry: entry, text: text, content: content})
	}
	var open []expected
	for _, w := range y.want {
		if at := indexOfContent(y.extra, w.content); at >= 0 {
			y.extra = append(y.extra[:at:at], y.extra[at+1:]...)
		} else {
			open = append(open, w)
		}
	}
	y.want = open
}

func indexOfContent(list []expected, content any) int {
	for i := range list {
		if reflect.DeepEqual(list[i].content, content) {
			return i
		}
	}
	return -1
}

// target finds the command of the replay that a recorded reply belongs to.
func (y *replay) target(recordedID string) (string, bool) {
	original, ok := y.sent[recordedID]
	if !ok {
		return "", false
	}
	for i, p := range y.pending {
		if reflect.DeepEqual(p.content, original.content) {
			y.pending = append(y.pending[:i:i], y.pending[i+1:]...)
			return p.id, true
		}
	}
	return "", false
}

// conclude reports what the two sides do not share.
func (y *replay) conclude(outcome Outcome) {
	for _, w := range y.want {
		y.differences = append(y.differences, Difference{Entry: w.entry, Kind: MissingCommand, Want: w.text})
	}
	for _, x := range y.extra {
		kind := ExtraCommand
		if outcome == "" && y.run.waiting > 0 {
			kind = Unanswered
		}
		y.differences = append(y.differences, Difference{Entry: x.entry, Kind: kind, Got: x.text})
	}
}

// contentOf returns a command without its number, for comparison.
func contentOf(text string) any {
	var content map[string]any
	if err := json.Unmarshal([]byte(text), &content); err != nil {
		return text
	}
	delete(content, "cmd_id")
	return content
}

func commandID(text string) string {
	var envelope struct {
		ID any `json:"cmd_id"`
	}
	if err := json.Unmarshal([]byte(text), &envelope); err != nil {
		return ""
	}
	switch id := envelope.ID.(type) {
	case string:
		return id
	case float64:
		return strconv.FormatFloat(id, 'f', -1, 64)
	}
	return ""
}
