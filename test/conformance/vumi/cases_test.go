package vumi_test

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// caseFile is one file of cases/: what is checked of one endpoint.
type caseFile struct {
	Endpoint string     `json:"endpoint"` // METHOD /path below the API's URL
	Section  string     `json:"section"`  // of docs/spec/vumi-http.md
	Needs    string     `json:"needs"`    // a value that not every server under test gives
	Cases    []testCase `json:"cases"`
}

// testCase is one story. ${name} stands for a saved value; ${unique}, ${msisdn}, ${digits} (the number
// without its plus) and ${account} are there from the start, and what the server gives
// for conversations: ${conversation} and ${stream}, one of each type, ${secret}, their token, and ${jsbox}, a bot of another
// kind.
type testCase struct {
	Name    string   `json:"name"`
	Section string   `json:"section"` // when it is another than the file's
	Methods []string `json:"methods"` // of the client, that send what is sent here
	Steps   []step   `json:"steps"`
}

// step is a request and what must come back.
type step struct {
	Do            string            `json:"do"`    // METHOD path, as it stands on the wire
	JSON          json.RawMessage   `json:"json"`  // body
	Raw           *string           `json:"raw"`   // body that is no JSON
	Token         string            `json:"token"` // main (when empty), other, narrow, bad, none
	Authorization string            `json:"authorization"`
	Basic         string            `json:"basic"` // user:password, in place of a token
	Status        int               `json:"status"`
	Body          json.RawMessage   `json:"body"`  // pattern
	Text          *string           `json:"text"`  // body that is no JSON
	Lines         []json.RawMessage `json:"lines"` // patterns that some line of a stream must match, each another
	Headers       map[string]string `json:"headers"`
	Save          map[string]string `json:"save"` // name: member of the answer, data.0.key
}

func readCases(t *testing.T) map[string]caseFile {
	t.Helper()
	files := map[string]caseFile{}
	paths, err := filepath.Glob("cases/*.json")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.DisallowUnknownFields()
		var file caseFile
		if err := decoder.Decode(&file); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		files[strings.TrimSuffix(filepath.Base(path), ".json")] = file
	}
	return files
}

func TestCases(t *testing.T) {
	s := target(t)
	given := maps.Clone(s.given)
	given["account"] = s.accountKey(t)
	for name, file := range readCases(t) {
		t.Run(name, func(t *testing.T) {
			if _, ok := given[file.Needs]; !ok && file.Needs != "" {
				t.Skipf("no %s is given", file.Needs)
			}
			for _, c := range file.Cases {
				t.Run(c.Name, func(t *testing.T) { s.play(t, file, c, given) })
			}
		})
	}
}

// play runs the steps of a case.
func (s *server) play(t *testing.T, file caseFile, c testCase, given map[string]string) {
	t.Helper()
	section := c.Section
	if section == "" {
		section = file.Section
	}
	vars := maps.Clone(given)
	vars["unique"], vars["msisdn"] = unique(), number()
	vars["digits"] = vars["msisdn"][1:] // for queries, where a plus is a space
	for i, step := range c.Steps {
		if step.Token == "" {
			step.Token = "main"
		}
		if _, known := s.tokens[step.Token]; !known && step.Token != "none" {
			t.Skipf("no token for the part %q is given", step.Token)
		}
		if wrong := s.check(t, step, vars); wrong != "" {
			t.Fatalf("step %d, %s: %s (docs/spec/vumi-http.md %s)", i+1, step.Do, wrong, section)
		}
	}
}

// check does one step and says what is wrong with the answer.
func (s *server) check(t *testing.T, step step, vars map[string]string) string {
	t.Helper()
	status, header, body := s.send(t, step, vars)
	if status != step.Status {
		return "status " + http.StatusText(status) + ", body " + string(body)
	}
	for name, want := range step.Headers {
		if got := strings.Join(header.Values(name), " | "); got != want {
			return name + " is " + got + ", want " + want
		}
	}
	if step.Text != nil && string(body) != *step.Text {
		return "body " + string(body) + ", want " + *step.Text
	}
	var answer any
	if step.Body != nil || len(step.Save) > 0 {
		if err := json.Unmarshal(body, &answer); err != nil {
			return "the body is not JSON: " + string(body)
		}
	}
	if step.Body != nil {
		if wrong := mismatch("body", substitute(t, step.Body, vars), answer); wrong != "" {
			return wrong
		}
	}
	if wrong := checkLines(t, step.Lines, body, vars); wrong != "" {
		return wrong
	}
	for name, path := range step.Save {
		vars[name] = pick(t, answer, path)
	}
	return ""
}

