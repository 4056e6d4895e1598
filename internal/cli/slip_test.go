package cli_test

import (
	"path/filepath"
	"strings"
	"testing"
)

// A flag whose value is a variable that was never set must not make a command be about everything.
func TestEmptyValuesAreRefused(t *testing.T) {
	p := withAccount(t)
	for _, args := range [][]string{
		{"contact", "export", "--group"}, {"contact", "export", "--query"}, {"message", "export", "inbound", "--bot"},
		{"message", "export", "events", "--channel"}, {"message", "export", "outbound", "--address"}, {"message", "export", "inbound", "--since"},
		{"message", "list", "--until"}, {"message", "list", "--content"}, {"push", "drop", "--all", "--bot"}, {"push", "retry", "--all", "--bot"},
		{"bot", "deploy", echo, "--bot"}, {"bot", "deploy", echo, "--app"}, {"bot", "test", echo, "--filter"},
		{"account", "create", "Branch", "--parent"}, {"group", "create", "all", "--query"}, {"token", "create", "t", "--scope", "contacts", "--app"},
	} {
		for _, empty := range []string{"", " "} {
			if r := p.run(append(args, empty)...); r.status != 2 || r.stdout != "" || !strings.Contains(r.stderr, args[len(args)-1]+": it is empty") {
				t.Errorf("%q %q: status %d\n%s%s", args, empty, r.status, r.stdout, r.stderr)
			}
		}
	}
	if r := p.run("contact", "export", "--columns", ""); r.status != 2 || !strings.Contains(r.stderr, "--columns: it is empty") {
		t.Errorf("without columns: status %d\n%s%s", r.status, r.stdout, r.stderr)
	}
	if r := p.run("contact", "import", writeFile(t, "people.csv", "msisdn\n+27831000001\n"), "--mode", "new", "--create-groups", "--group", ""); r.status != 1 || !strings.Contains(r.stderr, "a group has no name") {
		t.Errorf("an import into a group without a name: status %d\n%s%s", r.status, r.stdout, r.stderr)
	}
}

// A list of none is asked for by mistake; where 0 stands for all, the help says so.
func TestListsHaveAnEntryAtLeast(t *testing.T) {
	p := withAccount(t)
	p.must("bot", "deploy", echo)
	for _, args := range [][]string{{"bot", "logs", "echo"}, {"bot", "turns", "echo"}, {"contact", "list"}, {"contact", "search", "name:A"},
		{"contact", "imports", "list"}, {"message", "list"}, {"parked", "list"}, {"push", "list"}} {
		for _, n := range []string{"0", "-1", "x"} {
			if r := p.run(append(args, "--limit="+n)...); r.status != 2 || !strings.Contains(r.stderr, "is no number from 1 on") {
				t.Errorf("%q with %s: status %d, %s", args, n, r.status, r.stderr)
			}
		}
		p.must(append(args, "-n", "1")...)
	}
	p.must("group", "create", "all")
	for _, args := range [][]string{{"audit"}, {"optout", "list"}, {"group", "members", "all"}} {
		p.must(append(args, "-n", "0")...)
		if r := p.run(append(args, "--limit=-1")...); r.status != 2 || !strings.Contains(r.stderr, "is no number from 0 on") {
			t.Errorf("%q with -1: status %d, %s", args, r.status, r.stderr)
		}
	}
}

// What is asked for as JSON is JSON, or refused.
func TestCSVIsNoJSON(t *testing.T) {
	p := withAccount(t)
	for _, args := range [][]string{{"contact", "export"}, {"contact", "export", "--format", "csv"}, {"message", "export", "inbound", "--format", "csv"}} {
		if r := p.run(append([]string{"--json"}, args...)...); r.status != 2 || r.stdout != "" || !strings.Contains(r.stderr, "--json") {
			t.Errorf("%q: status %d\n%s%s", args, r.status, r.stdout, r.stderr)
		}
	}
	p.must("--json", "contact", "export", "--format", "jsonl")
	p.must("--json", "message", "export", "inbound")
	var written struct{ Contacts int }
	p.object(&written, "contact", "export", "-o", filepath.Join(t.TempDir(), "people.csv")) // which tells about the file
}

