package archtest

import (
	"go/ast"
	"path"
	"slices"
	"strings"
	"testing"
)

func TestImportRule(t *testing.T) {
	for _, p := range packages(t) {
		may, known := rowFor(p.name)
		if !known {
			t.Errorf("package %s has no row in the table: add it to internal/archtest/rule_test.go", p.name)
			continue
		}
		for _, f := range p.files {
			for _, imported := range f.imports() {
				if complaint := judge(p.name, may, f.test, imported); complaint != "" {
					t.Errorf("%s: %s", f.path, complaint)
				}
			}
		}
	}
}

// judge says what is wrong with an import, or nothing.
func judge(importer string, may []string, test bool, imported string) string {
	if imported == "C" {
		return "imports C: Indaba is built without cgo"
	}
	if strings.Contains(imported, ".") {
		return judgeLibrary(importer, test, imported)
	}
	below, ours := strings.CutPrefix(imported, module+"/")
	if !ours {
		return ""
	}
	target := tableName(below)
	switch {
	case target == importer && test: // an external test of the package itself
	case allowed(may, target):
	case test && allowed(expand(testsMayToo), target):
	default:
		return importer + " may not import " + target
	}
	return ""
}

func judgeLibrary(importer string, test bool, library string) string {
	if importer == "core" {
		return "core imports " + library + ": it may use the standard library only"
	}
	for _, door := range doors {
		inside := library == door.library || strings.HasPrefix(library, door.library+"/")
		if inside && !test && !allowed(expand(door.only), importer) {
			return importer + " may not import " + library + ": only " + door.only + " may"
		}
	}
	return ""
}

func TestPackageNamesSaySomething(t *testing.T) {
	for _, p := range packages(t) {
		for _, name := range []string{path.Base(p.name), p.files[0].tree.Name.Name} {
			if slices.Contains(strings.Fields(emptyNames), name) {
				t.Errorf("package %s: %q says nothing: name it after what it is for", p.name, name)
			}
		}
	}
}

func TestPackagesAreExplained(t *testing.T) {
	for _, p := range packages(t) {
		explained, code := false, false
		for _, f := range p.files {
			explained = explained || f.tree.Doc != nil
			code = code || !f.test
		}
		if code && !explained {
			t.Errorf("package %s has no package comment: say what it is for and what it is not", p.name)
		}
	}
}

func TestNoInitFunctions(t *testing.T) {
	for _, p := range packages(t) {
		for _, f := range p.files {
			for _, declaration := range f.tree.Decls {
				if fn, ok := declaration.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
					t.Errorf("%s: init function: do it where the value is used, or in app", p.at(f, fn))
				}
			}
		}
	}
}

func TestNoStateInGlobals(t *testing.T) {
	for _, p := range packages(t) {
		for _, complaint := range stateInGlobals(p) {
			t.Error(complaint)
		}
	}
}

// The judges must be able to convict.
func TestJudgesConvict(t *testing.T) {
	for _, test := range []struct {
		importer, imported string
		test, convict      bool
	}{
		{"core", "indaba/internal/db", false, true},
		{"core", "github.com/a/b", false, true},
		{"core", "errors", false, false},
		{"contact", "indaba/internal/message", false, true},
		{"contact", "indaba/internal/db", false, false},
		{"contact", "indaba/internal/db/dbtest", false, true},
		{"contact", "indaba/internal/db/dbtest", true, false},
		{"contact", "indaba/internal/contact", true, false},
		{"contact", "indaba/internal/app", true, true},
		{"contact", "modernc.org/sqlite", false, true},
		{"db", "modernc.org/sqlite/lib", false, false},
		{"bot/sandbox", "indaba/internal/bot/js", false, false},
		{"bot/js", "indaba/internal/bot", false, true},
		{"channel/sms/twilio", "indaba/internal/channel", false, false},
		{"channel/sms/twilio", "indaba/internal/channel/custom", false, true},
		{"channel/all", "indaba/internal/channel/sms/twilio", false, false},
		{"app", "indaba/internal/cli", false, true},
		{"gateway", "C", false, true},
	} {
		may, known := rowFor(test.importer)
		if !known {
			t.Fatalf("no row for %s", test.importer)
		}
		if complaint := judge(test.importer, may, test.test, test.imported); (complaint != "") != test.convict {
			t.Errorf("%s imports %s (test %v): %q", test.importer, test.imported, test.test, complaint)
		}
	}
}

// An import cycle in the table would allow what the compiler forbids, and would hide an upward step.
func TestTableHasNoCycle(t *testing.T) {
	var visit func(name string, trail []string)
	visit = func(name string, trail []string) {
		if slices.Contains(trail, name) {
			t.Fatalf("cycle: %s", strings.Join(append(trail, name), " → "))
		}
		may, _ := rowFor(name)
		for _, next := range may {
			if !strings.Contains(next, "*") {
				visit(next, append(trail, name))
			}
		}
	}
	for _, row := range rule {
		visit(row.pkg, nil)
	}
}

func TestGlobalsJudgeConvicts(t *testing.T) {
	p := parsePackage(t, `package p
import "sync"
var lock sync.Mutex
var table = map[string]int{}
var count, fixed int
var names = []string{"a"}
var pointer *struct{ n int }
func f(names []string) {
	table["a"] = 1
	count++
	names[0] = "b"
	pointer.n = 2
	fixed := fixed
	fixed = 3
	_ = fixed
	take(&count)
}
`)
	got := strings.Join(stateInGlobals(p), "\n")
	for _, line := range []string{"p.go:3: lock", "p.go:9: table", "p.go:10: count", "p.go:12: pointer", "p.go:16: count"} {
		if !strings.Contains(got, line) {
			t.Errorf("%s is not convicted in:\n%s", line, got)
		}
	}
	if strings.Contains(got, "names") || strings.Contains(got, "fixed") {
		t.Errorf("convicts local variables:\n%s", got)
	}
}
