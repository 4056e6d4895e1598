package js

import (
	"fmt"
	"os"
	"regexp"
	"testing"
	"time"
)

func TestChildIsConfined(t *testing.T) {
	pool := newTestPool(t, &Program{Script: "1"}, PoolOptions{Isolation: Process})
	m, err := pool.newMachine()
	if err != nil {
		t.Fatal(err)
	}
	defer m.close()
	limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", m.(*child).command.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`Max file size +0 +0`, `Max core file size +0 +0`, `Max open files +32 +32`, `Max cpu time +\d+ +\d+`, `Max address space +\d+ +\d+`} {
		if !regexp.MustCompile(want).Match(limits) {
			t.Errorf("no line like %q in\n%s", want, limits)
		}
	}
}

func TestLimitsHoldInChild(t *testing.T) {
	if underRace {
		t.Skip("tells limits apart by time, which the race detector distorts")
	}
	for _, test := range []struct {
		body     string
		outcomes []Outcome
	}{
		{`for (;;);`, []Outcome{CPU}},
		{`var a = []; for (;;) a.push(new Uint8Array(1 << 20));`, []Outcome{Memory, CPU}},
		{`function f() { f(); } f();`, []Outcome{Stack}},
		{`for (;;) api.log_info('x');`, []Outcome{Calls}},
		{`throw new Error('x');`, []Outcome{Threw}},
	} {
		result, _ := runScript(t, onMessage(test.body), PoolOptions{Isolation: Process, Limits: Limits{CPU: 300 * time.Millisecond}})
		if !containsOutcome(test.outcomes, result.Outcome) {
			t.Errorf("%s: %s (%v), want one of %v", test.body, result.Outcome, result.Err, test.outcomes)
		}
	}
}
