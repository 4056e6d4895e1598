package js

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// spareBytes is address space for the Go runtime and the engine besides the scripts' own heap.
const spareBytes = 512 << 20

// confine limits this process for good: address space, processor time, files. The virtual machine's own limits bite
// earlier; these hold if the engine has a fault.
func confine(l Limits, runs int) error {
	used, err := addressSpace()
	if err != nil {
		return err
	}
	seconds := uint64(l.CPU.Seconds()+1) * uint64(runs)
	for _, limit := range []struct {
		resource int
		value    uint64
	}{
		{unix.RLIMIT_AS, used + 4*uint64(l.MemoryBytes) + spareBytes},
		{unix.RLIMIT_CPU, seconds + 10},
		{unix.RLIMIT_NOFILE, 32},
		{unix.RLIMIT_FSIZE, 0},
		{unix.RLIMIT_CORE, 0},
	} {
		value := unix.Rlimit{Cur: limit.value, Max: limit.value}
		if err := unix.Setrlimit(limit.resource, &value); err != nil {
			return fmt.Errorf("setting resource limit %d to %d: %w", limit.resource, limit.value, err)
		}
	}
	return nil
}

// addressSpace returns the size of this process in bytes, as RLIMIT_AS counts it.
func addressSpace() (uint64, error) {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, fmt.Errorf("reading the size of this process: %w", err)
	}
	first, _, _ := strings.Cut(string(text), " ")
	pages, err := strconv.ParseUint(first, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("reading the size of this process: %w", err)
	}
	return pages * uint64(os.Getpagesize()), nil
}
