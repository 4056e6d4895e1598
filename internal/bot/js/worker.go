package js

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

// hangGrace is how long after its processor time was used up a slice may still be inside one uninterruptible operation of
// the engine before its virtual machine is given up.
const hangGrace = 500 * time.Millisecond

var errClosed = errors.New("the pool of virtual machines was closed")

// A worker is one machine and the goroutine that owns it. It serves runs until it is retired and empty, or until a run
// breaks a limit in a way that costs the machine.
type worker struct {
	limits Limits
	image  *image
	start  func() (machine, error)
	hung   func()        // is told when the machine hangs
	gone   chan struct{} // closed when the goroutine has ended

	mu      sync.Mutex
	events  []event
	runs    map[string]*run // in flight
	active  *run            // the run whose slice is executing
	slices  int             // begun so far
	machine machine
	served  int
	retired bool // takes no new runs
	spoilt  bool // a run ended badly, and may have left modules that others share in a state of its own
	broken  bool // its runs have been ended; the machine is not used again
	hangs   bool // broken, and inside an operation of the engine that does not end
	wake    chan struct{}
}

// An event is something that a run was waiting for.
type event struct {
	run    *run
	kind   eventKind
	id     string // of a reply
	text   string // of a reply
	reason error  // of an end
}

type eventKind uint8

const (
	startEvent eventKind = iota
	replyEvent
	cancelEvent
	hostErrorEvent
)

func newWorker(m *image, l Limits, start func() (machine, error), hung func()) *worker {
	w := &worker{
		limits: l, image: m, start: start, hung: hung, gone: make(chan struct{}), runs: map[string]*run{}, wake: make(chan struct{}, 1),
	}
	go w.loop()
	return w
}

// admit takes a run in, unless the worker takes no more.
func (w *worker) admit(r *run, retireAfter int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.retired || w.broken {
		return false
	}
	w.runs[r.id] = r
	if w.served++; w.served >= retireAfter {
		w.retired = true
	}
	w.events = append(w.events, event{run: r, kind: startEvent})
	w.signal()
	return true
}

func (w *worker) post(e event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.runs[e.run.id] == nil {
		return // the run is over
	}
	w.events = append(w.events, e)
	w.signal()
}

func (w *worker) signal() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// retire lets the worker end once its runs have.
func (w *worker) retire() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.retired = true
	w.signal()
}

// load tells how many runs the worker has, counting one that must be replaced like an empty place.
func (w *worker) load() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.retired || w.broken {
		return 1
	}
	return len(w.runs)
}

func (w *worker) hanging() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.hangs
}

func (w *worker) loop() {
	defer close(w.gone)
	m, err := w.start()
	if err != nil {
		w.breakDown(nil, Crashed, fmt.Errorf("starting a virtual machine: %w", err))
		return
	}
	defer m.close()
	w.mu.Lock()
	w.machine = m
	w.mu.Unlock()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		e, wait, more := w.nextEvent()
		if !more {
			return
		}
		if e.run != nil {
			w.handle(e)
			continue
		}
		timer.Reset(wait)
		select {
		case <-w.wake:
		case <-timer.C:
			w.runTimers()
		}
	}
}

// nextEvent returns the next event, or how long to wait for one; more is false when the worker's work is over.
func (w *worker) nextEvent() (e event, wait time.Duration, more bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.broken || (w.retired && len(w.runs) == 0) {
		w.broken = true
		return event{}, 0, false
	}
	if len(w.events) > 0 {
		e = w.events[0]
		w.events[0] = event{}
		w.events = w.events[1:]
		return e, 0, true
	}
	wait = time.Hour
	for _, r := range w.runs {
		wait = min(wait, r.untilDue(w.limits))
	}
	return event{}, max(wait, 0), true
}

// untilDue returns how long it is until the run's next timer or its deadline.
func (r *run) untilDue(l Limits) time.Duration {
	now := r.clock()
	wait := r.started.Add(l.Wall).Sub(now)
	if r.next >= 0 {
		wait = min(wait, time.UnixMilli(r.next).Sub(now))
	}
	return wait
}

func (w *worker) handle(e event) {
	switch e.kind {
	case startEvent:
		w.slice(e.run, slice{Kind: startSlice, Key: seedKey(e.run.input.Seed), Text: e.run.input.Command})
	case replyEvent:
		w.slice(e.run, slice{Kind: replySlice, Key: e.id, Text: e.text})
	case cancelEvent:
		w.drop(e.run, Canceled, e.reason)
	case hostErrorEvent:
		w.drop(e.run, HostErr, e.reason)
	}
	w.runTimers()
}

