package cli_test

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// process is the indaba program, running.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	out  *lines        // standard output and standard error together
	gone chan struct{} // closed when the process has ended
}

// lines collects what a process writes.
type lines struct {
	mu     sync.Mutex
	text   bytes.Buffer
	signal chan struct{} // closed by the next write
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.signal)
	l.signal = make(chan struct{})
	return l.text.Write(b)
}

func (l *lines) read() (string, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String(), l.signal
}

// patience is how long any of this may take on a busy machine.
const patience = 60 * time.Second

func begin(t *testing.T, data string, args ...string) *process {
	t.Helper()
	p := &process{t: t, out: &lines{signal: make(chan struct{})}, gone: make(chan struct{})}
	p.cmd = exec.Command(os.Args[0], append([]string{"--data", data}, args...)...)
	p.cmd.Env = append(os.Environ(), reexec+"=1")
	p.cmd.Stdout, p.cmd.Stderr = p.out, p.out
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.gone)
		_ = p.cmd.Wait() // its status is read from the process state
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill() // it has mostly ended by now
		<-p.gone
	})
	return p
}

// await returns the line that holds text, once the process has written it.
func (p *process) await(text string) string {
	p.t.Helper()
	deadline := time.After(patience)
	for {
		written, more := p.out.read()
		for scanner := bufio.NewScanner(strings.NewReader(written)); scanner.Scan(); {
			if strings.Contains(scanner.Text(), text) {
				return scanner.Text()
			}
		}
		select {
		case <-more:
		case <-p.gone:
			if written, _ = p.out.read(); strings.Contains(written, text) {
				continue
			}
			p.t.Fatalf("the process ended (%v) without saying %q:\n%s", p.cmd.ProcessState, text, written)
		case <-deadline:
			p.t.Fatalf("no %q within %v:\n%s", text, patience, written)
		}
	}
}

// end waits for the end of the process and returns its exit status.
func (p *process) end() int {
	p.t.Helper()
	select {
	case <-p.gone:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		written, _ := p.out.read()
		p.t.Fatalf("the process does not end:\n%s", written)
		return -1
	}
}

