package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Every linter finds its fault in testdata/faults: an upgrade that silently switches one off fails here.
func TestEveryLinterFindsItsFault(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "lint")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	lint := exec.Command(binary, "-f", "json", "./...")
	lint.Dir = filepath.Join("testdata", "faults")
	out, err := lint.Output()
	if failed := (*exec.ExitError)(nil); !errors.As(err, &failed) {
		t.Fatalf("lint passes a package full of faults: %v", err)
	} else if len(failed.Stderr) > 0 {
		t.Fatalf("lint complains: %s", failed.Stderr)
	}
	found := map[int][]string{}
	decoder := json.NewDecoder(strings.NewReader(string(out)))
	for decoder.More() {
		var finding struct {
			Code     string
			Location struct{ Line int }
		}
		if err := decoder.Decode(&finding); err != nil {
			t.Fatal(err)
		}
		found[finding.Location.Line] = append(found[finding.Location.Line], finding.Code)
	}
	compare(t, found)
}

// compare checks the findings against the comments "// want: CODE CODE" in the faults.
func compare(t *testing.T, found map[int][]string) {
	t.Helper()
	file, err := os.Open(filepath.Join("testdata", "faults", "faults.go"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }() // read only
	lines := bufio.NewScanner(file)
	for line := 1; lines.Scan(); line++ {
		_, wants, _ := strings.Cut(lines.Text(), "// want: ")
		want, got := strings.Fields(wants), slices.Compact(slices.Sorted(slices.Values(found[line])))
		if slices.Sort(want); !slices.Equal(got, want) {
			t.Errorf("line %d: found %v, want %v", line, got, want)
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
}
