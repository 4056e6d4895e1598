package toolkit

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"

	"indaba/internal/bot/js"
)

// packages is the folder with the npm packages that "make toolkit" installs.
const packages = "../../../toolkit"

// open opens the suite, or skips the test where the packages are not installed; in CI that is a failure.
func open(t *testing.T, prelude string) *Suite {
	t.Helper()
	suite, err := Open(packages, prelude)
	if errors.Is(err, fs.ErrNotExist) && os.Getenv("CI") != "true" {
		t.Skip("toolkit/node_modules is missing: run \"make toolkit\"")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(suite.Close)
	return suite
}

// The toolkit's own tests, counted on Node.js 20: docs/spec/vumi-sandbox.md 16 A.
func TestToolkit(t *testing.T) {
	const wantPassed = 785
	suite := open(t, "")
	passed, other := 0, 0
	for _, file := range suite.Files {
		t.Run(file, func(t *testing.T) {
			cases, err := suite.Run(t.Context(), file, nil)
			if err != nil {
				other++
				t.Fatal(err)
			}
			for _, c := range cases {
				if c.Outcome == "passed" {
					passed++
					continue
				}
				other++
				t.Errorf("%s: %s: %s", c.Outcome, c.Title, c.Error)
			}
		})
	}
	if passed != wantPassed || other != 0 {
		t.Errorf("%d tests passed and %d did not, want %d and 0", passed, other, wantPassed)
	}
}

// echo answers each command with its own text.
type echo struct{ commands []string }

func (e *echo) Command(_ context.Context, cmd string, reply func(string)) error {
	var m map[string]any
	if err := json.Unmarshal([]byte(cmd), &m); err != nil {
		return err
	}
	e.commands = append(e.commands, m["cmd"].(string))
	m["reply"], m["success"], m["echo"] = true, true, m["text"]
	answer, err := json.Marshal(m)
	if err != nil {
		return err
	}
	reply(string(answer))
	return nil
}

// A prelude changes the modules that the tests load, and talks to the host.
func TestPrelude(t *testing.T) {
	suite := open(t, `
		var utils = require('vumigo_v02').utils;
		beforeEachFile = function () {
			describe('the prelude', function () {
				it('reaches the host', function () {
					return platform('probe.echo', {text: 'hello'}).then(function (reply) {
						if (reply.echo !== 'hello') { throw new Error(JSON.stringify(reply)); }
					});
				});
			});
		};
		utils.is_integer = function () { throw new Error('changed by the prelude'); };
		var load = testFiles['test/test_utils.js'];
		testFiles['test/test_utils.js'] = function () { beforeEachFile(); return load(); };`)
	host := new(echo)
	cases, err := suite.Run(t.Context(), "test/test_utils.js", host)
	if err != nil {
		t.Fatal(err)
	}
	if len(host.commands) != 1 || host.commands[0] != "probe.echo" || cases[0].Outcome != "passed" {
		t.Errorf("the host got %v and the first case is %+v", host.commands, cases[0])
	}
	changed := 0
	for _, c := range cases {
		if c.Outcome == "failed" && strings.Contains(c.Error, "changed by the prelude") {
			changed++
		}
	}
	if changed == 0 {
		t.Error("no test saw the function that the prelude changed")
	}
}

// A run that nobody reports for is an error, not an empty success.
func TestUnknownFile(t *testing.T) {
	suite := open(t, "")
	if cases, err := suite.Run(t.Context(), "test/missing.js", nil); err == nil {
		t.Errorf("a file that is not there gave %d cases", len(cases))
	}
}

var _ js.Host = (*echo)(nil)

// Without the packages, opening says so in a way that a test can skip on.
func TestWithoutPackages(t *testing.T) {
	if _, err := Open(t.TempDir(), ""); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an empty folder gave %v", err)
	}
}

// The lock file pins everything by hash and names no registry.
func TestLockFile(t *testing.T) {
	data, err := os.ReadFile(packages + "/package-lock.json")
	if err != nil {
		t.Fatal(err)
	}
	var lock struct {
		Packages map[string]struct{ Version, Integrity, Resolved string }
	}
	if err := json.Unmarshal(data, &lock); err != nil {
		t.Fatal(err)
	}
	if len(lock.Packages) < 20 {
		t.Errorf("the lock file has %d packages", len(lock.Packages))
	}
	for folder, p := range lock.Packages {
		if folder != "" && (p.Version == "" || p.Integrity == "" || p.Resolved != "") {
			t.Errorf("%s: version %q, integrity %q, resolved %q", folder, p.Version, p.Integrity, p.Resolved)
		}
	}
	if got := lock.Packages["node_modules/vumigo_v02"].Version; got != "0.3.2" {
		t.Errorf("the toolkit is at version %s", got)
	}
}
