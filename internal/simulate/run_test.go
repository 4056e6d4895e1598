package simulate_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"indaba/internal/bot/bundle"
	"indaba/internal/simulate"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares a text with a file of testdata/golden. Times differ from run to run.
func golden(t *testing.T, name, got string) {
	t.Helper()
	got = regexp.MustCompile(`\d+\.\d\ds\)`).ReplaceAllString(got, "0.00s)")
	path := filepath.Join("testdata", "golden", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if want := read(t, path); got != want {
		t.Errorf("%s differs (run with -update and look at the changes):\n%s", path, got)
	}
}

func read(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// folder makes a bot's folder of the program in testdata/bare and a script.
func folder(t testing.TB, script string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"bot.conv.yaml": script, "indaba.yaml": read(t, "testdata/bare/indaba.yaml"),
		"app.js": read(t, "testdata/bare/app.js")} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestConversationsThatPass(t *testing.T) {
	var out bytes.Buffer
	report, err := simulate.Test(t.Context(), simulate.TestOptions{Dir: "testdata/bare", Verbose: true}, &out)
	if err != nil {
		t.Fatal(err)
	}
	if !report.OK() || report.Conversations != 6 || report.Files != 1 || report.Elapsed <= 0 {
		t.Errorf("report %+v", report)
	}
	golden(t, "pass.txt", out.String())
}

// Each conversation of the script goes wrong in a way of its own.
func TestFailuresExplainThemselves(t *testing.T) {
	var out bytes.Buffer
	dir := folder(t, read(t, "testdata/failures.conv.yaml"))
	report, err := simulate.Test(t.Context(), simulate.TestOptions{Dir: dir}, &out)
	if err != nil {
		t.Fatal(err)
	}
	if report.OK() || report.Failed != report.Conversations {
		t.Errorf("some did not fail: %+v", report)
	}
	golden(t, "failures.txt", out.String())
}

func TestFilter(t *testing.T) {
	var out bytes.Buffer
	report, err := simulate.Test(t.Context(), simulate.TestOptions{Dir: "testdata/bare", Filter: "is known"}, &out)
	if err != nil || report.Conversations != 1 {
		t.Errorf("%+v, %v", report, err)
	}
	if _, err := simulate.Test(t.Context(), simulate.TestOptions{Dir: "testdata/bare", Filter: "nothing"}, &out); err == nil {
		t.Error("a filter that fits nothing passed")
	}
}

func TestUpdateKeepsTheRest(t *testing.T) {
	dir := folder(t, read(t, "testdata/update.conv.yaml"))
	var out bytes.Buffer
	report, err := simulate.Test(t.Context(), simulate.TestOptions{Dir: dir, Update: true}, &out)
	if err != nil || !report.OK() || report.Updated == 0 {
		t.Fatalf("%+v, %v\n%s", report, err, out.String())
	}
	golden(t, "updated.conv.yaml", read(t, filepath.Join(dir, "bot.conv.yaml")))
	again, err := simulate.Test(t.Context(), simulate.TestOptions{Dir: dir}, &out)
	if err != nil || !again.OK() {
		t.Errorf("the updated script does not pass: %+v, %v\n%s", again, err, out.String())
	}
}

// A run that is given up leaves nothing behind.
func TestCanceled(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	ctx, cancel := context.WithCancel(t.Context())
	out := &trigger{word: "FAIL", fire: cancel}
	_, err := simulate.Test(ctx, simulate.TestOptions{Dir: folder(t, read(t, "testdata/failures.conv.yaml"))}, out)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "indaba-test-*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// A trigger is a writer that fires when it sees a word.
type trigger struct {
	word string
	fire func()
}

func (w *trigger) Write(text []byte) (int, error) {
	if bytes.Contains(text, []byte(w.word)) {
		w.fire()
	}
	return len(text), nil
}

func TestNoScripts(t *testing.T) {
	_, err := simulate.Test(t.Context(), simulate.TestOptions{Dir: t.TempDir()}, &bytes.Buffer{})
	if err == nil || !strings.Contains(err.Error(), "no conversation scripts") {
		t.Error(err)
	}
}

// BenchmarkConversations plays conversations of three inputs with a bot without a toolkit.
func BenchmarkConversations(b *testing.B) {
	var script strings.Builder
	script.WriteString("conversations:\n")
	for i := range b.N {
		script.WriteString("- {name: '" + strings.Repeat("x", i+1) + "', steps: [dial, bot: {match: ^Welcome}, user: 1, bot: {match: name}, hangup]}\n")
	}
	dir := folder(b, script.String())
	b.ResetTimer()
	var out bytes.Buffer
	if report, err := simulate.Test(b.Context(), simulate.TestOptions{Dir: dir}, &out); err != nil || !report.OK() {
		b.Fatal(err, out.String())
	}
}

// An app on the toolkit, as most are.
func TestToolkit(t *testing.T) {
	if _, err := bundle.BuiltinSet(); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	var out bytes.Buffer
	report, err := simulate.Test(t.Context(), simulate.TestOptions{Dir: "testdata/toolkit"}, &out)
	if err != nil || !report.OK() || report.Conversations != 2 {
		t.Errorf("%+v, %v\n%s", report, err, out.String())
	}
}
