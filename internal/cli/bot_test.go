package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"indaba/internal/channel/all"
)

const echo = "testdata/echo"

func TestBots(t *testing.T) {
	p := withAccount(t)
	var deployed struct {
		Key     string
		Version int64
	}
	p.object(&deployed, "bot", "deploy", echo)
	if deployed.Version != 1 {
		t.Fatalf("got %+v", deployed)
	}
	if text := p.must("bot", "deploy", echo); !strings.Contains(text, "nothing has changed") {
		t.Errorf("the same folder again: %s", text)
	}

	changed := t.TempDir()
	if err := os.CopyFS(changed, os.DirFS(echo)); err != nil {
		t.Fatal(err)
	}
	script, err := os.ReadFile(filepath.Join(changed, "app.js"))
	if err != nil {
		t.Fatal(err)
	}
	script = append(script, "// changed\n"...)
	if err := os.WriteFile(filepath.Join(changed, "app.js"), script, 0o644); err != nil {
		t.Fatal(err)
	}
	p.object(&deployed, "bot", "deploy", changed, "--bot", deployed.Key)
	if deployed.Version != 2 {
		t.Errorf("a changed folder is version %d", deployed.Version)
	}
	golden(t, "bot-show", p.must("bot", "show", "echo"))
	golden(t, "bot-list", p.must("bot", "list"))
	p.must("bot", "rollback", "echo")
	p.object(&deployed, "bot", "show", "echo")
	if deployed.Version != 1 {
		t.Errorf("after the rollback version %d answers", deployed.Version)
	}
	if r := p.run("bot", "rollback", "echo"); r.status != 1 || !strings.Contains(r.stderr, "no version before 1") {
		t.Errorf("one step too far: status %d, %q", r.status, r.stderr)
	}
	p.must("bot", "use", "echo", "2")
	if r := p.run("bot", "use", "echo", "3"); r.status != 1 || !strings.Contains(r.stderr, "no version 3") {
		t.Errorf("a version that is not there: status %d, %q", r.status, r.stderr)
	}
	for name, hint := range map[string]string{"echoo": "did you mean echo?", "other": "With --create"} {
		if r := p.run("bot", "deploy", echo, "--bot", name); r.status != 1 || !strings.Contains(r.stderr, "there is no bot "+name) ||
			!strings.Contains(r.stderr, hint) {
			t.Errorf("a slip of the pen: status %d, %q", r.status, r.stderr)
		}
		if list := p.must("bot", "list"); strings.Contains(list, name) {
			t.Errorf("--bot alone made a bot:\n%s", list)
		}
	}
	p.must("bot", "deploy", echo, "--bot", "other", "--create")
	if list := p.must("bot", "list"); !strings.Contains(list, "other") {
		t.Errorf("--create made no bot:\n%s", list)
	}
	if text := p.must("bot", "deploy", echo, "--bot", "other", "--create"); !strings.Contains(text, "nothing has changed") {
		t.Errorf("--create of one that is there: %s", text)
	}
	if r := p.run("bot", "deploy", echo, "--create"); r.status != 2 || !strings.Contains(r.stderr, "--bot") {
		t.Errorf("--create alone: status %d, %q", r.status, r.stderr)
	}
	if r := p.run("bot", "deploy", t.TempDir()); r.status != 1 || !strings.Contains(r.stderr, "holds no bot") {
		t.Errorf("an empty folder: status %d, %q", r.status, r.stderr)
	}
	if r := p.run("bot", "push", "echo", "+27821234567"); r.status != 1 || !strings.Contains(r.stderr, "cannot reach anybody") {
		t.Errorf("a push without a route: status %d, %q", r.status, r.stderr)
	}
}

