package cli_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"indaba/internal/bot/bundle"
	"indaba/internal/core"
)

// facts are what the file of --ready promises.
type facts struct {
	URL      string
	Account  struct{ Key string }
	Token    string
	Admin    struct{ Email, Password string }
	Channels []struct{ Key, Name, Type, Address, Webhook, Secret string }
	Bots     []struct{ Key, Name, Kind, Token, Type, URL string }
}

// startDemo starts the demonstration and returns what the ready file says.
func startDemo(t *testing.T, data string) (*process, facts) {
	t.Helper()
	ready := filepath.Join(t.TempDir(), "ready.json")
	server := begin(t, data, "--listen", "127.0.0.1:0", "demo", "--ready", ready)
	server.await("Stop with Ctrl-C")
	info, err := os.Stat(ready)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the ready file has mode %v", info.Mode())
	}
	text, err := os.ReadFile(ready)
	if err != nil {
		t.Fatal(err)
	}
	var f facts
	if err := json.Unmarshal(text, &f); err != nil {
		t.Fatal(err)
	}
	return server, f
}

func TestDemo(t *testing.T) {
	data := filepath.Join(t.TempDir(), "demo")
	server, first := startDemo(t, data)
	if status, _ := get(t, first.URL+"/readyz"); status != http.StatusOK {
		t.Errorf("readyz answers %d", status)
	}
	if first.Token == "" || first.Admin.Password == "" || len(first.Channels) != 5 {
		t.Errorf("got %+v", first)
	}
	_, err := bundle.BuiltinSet()
	withBots := core.KindOf(err) != core.NotFound
	if withBots {
		register(t, server, data, first)
	} else {
		if os.Getenv("CI") != "" {
			t.Error("in CI the built-in packages must be there")
		}
		server.await("make toolkit")
	}
	server.signal(syscall.SIGTERM)
	if status := server.end(); status != 0 {
		t.Errorf("stopped with %d", status)
	}

	server, second := startDemo(t, data)
	for i := range first.Channels { // the port is another one
		first.Channels[i].Webhook = strings.Replace(first.Channels[i].Webhook, first.URL, second.URL, 1)
	}
	for i := range first.Bots {
		first.Bots[i].URL = strings.Replace(first.Bots[i].URL, first.URL, second.URL, 1)
	}
	first.URL = second.URL
	if !reflect.DeepEqual(first, second) {
		t.Errorf("the second start has\n%+v\nthe first had\n%+v", second, first)
	}
	if withBots {
		if got := redial(t, second.Channels[0].Webhook, "later", ""); !strings.HasPrefix(got, "CON Hello Thandi.") {
			t.Errorf("after the restart the bot says %q", got)
		}
	}
	server.signal(syscall.SIGTERM)
	server.end()
}

// redial repeats a step, as a gateway does, while a slow machine leaves the bot no time to answer.
func redial(t *testing.T, webhook, session, text string) (answer string) {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		if answer = dial(t, webhook, session, text); !strings.HasPrefix(answer, "END We cannot answer right now") {
			break
		}
	}
	return answer
}

// register walks through a registration as the printed lines say.
func register(t *testing.T, server *process, data string, f facts) {
	t.Helper()
	text := ""
	for _, step := range []struct{ input, want string }{
		{"", "CON Welcome to MamaLine."}, {"1", "CON MamaLine sends"}, {"1", "CON What is your name?"},
		{"Thandi", "CON Are you pregnant"}, {"1", "CON In which month"}, {"2", "CON Type the 6-digit code"},
		{"999999", "CON There is no clinic"}, {"123456", "END Thank you, Thandi. Your clinic is Zola Clinic."},
	} {
		text = strings.TrimPrefix(text+"*"+step.input, "*")
		if got := redial(t, f.Channels[0].Webhook, "first", text); !strings.HasPrefix(got, step.want) {
			written, _ := server.out.read()
			t.Fatalf("%q: got %q, want %q\n%s", text, got, step.want, written)
		}
	}
	p := indaba{t, data}
	if list := p.must("message", "list"); !strings.Contains(list, "sms-simulator") {
		t.Errorf("no SMS was sent:\n%s", list)
	}
	if _, err := os.Stat(filepath.Join(data, "bots", "registration", "indaba.yaml")); err != nil {
		t.Error(err)
	}
	if text := p.must("bot", "deploy", filepath.Join(data, "bots", "registration")); !strings.Contains(text, "nothing has changed") {
		t.Errorf("deployed as printed: %s", text)
	}
}

func TestDemoLeavesOtherDataAlone(t *testing.T) {
	p := withAccount(t)
	before := p.must("audit")
	server := begin(t, p.data, "--listen", "127.0.0.1:0", "demo")
	if status := server.end(); status != 1 {
		t.Errorf("status %d", status)
	}
	if written, _ := server.out.read(); !strings.Contains(written, "no demonstration") {
		t.Errorf("got\n%s", written)
	}
	if after := p.must("audit"); after != before {
		t.Errorf("something was changed:\n%s", after)
	}
}

// The demonstration's bots do what their own conversations say.
func TestConversationsOfDemoBots(t *testing.T) {
	if _, err := bundle.BuiltinSet(); core.KindOf(err) == core.NotFound && os.Getenv("CI") == "" {
		t.Skip("the built-in packages are missing: run make toolkit")
	}
	p := indaba{t, t.TempDir()}
	for _, name := range []string{"registration", "feedback"} {
		if r := p.run("bot", "test", filepath.Join("..", "demo", name)); r.status != 0 {
			t.Errorf("%s: status %d\n%s%s", name, r.status, r.stdout, r.stderr)
		}
	}
	broken := filepath.Join(t.TempDir(), "feedback")
	if err := os.CopyFS(broken, os.DirFS("../demo/feedback")); err != nil {
		t.Fatal(err)
	}
	script := filepath.Join(broken, "src", "app.js")
	text, err := os.ReadFile(script)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(script, []byte(strings.ReplaceAll(string(text), "Thank you.", "Thanks.")), 0o600); err != nil {
		t.Fatal(err)
	}
	r := p.run("bot", "test", broken)
	if r.status != 1 || !strings.Contains(r.stdout, "Thanks. Your clinic") {
		t.Errorf("a bot that says something else: status %d\n%s%s", r.status, r.stdout, r.stderr)
	}
}
