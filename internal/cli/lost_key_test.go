package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"indaba/internal/db"
)

func TestLostKey(t *testing.T) {
	p := withAccount(t)
	var made struct{ Key string }
	p.object(&made, "channel", "create", "simulator", "--name", "phone", "--set", "secret=hunter2")
	p.must("bot", "create", "greeter")
	p.must("bot", "source", "set", "greeter", "script", "https://example.org/app.js")
	if text := p.must("lost-key"); text != "There are none.\n" {
		t.Errorf("with the right key: %s", text)
	}
	key := filepath.Join(p.data, "secret.key")
	server := begin(t, p.data, "--listen", "127.0.0.1:0", "serve")
	server.await("listening")
	right, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(key, []byte(strings.Repeat("0f", 32)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, command := range [][]string{{"serve"}, {"channel", "list"}, {"channel", "create", "simulator", "--name", "b", "--set", "secret=x"},
		{"bot", "list"}} {
		if r := p.run(command...); r.status != 1 || !strings.Contains(r.stderr, key+" is not the key") {
			t.Errorf("%v: status %d, %q", command, r.status, r.stderr)
		}
	}
	text := p.must("lost-key")
	if !strings.Contains(text, made.Key) || !strings.Contains(text, "phone") || !strings.Contains(text, "script") || !strings.Contains(text, "--give-up") {
		t.Errorf("got\n%s", text)
	}
	// A server that runs has the right key: nothing is lost then.
	if r := p.run("lost-key", "--give-up"); r.status != 1 || !strings.Contains(r.stderr, "another server is running") {
		t.Errorf("beside a server: status %d, %q", r.status, r.stderr)
	}
	server.signal(os.Interrupt)
	if status := server.end(); status != 0 {
		t.Errorf("the server ends with %d", status)
	}
	var lost []struct{ Kind, Name string }
	p.object(&lost, "lost-key", "--give-up")
	if len(lost) != 2 || lost[0].Kind != "channel" || lost[0].Name != "phone" || lost[1].Kind != "source" || lost[1].Name != "script" {
		t.Errorf("%+v", lost)
	}
	if list := p.must("channel", "list"); !strings.Contains(list, "off: settings given up") {
		t.Errorf("got\n%s", list)
	}
	if list := p.must("bot", "source", "list", "greeter"); list != "There are none.\n" {
		t.Errorf("got\n%s", list)
	}
	if shown := p.must("channel", "show", "phone"); !strings.Contains(shown, "indaba channel set") {
		t.Errorf("got\n%s", shown)
	}
	if r := p.run("channel", "enable", "phone"); r.status != 1 || !strings.Contains(r.stderr, "given up") {
		t.Errorf("status %d, %q", r.status, r.stderr)
	}
	p.must("channel", "set", "phone", "secret=hunter3")
	p.must("channel", "enable", "phone")
	if list := p.must("channel", "list"); !strings.Contains(list, " on") {
		t.Errorf("got\n%s", list)
	}
	if err := os.WriteFile(key, right, 0o600); err != nil {
		t.Fatal(err)
	}
	if r := p.run("channel", "list"); r.status != 1 {
		t.Errorf("the earlier key opens: %s", r.stdout)
	}
}

// In a database on which two keys were used, one channel that cannot be opened stops neither lists nor its own removal.
func TestChannelThatCannotBeOpened(t *testing.T) {
	p := withAccount(t)
	p.must("channel", "create", "simulator", "--name", "phone", "--set", "secret=hunter2")
	p.must("channel", "create", "simulator", "--name", "other", "--set", "secret=hunter2")
	p.must("router", "create", "keyword", "words")
	p.must("route", "link", "channel:phone", "router-in:words")
	d, err := db.Open(t.Context(), filepath.Join(p.data, "indaba.db"), db.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Exec(t.Context(), "UPDATE channel SET settings = 's1:AAAA' WHERE name = 'phone'"); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if list := p.must("channel", "list"); strings.Count(list, "settings cannot be opened") != 1 || !strings.Contains(list, "other") {
		t.Errorf("got\n%s", list)
	}
	if shown := p.must("channel", "show", "phone"); !strings.Contains(shown, "the secret key is not the one") || strings.Contains(shown, "http://") {
		t.Errorf("got\n%s", shown)
	}
	for _, command := range [][]string{{"message", "list"}, {"message", "list", "--channel", "phone"}, {"message", "export", "inbound", "--channel", "phone"},
		{"route", "list"}, {"route", "unlink", "channel:phone"}, {"channel", "rename", "phone", "line"}, {"channel", "disable", "line"}} {
		p.must(command...)
	}
	for _, command := range [][]string{{"channel", "enable", "line"}, {"channel", "set", "line", "secret=x"}} {
		if r := p.run(command...); r.status != 1 || !strings.Contains(r.stderr, "cannot be opened") {
			t.Errorf("%v: status %d, %q", command, r.status, r.stderr)
		}
	}
	p.must("channel", "remove", "line")
	if list := p.must("channel", "list"); strings.Contains(list, "line") || !strings.Contains(list, "other") {
		t.Errorf("got\n%s", list)
	}
}

// A bot's manifest has the name of the file of settings: commands work in the bot's own folder.
func TestCommandsInTheFolderOfABot(t *testing.T) {
	p := withAccount(t)
	t.Chdir(t.TempDir())
	if err := os.WriteFile("indaba.yaml", []byte("name: here\nscript: app.js\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("app.js", []byte("api.on_inbound_message = function() { this.done(); };\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.must("bot", "deploy", ".")
	if list := p.must("bot", "list"); !strings.Contains(list, "here") {
		t.Errorf("got\n%s", list)
	}
}