func TestBotConfig(t *testing.T) {
	p := withAccount(t)
	p.must("bot", "deploy", echo)
	golden(t, "bot-config-list", p.must("bot", "config", "list", "echo"))
	file := filepath.Join(t.TempDir(), "translation")
	if err := os.WriteFile(file, []byte("{\"a\": \"b,c=d\"}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := p.runWith("from stdin\n", "bot", "config", "set", "echo", `config={"greeting": "Hi", "x": [1,2]}`, "t=@"+file, "s=-", "at=@@x"); r.status != 0 {
		t.Fatalf("status %d: %s", r.status, r.stderr)
	}
	var values map[string]struct{ Value, From string }
	p.object(&values, "bot", "config", "list", "echo")
	for key, want := range map[string]string{"config": `{"greeting": "Hi", "x": [1,2]}`, "t": `{"a": "b,c=d"}`, "s": "from stdin", "at": "@x"} {
		if got := values[key]; got.Value != want || got.From != "operator" {
			t.Errorf("%s is %+v, want %q", key, got, want)
		}
	}
	p.must("bot", "config", "unset", "echo", "config", "s")
	clear(values)
	p.object(&values, "bot", "config", "list", "echo")
	if _, there := values["s"]; there || values["config"].From != "version" {
		t.Errorf("after unset: %+v", values)
	}
	if r := p.run("bot", "config", "unset", "echo", "s"); r.status != 1 {
		t.Errorf("unset twice: status %d", r.status)
	}
	if audit := p.must("audit"); strings.Contains(audit, "from stdin") {
		t.Errorf("the audit log holds values:\n%s", audit)
	}
}

func TestChannelsAndRoutes(t *testing.T) {
	p := withAccount(t)
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("a-long-random-word\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	made := p.must("--public-url", "https://chat.example.org/", "channel", "create", "ussd/africastalking", "--name", "ussd",
		"--address", "*120*1#", "--set", "path_secret=@"+secret, "--set", "budget=2s")
	golden(t, "channel-create", made)
	shown := p.must("channel", "show", "ussd")
	golden(t, "channel-show", shown)
	if everything := shown + p.must("--json", "channel", "list") + p.must("audit"); strings.Contains(everything, "a-long-random-word") {
		t.Errorf("the secret is shown unasked:\n%s", everything)
	}
	if text := p.must("channel", "show", "ussd", "--reveal"); !strings.Contains(text, "/a-long-random-word\n") {
		t.Errorf("--reveal does not reveal:\n%s", text)
	}
	if text := p.must("channel", "set", "ussd", "budget=4s"); !strings.Contains(text, "4s") {
		t.Errorf("the setting was not changed:\n%s", text)
	}
	if text := p.must("channel", "show", "ussd", "--reveal"); !strings.Contains(text, "a-long-random-word") {
		t.Errorf("the other settings are gone:\n%s", text)
	}
	if r := p.run("channel", "set", "ussd", "budgte=4s"); r.status != 1 || !strings.Contains(r.stderr, `did you mean "budget"`) {
		t.Errorf("a misspelt setting: status %d, %q", r.status, r.stderr)
	}
	if text := p.must("channel", "disable", "ussd"); !strings.Contains(text, "off") {
		t.Errorf("got\n%s", text)
	}
	p.must("channel", "enable", "ussd")
	p.must("channel", "resume", "ussd")
	types := p.must("channel", "types")
	for _, channelType := range all.Types() {
		if !strings.Contains(types, "\n"+channelType.Name+" ") {
			t.Errorf("channel types does not list %s:\n%s", channelType.Name, types)
		}
		settings := p.must("channel", "types", channelType.Name)
		for _, setting := range channelType.Settings {
			if !strings.Contains(settings, "\n"+setting.Name+" ") {
				t.Errorf("channel types %s does not list %s:\n%s", channelType.Name, setting.Name, settings)
			}
		}
	}

	p.must("bot", "deploy", echo)
	p.must("router", "create", "keyword", "words", "--with", `{"keyword_endpoint_mapping": {"clinic": "clinics"}}`)
	golden(t, "router-list", p.must("router", "list"))
	p.must("route", "link", "channel:ussd", "router-in:words", "--both")
	p.must("route", "link", "router-out:words:clinics", "bot:echo", "--both")
	golden(t, "route-list", sortedLines(p.must("route", "list")))
	if r := p.run("route", "link", "bot:echo", "bot:echo"); r.status != 1 || !strings.Contains(r.stderr, "cannot be linked") {
		t.Errorf("a bot to a bot: status %d, %q", r.status, r.stderr)
	}
	p.must("route", "unlink", "channel:ussd")
	if r := p.run("route", "unlink", "channel:ussd"); r.status != 1 {
		t.Errorf("unlinked twice: status %d", r.status)
	}
	p.must("router", "delete", "words")
	if list := p.must("route", "list"); strings.Contains(list, "router") {
		t.Errorf("routes of a router that is gone:\n%s", list)
	}
}

// sortedLines makes the order of rows independent of random keys.
func sortedLines(text string) string {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	rows := lines[1:]
	for i := range rows {
		for j := i + 1; j < len(rows); j++ {
			if rows[j] < rows[i] {
				rows[i], rows[j] = rows[j], rows[i]
			}
		}
	}
	return strings.Join(lines, "\n") + "\n"
}
