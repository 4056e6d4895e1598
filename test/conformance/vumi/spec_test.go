package vumi_test

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The contract as it is written is the list of what there must be tests for.

// section returns a chapter of docs/spec/vumi-http.md, such as "15", without those below it.
func section(t *testing.T, number string) string {
	t.Helper()
	text, err := os.ReadFile("../../../docs/spec/vumi-http.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range regexp.MustCompile(`(?m)^#+ `).Split(string(text), -1) {
		if head, rest, _ := strings.Cut(part, "\n"); strings.HasPrefix(head, number+" ") || strings.HasPrefix(head, number+". ") {
			return rest
		}
	}
	t.Fatalf("the contract has no section %s", number)
	return ""
}

// endpoint is one method on one path of the URL map.
type endpoint struct {
	method, path string
	scope        string // of the bearer token; empty: a conversation's own credentials
}

func (e endpoint) String() string { return e.method + " " + e.path }

// endpoints returns the URL map of the contract.
func endpoints(t *testing.T) (all []endpoint) {
	t.Helper()
	row := regexp.MustCompile("(?m)^\\| `(/[^`]+)` \\| ([A-Z, ]+) \\| (?:`(\\w+)`)?")
	for _, match := range row.FindAllStringSubmatch(section(t, "1"), -1) {
		for method := range strings.SplitSeq(match[2], ", ") {
			all = append(all, endpoint{strings.TrimSpace(method), match[1], match[3]})
		}
	}
	if len(all) < 25 {
		t.Fatalf("the URL map cannot be read: %v", all)
	}
	return all
}

func TestEveryEndpointHasACaseFile(t *testing.T) {
	files := map[string]bool{}
	for name, file := range readCases(t) {
		if files[file.Endpoint] {
			t.Errorf("%s: another file is about %s too", name, file.Endpoint)
		}
		files[file.Endpoint] = true
		for _, c := range file.Cases {
			if len(c.Steps) == 0 {
				t.Errorf("%s: the case %q does nothing", name, c.Name)
			}
		}
	}
	for _, e := range endpoints(t) {
		if !files[e.String()] {
			t.Errorf("no file of cases is about %s", e)
		}
		delete(files, e.String())
	}
	delete(files, "GET ^/health/")
	if len(files) > 0 {
		t.Errorf("not in the URL map: %v", slices.Sorted(maps.Keys(files)))
	}
}

func TestCasesCiteSections(t *testing.T) {
	for name, file := range readCases(t) {
		cited := file.Section
		for _, c := range file.Cases {
			if c.Section != "" {
				cited += ", " + c.Section
			}
		}
		for number := range strings.SplitSeq(cited, ", ") {
			if section(t, number) == "" {
				t.Errorf("%s: section %s is empty", name, number)
			}
		}
	}
}

// sameNames compares the tests of a table with what the contract lists.
func sameNames[T any](t *testing.T, tests map[string]T, listed []string) {
	t.Helper()
	have := slices.Sorted(maps.Keys(tests))
	slices.Sort(listed)
	if !slices.Equal(have, listed) {
		t.Errorf("there are tests for\n%s\nand the contract lists\n%s", strings.Join(have, "\n"), strings.Join(listed, "\n"))
	}
}

// columns returns the first matches of an expression.
func columns(expression, text string) (found []string) {
	for _, match := range regexp.MustCompile(expression).FindAllStringSubmatch(text, -1) {
		found = append(found, match[1])
	}
	return found
}
