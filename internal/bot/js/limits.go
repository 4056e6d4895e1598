package js

import "time"

// Limits bound one run, or the virtual machine that it runs on. A zero field takes the value of [DefaultLimits].
type Limits struct {
	CPU          time.Duration // time spent executing on behalf of the run
	Wall         time.Duration // from start to end, waiting included
	MemoryBytes  int64         // heap of one virtual machine, shared by the runs that are in flight on it
	StackFrames  int           // depth of calls; one through a getter, a callback of forEach or a proxy counts 3 to 9
	OutputBytes  int           // JSON text of all commands of the run
	ConsoleBytes int           // console text that is kept; more is dropped and does not end the run
	Calls        int           // commands in one run
}

// DefaultLimits are the limits of docs/spec/vumi-sandbox.md 13.
func DefaultLimits() Limits {
	return Limits{
		CPU: 2 * time.Second, Wall: 60 * time.Second, MemoryBytes: 64 << 20, StackFrames: 5000,
		OutputBytes: 1 << 20, ConsoleBytes: 64 << 10, Calls: 200,
	}
}

func (l Limits) withDefaults() Limits {
	d := DefaultLimits()
	orDefault(&l.CPU, d.CPU)
	orDefault(&l.Wall, d.Wall)
	orDefault(&l.MemoryBytes, d.MemoryBytes)
	orDefault(&l.StackFrames, d.StackFrames)
	orDefault(&l.OutputBytes, d.OutputBytes)
	orDefault(&l.ConsoleBytes, d.ConsoleBytes)
	orDefault(&l.Calls, d.Calls)
	return l
}

func orDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
