package js

import (
	"time"

	"golang.org/x/sys/unix"
)

// A meter tells how much processor time a process of this machine, all its threads together, has used since the meter was
// started.
type meter struct {
	clock int32
	began time.Duration
}

// startMeter begins to measure a process.
func startMeter(pid int) meter {
	const processClock = 2                           // of the kernel's clocks: the complemented number above three bits of kind
	m := meter{clock: ^int32(pid)<<3 | processClock} // numbers of processes have 22 bits
	m.began = m.read()
	return m
}

func (m meter) spent() time.Duration { return m.read() - m.began }

// read is zero for what has ended.
func (m meter) read() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(m.clock, &t); err != nil {
		return 0
	}
	return time.Duration(t.Nano())
}
