package archtest

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Every library that is imported has a line in docs/decisions/dependencies.md, and every line has an importer.
func TestDependenciesAreExplained(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "decisions", "dependencies.md"))
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{} // by listed module
	for _, match := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\|").FindAllStringSubmatch(string(text), -1) {
		used[match[1]] = false
	}
	if len(used) == 0 {
		t.Fatal("the table has no line that this test understands")
	}
	for _, p := range packages(t) {
		for _, f := range p.files {
			for _, imported := range f.imports() {
				if !strings.Contains(imported, ".") {
					continue
				}
				if module := moduleOf(imported, used); module != "" {
					used[module] = true
				} else {
					t.Errorf("%s imports %s: say in docs/decisions/dependencies.md what for, and why this one", f.path, imported)
				}
			}
		}
	}
	for module, ok := range used {
		if !ok {
			t.Errorf("docs/decisions/dependencies.md lists %s, which nothing imports", module)
		}
	}
}

// moduleOf returns the listed module that a package belongs to, or nothing.
func moduleOf(imported string, listed map[string]bool) string {
	for module := range listed {
		if imported == module || strings.HasPrefix(imported, module+"/") {
			return module
		}
	}
	return ""
}
