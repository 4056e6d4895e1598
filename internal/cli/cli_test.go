package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"indaba/internal/account"
	"indaba/internal/bot/js"
	"indaba/internal/cli"
	"indaba/internal/db"
	"indaba/internal/db/dbtest"
)

var update = flag.Bool("update", false, "write what is printed into the golden files")

// reexec tells the test program to be the indaba program instead.
const reexec = "INDABA_TEST_REEXEC"

func TestMain(m *testing.M) {
	js.ServeChild()
	if os.Getenv(reexec) != "" {
		os.Exit(cli.Main(os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// result is what a command printed and how it ended.
type result struct {
	status         int
	stdout, stderr string
}

// indaba runs one command on a data directory.
type indaba struct {
	t    *testing.T
	data string
}

func (p indaba) run(args ...string) result { return p.runWith("", args...) }

func (p indaba) runWith(stdin string, args ...string) result {
	p.t.Helper()
	var stdout, stderr bytes.Buffer
	status := cli.Main(append([]string{"--data", p.data}, args...), []string{"INDABA_CONFIG="}, strings.NewReader(stdin), &stdout, &stderr)
	return result{status, stdout.String(), stderr.String()}
}

// must runs a command that has to succeed and returns what it printed.
func (p indaba) must(args ...string) string {
	p.t.Helper()
	r := p.run(args...)
	if r.status != 0 {
		p.t.Fatalf("indaba %s: status %d\n%s%s", strings.Join(args, " "), r.status, r.stdout, r.stderr)
	}
	return r.stdout
}

// object runs a command with --json and decodes what it prints.
func (p indaba) object(into any, args ...string) {
	p.t.Helper()
	text := p.must(append([]string{"--json"}, args...)...)
	if err := json.Unmarshal([]byte(text), into); err != nil {
		p.t.Fatalf("indaba --json %s: %v in\n%s", strings.Join(args, " "), err, text)
	}
}

// withAccount returns a data directory with one account.
func withAccount(t *testing.T) indaba {
	t.Helper()
	p := indaba{t, filepath.Join(t.TempDir(), "data")}
	p.must("account", "create", "Clinic")
	return p
}

var (
	keyPattern   = regexp.MustCompile(`\b[0-9a-f]{32}\b`)
	timePattern  = regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ`)
	hashPattern  = regexp.MustCompile(`\b[0-9a-f]{12}…`)
	tokenPattern = regexp.MustCompile(`\b[0-9a-f]{8}\n`)
)

// golden compares text with a golden file. What differs between runs is masked, at the same width.
func golden(t *testing.T, name, text string) {
	t.Helper()
	text = keyPattern.ReplaceAllString(text, strings.Repeat("k", 32))
	text = timePattern.ReplaceAllString(text, "2026-01-02 03:04:05Z")
	text = hashPattern.ReplaceAllString(text, strings.Repeat("h", 12)+"…")
	path := filepath.Join("testdata", "golden", name+".txt")
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v: run the test with -update", err)
	}
	if text != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", name, text, want)
	}
}

func TestHelp(t *testing.T) {
	p := indaba{t, t.TempDir()}
	var stdout, stderr bytes.Buffer
	if status := cli.Main(nil, nil, strings.NewReader(""), &stdout, &stderr); status != 0 || stderr.Len() > 0 {
		t.Errorf("without arguments: status %d, %s", status, stderr.String())
	}
	golden(t, "help", stdout.String())
	golden(t, "help-bot-deploy", p.must("bot", "deploy", "--help"))
	for _, command := range [][]string{{}, {"bot"}, {"bot", "deploy"}} {
		stdout.Reset()
		status := cli.Main(append([]string{"help"}, command...), nil, strings.NewReader(""), &stdout, &stderr)
		if want := p.must(append(command, "--help")...); status != 0 || stdout.String() != want {
			t.Errorf("help %v: status %d\n%s", command, status, stdout.String())
		}
	}
	if help := p.must("contact", "search", "--help"); !strings.Contains(help, "write --") {
		t.Errorf("it does not say how to begin with a minus:\n%s", help)
	}
	if help := p.must("serve", "--help"); !strings.Contains(help, "INDABA_BOT_CPU") {
		t.Errorf("the help of serve does not explain the settings:\n%s", help)
	}
}

func TestUsage(t *testing.T) {
	p := withAccount(t)
	for _, test := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{"srve"}, 2, "srve"},
		{[]string{"bot"}, 2, "expected one of"},
		{[]string{"account", "create"}, 2, "<name>"},
		{[]string{"account", "flags", "is_developer=yes"}, 2, "FLAG=on or FLAG=off"},
		{[]string{"account", "flags", "is_devloper=on"}, 2, "can_manage_optouts, disable_optouts, is_developer"},
		{[]string{"--listne", ":80", "version"}, 2, "--listne"},
		{[]string{"--bot-cpu", "soon", "version"}, 2, "soon"},
		{[]string{"--bot-cpu", "0s", "account", "list"}, 1, "bot_cpu"},
		{[]string{"--config", "/nowhere.yaml", "version"}, 1, "/nowhere.yaml"},
		{[]string{"--account", "Klinik", "bot", "list"}, 1, "there is no account Klinik"},
		{[]string{"bot", "show", "nobody"}, 1, "there is no bot nobody"},
		{[]string{"bot", "deploy", "/nowhere"}, 2, "/nowhere"},
		{[]string{"channel", "create", "pigeon", "--name", "p"}, 1, `no channel type "pigeon"`},
		{[]string{"channel", "create", "simulator", "--name", "s"}, 1, "secret is required"},
		{[]string{"channel", "create", "simulator", "--name", "s", "--set", "secret"}, 2, "NAME=VALUE"},
		{[]string{"route", "link", "channel:a", "bot:b"}, 1, "there is no channel a"},
		{[]string{"route", "link", "a", "b"}, 1, "KIND:KEY"},
		{[]string{"message", "show", "x"}, 1, "no such message"},
		{[]string{"parked", "retry", "7"}, 1, "no parked mail has the number 7"},
		{[]string{"token", "revoke", "x"}, 1, `no token "x"`},
		{[]string{"token", "create", "t", "--scope", "all"}, 1, "choose from account"},
		{[]string{"user", "create", "a@example.org", "--name", "A", "--role", "boss"}, 2, "boss"},
		{[]string{"user", "create", "a@example.org", "--name", "A", "--role", "agent"}, 2, "ended without the password"},
		{[]string{"router", "create", "keyword", "r", "--with", `{"keywords": {}}`}, 2, "keywords"},
	} {
		r := p.run(test.args...)
		if r.status != test.status || !strings.Contains(r.stderr, test.want) {
			t.Errorf("%s: status %d, want %d; stderr %q must contain %q", strings.Join(test.args, " "), r.status, test.status, r.stderr, test.want)
		}
		for line := range strings.SplitSeq(strings.TrimSpace(r.stderr), "\n") {
			if !strings.HasPrefix(line, "indaba: ") && !strings.HasPrefix(line, "Run it with --help") {
				t.Errorf("%s: stray line on standard error: %q", strings.Join(test.args, " "), line)
			}
		}
	}
}

func TestNoDatabaseIsMadeByLooking(t *testing.T) {
	p := indaba{t, filepath.Join(t.TempDir(), "typo")}
	for _, args := range [][]string{{"account", "list"}, {"bot", "list"}, {"migrate"}, {"message", "list"}} {
		r := p.run(args...)
		if r.status != 1 || !strings.Contains(r.stderr, "--data") {
			t.Errorf("%v: status %d, %q", args, r.status, r.stderr)
		}
	}
	if _, err := os.Stat(p.data); !os.IsNotExist(err) {
		t.Errorf("the directory was made: %v", err)
	}
}

func TestAccounts(t *testing.T) {
	p := withAccount(t)
	golden(t, "account-list", p.must("account", "list"))
	golden(t, "account-flags", p.must("account", "flags", "can_manage_optouts=on"))
	var shown struct {
		Key   string
		Flags struct {
			Optouts bool `json:"can_manage_optouts"`
		}
	}
	p.object(&shown, "account", "show")
	if !shown.Flags.Optouts {
		t.Error("the flag was not kept")
	}
	p.must("account", "create", "Branch", "--parent", "Clinic")
	r := p.run("bot", "list")
	if r.status != 2 || !strings.Contains(r.stderr, shown.Key) || !strings.Contains(r.stderr, "Branch") {
		t.Errorf("with two accounts and no choice: status %d, %q", r.status, r.stderr)
	}
	p.must("--account", "Branch", "bot", "list")
	p.must("--account", shown.Key, "bot", "list")
	p.must("account", "create", "Branch")
	if r := p.run("--account", "Branch", "bot", "list"); r.status != 2 || !strings.Contains(r.stderr, "several accounts") {
		t.Errorf("with two accounts of one name: status %d, %q", r.status, r.stderr)
	}
}

func TestTokens(t *testing.T) {
	p := withAccount(t)
	var made struct{ Key, Secret string }
	p.object(&made, "token", "create", "robot", "--scope", "contacts,metrics")
	if !strings.HasPrefix(made.Secret, "ind_") {
		t.Errorf("the secret is %q", made.Secret)
	}
	list := p.must("token", "list")
	golden(t, "token-list", list)
	if strings.Contains(list+p.must("--json", "token", "list")+p.must("audit"), made.Secret) {
		t.Error("the secret is shown again")
	}
	p.must("token", "revoke", made.Key)
	if list := p.must("token", "list"); strings.Contains(list, made.Key) {
		t.Errorf("the token is still there:\n%s", list)
	}
	golden(t, "token-scopes", p.must("token", "scopes"))
}

// The whole audit log can be read, however long it is.
func TestLongAuditLog(t *testing.T) {
	p := withAccount(t)
	d, err := db.Open(t.Context(), filepath.Join(p.data, "indaba.db"), db.Options{})
	if err != nil {
		t.Fatal(err)
	}
	const more = account.MaxPage + 7
	accounts := account.New(d, time.Now)
	if err := d.Tx(t.Context(), func(ctx context.Context) error {
		all, err := accounts.List(ctx, "", 1)
		for n := 0; n < more && err == nil; n++ {
			err = accounts.Audit(ctx, all[0].Key, "test", fmt.Sprint(n), nil)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	for limit, want := range map[string]int{"0": more + 1, "1005": 1005, "1000": 1000, "1": 1} {
		var entries []struct{ ID int64 }
		p.object(&entries, "audit", "-n", limit)
		if len(entries) != want {
			t.Errorf("%s: %d entries, want %d", limit, len(entries), want)
		}
		for n := 1; n < len(entries); n++ {
			if entries[n].ID >= entries[n-1].ID {
				t.Fatalf("%s: %d comes after %d", limit, entries[n].ID, entries[n-1].ID)
			}
		}
	}
}

func TestUsers(t *testing.T) {
	p := withAccount(t)
	r := p.runWith("correct horse\n", "user", "create", "Nomsa@example.org", "--name", "Nomsa", "--role", "owner")
	if r.status != 0 {
		t.Fatalf("status %d: %s", r.status, r.stderr)
	}
	if r := p.runWith("short\n", "user", "password", "nomsa@example.org"); r.status != 1 || !strings.Contains(r.stderr, "too short") {
		t.Errorf("a short password: status %d, %q", r.status, r.stderr)
	}
	if r := p.runWith("battery staple", "user", "password", "1"); r.status != 0 {
		t.Errorf("status %d: %s", r.status, r.stderr)
	}
	p.must("user", "create", "guest@example.org", "--name", "Guest", "--role", "viewer", "--no-password")
	golden(t, "user-list", p.must("user", "list"))
	p.must("user", "remove", "GUEST@example.org")
	if r := p.run("user", "remove", "guest@example.org"); r.status != 1 || !strings.Contains(r.stderr, "there is no user") {
		t.Errorf("removed twice: status %d, %q", r.status, r.stderr)
	}
	if list := p.must("user", "list"); strings.Contains(list, "guest") || !strings.Contains(list, "nomsa") {
		t.Errorf("after the removal:\n%s", list)
	}
	if audit := p.must("audit"); strings.Contains(audit, "horse") || strings.Contains(audit, "staple") || !strings.Contains(audit, "user.set_password") {
		t.Errorf("the audit log:\n%s", audit)
	}
}

func TestConfig(t *testing.T) {
	p := indaba{t, t.TempDir()}
	if text := p.must("--bot-cpu", "5s", "config"); !strings.Contains(text, "bot_cpu: 5s # --bot-cpu") ||
		!strings.Contains(text, "log_level: info # default") {
		t.Errorf("got\n%s", text)
	}
	r := p.run("--listen", "nowhere", "--log-format", "xml", "config")
	if r.status != 1 || strings.Count(r.stderr, "indaba: ") != 2 || !strings.Contains(r.stdout, "listen: nowhere") {
		t.Errorf("with two problems: status %d\n%s%s", r.status, r.stdout, r.stderr)
	}
	var view struct {
		Settings map[string]struct{ Value, Origin string }
		Problems []string
	}
	p.object(&view, "--secret-key", strings.Repeat("ab", 32), "config")
	if got := view.Settings["secret_key"]; got.Value != "(hidden)" || got.Origin != "--secret-key" {
		t.Errorf("the secret key is shown as %+v", got)
	}
	if len(view.Problems) != 0 || view.Settings["listen"].Origin != "default" {
		t.Errorf("got %+v", view)
	}
	file := filepath.Join(t.TempDir(), "a # b.yaml")
	if err := os.WriteFile(file, []byte("kv_quota: 7\npublic_url: https://a.example # theirs\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.object(&view, "--config", file, "config")
	if got := view.Settings["kv_quota"]; got.Value != "7" || got.Origin != file+":1" {
		t.Errorf("a value from %s is shown as %+v", file, got)
	}
}

func TestMigrate(t *testing.T) {
	p := withAccount(t)
	var view struct{ From, To int64 }
	p.object(&view, "migrate", "--check")
	if view.From == 0 || view.From != view.To {
		t.Errorf("got %+v", view)
	}
	if text := p.must("migrate"); !strings.Contains(text, "which is this program's") {
		t.Errorf("got %s", text)
	}
}

// Whoever is in the wrong folder, or has the wrong address, is told so, and finds nothing that was not there before.
func TestNothingIsBegun(t *testing.T) {
	commands := [][]string{{"account", "list"}, {"account", "show"}, {"audit"}, {"bot", "list"}, {"bot", "deploy", echo}, {"channel", "list"},
		{"contact", "list"}, {"contact", "search", "name:x"}, {"contact", "export"}, {"group", "list"}, {"message", "list"}, {"metric", "list"},
		{"migrate", "--check"}, {"optout", "list"}, {"optout", "add", "+27"}, {"parked", "list"}, {"push", "list"}, {"route", "list"},
		{"router", "list"}, {"token", "list"}, {"user", "list"}, {"user", "remove", "x@example.org"}}
	for _, command := range commands {
		p := indaba{t, filepath.Join(t.TempDir(), "data")}
		r := p.run(command...)
		if _, err := os.Stat(p.data); r.status != 1 || !strings.Contains(r.stderr, "there is no database in "+p.data) || !os.IsNotExist(err) {
			t.Errorf("%v: status %d, %q; the data directory: %v", command, r.status, r.stderr, err)
		}
	}
	url := dbtest.PostgresURL(t)
	for _, command := range commands {
		p := indaba{t, filepath.Join(t.TempDir(), "data")}
		r := p.run(append([]string{"--database", url}, command...)...)
		if _, err := os.Stat(p.data); r.status != 1 || !strings.Contains(r.stderr, "there is nothing of Indaba in the database") || !os.IsNotExist(err) {
			t.Errorf("%v: status %d, %q; the data directory: %v", command, r.status, r.stderr, err)
		}
	}
	d, err := db.Open(t.Context(), url, db.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.Close() }() // nothing was written
	var tables int
	if err := d.Row(t.Context(), "SELECT count(*) FROM information_schema.tables WHERE table_schema = current_schema()", nil, &tables); err != nil || tables != 0 {
		t.Errorf("there are %d tables, %v", tables, err)
	}
	p := indaba{t, filepath.Join(t.TempDir(), "data")}
	p.must("--database", url, "account", "create", "Clinic")
	if list := p.must("--database", url, "account", "list"); !strings.Contains(list, "Clinic") {
		t.Errorf("after the beginning:\n%s", list)
	}
}

func TestVersion(t *testing.T) {
	var view struct{ Version string }
	indaba{t, t.TempDir()}.object(&view, "version")
	if view.Version == "" {
		t.Error("there is none")
	}
}
