package js

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strings"

	"modernc.org/quickjs"
)

const builtinPrefix = "builtin:"

// kernelBuiltins are what the kernel itself may load on behalf of a script.
var kernelBuiltins = []string{"events", "util", "buffer", "console", "fetch", "url", "date", "process"}

// An image is a program compiled for the virtual machines of one pool: bytecode of the kernel, of every module and of the
// app script. The engine calls every source "<eval>"; each part is therefore compiled at line numbers of its own, so that
// a position in a stack trace tells which part it is in.
type image struct {
	Parts    []part
	Requires []string // per part: JSON object of specifier to module id
	Roots    string   // the same for the app script
	Zone     string   // JSON table of the time zone, see zone.go
}

type part struct {
	ID        string
	Kind      partKind
	FirstLine int // the line before the part's own first line
	Lines     int
	Bytecode  []byte
}

type partKind string

const (
	kernelPart  partKind = "k"
	scriptPart  partKind = "a"
	contextPart partKind = "x"
	modulePart  partKind = "m"
	jsonPart    partKind = "j"
	builtinPart partKind = "b"
)

const (
	moduleHead  = "(function (exports, require, module, __filename, __dirname, process, global) {\n"
	builtinHead = "(function (exports, require, module, internal) {'use strict';\n"
	scriptHead  = "(function (api) {\n"
	contextHead = "(function (require, Buffer) { return (\n"
)

// compile checks a program and compiles it. The error names the file and the line of a syntax error.
func compile(p *Program) (*image, error) {
	zone, err := zoneTable(p.TimeZone)
	if err != nil {
		return nil, err
	}
	vm, err := quickjs.NewVM()
	if err != nil {
		return nil, fmt.Errorf("starting the JavaScript engine: %w", err)
	}
	defer func() { _ = vm.Close() }() // a scratch machine: nothing to lose
	c := compiler{vm: vm, image: &image{Zone: zone}}
	if err := c.program(p); err != nil {
		return nil, err
	}
	return c.image, nil
}

type compiler struct {
	vm    *quickjs.VM
	image *image
	line  int
}

func (c *compiler) program(p *Program) error {
	ids, err := moduleIDs(p)
	if err != nil {
		return err
	}
	used := append([]string(nil), kernelBuiltins...)
	if used, err = checkRequires("the app script", p.Roots, ids, used); err != nil {
		return err
	}
	if err := c.add(kernelPart, "kernel", "", kernelSource, "", nil); err != nil {
		return err
	}
	for _, m := range p.Modules {
		if used, err = checkRequires(m.ID, m.Requires, ids, used); err != nil {
			return err
		}
		if err := c.module(m); err != nil {
			return err
		}
	}
	if err := c.builtins(used); err != nil {
		return err
	}
	if p.AppContext != "" {
		if err := c.add(contextPart, "app_context", contextHead, p.AppContext, "\n)})", nil); err != nil {
			return err
		}
	}
	roots, err := json.Marshal(nonNil(p.Roots))
	if err != nil {
		return fmt.Errorf("encoding what the app script requires: %w", err)
	}
	c.image.Roots = string(roots)
	return c.script(p)
}

// script compiles the app script twice: as the classic script that it must be, and as the function that is called.
func (c *compiler) script(p *Program) error {
	source := strings.TrimPrefix(p.Script, "\ufeff")
	if _, err := c.vm.Compile(strings.Repeat("\n", c.line)+source, quickjs.EvalGlobal); err != nil {
		c.image.Parts = append(c.image.Parts, part{ID: p.scriptName(), Kind: scriptPart, FirstLine: c.line})
		return c.syntaxError(p.scriptName(), err)
	}
	return c.add(scriptPart, p.scriptName(), scriptHead, source, "\n})", nil)
}

func (c *compiler) module(m Module) error {
	source := strings.TrimPrefix(m.Source, "\ufeff")
	if m.JSON {
		text, err := json.Marshal(source)
		if err != nil {
			return fmt.Errorf("module %s: %w", m.ID, err)
		}
		return c.add(jsonPart, m.ID, "", "(function () { return "+string(text)+"; })", "", nil)
	}
	if strings.HasPrefix(source, "#!") {
		source = "//" + source
	}
	return c.add(modulePart, m.ID, moduleHead, source, "\n})", m.Requires)
}

func (c *compiler) builtins(used []string) error {
	for _, name := range builtinClosure(used) {
		source, _ := builtinSource(name)
		requires := map[string]string{}
		for _, required := range builtinRequires(source) {
			requires[required] = builtinPrefix + required
		}
		if err := c.add(builtinPart, builtinPrefix+name, builtinHead, source, "\n})", requires); err != nil {
			return err
		}
	}
	return nil
}

// add compiles one part at the next free line.
func (c *compiler) add(kind partKind, id, head, source, tail string, requires map[string]string) error {
	p := part{ID: id, Kind: kind, FirstLine: c.line, Lines: strings.Count(source, "\n") + 3}
	if head != "" {
		p.FirstLine++ // the head has a line of its own
	}
	text := strings.Repeat("\n", c.line) + head + source + tail
	bytecode, err := c.vm.Compile(text, quickjs.EvalGlobal)
	if err != nil {
		c.image.Parts = append(c.image.Parts, p)
		return c.syntaxError(id, err)
	}
	p.Bytecode = bytecode
	encoded, err := json.Marshal(nonNil(requires))
	if err != nil {
		return fmt.Errorf("module %s: encoding what it requires: %w", id, err)
	}
	c.image.Parts = append(c.image.Parts, p)
	c.image.Requires = append(c.image.Requires, string(encoded))
	c.line += p.Lines
	return nil
}