// runTimers serves every run that has a timer due or has passed its deadline.
func (w *worker) runTimers() {
	w.mu.Lock()
	var due []*run
	for _, r := range w.runs {
		if r.untilDue(w.limits) <= 0 {
			due = append(due, r)
		}
	}
	w.mu.Unlock()
	for _, r := range due {
		if r.clock().Sub(r.started) >= w.limits.Wall {
			w.drop(r, Wall, nil)
		} else {
			w.slice(r, slice{Kind: timerSlice})
		}
	}
}

// drop ends a run from outside; the machine stays.
func (w *worker) drop(r *run, outcome Outcome, err error) {
	if w.leave(r) {
		r.finish(outcome, err, w.limits)
		w.machine.end(r.id)
	}
}

// leave takes the run out of those in flight, and reports whether it was there.
func (w *worker) leave(r *run) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, ok := w.runs[r.id]
	delete(w.runs, r.id)
	return ok
}

// slice executes one slice of a run and settles what follows from it.
func (w *worker) slice(r *run, s slice) {
	w.mu.Lock()
	if w.runs[r.id] == nil || w.broken {
		w.mu.Unlock()
		return
	}
	w.active = r
	w.slices++
	number := w.slices
	w.mu.Unlock()

	s.Run, s.Now = r.id, r.millis()
	r.begin(s)
	budget := w.limits.CPU - r.cpu
	watchdog := w.watch(r, number, budget, budget)
	out := w.machine.run(s, budget)
	watchdog.Stop()

	w.mu.Lock()
	w.active = nil
	w.hangs = false
	given := w.broken
	w.mu.Unlock()
	if given {
		return // the watchdog has ended every run already
	}
	outcome, err := r.record(s, out, w.image)
	switch {
	case outcome == "":
	case outcome == Memory && w.crowded():
		w.breakDown(nil, Evicted, nil) // the memory may be held by others: a run of its own will tell
	case out.Fault != nil || outcome == CPU || outcome == Memory:
		w.breakDown(r, outcome, err)
	default:
		if outcome != Done && w.spoil() && (outcome == Threw || outcome == Stalled) {
			outcome, err = Evicted, nil // it may suffer from what the other run left behind
		}
		w.leave(r)
		r.finish(outcome, err, w.limits)
		w.machine.end(r.id)
	}
}

// spoil notes that a run ended badly, and reports whether that has happened to another one before. Those that are on the
// machine already may finish.
func (w *worker) spoil() (before bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	before, w.spoilt, w.retired = w.spoilt, true, true
	w.signal()
	return before
}

// crowded reports whether the machine has ever served another run than the present one.
func (w *worker) crowded() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.served > 1
}

// watch gives up on a slice that does not come back though its budget of processor time, of which so much was left, or the
// time of its run is over.
func (w *worker) watch(r *run, number int, budget, left time.Duration) *time.Timer {
	return time.AfterFunc(left+hangGrace, func() {
		w.mu.Lock()
		m := w.machine
		late := w.active == r && w.slices == number
		w.mu.Unlock()
		if !late {
			return
		}
		if left := budget - m.spent(); left > 0 && r.clock().Sub(r.started) < w.limits.Wall {
			w.watch(r, number, budget, left)
			return
		}
		w.giveUp(r, m)
	})
}

// giveUp ends a machine whose slice does not come back: a child process is killed. A machine in this process cannot be: its
// goroutine goes on until the engine's operation ends.
func (w *worker) giveUp(r *run, m machine) {
	if m.stop() {
		return
	}
	w.mu.Lock()
	w.hangs = w.active == r
	w.mu.Unlock()
	w.breakDown(r, CPU, errors.New("it is inside one long operation of the engine that cannot be interrupted"))
	w.hung()
}

// breakDown ends the guilty run with its outcome, evicts the others, and marks the machine as not to be used again.
// Without a guilty run, all end with the outcome.
func (w *worker) breakDown(guilty *run, outcome Outcome, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.broken {
		return
	}
	w.broken = true
	for id, r := range w.runs {
		delete(w.runs, id)
		if r == guilty || guilty == nil {
			r.finish(outcome, err, w.limits)
		} else {
			r.finish(Evicted, nil, w.limits)
		}
	}
	w.signal()
}
