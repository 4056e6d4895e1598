package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"indaba/internal/app"
	"indaba/internal/bot/bundle"
	"indaba/internal/config"
)

// botFolder writes a bot's folder with one script, whose manifest has further fields.
func botFolder(t *testing.T, script, fields string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"app.js": script, "indaba.yaml": "name: clinic\n" + fields + "\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const harmless = "api.on_inbound_message = function () { api.done(); };\n"

// What would leave nobody answering is refused with its place, and whatever answered before goes on.
func TestDeployRefusesWhatDoesNotLoad(t *testing.T) {
	p := withAccount(t)
	refused := func(dir, want string) {
		t.Helper()
		if r := p.run("bot", "deploy", dir); r.status != 1 || !strings.Contains(r.stderr, want) || r.stdout != "" {
			t.Errorf("status %d, %q %q, want %s", r.status, r.stdout, r.stderr, want)
		}
	}
	broken := botFolder(t, harmless+"var re = /(/;\n", "script: app.js")
	refused(broken, "app.js:2:")
	if list := p.must("bot", "list"); strings.Contains(list, "clinic") {
		t.Errorf("a bot was made for what does not load:\n%s", list)
	}
	p.must("bot", "deploy", botFolder(t, harmless, "script: app.js"))
	refused(broken, "app.js:2:")
	refused(botFolder(t, harmless+"return;\n", "script: app.js"), "app.js:2:")
	refused(botFolder(t, harmless, "script: app.js\nallow_hosts: ['https://api.example.org']"), `"https://api.example.org" is no host`)
	refused(botFolder(t, harmless, "script: app.js\napp_context: '{x: null.x}'"), "app_context:1:")
	refused(botFolder(t, harmless, "script: app.js\nlimits: {cpu_ms: 100}\napp_context: '(function () { for (;;); })()'"), "app_context took more than 100ms")
	refused(botFolder(t, harmless, "script: /app.js"), "/app.js leads out of the bot's folder")
	var shown struct{ Version int64 }
	if p.object(&shown, "bot", "show", "clinic"); shown.Version != 1 {
		t.Errorf("version %d answers", shown.Version)
	}
}

// A version of an older server that does not load any more is not switched to.
func TestUseRefusesWhatDoesNotLoad(t *testing.T) {
	p := withAccount(t)
	p.must("bot", "deploy", botFolder(t, harmless, "script: app.js"))
	c := config.Default()
	c.Data = p.data
	a, err := app.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	var shown struct {
		Key     string
		Version int64
	}
	p.object(&shown, "bot", "show", "clinic")
	var accounts []struct{ Key string }
	p.object(&accounts, "account", "list")
	program, err := bundle.FromScript("var re = /(/;", "app.js", bundle.Settings{}, "", bundle.Options{})
	if err == nil {
		_, err = a.Bots.Deploy(t.Context(), accounts[0].Key, shown.Key, program)
	}
	if err == nil {
		err = a.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	p.must("bot", "rollback", "clinic")
	if r := p.run("bot", "use", "clinic", "2"); r.status != 1 || !strings.Contains(r.stderr, "app.js:1:") {
		t.Errorf("status %d, %q", r.status, r.stderr)
	}
	if p.object(&shown, "bot", "show", "clinic"); shown.Version != 1 {
		t.Errorf("version %d answers", shown.Version)
	}
}

// What does not load is no conversation that fails: nothing is played.
func TestBotTestRefusesWhatDoesNotLoad(t *testing.T) {
	p := withAccount(t)
	dir := botFolder(t, harmless+"var re = /(/;\n", "script: app.js")
	script := "conversations:\n  - name: greets\n    steps: [{user: hello}, {bot: hello}]\n"
	if err := os.WriteFile(filepath.Join(dir, "a.conv.yaml"), []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := p.run("bot", "test", dir); r.status != 1 || !strings.Contains(r.stderr, "app.js:2:") || strings.Contains(r.stdout, "FAIL") {
		t.Errorf("status %d, %q %q", r.status, r.stdout, r.stderr)
	}
}
