package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"

	"indaba/internal/config"
	"indaba/internal/core"
	"indaba/internal/db"
)

// Running tells other processes on this machine how to reach the server of a data directory. It stands in run.json in
// that directory while the server runs, and stays there when the server is killed.
type Running struct {
	URL string `json:"url"` // without a slash at its end
	PID int    `json:"pid"`
}

const runningFile = "run.json"

// ReadRunning reads what the server that runs on a data directory has written. Without one it is core.NotFound, also when
// one was killed and left its file behind: somebody else may listen on its port by now.
func ReadRunning(data string) (r Running, err error) {
	text, err := os.ReadFile(filepath.Join(data, runningFile))
	if errors.Is(err, fs.ErrNotExist) || err == nil && !db.Locked(lockPath(data)) {
		return r, core.Errorf(core.NotFound, "no server runs on the data directory %s", data)
	}
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err != nil {
		return r, fmt.Errorf("read %s: %w", runningFile, err)
	}
	return r, nil
}

// lockPath is the file that the server of a data directory holds locked.
func lockPath(data string) string { return filepath.Join(data, "indaba.lock") }

// announce writes the file in one step, so that nobody reads half of it.
func announce(data string, addr net.Addr) error {
	local := config.Config{} // without a public URL: callers on this machine need no way around
	text, err := json.Marshal(Running{URL: local.BaseURL(addr), PID: os.Getpid()})
	if err != nil {
		return err
	}
	path := filepath.Join(data, runningFile)
	if err := os.WriteFile(path+".new", append(text, '\n'), 0o600); err != nil {
		return fmt.Errorf("write %s: %w", runningFile, err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("write %s: %w", runningFile, err)
	}
	return nil
}

// withdraw removes the file.
func withdraw(data string) error {
	if err := os.Remove(filepath.Join(data, runningFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
