package js

import (
	"embed"
	"regexp"
	"slices"
	"strings"
)

//go:embed kernel.js
var kernelSource string

//go:embed modules/*.js
var builtinFiles embed.FS

// hidden modules serve the kernel; a program cannot require them.
var hidden = map[string]bool{"date": true, "fetch": true, "equal": true, "hashes": true}

// Builtins returns the names of the modules that come with the engine, sorted, without any "node:" prefix. A program
// refers to them as "builtin:NAME".
func Builtins() []string {
	var names []string
	for _, name := range allBuiltins() {
		if !hidden[name] {
			names = append(names, name)
		}
	}
	return names
}

func allBuiltins() []string {
	entries, err := builtinFiles.ReadDir("modules")
	if err != nil {
		panic("js: the embedded modules are unreadable: " + err.Error()) // impossible in a binary that was built
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = strings.TrimSuffix(e.Name(), ".js")
	}
	return names
}

func builtinSource(name string) (string, bool) {
	b, err := builtinFiles.ReadFile("modules/" + name + ".js")
	return string(b), err == nil
}

var builtinRequire = regexp.MustCompile(`\brequire\('([a-z_]+)'\)`)

// builtinRequires returns the names that a built-in module requires. They are our own sources: always a plain literal.
func builtinRequires(source string) []string {
	var names []string
	for _, m := range builtinRequire.FindAllStringSubmatch(source, -1) {
		names = append(names, m[1])
	}
	return names
}

// builtinClosure returns the given built-in modules and all that they require, in a fixed order.
func builtinClosure(names []string) []string {
	seen := map[string]bool{}
	for len(names) > 0 {
		name := names[0]
		names = names[1:]
		source, ok := builtinSource(name)
		if !ok || seen[name] {
			continue
		}
		seen[name] = true
		names = append(names, builtinRequires(source)...)
	}
	all := make([]string, 0, len(seen))
	for name := range seen {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}
