// Package toolkit runs the test suite that the npm package vumigo_v02 ships inside the bot engine: it shows that the
// engine and its modules are what the toolkit expects of Node.js. It tests no platform by itself; with a prelude and
// a host, the same files can be run against one.
package toolkit

import (
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"indaba/internal/bot/bundle"
	"indaba/internal/bot/js"
)

// packagePath is where the toolkit stands in the folder of npm packages.
const packagePath = "node_modules/vumigo_v02"

//go:embed runner.js
var runner string

// A Case is what became of one test.
type Case struct {
	Title   string `json:"title"`   // with the titles of the suites around it
	Outcome string `json:"outcome"` // "passed", "failed" or "skipped"
	Error   string `json:"error"`   // with the stack, when it failed
}

// A Suite is the toolkit's test files as one program.
type Suite struct {
	Files []string // relative to the toolkit's folder, sorted
	pool  *js.Pool
}

// Open makes a suite of the toolkit in the folder dir, which holds a node_modules folder.
//
// The prelude is JavaScript that runs before a test file is loaded. It sees require, which resolves as for a file in dir,
// so that require("vumigo_v02") gives the very modules that the tests load; and platform(cmd, msg), which sends a command
// to the host of the run and returns a promise of the reply. The empty prelude changes nothing.
func Open(dir, prelude string) (*Suite, error) {
	files, err := testFiles(dir)
	if err != nil {
		return nil, err
	}
	b, err := bundle.FromScript(script(files, prelude), "runner.js", bundle.Settings{Name: "toolkit"}, dir, bundle.Options{})
	if err != nil {
		return nil, fmt.Errorf("bundling the toolkit's tests: %w", err)
	}
	// A file of tests runs as one turn, with far more work than a turn has. Test files run once when they are loaded, so
	// that each needs a module cache of its own: a fresh VM.
	limits := js.DefaultLimits()
	limits.CPU, limits.Wall = time.Minute, 2*time.Minute
	limits.MemoryBytes, limits.OutputBytes, limits.Calls = 256<<20, 16<<20, 100_000
	pool, err := js.NewPool(b.Program(), js.PoolOptions{Limits: limits, Isolation: js.Fresh, Size: 1})
	if err != nil {
		return nil, fmt.Errorf("starting the engine: %w", err)
	}
	return &Suite{files, pool}, nil
}

// Close ends the engine.
func (s *Suite) Close() { s.pool.Close() }

// Run runs one file. The commands of the prelude go to host, which may be nil when there are none.
func (s *Suite) Run(ctx context.Context, file string, host js.Host) ([]Case, error) {
	command, err := json.Marshal(map[string]string{"cmd": "run-tests", "file": file})
	if err != nil {
		return nil, err
	}
	report := &reportHost{next: host}
	result := s.pool.Run(ctx, js.Input{Command: string(command)}, report)
	if result.Outcome != js.Done {
		return nil, fmt.Errorf("%s: %s: %w", file, result.Outcome, result.Err)
	}
	if report.Failure != "" {
		return nil, fmt.Errorf("%s: %s", file, report.Failure)
	}
	return report.Results, nil
}

// A reportHost keeps the report of a run and hands all other commands on.
type reportHost struct {
	Results []Case `json:"results"`
	Failure string `json:"failure"`
	next    js.Host
}

// Command answers one command of the runner.
func (h *reportHost) Command(ctx context.Context, cmd string, reply func(string)) error {
	var envelope struct {
		Cmd string `json:"cmd"`
		ID  string `json:"cmd_id"`
	}
	if err := json.Unmarshal([]byte(cmd), &envelope); err != nil {
		return fmt.Errorf("reading a command: %w", err)
	}
	switch {
	case envelope.Cmd == "tests.report":
		if err := json.Unmarshal([]byte(cmd), h); err != nil {
			return fmt.Errorf("reading the report: %w", err)
		}
	case envelope.Cmd == "log.info":
	case h.next != nil:
		return h.next.Command(ctx, cmd, reply)
	default:
		return fmt.Errorf("nobody answers %s", envelope.Cmd)
	}
	answer, err := json.Marshal(map[string]any{"cmd": envelope.Cmd, "cmd_id": envelope.ID, "reply": true, "success": true})
	if err != nil {
		return err
	}
	reply(string(answer))
	return nil
}

// testFiles lists what the package's own test script gives to mocha: test/**/*.js and examples/*/test/**/*.js.
func testFiles(dir string) ([]string, error) {
	var files []string
	root := filepath.Join(dir, filepath.FromSlash(packagePath))
	err := fs.WalkDir(os.DirFS(root), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		parts := strings.Split(name, "/")
		tests := parts[0] == "test" || len(parts) > 3 && parts[0] == "examples" && parts[2] == "test"
		if tests && entry.Type().IsRegular() && strings.HasSuffix(name, ".js") {
			files = append(files, name)
		}
		return nil
	})
	if err == nil && len(files) == 0 {
		err = errors.New("the package has no tests")
	}
	slices.SortFunc(files, cmp.Compare[string])
	if err != nil {
		return nil, fmt.Errorf("listing the toolkit's tests: %w", err)
	}
	return files, nil
}

// script is the app script: a table of the files, so that the bundle finds their requires, the prelude and the runner.
func script(files []string, prelude string) string {
	var text strings.Builder
	text.WriteString("var testFiles = {\n")
	for _, file := range files {
		fmt.Fprintf(&text, "%q: function () { return require(%q); },\n", file, "./"+packagePath+"/"+file)
	}
	text.WriteString("};\n")
	text.WriteString(runner)
	if prelude != "" {
		text.WriteString("(function (platform) {\n" + prelude + "\n}(function (cmd, msg) {\n" +
			"    return new Promise(function (resolve) { api.request(cmd, msg, resolve); });\n}));\n")
	}
	return text.String()
}
