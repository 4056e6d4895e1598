package vumi_test

import (
	"os"
	"os/exec"
	"testing"
)

// Python's own JSON, percent-encoding and kept-alive connections get along with the server. The project promises only Go
// and Node, in CI too, so that this is left out where there is no Python.
func TestPython(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not installed: what client.py shows is not checked")
	}
	each(t, func(t *testing.T, s *server) {
		command := exec.CommandContext(t.Context(), python, "client.py")
		command.Env = append(os.Environ(), "INDABA_URL="+s.url, "INDABA_TOKEN="+s.tokens["main"])
		if s.given["conversation"] != "" {
			command.Env = append(command.Env, "INDABA_CONVERSATION="+s.given["conversation"], "INDABA_SECRET="+s.given["secret"])
		}
		if output, err := command.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, output)
		}
	})
}
