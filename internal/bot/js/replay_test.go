package js

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
)

const recordedScript = `
	var crypto = require('crypto');
	api.on_inbound_message = function (command) {
		api.log_info('first ' + Math.random() + ' ' + crypto.randomBytes(8).toString('hex') + ' ' + Date.now());
		api.request('http.get', {url: 'http://a'}, async function (reply) {
			await null;
			api.log_info('status ' + reply.code + ' ' + new Date().toISOString() + ' ' + Math.random());
			setTimeout(function () {
				api.log_info('later ' + Date.now());
				api.request('outbound.reply_to', {content: 'VERSION'}, function () { api.done(); });
			}, 20);
		});
	};`

func record(t *testing.T) (Result, []string) {
	t.Helper()
	pool := newTestPool(t, recordedProgram("a"), PoolOptions{})
	var commands []string
	result := pool.Run(t.Context(), Input{Command: hello, Seed: [32]byte{1, 2, 3}}, HostFunc(
		func(_ context.Context, cmd string, reply func(string)) error {
			commands = append(commands, cmd)
			go reply(`{"success":true,"code":200}`)
			return nil
		}))
	if result.Outcome != Done {
		t.Fatalf("%s: %v", result.Outcome, result.Err)
	}
	return result, commands
}

func recordedProgram(version string) *Program {
	return &Program{Script: strings.ReplaceAll(recordedScript, "VERSION", version), Roots: map[string]string{"crypto": "builtin:crypto"}}
}

func TestReplayIsExact(t *testing.T) {
	original, _ := record(t)
	text, err := json.Marshal(original.Trace)
	if err != nil {
		t.Fatal(err)
	}
	var trace []TraceEntry
	if err := json.Unmarshal(text, &trace); err != nil {
		t.Fatal(err)
	}
	pool := newTestPool(t, recordedProgram("a"), PoolOptions{})
	again, differences := pool.Replay(t.Context(), Input{Command: hello, Seed: [32]byte{1, 2, 3}}, trace)
	if again.Outcome != Done || len(differences) > 0 {
		t.Fatalf("%s: %v %+v", again.Outcome, again.Err, differences)
	}
	if !reflect.DeepEqual(again.Trace, original.Trace) {
		t.Errorf("traces differ:\n%+v\n%+v", again.Trace, original.Trace)
	}
	_, differences = pool.Replay(t.Context(), Input{Command: hello, Seed: [32]byte{9}}, trace)
	if len(differences) == 0 {
		t.Error("another seed made no difference")
	}
}

func TestReplayAgainstAnotherVersion(t *testing.T) {
	original, _ := record(t)
	in := Input{Command: hello, Seed: [32]byte{1, 2, 3}}
	t.Run("other reply text", func(t *testing.T) {
		result, differences := newTestPool(t, recordedProgram("b"), PoolOptions{}).Replay(t.Context(), in, original.Trace)
		var kinds []string
		for _, d := range differences {
			kinds = append(kinds, string(d.Kind))
		}
		if result.Outcome == Done || !containsText(kinds, string(Unanswered)) || !containsText(kinds, string(MissingCommand)) {
			t.Errorf("%s: %+v", result.Outcome, differences)
		}
	})
	t.Run("one more log line before", func(t *testing.T) {
		p := recordedProgram("a")
		p.Script = strings.Replace(p.Script, "api.request('http.get'", "api.log_info('new'); api.request('http.get'", 1)
		result, differences := newTestPool(t, p, PoolOptions{}).Replay(t.Context(), in, original.Trace)
		if result.Outcome != Done || len(differences) != 1 || differences[0].Kind != ExtraCommand || !strings.Contains(differences[0].Got, "new") {
			t.Errorf("%s: %v %+v", result.Outcome, result.Err, differences)
		}
	})
	t.Run("throws", func(t *testing.T) {
		p := recordedProgram("a")
		p.Script = onMessage("throw new Error('worse')")
		result, differences := newTestPool(t, p, PoolOptions{}).Replay(t.Context(), in, original.Trace)
		if result.Outcome != Threw || len(differences) == 0 {
			t.Errorf("%s: %+v", result.Outcome, differences)
		}
	})
	t.Run("broken trace", func(t *testing.T) {
		pool := newTestPool(t, recordedProgram("a"), PoolOptions{})
		for _, trace := range [][]TraceEntry{nil, {{Kind: "reply"}}, {{Kind: "start"}, {Kind: "reply", ID: "77"}, {Kind: "nonsense", Commands: []string{"{"}}}} {
			if result, _ := pool.Replay(t.Context(), in, trace); result.Outcome == Done {
				t.Errorf("%+v replayed", trace)
			}
		}
	})
}

