package bundle

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"time"

	"indaba/internal/bot/js"
	"indaba/internal/core"
)

const gruntfileName = "Gruntfile.js"

// maxGruntReads bounds how many files a Gruntfile may read.
const maxGruntReads = 64

//go:embed gruntfile.js
var gruntScript string

// fromGruntfile makes a source of what the concat configuration of the folder's Gruntfile builds; nil when there is no
// Gruntfile or it builds no script.
func fromGruntfile(folder *tree, appName string) (*source, error) {
	text, err := folder.readText(gruntfileName, maxConfigBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if !strings.Contains(text, "concat") {
		return nil, nil
	}
	apps, warnings, err := evaluateGruntfile(folder, text)
	if err != nil || len(apps) == 0 {
		return nil, err
	}
	chosen, err := chooseApp(apps, appName, "the concat targets of "+gruntfileName)
	if err != nil {
		return nil, err
	}
	name := "app.js"
	if appName != "" || len(apps) > 1 {
		appName = chosen.name
	}
	src, err := fromFiles(folder, chosen.join, name, appName)
	if err != nil {
		return nil, prefixed(fmt.Sprintf("%s: concat target %s", gruntfileName, chosen.name), err)
	}
	for _, w := range warnings {
		src.warnings = append(src.warnings, gruntfileName+": "+w)
	}
	return src, nil
}

// A gruntReport is what a Gruntfile says, or what it has to read before it can.
type gruntReport struct {
	Apps []struct {
		Name      string   `json:"name"`
		Files     []string `json:"files"`
		Separator string   `json:"separator"`
		Banner    string   `json:"banner"`
		Footer    string   `json:"footer"`
	} `json:"apps"`
	Warnings []string `json:"warnings"`
	Failure  string   `json:"failure"`
	Need     *struct {
		Kind string `json:"kind"` // "read" or "glob"
		Name string `json:"name"`
	} `json:"need"`
}

// evaluateGruntfile runs a Gruntfile in the bot engine, where it can do no more than a bot, with a grunt object that
// records. Reading files is the only thing it gets an answer to.
func evaluateGruntfile(folder *tree, text string) ([]app, []string, error) {
	pool, err := startGrunt(text)
	if err != nil {
		return nil, nil, err
	}
	defer pool.Close()
	read, globbed := map[string]*string{}, map[string][]string{}
	for range maxGruntReads {
		report, err := runGrunt(pool, map[string]any{"read": read, "glob": globbed})
		switch {
		case err != nil:
			return nil, nil, err
		case report.Failure != "":
			return nil, nil, core.Errorf(core.Invalid, "%s: %s", gruntfileName, report.Failure)
		case report.Need == nil:
			return report.apps(), report.Warnings, nil
		case report.Need.Kind == "read":
			read[report.Need.Name], err = readOrNil(folder, report.Need.Name)
		default:
			globbed[report.Need.Name], err = globAll(folder, report.Need.Name)
		}
		if err != nil {
			return nil, nil, prefixed(gruntfileName, err)
		}
	}
	return nil, nil, core.Errorf(core.Invalid, "%s reads more than %d files", gruntfileName, maxGruntReads)
}

// startGrunt makes an engine of the Gruntfile. A syntax error is told with its place in the Gruntfile.
func startGrunt(text string) (*js.Pool, error) {
	g := newGraph(&source{script: "(function () {\n" + text + "\n})", name: gruntfileName,
		segments: []Segment{{File: gruntfileName, Line: 2, FileLine: 1}}}, &resolver{folder: emptyFolder()})
	if err := g.checkSyntax(); err != nil {
		return nil, err
	}
	program := &js.Program{Script: strings.Replace(gruntScript, "/* GRUNTFILE */", text, 1), ScriptName: gruntfileName,
		Roots: map[string]string{"path": "builtin:path"}}
	limits := js.DefaultLimits()
	limits.Wall = 10 * time.Second
	pool, err := js.NewPool(program, js.PoolOptions{Limits: limits, Size: 1})
	if err != nil {
		return nil, &core.Error{Kind: core.Invalid, Message: gruntfileName + " cannot be evaluated", Cause: err}
	}
	return pool, nil
}

// runGrunt evaluates the Gruntfile once with what is known of the folder.
func runGrunt(pool *js.Pool, known map[string]any) (*gruntReport, error) {
	command, err := json.Marshal(map[string]any{"cmd": "read-gruntfile", "known": known})
	if err != nil {
		return nil, fmt.Errorf("evaluating %s: %w", gruntfileName, err)
	}
	host := new(gruntHost)
	result := pool.Run(context.Background(), js.Input{Command: string(command)}, host) // the wall limit ends it
	if result.Outcome != js.Done {
		message := fmt.Sprintf("%s: %s", gruntfileName, result.Outcome)
		return nil, &core.Error{Kind: core.Invalid, Message: message, Cause: result.Err}
	}
	return &host.report, nil
}

// A gruntHost takes the report of one run.
type gruntHost struct{ report gruntReport }

// Command keeps the report and answers it and every log line.
func (h *gruntHost) Command(_ context.Context, cmd string, reply func(string)) error {
	var envelope struct {
		Cmd string `json:"cmd"`
		ID  string `json:"cmd_id"`
	}
	if err := json.Unmarshal([]byte(cmd), &envelope); err != nil {
		return fmt.Errorf("reading a command: %w", err)
	}
	if envelope.Cmd == "gruntfile.report" {
		if err := json.Unmarshal([]byte(cmd), &h.report); err != nil {
			return fmt.Errorf("reading the report: %w", err)
		}
	}
	answer, err := json.Marshal(map[string]any{"cmd": envelope.Cmd, "cmd_id": envelope.ID, "reply": true, "success": true})
	if err != nil {
		return err
	}
	reply(string(answer))
	return nil
}

// apps turns the report into what can be joined.
func (r *gruntReport) apps() []app {
	var all []app
	for _, a := range r.Apps {
		all = append(all, app{a.Name, concatenation{files: a.Files, separator: a.Separator, banner: a.Banner, footer: a.Footer}})
	}
	return all
}

// readOrNil reads a file; nil when there is none.
func readOrNil(folder *tree, name string) (*string, error) {
	text, err := folder.readText(path.Clean(name), maxConfigBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return &text, err
}

// globAll answers grunt.file.expand: patterns as a JSON list. No match is no error here.
func globAll(folder *tree, patterns string) ([]string, error) {
	var list []string
	if err := json.Unmarshal([]byte(patterns), &list); err != nil {
		return nil, core.Errorf(core.Invalid, "file.expand takes patterns, not %s", patterns)
	}
	return matchAll(folder, list)
}
