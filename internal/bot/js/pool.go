package js

import (
	"context"
	"fmt"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// Isolation says what runs of one program share.
type Isolation string

// The kinds of isolation.
const (
	Pooled  Isolation = "pooled"  // runs share warm virtual machines, also at the same time: fast; for scripts one trusts
	Fresh   Isolation = "fresh"   // a virtual machine of its own for every run
	Process Isolation = "process" // as Pooled, on virtual machines in child processes: for scripts that one does not trust
)

// PoolOptions configure a [Pool]. A zero field takes its default.
type PoolOptions struct {
	Limits        Limits
	Isolation     Isolation // Pooled
	Size          int       // virtual machines; GOMAXPROCS
	RunsPerVM     int       // before a virtual machine is replaced; 500
	InFlightPerVM int       // runs that share one virtual machine while they wait for replies; 64
	Now           func() time.Time
	// OnHang is told when a script hangs inside an operation of the engine that cannot be interrupted, in a machine of this
	// process: that goes on to burn a processor, until it ends. All further machines are child processes, which can be killed.
	OnHang func()
}

func (o PoolOptions) withDefaults() PoolOptions {
	o.Limits = o.Limits.withDefaults()
	orDefault(&o.Isolation, Pooled)
	orDefault(&o.Size, runtime.GOMAXPROCS(0))
	orDefault(&o.RunsPerVM, 500)
	orDefault(&o.InFlightPerVM, 64)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.OnHang == nil {
		o.OnHang = func() {}
	}
	return o
}

// A Pool runs one program on warm virtual machines. Its methods may be called from any goroutine.
type Pool struct {
	image   *image
	options PoolOptions
	nextID  atomic.Uint64
	shared  chan struct{} // places on shared machines
	alone   chan struct{} // machines for one run
	closing chan struct{}
	hangs   atomic.Bool    // a machine has hung: further ones are child processes
	running sync.WaitGroup // calls of Run and Replay

	mu      sync.Mutex
	closed  bool
	slots   []*worker        // nil until first needed
	workers map[*worker]bool // all that have not ended
}

// NewPool checks and compiles the program; machines are started when first needed. An error is for the author of the
// program: a [*CompileError] names file and line.
func NewPool(p *Program, o PoolOptions) (*Pool, error) {
	o = o.withDefaults()
	switch o.Isolation {
	case Pooled, Fresh, Process:
	default:
		return nil, fmt.Errorf("isolation %q is not known: use pooled, fresh or process", o.Isolation)
	}
	m, err := compile(p)
	if err != nil {
		return nil, err
	}
	pool := &Pool{
		image: m, options: o, shared: make(chan struct{}, o.Size*o.InFlightPerVM), alone: make(chan struct{}, o.Size),
		closing: make(chan struct{}), slots: make([]*worker, o.Size), workers: map[*worker]bool{},
	}
	if p.AppContext != "" { // its evaluation can fail, or never end, and its author should hear of it now
		trial, err := newChild(m, o)
		if err != nil {
			return nil, err
		}
		trial.close()
	}
	return pool, nil
}

// Close ends the runs in flight with outcome [Canceled], waits for them, and frees the machines. A machine that hangs
// inside an operation of the engine is not waited for; it is freed when the operation ends.
func (p *Pool) Close() {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return
	}
	p.closed = true
	close(p.closing)
	p.mu.Unlock()
	p.running.Wait()
	p.mu.Lock()
	var workers []*worker
	for w := range p.workers {
		workers = append(workers, w)
	}
	p.mu.Unlock()
	for _, w := range workers {
		w.retire()
	}
	for _, w := range workers {
		if !w.hanging() {
			<-w.gone
		}
	}
}

// Run runs the program for one command, and returns when the run is over and the host has got all its commands. It waits
// for a place when all are taken.
func (p *Pool) Run(ctx context.Context, in Input, host Host) Result {
	if !p.enter() {
		return Result{Outcome: Canceled, Err: errClosed}
	}
	defer p.running.Done()
	places := p.shared
	alone := in.Alone || p.options.Isolation == Fresh
	if alone {
		places = p.alone
	}
	select {
	case places <- struct{}{}:
	case <-p.closing:
		return Result{Outcome: Canceled, Err: errClosed}
	case <-ctx.Done():
		return Result{Outcome: Canceled, Err: fmt.Errorf("waiting for a virtual machine: %w", context.Cause(ctx))}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r := newRun(strconv.FormatUint(p.nextID.Add(1), 10), in, p.options.Now, cancel)
	if alone {
		w := p.newWorker(func() { <-p.alone })
		w.admit(r, 1)
		return p.attend(ctx, r, w, host)
	}
	defer func() { <-p.shared }()
	return p.attend(ctx, r, p.place(r), host)
}

func (p *Pool) enter() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	p.running.Add(1)
	return true
}

// attend carries the commands of a run to its host until the run is over.
func (p *Pool) attend(ctx context.Context, r *run, w *worker, host Host) Result {
	canceled, closing := ctx.Done(), p.closing
	for {
		commands, result := r.take()
		if result == nil || result.Outcome.orderly() {
			for i := 0; i < len(commands) && !r.refused; i++ {
				r.refused = !carry(ctx, host, commands[i], r, w)
			}
		}
		if result != nil {
			return *result
		}
		select {
		case <-r.notify:
		case <-canceled:
			canceled = nil // the worker answers with a result
			w.post(event{run: r, kind: cancelEvent, reason: context.Cause(ctx)})
		case <-closing:
			closing = nil
			w.post(event{run: r, kind: cancelEvent, reason: errClosed})
		}
	}
}

// carry hands one command to the host, and reports whether the host took it.
func carry(ctx context.Context, host Host, c command, r *run, w *worker) bool {
	var answered atomic.Bool
	err := host.Command(ctx, c.text, func(reply string) {
		if answered.CompareAndSwap(false, true) {
			w.post(event{run: r, kind: replyEvent, id: c.id, text: reply})
		}
	})
	if err != nil {
		w.post(event{run: r, kind: hostErrorEvent, reason: err})
	}
	return err == nil
}

// place gives the run to a shared worker: an idle one, else a new one, else the one with the fewest runs.
func (p *Pool) place(r *run) *worker {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		slot, load := 0, 0
		for i, w := range p.slots {
			n := 1 // an empty slot beats a worker that has runs
			if w != nil {
				n = w.load()
			}
			if i == 0 || n < load {
				slot, load = i, n
			}
		}
		if w := p.slots[slot]; w != nil && w.admit(r, p.options.RunsPerVM) {
			return w
		}
		p.slots[slot] = p.newWorkerLocked(func() {})
	}
}

func (p *Pool) newWorker(ended func()) *worker {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.newWorkerLocked(ended)
}

// newWorkerLocked starts a worker; ended is told once, when the worker has ended or hangs.
func (p *Pool) newWorkerLocked(ended func()) *worker {
	ended = sync.OnceFunc(ended)
	w := newWorker(p.image, p.options.Limits, p.newMachine, func() {
		p.hangs.Store(true)
		p.options.OnHang()
		ended()
	})
	p.workers[w] = true
	go func() {
		<-w.gone
		p.mu.Lock()
		delete(p.workers, w)
		p.mu.Unlock()
		ended()
	}()
	return w
}

func (p *Pool) newMachine() (machine, error) {
	if p.options.Isolation == Process || p.hangs.Load() {
		return newChild(p.image, p.options)
	}
	return newVM(p.image, p.options.Limits)
}