// Strangers write what stands in cells: by itself, a spreadsheet runs none of it.
func TestExportedMessagesAreNoFormulas(t *testing.T) {
	p := withAccount(t)
	p.must("bot", "deploy", echo)
	if r := p.runWith("=HYPERLINK(1)\n-7\n", "simulate", "echo", "--kind", "sms", "--address", "+27831000001"); r.status != 0 {
		t.Fatalf("status %d\n%s%s", r.status, r.stdout, r.stderr)
	}
	csv := func(args ...string) string {
		return p.must(append([]string{"message", "export", "inbound", "--format", "csv"}, args...)...)
	}
	for want, text := range map[string]string{",'=HYPERLINK(1),": csv(), ",=HYPERLINK(1),": csv("--exact")} {
		if !strings.Contains(text, want) || !strings.Contains(text, ",-7,") || !strings.Contains(text, ",+27831000001,") {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
	if text := p.must("message", "export", "inbound"); !strings.Contains(text, `"content":"=HYPERLINK(1)"`) {
		t.Errorf("as JSON:\n%s", text)
	}
	if r := p.run("message", "export", "inbound", "--exact"); r.status != 2 {
		t.Errorf("--exact with JSON: status %d, %s", r.status, r.stderr)
	}
}

// Routes may lead to endpoints that a later version will have. A slip of the pen looks the same, so it is told.
func TestRoutesToUnknownEndpoints(t *testing.T) {
	p := withAccount(t)
	p.must("bot", "deploy", echo)
	p.must("bot", "config", "set", "echo", `config={"endpoints": {"sms": {"delivery_class": "sms"}}}`)
	p.must("channel", "create", "simulator", "--name", "phone", "--address", "+1", "--set", "secret=s3cret")
	p.must("router", "create", "keyword", "words", "--with", `{"keyword_endpoint_mapping": {"hi": "greeting"}}`)
	for _, test := range []struct{ source, target, want string }{
		{"channel:phone", "bot:echo", ""},
		{"bot:echo:sms", "channel:phone", ""},
		{"channel:phone", "router-in:words", ""},
		{"router-out:words:greeting", "bot:echo", ""},
		{"bot:echo:smss", "channel:phone", "note: there is no endpoint bot:echo:smss so far, only default, sms; did you mean sms?\n"},
		{"channel:phone:xx", "bot:echo", "note: there is no endpoint channel:phone:xx so far, only default\n"},
		{"channel:phone", "bot:echo:xx", "note: there is no endpoint bot:echo:xx so far, only default, sms\n"},
		{"router-out:words:greetings", "bot:echo", "note: there is no endpoint router-out:words:greetings so far, only default, greeting; did you mean greeting?\n"},
	} {
		if r := p.run("route", "link", test.source, test.target); r.status != 0 || r.stderr != test.want {
			t.Errorf("%s to %s: status %d, %q, want %q", test.source, test.target, r.status, r.stderr, test.want)
		}
	}
}

// A push is somebody's doing, like every other change.
func TestPushIsAudited(t *testing.T) {
	p := withAccount(t)
	p.must("bot", "deploy", echo)
	p.must("channel", "create", "simulator", "--name", "phone", "--address", "+1", "--set", "secret=s3cret")
	p.must("route", "link", "bot:echo", "channel:phone")
	if text := p.must("bot", "push", "echo", "+27831000001"); !strings.Contains(text, "at once if a server runs") {
		t.Errorf("told %q", text)
	}
	if audit := p.must("audit", "-n", "1"); !strings.Contains(audit, "bot.push") || !strings.Contains(audit, "+27831000001") {
		t.Errorf("the audit log:\n%s", audit)
	}
}