func (p *process) signal(s os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

func get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	answer, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// serverURL reads the address from the line that a server logs.
func serverURL(line string) string {
	_, rest, _ := strings.Cut(line, "url=")
	address, _, _ := strings.Cut(rest, " ")
	return address
}

func TestServe(t *testing.T) {
	p := withAccount(t)
	server := begin(t, p.data, "--listen", "127.0.0.1:0", "serve")
	address := serverURL(server.await("listening"))
	if status, _ := get(t, address+"/readyz"); status != http.StatusOK {
		t.Errorf("readyz answers %d", status)
	}
	second := begin(t, p.data, "--listen", "127.0.0.1:0", "serve")
	second.await("another server is running")
	if status := second.end(); status != 1 {
		t.Errorf("a second server ends with %d", status)
	}

	// What commands change while the server runs, it notices.
	var made struct{ Webhook string }
	p.object(&made, "channel", "create", "ussd/africastalking", "--name", "ussd", "--address", "*120*1#",
		"--set", "path_secret=word", "--set", "budget=1m")
	if !strings.HasPrefix(made.Webhook, address+"/channels/") {
		t.Errorf("the webhook is %s, the server is at %s", made.Webhook, address)
	}
	p.must("bot", "deploy", echo)
	p.must("route", "link", "channel:ussd", "bot:echo", "--both")
	for _, step := range []struct{ text, want string }{{"hello", "CON You said hello"}, {"hello*bye", "END You said bye"}} {
		if got := dial(t, made.Webhook, "one", step.text); got != step.want {
			t.Errorf("%s: got %q, want %q", step.text, got, step.want)
		}
	}
	server.signal(syscall.SIGTERM)
	if status := server.end(); status != 0 {
		written, _ := server.out.read()
		t.Errorf("stopped with %d:\n%s", status, written)
	}
}

// dial posts one step of a USSD session as Africa's Talking does and returns the answer.
func dial(t *testing.T, webhook, session, text string) string {
	t.Helper()
	answer, err := http.PostForm(webhook, url.Values{"sessionId": {session}, "phoneNumber": {"+27821234567"},
		"serviceCode": {"*120*1#"}, "text": {text}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// A turn that fails is seen in the log, parked, replayed and dropped.
func TestTurnsAndParked(t *testing.T) {
	p := withAccount(t)
	var made struct{ Webhook string }
	server := begin(t, p.data, "--listen", "127.0.0.1:0", "serve")
	server.await("listening")
	p.object(&made, "channel", "create", "ussd/africastalking", "--name", "ussd", "--address", "*120*1#",
		"--set", "path_secret=word", "--set", "budget=1m")
	p.must("bot", "deploy", echo)
	p.must("route", "link", "channel:ussd", "bot:echo", "--both")
	if got := dial(t, made.Webhook, "one", "hello"); got != "CON You said hello" {
		t.Fatalf("got %q", got)
	}
	if got := dial(t, made.Webhook, "two", "fail"); !strings.HasPrefix(got, "END ") {
		t.Errorf("a failed turn answers %q", got)
	}
	log := p.must("bot", "logs", "echo")
	if hello, fail := strings.Index(log, "heard hello"), strings.Index(log, "told to fail"); hello < 0 || fail < hello {
		t.Errorf("the log:\n%s", log)
	}

	var turns []struct {
		ID      int64
		Outcome string
	}
	p.object(&turns, "bot", "turns", "echo")
	if len(turns) != 2 || turns[0].Outcome == "done" || turns[1].Outcome != "done" {
		t.Fatalf("the turns: %+v", turns)
	}
	if text := p.must("bot", "turns", "echo", number(turns[1].ID)); !strings.Contains(text, `"cmd":"outbound.reply_to"`) {
		t.Errorf("a turn is shown as\n%s", text)
	}
	for _, turn := range turns {
		if text := p.must("bot", "replay", "echo", number(turn.ID)); !strings.Contains(text, "identical") {
			t.Errorf("replay of turn %d:\n%s", turn.ID, text)
		}
	}

	var parked []struct {
		Number  int64
		Reason  string
		Message struct{ Content string }
	}
	p.object(&parked, "parked", "list")
	if len(parked) != 1 || !strings.Contains(parked[0].Reason, "told to fail") || parked[0].Message.Content != "fail" {
		t.Fatalf("parked: %+v", parked)
	}
	p.must("parked", "list")
	p.must("parked", "drop", number(parked[0].Number))
	if text := p.must("parked", "list"); text != "There are none.\n" {
		t.Errorf("after the drop:\n%s", text)
	}
	if audit := p.must("audit"); !strings.Contains(audit, "parked.drop") {
		t.Errorf("the audit log:\n%s", audit)
	}

	var messages []struct{ ID, Direction, Status, Content string }
	p.object(&messages, "message", "list", "--address", "+27821234567")
	if len(messages) != 3 {
		t.Fatalf("the messages: %+v", messages)
	}
	for _, m := range messages {
		text := p.must("message", "show", m.ID)
		if !strings.Contains(text, m.Content) || m.Direction == "out" && !strings.Contains(text, "Z  sent") {
			t.Errorf("message show:\n%s", text)
		}
	}
	server.signal(syscall.SIGINT)
	if status := server.end(); status != 0 {
		t.Errorf("stopped with %d", status)
	}
}

// The first signal waits for what is under way, a later one for nothing, unless it comes so soon that it is an echo.
func TestSecondSignal(t *testing.T) {
	p := withAccount(t)
	var patient, impatient struct{ Webhook string }
	server := begin(t, p.data, "--listen", "127.0.0.1:0", "serve")
	server.await("listening")
	p.object(&patient, "channel", "create", "ussd/africastalking", "--name", "patient",
		"--set", "path_secret=word", "--set", "budget=1m")
	p.object(&impatient, "channel", "create", "ussd/africastalking", "--name", "impatient",
		"--set", "path_secret=word", "--set", "budget=500ms")
	p.must("bot", "deploy", echo)
	p.must("route", "link", "channel:patient", "bot:echo")
	p.must("route", "link", "channel:impatient", "bot:echo")
	if got := dial(t, patient.Webhook, "one", "hello"); got != "CON You said hello" { // the bot is loaded now
		t.Fatalf("got %q", got)
	}
	if got := dial(t, impatient.Webhook, "two", "wait"); !strings.HasPrefix(got, "END ") {
		t.Fatalf("got %q", got)
	}
	server.signal(syscall.SIGTERM)
	server.await("stopping")
	server.signal(syscall.SIGTERM) // an echo of the first
	<-time.After(1500 * time.Millisecond)
	server.signal(syscall.SIGTERM)
	server.await("interrupted again")
	if status := server.end(); status != 1 {
		t.Errorf("status %d", status)
	}
}

func TestSimulate(t *testing.T) {
	p := withAccount(t)
	p.must("bot", "deploy", echo)
	r := p.runWith("hello\nbye\n", "simulate", "echo", "--kind", "sms")
	if r.status != 0 || !strings.Contains(r.stdout, "You said hello") || !strings.Contains(r.stdout, "You said bye") {
		t.Errorf("status %d\n%s%s", r.status, r.stdout, r.stderr)
	}
	if r := p.runWith("fail\n", "simulate", "echo", "--kind", "sms"); r.status != 1 || !strings.Contains(r.stdout, "told to fail") {
		t.Errorf("a bot that fails: status %d\n%s%s", r.status, r.stdout, r.stderr)
	}
	var parked []struct{ Number int64 }
	p.object(&parked, "parked", "list")
	if len(parked) != 1 {
		t.Fatalf("parked: %+v", parked)
	}
	if text := p.must("parked", "retry", "--all"); text != "1 retried.\n" {
		t.Error(text)
	}
	p.object(&parked, "parked", "list")
	if len(parked) != 0 {
		t.Errorf("after the retry: %+v", parked)
	}
	p.must("bot", "push", "echo", "+27820000000")
}

func number(n int64) string {
	return strconv.FormatInt(n, 10)
}

func TestServeFails(t *testing.T) {
	p := withAccount(t)
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"--listen", "nowhere:http", "serve"}, "listen"},
		{[]string{"--listen", "203.0.113.1:80", "serve"}, "listen"},
		{[]string{"--database", "postgres://u:secret-word@127.0.0.1:1/x", "serve"}, "open database"},
	} {
		server := begin(t, p.data, test.args...)
		status := server.end()
		written, _ := server.out.read()
		if status != 1 || !strings.Contains(written, test.want) || strings.Contains(written, "secret-word") {
			t.Errorf("%v: status %d\n%s", test.args, status, written)
		}
	}
	if err := os.WriteFile(filepath.Join(p.data, "secret.key"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := p.run("serve"); r.status != 1 || !strings.Contains(r.stderr, "secret.key") {
		t.Errorf("with a broken key: status %d, %q", r.status, r.stderr)
	}
}
