package js

import (
	"bufio"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync/atomic"
	"time"
)

// childVariable marks a process of ours as a virtual machine. Its value has no meaning.
const childVariable = "INDABA_JS_CHILD"

func isChild() bool { return os.Getenv(childVariable) != "" }

// ServeChild does the work of a child process and ends the process, if it was started as one: that is one virtual machine,
// driven over standard input and output. The main function of every program that runs bots calls it first.
func ServeChild() {
	if !isChild() {
		return
	}
	if err := serveChild(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "JavaScript machine:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// childStart is the first frame to a child.
type childStart struct {
	Image     image
	Limits    Limits
	RunsPerVM int
}

// childRequest is every further frame: one slice, or the end of a run.
type childRequest struct {
	Slice  slice
	Budget time.Duration
	End    string // the run to drop; "" = execute the slice
}

// childAnswer answers the start, with Error "" when the machine is ready, and every slice.
type childAnswer struct {
	Output output
	Error  string
}

// serveChild drives the machine over the two streams until the first one ends. It limits the process before it runs any
// script.
func serveChild(stdin io.Reader, stdout io.Writer) error {
	in := gob.NewDecoder(bufio.NewReader(stdin))
	buffered := bufio.NewWriter(stdout)
	out := gob.NewEncoder(buffered)
	answer := func(a childAnswer) error {
		if err := out.Encode(a); err != nil {
			return err
		}
		return buffered.Flush()
	}
	var start childStart
	if err := in.Decode(&start); err != nil {
		return fmt.Errorf("reading the program: %w", err)
	}
	m, err := confinedVM(&start)
	if err != nil {
		return answer(childAnswer{Error: err.Error()})
	}
	defer m.close()
	if err := answer(childAnswer{}); err != nil {
		return fmt.Errorf("answering the parent: %w", err)
	}
	for {
		var r childRequest
		if err := in.Decode(&r); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("reading a request: %w", err)
		}
		if r.End != "" {
			m.end(r.End)
			continue
		}
		if err := answer(childAnswer{Output: m.run(r.Slice, r.Budget)}); err != nil {
			return fmt.Errorf("answering the parent: %w", err)
		}
	}
}

func confinedVM(start *childStart) (*vm, error) {
	if err := confine(start.Limits, start.RunsPerVM); err != nil {
		return nil, fmt.Errorf("limiting the child process: %w", err)
	}
	return newVM(&start.Image, start.Limits)
}

// child is a machine in a child process.
type child struct {
	command *exec.Cmd
	stdin   io.WriteCloser
	buffer  *bufio.Writer
	out     *gob.Encoder
	in      *gob.Decoder
	killed  atomic.Bool
	meter   atomic.Pointer[meter] // of the slice under way, or the last one
}

func newChild(m *image, o PoolOptions) (machine, error) {
	if isChild() {
		return nil, errors.New("this program does not look whether it is a child process: js.ServeChild was never called")
	}
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding our own program file: %w", err)
	}
	c := &child{command: exec.Command(program)}
	c.command.Env = []string{childVariable + "=1", "GOMAXPROCS=1"}
	c.command.Dir = os.TempDir()
	c.command.Stderr = io.Discard
	if c.stdin, err = c.command.StdinPipe(); err != nil {
		return nil, fmt.Errorf("connecting a child process: %w", err)
	}
	stdout, err := c.command.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("connecting a child process: %w", err)
	}
	if err := c.command.Start(); err != nil {
		return nil, fmt.Errorf("starting a child process: %w", err)
	}
	c.buffer = bufio.NewWriter(c.stdin)
	c.out, c.in = gob.NewEncoder(c.buffer), gob.NewDecoder(bufio.NewReader(stdout))
	ready, err := c.prepare(m, o)
	if err != nil {
		c.close()
		return nil, fmt.Errorf("preparing a child process: %w", err)
	}
	if ready.Error != "" {
		c.close()
		return nil, fmt.Errorf("preparing a child process: %s", ready.Error)
	}
	return c, nil
}

// prepare has the child make its machine, within the processor time of a turn.
func (c *child) prepare(m *image, o PoolOptions) (ready childAnswer, err error) {
	c.measure()
	defer guard(c, o.Limits.CPU)()
	err = c.exchange(childStart{Image: *m, Limits: o.Limits, RunsPerVM: o.RunsPerVM}, &ready)
	if c.killed.Load() {
		err = fmt.Errorf("it is not ready after %v of processor time: does app_context come to an end?", o.Limits.CPU)
	}
	return ready, err
}

// measure counts processor time from now on.
func (c *child) measure() {
	m := startMeter(c.command.Process.Pid)
	c.meter.Store(&m)
}

func (c *child) exchange(request any, answer *childAnswer) error {
	if err := c.send(request); err != nil {
		return err
	}
	return c.in.Decode(answer)
}

func (c *child) send(request any) error {
	if err := c.out.Encode(request); err != nil {
		return err
	}
	return c.buffer.Flush()
}

func (c *child) spent() time.Duration {
	return c.meter.Load().spent()
}

func (c *child) run(s slice, budget time.Duration) output {
	c.measure()
	var answer childAnswer
	if err := c.exchange(childRequest{Slice: s, Budget: budget}, &answer); err != nil {
		if c.killed.Load() {
			return output{Fault: &fault{Outcome: CPU}}
		}
		return output{Fault: &fault{Outcome: Crashed, Message: "the child process died: " + err.Error()}}
	}
	return answer.Output
}

func (c *child) end(run string) {
	_ = c.send(childRequest{End: run}) // a dead child shows at the next slice
}

func (c *child) stop() bool {
	c.killed.Store(true)
	_ = c.command.Process.Kill() // it may be dead already
	return true
}

func (c *child) close() {
	_ = c.stdin.Close()
	_ = c.command.Process.Kill()
	_ = c.command.Wait() // it was killed: the error says so
}
