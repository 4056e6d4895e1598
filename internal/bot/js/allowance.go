package js

import (
	"os"
	"sync"
	"time"
)

// scripts are the slices that run in this process.
var scripts = division{process: startMeter(os.Getpid()), at: time.Now()}

// A division tells how much processor time a slice takes that shares a process with others: nothing counts the time of one
// goroutine, and one that is locked to a thread, whose time is counted, waits long for each lock of the engine's allocator. So
// the time that the process used is divided equally among the slices that ran, and no slice takes more than what passes.
type division struct {
	process meter

	mu      sync.Mutex
	slices  int           // that run
	at      time.Time     // of the last look
	used    time.Duration // by the process, then
	portion time.Duration // of one that has run all the time
}

// enter counts a slice in, or with -1 out, and returns the portion that it began or ended with.
func (d *division) enter(slices int) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.look()
	d.slices += slices
	return d.portion
}

func (d *division) look() {
	at, used := time.Now(), d.process.spent()
	if d.slices > 0 {
		d.portion += min(at.Sub(d.at), (used-d.used)/time.Duration(d.slices))
	}
	d.at, d.used = at, used
}

// interruptEvery is how often a script that has used up its processor time is told to stop: it may be about to enter the
// engine, which forgets what it was told before.
const interruptEvery = 10 * time.Millisecond

// An allowance is the processor time that a slice may use. Once that is used up, the script is interrupted. Time in which
// others have the processors does not count.
type allowance struct {
	budget time.Duration
	began  time.Time
	before time.Duration // the portion then

	mu        sync.Mutex
	interrupt func()        // nil when the slice is over
	took      time.Duration // then
}

// allow begins a slice.
func allow(budget time.Duration, interrupt func()) *allowance {
	return &allowance{budget: budget, began: time.Now(), before: scripts.enter(1), interrupt: interrupt}
}

// spent returns the processor time that the slice has taken, from any goroutine.
func (a *allowance) spent() time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.interrupt == nil {
		return a.took
	}
	return a.taken(0)
}

// taken counts slices as [division.enter] does, and returns what this one has taken by then.
func (a *allowance) taken(slices int) time.Duration { return scripts.enter(slices) - a.before }

// watch looks after a time whether the allowance is used up; the timer it returns does until then.
func (a *allowance) watch(after time.Duration) *time.Timer {
	return time.AfterFunc(after, func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.interrupt == nil {
			return
		}
		left := a.budget - a.taken(0)
		if left <= 0 {
			a.interrupt()
		}
		a.watch(max(left, interruptEvery))
	})
}

// usedUp reports whether nothing is left. No slice takes more than what passes.
func (a *allowance) usedUp() bool {
	return time.Since(a.began) >= a.budget && a.spent() >= a.budget
}

// end ends the slice and returns the processor time that it took.
func (a *allowance) end() time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.interrupt = nil
	a.took = a.taken(-1)
	return a.took
}
