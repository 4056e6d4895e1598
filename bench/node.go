package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// moduleRoot returns the folder of this module.
func moduleRoot(ctx context.Context) (string, error) {
	file, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("find the module: %w", err)
	}
	return filepath.Dir(strings.TrimSpace(string(file))), nil
}

// node runs the turns of the contacts example in Node.js, as Vumi did: in a process of its own for each message; and
// then in one process that stays.
func node(ctx context.Context, o *options, root string) (cold, warm float64, err error) {
	runner := filepath.Join(root, "bench/node/turn.js")
	command := func(args ...string) *exec.Cmd {
		c := exec.CommandContext(ctx, "node", append([]string{runner}, args...)...)
		c.Dir, c.Stderr = filepath.Join(root, "toolkit"), os.Stderr
		return c
	}
	var n atomic.Int64
	var failed atomic.Value
	var both sync.WaitGroup
	begun := time.Now()
	for range 2 {
		both.Go(func() {
			for step := 0; time.Since(begun) < o.length; step++ {
				if err := command(contactsSays(step)).Run(); err != nil {
					failed.Store(err)
					return
				}
				n.Add(1)
			}
		})
	}
	both.Wait()
	if err, ok := failed.Load().(error); ok {
		return 0, 0, err
	}
	cold = perSecond(int(n.Load()), time.Since(begun))
	warm, err = warmNode(command("--stay"), o.length)
	return cold, warm, err
}

// warmNode gives one message after the other to a process that stays.
func warmNode(c *exec.Cmd, length time.Duration) (float64, error) {
	in, err := c.StdinPipe()
	if err != nil {
		return 0, err
	}
	out, err := c.StdoutPipe()
	if err != nil {
		return 0, err
	}
	if err := c.Start(); err != nil {
		return 0, err
	}
	lines := bufio.NewScanner(out)
	turn := func(step int) error {
		if _, err := fmt.Fprintln(in, contactsSays(step)); err != nil {
			return err
		}
		if !lines.Scan() {
			return fmt.Errorf("the process ended: %w", lines.Err())
		}
		return nil
	}
	step := 0
	for ; step < 300; step++ { // its compiler gets warm
		if err := turn(step); err != nil {
			return 0, err
		}
	}
	begun, first := time.Now(), step
	for ; time.Since(begun) < length/2; step++ {
		if err := turn(step); err != nil {
			return 0, err
		}
	}
	figure := perSecond(step-first, time.Since(begun))
	if err := in.Close(); err != nil {
		return 0, err
	}
	return figure, c.Wait()
}
