package vumi_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Python's own JSON, percent-encoding and kept-alive connections get along with the server. The project promises only Go
// and Node, in CI too, so that this is left out where there is no Python.
func TestPython(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not installed: what client.py shows is not checked")
	}
	each(t, func(t *testing.T, s *server) { s.python(t, python, "client.py") })
}

// The client itself works, where it is installed. In CI too this is left out where it is not: its registry is none that
// the project promises.
func TestGoHTTP(t *testing.T) {
	python := goHTTP(t)
	each(t, func(t *testing.T, s *server) { s.python(t, python, "go_http_client.py") })
}

// goHTTP returns a Python that has the client, or skips the test. The client was written for Python 2: only there all of
// it works.
func goHTTP(t *testing.T) string {
	t.Helper()
	names := []string{"python2.7", "python2", "python3"}
	named := os.Getenv("INDABA_TEST_PYTHON")
	if named != "" {
		names = []string{named}
	}
	for _, name := range names {
		output, err := exec.CommandContext(t.Context(), name, "-c", "import go_http.account, go_http.exceptions, go_http.optouts").CombinedOutput()
		if err == nil {
			return name
		}
		if named != "" {
			t.Fatalf("INDABA_TEST_PYTHON cannot import go_http: %v\n%s", err, output)
		}
	}
	t.Skipf("none of %s can import go_http: what go_http_client.py shows is not checked. Install it there, or name a Python "+
		"that has it by INDABA_TEST_PYTHON", strings.Join(names, ", "))
	return ""
}

// python runs a script, which prints a line for each check.
func (s *server) python(t *testing.T, python, script string) {
	t.Helper()
	command := exec.CommandContext(t.Context(), python, script)
	command.Env = append(os.Environ(), "INDABA_URL="+s.url, "INDABA_TOKEN="+s.tokens["main"])
	if s.given["conversation"] != "" {
		command.Env = append(command.Env, "INDABA_CONVERSATION="+s.given["conversation"], "INDABA_SECRET="+s.given["secret"],
			"INDABA_STORE="+s.given["store"])
	}
	output, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	t.Logf("%s", output)
}
