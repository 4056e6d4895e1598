package js

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"modernc.org/quickjs"
)

// A kernel holds the functions of kernel.js in one virtual machine.
type kernel struct {
	define, finishSetup, slice, proceed, end quickjs.Value
}

func newKernel(vm *quickjs.VM, bytecode []byte, config map[string]any) (*kernel, error) {
	main, err := vm.EvalBytecodeValue(bytecode)
	if err != nil {
		return nil, fmt.Errorf("loading the kernel: %w", err)
	}
	defer main.Free()
	text, err := json.Marshal(config)
	if err != nil {
		return nil, fmt.Errorf("encoding the kernel's settings: %w", err)
	}
	settings, err := vm.EvalValue("("+string(text)+")", quickjs.EvalGlobal)
	if err != nil {
		return nil, fmt.Errorf("reading the kernel's settings: %w", err)
	}
	defer settings.Free()
	functions, err := main.CallValue(quickjs.UndefinedValue, settings)
	if err != nil {
		return nil, fmt.Errorf("starting the kernel: %w", err)
	}
	defer functions.Free()
	k := &kernel{}
	for name, field := range map[string]*quickjs.Value{
		"define": &k.define, "finishSetup": &k.finishSetup, "slice": &k.slice, "proceed": &k.proceed, "end": &k.end,
	} {
		atom, err := vm.NewAtom(name)
		if err != nil {
			return nil, fmt.Errorf("naming %s: %w", name, err)
		}
		if *field, err = functions.GetPropertyValue(atom); err != nil {
			return nil, fmt.Errorf("finding %s in the kernel: %w", name, err)
		}
	}
	return k, nil
}

func (k *kernel) free() {
	for _, v := range []*quickjs.Value{&k.define, &k.finishSetup, &k.slice, &k.proceed, &k.end} {
		v.Free()
	}
}

// sliceKind is what begins a slice.
type sliceKind string

const (
	startSlice sliceKind = "s"
	replySlice sliceKind = "r"
	timerSlice sliceKind = "t"
)

// A slice is one stretch of execution of one run.
type slice struct {
	Kind sliceKind
	Run  string
	Now  int64  // milliseconds since 1970: what the script's clock shows
	Key  string // the seed of a start; the id of the request that a reply answers
	Text string // JSON: the command of a start; the reply, or "" for none
}

// output is what a slice led to.
type output struct {
	Closed    bool // the run is over in the virtual machine
	Waiting   int  // requests with a callback that have no reply yet
	NextTimer int64
	Lines     []string
	Elapsed   time.Duration // processor time
	Fault     *fault        // the virtual machine is not to be used again
}

// A fault is a breach that costs the virtual machine.
type fault struct {
	Outcome Outcome
	Message string
	Stack   string
}

// A machine runs slices: a virtual machine in this process or in a child process.
type machine interface {
	// spent returns the processor time that the slice under way has taken, from any goroutine.
	spent() time.Duration
	// run executes one slice within the budget of processor time. It is called from one goroutine at a time.
	run(s slice, budget time.Duration) output
	// end drops a run.
	end(run string)
	// stop makes run return early, from any goroutine, and reports whether it certainly will.
	stop() bool
	close()
}

// guard ends a machine that has used up its budget of processor time and does not come back, until the function that it
// returns is called.
func guard(m machine, budget time.Duration) (end func()) {
	over := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		for left := budget; left+hangGrace > 0; left = budget - m.spent() {
			select {
			case <-over:
				return
			case <-time.After(left + hangGrace):
			}
		}
		m.stop()
	})
	return func() {
		close(over)
		watching.Wait()
	}
}

// vm is a machine in this process.
type vm struct {
	engine *quickjs.VM
	kernel *kernel
	image  *image
	slice  atomic.Pointer[allowance] // of the slice under way, or the last one
}