func (c *compiler) syntaxError(id string, err error) error {
	var e *quickjs.Error
	if !errors.As(err, &e) {
		return fmt.Errorf("compiling %s: %w", id, err)
	}
	where := id
	if e.LineNumber > 0 {
		name, line := c.image.locate(e.LineNumber)
		where = fmt.Sprintf("%s:%d:%d", name, line, e.ColumnNumber)
	}
	return &CompileError{Where: where, Message: e.Error()}
}

// A CompileError says that a part of a program is not JavaScript.
type CompileError struct {
	Where   string // file:line:column, as far as known
	Message string
}

// Error returns the place and the engine's message.
func (e *CompileError) Error() string { return e.Where + ": " + e.Message }

// locate returns the part that a line number of the engine belongs to, and the line inside it.
func (m *image) locate(line int) (id string, inner int) {
	for i := len(m.Parts) - 1; i >= 0; i-- {
		if p := &m.Parts[i]; line > p.FirstLine || i == 0 {
			return p.ID, line - p.FirstLine
		}
	}
	return "", line
}

// instantiate loads the image into a new virtual machine and returns the kernel's functions.
func (m *image) instantiate(vm *quickjs.VM, l Limits) (*kernel, error) {
	seed := make([]byte, 48)
	_, _ = rand.Read(seed) // never fails since Go 1.24
	config := map[string]any{
		"calls": l.Calls, "outputBytes": l.OutputBytes, "consoleBytes": l.ConsoleBytes,
		"seed": hex.EncodeToString(seed), "zone": json.RawMessage(m.Zone),
	}
	k, err := newKernel(vm, m.Parts[0].Bytecode, config)
	if err != nil {
		return nil, err
	}
	var app, context quickjs.Value
	hasContext := false
	for i, p := range m.Parts[1:] {
		fn, err := vm.EvalBytecodeValue(p.Bytecode)
		if err != nil {
			return nil, fmt.Errorf("loading %s: %w", p.ID, err)
		}
		switch p.Kind {
		case scriptPart:
			app = fn
			continue
		case contextPart:
			context, hasContext = fn, true
			continue
		}
		_, err = k.define.Call(quickjs.UndefinedValue, p.ID, path.Dir(p.ID), string(p.Kind), m.Requires[i+1], fn)
		fn.Free()
		if err != nil {
			return nil, fmt.Errorf("loading %s: %w", p.ID, err)
		}
	}
	defer app.Free()
	args := []any{app, nil, m.Roots}
	if hasContext {
		defer context.Free()
		args[1] = context
	}
	if _, err := k.finishSetup.Call(quickjs.UndefinedValue, args...); err != nil {
		return nil, m.setupError(err, l)
	}
	return k, nil
}

// setupError explains why an app context could not be evaluated, and where it was as far as known.
func (m *image) setupError(err error, l Limits) error {
	var e *quickjs.Error
	if !errors.As(err, &e) {
		return fmt.Errorf("preparing the virtual machine: %w", err)
	}
	thrown := m.scriptError(e.Name, e.Message, e.Stack)
	where, _, _ := strings.Cut(thrown.Stack, "\n")
	if outcome, _ := engineOutcome(e.Name, e.Message); outcome == CPU {
		return fmt.Errorf("evaluating app_context took more than %v %s", l.CPU, where)
	}
	return fmt.Errorf("evaluating app_context: %w %s", thrown, where)
}

func moduleIDs(p *Program) (map[string]bool, error) {
	ids := make(map[string]bool, len(p.Modules))
	for _, m := range p.Modules {
		if m.ID == "" || strings.HasPrefix(m.ID, builtinPrefix) {
			return nil, fmt.Errorf("module id %q is empty or reserved", m.ID)
		}
		if ids[m.ID] {
			return nil, fmt.Errorf("two modules have the id %q", m.ID)
		}
		ids[m.ID] = true
	}
	return ids, nil
}

// checkRequires checks that every target exists, and adds the built-in ones to used.
func checkRequires(who string, requires map[string]string, ids map[string]bool, used []string) ([]string, error) {
	for specifier, target := range requires {
		name, isBuiltin := strings.CutPrefix(target, builtinPrefix)
		if !isBuiltin {
			if !ids[target] {
				return nil, fmt.Errorf("%s requires %q as module %q, which the program lacks", who, specifier, target)
			}
			continue
		}
		if _, ok := builtinSource(name); !ok || hidden[name] {
			return nil, fmt.Errorf("%s requires %q as %q, which is not built in", who, specifier, target)
		}
		used = append(used, name)
	}
	return used, nil
}

func (p *Program) scriptName() string {
	if p.ScriptName == "" {
		return "app.js"
	}
	return p.ScriptName
}

func nonNil(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}