// send makes the request of a step.
func (s *server) send(t *testing.T, step step, vars map[string]string) (int, http.Header, []byte) {
	t.Helper()
	method, path, _ := strings.Cut(step.Do, " ")
	var body io.Reader = http.NoBody
	if step.JSON != nil {
		body = strings.NewReader(expand(string(step.JSON), vars))
	}
	if step.Raw != nil {
		body = strings.NewReader(expand(*step.Raw, vars))
	}
	base := s.url
	if rest, outside := strings.CutPrefix(path, "^"); outside { // not below the API's URL
		base, path = strings.TrimSuffix(s.url, "/api/v1/go"), rest
	}
	r, err := http.NewRequestWithContext(t.Context(), method, base+expand(path, vars), body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json; charset=utf-8")
	user, password, _ := strings.Cut(expand(step.Basic, vars), ":")
	switch {
	case step.Basic != "":
		r.SetBasicAuth(user, password)
	case step.Authorization != "":
		r.Header.Set("Authorization", strings.ReplaceAll(step.Authorization, "${token}", s.tokens[step.Token]))
	case step.Token != "none":
		r.Header.Set("Authorization", "Bearer "+s.tokens[step.Token])
	}
	return s.exchange(t, r)
}

func (s *server) exchange(t *testing.T, r *http.Request) (int, http.Header, []byte) {
	t.Helper()
	answer, err := s.http.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }() // it was read to its end
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, answer.Header, body
}

// checkLines wants for each pattern a line of its own.
func checkLines(t *testing.T, patterns []json.RawMessage, body []byte, vars map[string]string) string {
	t.Helper()
	if patterns == nil {
		return ""
	}
	lines := []any{}
	for line := range strings.Lines(string(body)) {
		var value any
		if !strings.HasSuffix(line, "\n") || json.Unmarshal([]byte(line), &value) != nil {
			return "this is no line of JSON: " + line
		}
		lines = append(lines, value)
	}
	var want []any
	for _, pattern := range patterns {
		want = append(want, substitute(t, pattern, vars))
	}
	return mismatchSet("the stream", want, lines, false)
}

var variable = regexp.MustCompile(`\$\{(\w+)\}`)

func expand(text string, vars map[string]string) string {
	return variable.ReplaceAllStringFunc(text, func(match string) string {
		if value, ok := vars[match[2:len(match)-1]]; ok {
			return value
		}
		return match
	})
}

func substitute(t *testing.T, pattern json.RawMessage, vars map[string]string) (value any) {
	t.Helper()
	if err := json.Unmarshal([]byte(expand(string(pattern), vars)), &value); err != nil {
		t.Fatalf("pattern %s: %v", pattern, err)
	}
	return value
}

// pick returns the text at a path such as data.0.key.
func pick(t *testing.T, value any, path string) string {
	t.Helper()
	for _, part := range strings.Split(path, ".") {
		switch inside := value.(type) {
		case map[string]any:
			value = inside[part]
		case []any:
			value = inside[int(part[0]-'0')]
		}
	}
	text, ok := value.(string)
	if !ok {
		t.Fatalf("%s is %s, not a text", path, show(value))
	}
	return text
}

// accountKey asks the server whose token this is.
func (s *server) accountKey(t *testing.T) string {
	t.Helper()
	_, _, body := s.send(t, step{Do: "POST /api/", Token: "main",
		JSON: json.RawMessage(`{"jsonrpc": "2.0", "id": 0, "method": "campaigns", "params": []}`)}, nil)
	var answer any
	if err := json.Unmarshal(body, &answer); err != nil {
		t.Fatalf("campaigns: %s", body)
	}
	return pick(t, answer, "result.0.key")
}