func newVM(m *image, l Limits) (*vm, error) {
	engine, err := quickjs.NewVM()
	if err != nil {
		return nil, fmt.Errorf("starting the JavaScript engine: %w", err)
	}
	engine.SetCanBlock(false)
	engine.SetMemoryLimit(uintptr(l.MemoryBytes))
	engine.SetMaxStackSize(uintptr(l.StackFrames))
	if err := engine.SetEvalTimeout(l.CPU); err != nil {
		return nil, fmt.Errorf("limiting the start of the virtual machine: %w", err)
	}
	k, err := m.instantiate(engine, l)
	if err != nil {
		_ = engine.Close() // the error that matters is the first one
		return nil, err
	}
	if err := engine.SetEvalTimeout(0); err != nil { // from now on each slice has an allowance
		return nil, fmt.Errorf("ending the limit of the start: %w", err)
	}
	return &vm{engine: engine, kernel: k, image: m}, nil
}

func (v *vm) close() {
	v.kernel.free()
	_ = v.engine.Close() // nothing that a caller could do about it
}

func (v *vm) stop() bool {
	v.engine.Interrupt() // in vain while the engine is inside one of its own functions
	return false
}

func (v *vm) end(run string) {
	_, _ = v.kernel.end.Call(quickjs.UndefinedValue, run) // fails only without memory, and then the machine is done for
}

func (v *vm) spent() time.Duration {
	if a := v.slice.Load(); a != nil {
		return a.spent()
	}
	return 0
}

func (v *vm) run(s slice, budget time.Duration) (out output) {
	a := allow(budget, v.engine.Interrupt)
	v.slice.Store(a)
	defer a.watch(budget).Stop()
	defer func() { out.Elapsed = a.end() }()
	text, f := v.call(a, v.kernel.slice, string(s.Kind), s.Run, s.Now, s.Key, s.Text)
	for f == nil {
		more := out.read(text)
		var jobs int
		if jobs, f = v.runJobs(a); f != nil || (jobs == 0 && !more) {
			break
		}
		text, f = v.call(a, v.kernel.proceed)
	}
	out.Fault = f
	return out
}

// call calls a function of the kernel.
func (v *vm) call(a *allowance, fn quickjs.Value, args ...any) (string, *fault) {
	if a.usedUp() {
		return "", &fault{Outcome: CPU}
	}
	result, err := fn.Call(quickjs.UndefinedValue, args...)
	if err != nil {
		return "", v.faultOf(err)
	}
	text, ok := result.(string)
	if !ok {
		return "", &fault{Outcome: Crashed, Message: fmt.Sprintf("the kernel answered %T", result)}
	}
	return text, nil
}

func (v *vm) runJobs(a *allowance) (int, *fault) {
	if a.usedUp() {
		return 0, &fault{Outcome: CPU}
	}
	n, err := v.engine.ExecutePendingJobs()
	var e *quickjs.Error
	if err != nil && errors.As(err, &e) { // other errors only say that very many jobs ran: go on until the budget is spent
		return n, v.faultOf(err)
	}
	return n, nil
}

func (v *vm) faultOf(err error) *fault {
	var e *quickjs.Error
	if !errors.As(err, &e) {
		return &fault{Outcome: Crashed, Message: err.Error()}
	}
	stack := v.image.mapStack(e.Stack)
	if outcome, ok := engineOutcome(e.Name, e.Message); ok {
		return &fault{Outcome: outcome, Stack: stack}
	}
	return &fault{Outcome: Crashed, Message: e.Error(), Stack: stack}
}

// engineOutcome recognises the errors with which the engine enforces a limit.
func engineOutcome(name, message string) (Outcome, bool) {
	if name != "InternalError" && name != "" {
		return "", false
	}
	switch message {
	case "interrupted":
		return CPU, true
	case "out of memory":
		return Memory, true
	case "stack overflow":
		return Stack, true
	}
	return "", false
}

// read adds what one call of the kernel reported, and returns whether there is more to do at once.
func (o *output) read(text string) (more bool) {
	header, lines, _ := strings.Cut(text, "\n")
	f := strings.Fields(header)
	if len(f) != 4 {
		return false
	}
	o.Closed = o.Closed || f[1] == "1"
	o.Waiting, _ = strconv.Atoi(f[2]) // written by our own kernel
	next, _ := strconv.ParseFloat(f[3], 64)
	o.NextTimer = int64(next)
	for line := range strings.Lines(lines) {
		o.Lines = append(o.Lines, strings.TrimSuffix(line, "\n"))
	}
	return f[0] == "1"
}