// A script that hangs inside an operation of the engine hangs in a replay, too, which ends all the same.
func TestReplayOfHangingScript(t *testing.T) {
	hangs := &Program{Script: onMessage(`Array.prototype.indexOf.call({length: Number.MAX_SAFE_INTEGER}, 1);`)}
	trace := []TraceEntry{{Kind: "start", Payload: hello}}
	t.Run("by the limit", func(t *testing.T) {
		pool := newTestPool(t, hangs, PoolOptions{Limits: Limits{CPU: 50 * time.Millisecond}})
		if result, _ := pool.Replay(t.Context(), Input{Command: hello}, trace); result.Outcome != CPU || !strings.Contains(result.Err.Error(), "computed for more than 50ms") {
			t.Errorf("%s: %v", result.Outcome, result.Err)
		}
	})
	t.Run("when it is interrupted", func(t *testing.T) {
		ctx, cancel := context.WithTimeoutCause(t.Context(), 100*time.Millisecond, errors.New("enough"))
		defer cancel()
		pool := newTestPool(t, hangs, PoolOptions{Limits: Limits{CPU: time.Hour}})
		if result, _ := pool.Replay(ctx, Input{Command: hello}, trace); result.Outcome != Canceled || result.Err.Error() != "enough" {
			t.Errorf("%s: %v", result.Outcome, result.Err)
		}
	})
}

// A run that hung in its first slice has a beginning in its trace, from which it hangs again.
func TestTraceOfHangingRun(t *testing.T) {
	hangs := &Program{Script: onMessage(`Array.prototype.indexOf.call({length: 3e7}, 1);`)} // for some seconds
	pool := newTestPool(t, hangs, PoolOptions{Size: 1, Limits: Limits{CPU: 50 * time.Millisecond}})
	result := pool.Run(t.Context(), Input{Command: hello}, HostFunc(success))
	if result.Outcome != CPU || len(result.Trace) != 1 || result.Trace[0].Kind != "start" || result.Trace[0].Payload != hello || result.Trace[0].At == 0 {
		t.Fatalf("%s: %v, trace %+v", result.Outcome, result.Err, result.Trace)
	}
	again, differences := pool.Replay(t.Context(), Input{Command: hello}, result.Trace)
	if again.Outcome != CPU || len(differences) > 0 {
		t.Errorf("%s: %v %+v", again.Outcome, again.Err, differences)
	}
}

// When the recording ends first, that is what is said, and nothing of what the script might have forgotten.
func TestReplayBeyondItsRecording(t *testing.T) {
	original, _ := record(t)
	pool := newTestPool(t, recordedProgram("a"), PoolOptions{})
	result, _ := pool.Replay(t.Context(), Input{Command: hello, Seed: [32]byte{1, 2, 3}}, original.Trace[:2])
	if result.Outcome != Stalled || result.Err.Error() != "the recording ends here" {
		t.Errorf("%s: %v", result.Outcome, result.Err)
	}
}

func containsText(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

func TestFrozenClock(t *testing.T) {
	now := time.Date(2026, 2, 3, 4, 5, 6, 7e6, time.UTC)
	pool := newTestPool(t, &Program{Script: onMessage(`
		var a = Date.now(); for (var i = 0; i < 1e5; i++); console.log(a === Date.now(), new Date().toISOString()); api.done();`)},
		PoolOptions{Now: func() time.Time { return now }})
	result := pool.Run(t.Context(), Input{Command: hello}, HostFunc(success))
	if result.Outcome != Done || result.Console[0].Text != "true 2026-02-03T04:05:06.007Z" {
		t.Errorf("%s %v %v", result.Outcome, result.Err, result.Console)
	}
}
