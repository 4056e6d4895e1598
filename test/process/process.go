// Package process runs the real indaba program for tests and benchmarks: it builds the program once, starts a server of
// it in a process of its own, and stops, kills and restarts that. It sets up no data: tests do that through package app,
// as the program's own commands do.
package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// lookEvery is how often a starting server is asked whether it is ready.
const lookEvery = 2 * time.Millisecond

// Build builds the program into dir and returns its path. The environment variable INDABA_TEST_BINARY names a program
// to use in its place.
func Build(ctx context.Context, dir string) (string, error) {
	if ready := os.Getenv("INDABA_TEST_BINARY"); ready != "" {
		return filepath.Abs(ready)
	}
	path := filepath.Join(dir, "indaba")
	build := exec.CommandContext(ctx, "go", "build", "-o", path, "indaba/cmd/indaba")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the program: %w\n%s", err, output)
	}
	return path, nil
}

// Server is one server, whose process may come and go. Set its fields before use. It is not safe for concurrent use,
// except for Log.
type Server struct {
	Program  string   // path, as Build returns it
	Data     string   // data directory
	Database string   // PostgreSQL URL; empty for SQLite in the data directory
	Flags    []string // further flags of serve
	Env      []string // further variables of its environment

	address string
	process *exec.Cmd
	ended   chan struct{} // closed when the process has ended; its state can be read then
	client  *http.Client
	log     lockedBuffer
}

// URL returns where the server is reached. It stays the same over restarts.
func (s *Server) URL() string { return "http://" + s.address }

// Begin starts a process and does not wait until it is ready.
func (s *Server) Begin() error {
	if s.address == "" {
		port, err := freePort()
		if err != nil {
			return err
		}
		s.address = fmt.Sprint("127.0.0.1:", port)
		s.client = &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	}
	args := append([]string{"serve", "--data", s.Data, "--listen", s.address}, s.Flags...)
	if s.Database != "" {
		args = append(args, "--database", s.Database)
	}
	s.process = exec.Command(s.Program, args...)
	s.process.Dir = s.Data // no settings file of the working directory
	s.process.Env = append(os.Environ(), s.Env...)
	s.process.Stderr, s.process.Stdout = &s.log, &s.log
	if err := s.process.Start(); err != nil {
		return fmt.Errorf("start the server: %w", err)
	}
	process, ended := s.process, make(chan struct{})
	s.ended = ended
	go func() {
		defer close(ended)
		_ = process.Wait() // how it ended stands in its state
	}()
	return nil
}

// Ready waits until the server answers, and returns an error when its process ends before.
func (s *Server) Ready(ctx context.Context) error {
	for {
		if s.answers(ctx) {
			return nil
		}
		select {
		case <-s.ended:
			return fmt.Errorf("the server ended while it started: %s\n%s", s.process.ProcessState, s.Log())
		case <-ctx.Done():
			return fmt.Errorf("the server is not ready: %w\n%s", ctx.Err(), s.Log())
		case <-time.After(lookEvery):
		}
	}
}

func (s *Server) answers(ctx context.Context) bool {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL()+"/readyz", nil)
	if err != nil {
		return false
	}
	answer, err := s.client.Do(r)
	if err != nil {
		return false
	}
	_, _ = io.Copy(io.Discard, answer.Body) // the status is all that counts
	_ = answer.Body.Close()
	return answer.StatusCode == http.StatusOK
}

// Start is Begin and Ready; it returns how long both took.
func (s *Server) Start(ctx context.Context) (time.Duration, error) {
	begun := time.Now()
	if err := s.Begin(); err != nil {
		return 0, err
	}
	err := s.Ready(ctx)
	return time.Since(begun), err
}

// Kill ends the process at once (kill -9) and returns when it is gone. A process that has ended is no error.
func (s *Server) Kill() error {
	if s.process == nil {
		return nil
	}
	err := s.process.Process.Kill()
	if errors.Is(err, os.ErrProcessDone) {
		err = nil
	}
	<-s.ended
	return err
}

// Signal sends a signal to the process.
func (s *Server) Signal(signal syscall.Signal) error { return s.process.Process.Signal(signal) }

// Wait waits for the process to end by itself and returns its exit status, -1 after a signal that killed it.
func (s *Server) Wait(ctx context.Context) (int, error) {
	select {
	case <-s.ended:
		return s.process.ProcessState.ExitCode(), nil
	case <-ctx.Done():
		return 0, fmt.Errorf("the server does not end: %w\n%s", ctx.Err(), s.Log())
	}
}

// Stop asks the process to end and waits for it. It returns an error unless the exit status is 0.
func (s *Server) Stop(ctx context.Context) error {
	if err := s.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	status, err := s.Wait(ctx)
	if err == nil && status != 0 {
		err = fmt.Errorf("the server ended with status %d\n%s", status, s.Log())
	}
	return err
}

// Usage returns the processor time that the ended process took, and the most memory in bytes that it held.
func (s *Server) Usage() (cpu time.Duration, maxBytes int64) {
	state := s.process.ProcessState
	if usage, ok := state.SysUsage().(*syscall.Rusage); ok {
		maxBytes = usage.Maxrss << 10
	}
	return state.UserTime() + state.SystemTime(), maxBytes
}

// PID returns the number of the process.
func (s *Server) PID() int { return s.process.Process.Pid }

// Log returns the end of what the processes have written so far.
func (s *Server) Log() string { return s.log.String() }

// freePort returns a port that nothing listens on. It lies below the ports that outgoing connections get, so that none
// of them takes it while the server is down.
func freePort() (int, error) {
	var err error
	for range 100 {
		port := 20000 + rand.IntN(10000)
		var l net.Listener
		if l, err = net.Listen("tcp", fmt.Sprint("127.0.0.1:", port)); err == nil {
			return port, l.Close()
		}
	}
	return 0, fmt.Errorf("find a free port: %w", err)
}

// maxLogBytes is how much of the servers' output is kept.
const maxLogBytes = 64 << 10

// lockedBuffer keeps the end of what is written to it.
type lockedBuffer struct {
	mu   sync.Mutex
	text []byte
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.text = append(b.text, p...)
	if len(b.text) > 2*maxLogBytes {
		b.text = bytes.Clone(b.text[len(b.text)-maxLogBytes:])
	}
	return len(p), nil
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return string(b.text)
}
