package vumi_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
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
	Cases    []testCase `json:"cases"`
}

// testCase is one story. ${name} stands for a value: ${unique}, ${msisdn}, ${digits} (the number without its plus) and
// ${account} are there from the start, so is what the server gives (README.md), and steps save more. A case that uses a
// value which the server does not give is left out.
type testCase struct {
	Name    string   `json:"name"`
	Section string   `json:"section"` // when it is another than the file's
	Methods []string `json:"methods"` // of the client, that send what is sent here
	Steps   []step   `json:"steps"`
}

// step is a request and what must come back.
type step struct {
	Do            string            `json:"do"`     // METHOD path, as it stands on the wire; ^ begins one that is not the API's
	JSON          json.RawMessage   `json:"json"`   // body
	Raw           *string           `json:"raw"`    // body that is no JSON
	Fill          int               `json:"fill"`   // ${fill} is that many letters x
	Token         string            `json:"token"`  // main (when empty), other, narrow, bad, none, a scope
	Header        map[string]string `json:"header"` // of the request, instead of what is sent otherwise
	Authorization string            `json:"authorization"`
	Basic         string            `json:"basic"` // user:password, in place of a token
	Status        int               `json:"status"`
	Body          json.RawMessage   `json:"body"`    // pattern
	Text          *string           `json:"text"`    // body that is no JSON
	Bytes         *string           `json:"bytes"`   // the body to the letter, without a line feed at its end
	Lines         []json.RawMessage `json:"lines"`   // patterns that some line of a stream must match, each another
	First         int               `json:"first"`   // hang up after so many lines of a stream; -1: before any
	Headers       map[string]string `json:"headers"` // of the answer; empty: not there
	Save          map[string]string `json:"save"`    // name: member of the answer, data.0.key; ^ begins a header
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
	each(t, func(t *testing.T, s *server) {
		given := maps.Clone(s.given)
		given["account"] = s.accountKey(t)
		for name, file := range readCases(t) {
			t.Run(name, func(t *testing.T) {
				for _, c := range file.Cases {
					t.Run(c.Name, func(t *testing.T) { s.play(t, file, c, given) })
				}
			})
		}
	})
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
	for _, name := range c.wanted() {
		if _, known := vars[name]; !known {
			t.Skipf("the server gives no %s: set INDABA_CONFORMANCE_%s", name, strings.ToUpper(name))
		}
	}
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

// wanted returns the names of the values that a case does not make itself.
func (c testCase) wanted() (names []string) {
	made := map[string]bool{"token": true, "fill": true}
	for _, step := range c.Steps {
		text, err := json.Marshal(step)
		if err != nil {
			panic(err) // it was read from JSON
		}
		for _, match := range variable.FindAllStringSubmatch(string(text), -1) {
			if !made[match[1]] {
				names = append(names, match[1])
			}
		}
		for name := range step.Save {
			made[name] = true
		}
	}
	return names
}

// check does one step and says what is wrong with the answer.
func (s *server) check(t *testing.T, step step, vars map[string]string) string {
	t.Helper()
	if step.Fill > 0 {
		vars["fill"] = strings.Repeat("x", step.Fill)
	}
	status, header, body := s.send(t, step, vars)
	if status != step.Status {
		return fmt.Sprintf("status %d, want %d, body %s", status, step.Status, body)
	}
	for name, want := range step.Headers {
		if got := strings.Join(header.Values(name), " | "); got != expand(want, vars) {
			return name + " is " + got + ", want " + want
		}
	}
	if step.Text != nil && string(body) != *step.Text {
		return "body " + string(body) + ", want " + *step.Text
	}
	if step.Bytes != nil && strings.TrimSuffix(string(body), "\n") != expand(*step.Bytes, vars) {
		return "body " + string(body) + ", want to the letter " + expand(*step.Bytes, vars)
	}
	var answer any
	if step.Body != nil || len(step.Save) > 0 && len(body) > 0 {
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
		if field, ok := strings.CutPrefix(path, "^"); ok {
			vars[name] = header.Get(field)
		} else {
			vars[name] = pick(t, answer, path)
		}
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
		base, path = s.root(), rest
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
		r.Header.Set("Authorization",
			expand(strings.ReplaceAll(step.Authorization, "${token}", s.tokens[step.Token]), vars))
	case step.Token != "none":
		r.Header.Set("Authorization", "Bearer "+s.tokens[step.Token])
	}
	for name, value := range step.Header {
		r.Header.Set(name, expand(value, vars))
	}
	if step.First != 0 {
		return s.taste(t, r, max(step.First, 0))
	}
	return s.exchange(t, r)
}

// exchange sends a request and reads the whole answer.
func (s *server) exchange(t *testing.T, r *http.Request) (int, http.Header, []byte) {
	t.Helper()
	return s.read(t, r, io.ReadAll)
}

// taste sends a request, reads so many lines of the answer, and hangs up.
func (s *server) taste(t *testing.T, r *http.Request, lines int) (int, http.Header, []byte) {
	t.Helper()
	return s.read(t, r, func(from io.Reader) (text []byte, err error) {
		reader := bufio.NewReader(from)
		for range lines {
			line, err := reader.ReadBytes('\n')
			if text = append(text, line...); err != nil {
				return text, err
			}
		}
		return text, nil
	})
}

func (s *server) read(t *testing.T, r *http.Request, read func(io.Reader) ([]byte, error)) (int, http.Header, []byte) {
	t.Helper()
	answer, err := s.http.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }() // it was read as far as it is wanted
	body, err := read(answer.Body)
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
