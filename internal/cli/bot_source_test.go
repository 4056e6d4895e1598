package cli_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

func TestSourcesOfBots(t *testing.T) {
	var script, value atomic.Value
	script.Store("api.on_unknown_command = function() { this.done(); };")
	value.Store(`{"name": "clinic"}`)
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, password, _ := r.BasicAuth(); password != "hunter2" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		text := &script
		if strings.HasSuffix(r.URL.Path, ".json") {
			text = &value
		}
		_, _ = io.WriteString(w, text.Load().(string))
	}))
	t.Cleanup(site.Close)
	address := "http://me:hunter2@" + strings.TrimPrefix(site.URL, "http://")
	p := withAccount(t)
	p.must("bot", "create", "clinic")
	reload := []string{"--egress-allow-hosts", "127.0.0.1", "bot", "source", "reload", "clinic"}

	if r := p.run(reload...); r.status != 1 || !strings.Contains(r.stderr, "has no sources") {
		t.Errorf("without sources: status %d, %q", r.status, r.stderr)
	}
	file := filepath.Join(t.TempDir(), "url")
	if err := os.WriteFile(file, []byte(address+"/app.js\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.must("bot", "source", "set", "clinic", "script", "@"+file)
	if r := p.runWith(address+"/config.json?key=hunter3\n", "bot", "source", "set", "clinic", "config:config", "-"); r.status != 0 {
		t.Fatal(r.stderr)
	}
	shown := p.must("bot", "source", "list", "clinic") + p.must("--json", "bot", "source", "list", "clinic") + p.must("audit")
	if strings.Contains(shown, "hunter") || !strings.Contains(shown, "config:config") || !strings.Contains(shown, "bot.source") {
		t.Errorf("got\n%s", shown)
	}
	if text := p.must("bot", "source", "list", "clinic", "--reveal"); !strings.Contains(text, "hunter2") || !strings.Contains(text, "hunter3") {
		t.Errorf("--reveal shows\n%s", text)
	}

	if r := p.run("bot", "source", "reload", "clinic"); r.status != 1 || !strings.Contains(r.stderr, "egress_allow_hosts") {
		t.Errorf("a private address: status %d, %q", r.status, r.stderr)
	}
	if text := p.must(reload...); text != "Bot clinic: version 1 now answers; config changed.\n" {
		t.Errorf("got %q", text)
	}
	if text := p.must(reload...); text != "Bot clinic: nothing has changed.\n" {
		t.Errorf("got %q", text)
	}
	script.Store("api.on_unknown_command = function() { return this.done(); };")
	var done struct {
		Version  int
		Deployed bool
		Changed  []string
	}
	p.object(&done, reload...)
	if done.Version != 2 || !done.Deployed || done.Changed == nil || len(done.Changed) != 0 {
		t.Errorf("got %+v", done)
	}
	value.Store(`[]`)
	if r := p.run(reload...); r.status != 1 || !strings.Contains(r.stderr, "config:config: the value of config must be a JSON object") ||
		strings.Contains(r.stderr, "hunter") {
		t.Errorf("a value that does not do: status %d, %q", r.status, r.stderr)
	}
	p.must("bot", "source", "unset", "clinic", "config:config")
	if text := p.must(reload...); text != "Bot clinic: nothing has changed.\n" {
		t.Errorf("got %q", text)
	}
	if r := p.run("bot", "source", "unset", "clinic", "config:config"); r.status != 1 || !strings.Contains(r.stderr, "no source of config:config") {
		t.Errorf("to forget twice: status %d, %q", r.status, r.stderr)
	}
	if text := p.must("bot", "config", "get", "clinic", "config"); text != `{"name": "clinic"}`+"\n" {
		t.Errorf("what was fetched is gone with its source: %q", text)
	}
}
