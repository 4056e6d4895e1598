package cli_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
)

type made struct{ Key, Kind, Type, URL, Token string }

func TestConversations(t *testing.T) {
	p := withAccount(t)
	var b made
	p.object(&b, "bot", "create", "--kind", "http", "shop", "--push-message-url", "https://u:hunter2@example.org/in",
		"--metric-store", "sales", "--content-length-limit", "160")
	if b.Kind != "http" || b.Type != "http_api_nostream" || !strings.HasSuffix(b.URL, "/api/v1/go/http_api_nostream/"+b.Key) || len(b.Token) != 64 {
		t.Errorf("got %+v", b)
	}
	golden(t, "bot-show-http", tokenPattern.ReplaceAllString(p.must("bot", "show", "shop"), "tttttttt\n"))
	golden(t, "bot-config-list-http", p.must("bot", "config", "list", "shop"))
	everything := p.must("bot", "show", "shop") + p.must("--json", "bot", "show", "shop") + p.must("bot", "config", "list", "shop") +
		p.must("--json", "bot", "config", "list", "shop") + p.must("bot", "config", "get", "shop", "push_message_url") + p.must("audit")
	if strings.Contains(everything, "hunter2") || strings.Contains(everything, b.Token) {
		t.Errorf("a secret is shown unasked:\n%s", everything)
	}
	if text := p.must("bot", "config", "get", "shop", "push_message_url", "--reveal"); text != "https://u:hunter2@example.org/in\n" {
		t.Errorf("--reveal shows %q", text)
	}
	p.must("bot", "config", "set", "shop", "streaming=true", "ignore_events=true")
	p.must("bot", "config", "unset", "shop", "push_message_url")
	values := map[string]string{}
	p.object(&values, "bot", "config", "list", "shop")
	if values["streaming"] != "true" || values["ignore_events"] != "true" || values["push_message_url"] != "" || values["metric_store"] != "sales" {
		t.Errorf("got %v", values)
	}
	for _, test := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{"bot", "create", "x", "--streaming"}, 2, "--kind http"},
		{[]string{"bot", "create", "x", "--kind", "tree"}, 2, "tree"},
		{[]string{"bot", "create", "x", "--kind", "http", "--push-event-url", "example.org"}, 1, "push_event_url"},
		{[]string{"bot", "create", "x", "--kind", "http", "--content-length-limit=-1"}, 1, "content_length_limit"},
		{[]string{"bot", "config", "set", "shop", "push_mesage_url=x"}, 1, "did you mean push_message_url?"},
		{[]string{"bot", "config", "set", "shop", "ignore_events=maybe", "metric_store=x"}, 1, "neither true nor false"},
		{[]string{"bot", "config", "set", "shop", `http_api={"api_tokens": "x"}`}, 1, "http_api"},
		{[]string{"bot", "config", "set", "shop", `http_api={"push_url": "x"}`}, 1, "push_url"},
		{[]string{"bot", "config", "get", "shop", "nope"}, 1, "nope"},
		{[]string{"bot", "deploy", echo, "--bot", "shop"}, 1, "runs no program"},
		{[]string{"bot", "push", "shop", "+27821234567"}, 1, "begins by sending"},
	} {
		if r := p.run(test.args...); r.status != test.status || !strings.Contains(r.stderr, test.want) {
			t.Errorf("%v: status %d, want %d; %q must contain %q", test.args, r.status, test.status, r.stderr, test.want)
		}
	}
	after := map[string]string{}
	if p.object(&after, "bot", "config", "list", "shop"); after["metric_store"] != "sales" {
		t.Errorf("a change that was refused has changed something: %v", after)
	}
	if list := p.must("bot", "list"); strings.Contains(list, " x ") {
		t.Errorf("a bot that was refused is there:\n%s", list)
	}
	p.must("bot", "config", "set", "shop", `http_api_nostream={"api_tokens": ["by hand"]}`)
	if text := p.must("bot", "show", "shop"); !strings.Contains(text, "http_api_nostream") || strings.Contains(text, "by hand") {
		t.Errorf("got\n%s", text)
	}
}

// A token works until it is revoked or replaced, without a restart.
func TestTokensOfConversations(t *testing.T) {
	p := withAccount(t)
	server := begin(t, p.data, "--listen", "127.0.0.1:0", "serve")
	server.await("listening")
	var b made
	p.object(&b, "bot", "create", "--kind", "http", "shop", "--ignore-messages")
	var account struct{ Key string }
	p.object(&account, "account", "show")
	status := func(token string) int {
		t.Helper()
		request, err := http.NewRequest(http.MethodPut, b.URL+"/messages.json", strings.NewReader(`{"to_addr": "+27821234567"}`))
		if err != nil {
			t.Fatal(err)
		}
		request.SetBasicAuth(account.Key, token)
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close() // its status is what counts
		return answer.StatusCode
	}
	var first []string
	p.object(&first, "bot", "token", "list", "shop")
	var second, third struct{ Name, Token string }
	p.object(&second, "bot", "token", "create", "shop")
	if got := []int{status(b.Token), status(second.Token), status("wrong")}; got[0] != 200 || got[1] != 200 || got[2] != 401 {
		t.Errorf("with two tokens and a wrong one: %v", got)
	}
	p.must("bot", "token", "revoke", "shop", second.Name)
	if got := []int{status(b.Token), status(second.Token)}; got[0] != 200 || got[1] != 401 {
		t.Errorf("with the second revoked: %v", got)
	}
	p.object(&third, "bot", "token", "create", "shop", "--replace")
	if got := []int{status(b.Token), status(third.Token)}; got[0] != 401 || got[1] != 200 {
		t.Errorf("with all replaced: %v", got)
	}
	if list := p.must("bot", "token", "list", "shop"); list != "NAME\n"+third.Name+"\n" {
		t.Errorf("got\n%s", list)
	}
	if r := p.run("bot", "token", "revoke", "shop", second.Name); r.status != 1 {
		t.Errorf("revoked twice: status %d", r.status)
	}
	if audit := p.must("audit"); strings.Contains(audit, third.Token) {
		t.Errorf("the audit log:\n%s", audit)
	}
	var entries []struct {
		Action string
		Detail json.RawMessage
	}
	p.object(&entries, "audit")
	var changes []string
	for _, e := range entries {
		if e.Action == "bot.tokens" {
			changes = append(changes, strings.Join(strings.Fields(string(e.Detail)), ""))
		}
	}
	want := []string{fmt.Sprintf(`{"created":[%q],"revoked":[%q]}`, third.Name, first[0]),
		fmt.Sprintf(`{"created":[],"revoked":[%q]}`, second.Name), fmt.Sprintf(`{"created":[%q],"revoked":[]}`, second.Name)}
	if !slices.Equal(changes, want) {
		t.Errorf("audited %q, want %q", changes, want)
	}
	server.signal(syscall.SIGTERM)
	server.end()
}

func TestBotConfigMustBeReadable(t *testing.T) {
	p := withAccount(t)
	p.must("bot", "deploy", echo)
	for value, want := range map[string]string{`config={"a": }`: "config must be JSON", `translation.zu=zu.json`: "translation.zu",
		`services={"url"`: "services"} {
		if r := p.run("bot", "config", "set", "echo", value); r.status != 1 || !strings.Contains(r.stderr, want) {
			t.Errorf("%s: status %d, %q", value, r.status, r.stderr)
		}
	}
	p.must("bot", "config", "set", "echo", "--text", "services={{template}}")
	if text := p.must("bot", "config", "get", "echo", "services"); text != "{{template}}\n" {
		t.Errorf("got %q", text)
	}
	if r := p.run("bot", "config", "get", "echo", "nothing"); r.status != 1 {
		t.Errorf("a value that is not there: status %d, %q", r.status, r.stdout)
	}
}

// What an application refuses waits for the operator.
func TestPushes(t *testing.T) {
	p := withAccount(t)
	server := begin(t, p.data, "--listen", "127.0.0.1:0", "serve")
	server.await("listening")
	p.must("bot", "create", "--kind", "http", "shop", "--push-message-url", "http://127.0.0.1:9/in") // a private address
	log := begin(t, p.data, "bot", "logs", "-f", "shop")
	if r := p.runWith("molo\n", "simulate", "shop"); r.status != 0 {
		t.Fatalf("status %d: %s", r.status, r.stderr)
	}
	log.await("given up after 1 tries")
	type push struct {
		Number             int64
		Bot, Kind, Address string
		State, Reason      string
		Body               string
		Tries              int
	}
	var dead []push
	p.object(&dead, "push", "list")
	if len(dead) != 1 || dead[0].Kind != "message" || dead[0].Address != "+27821234567" || dead[0].State != "dead" ||
		!strings.Contains(dead[0].Reason, "not allowed") || !strings.Contains(dead[0].Body, `"molo"`) {
		t.Fatalf("got %+v", dead)
	}
	n := number(dead[0].Number)
	if text := p.must("push", "list"); !strings.Contains(text, "shop") || strings.Contains(text, `"molo"`) {
		t.Errorf("got\n%s", text)
	}
	if text := p.must("push", "show", n); !strings.Contains(text, `"molo"`) {
		t.Errorf("got\n%s", text)
	}
	var waiting []push
	if p.object(&waiting, "push", "list", "--waiting"); len(waiting) != 0 {
		t.Errorf("waiting: %+v", waiting)
	}
	for _, args := range [][]string{{"push", "retry"}, {"push", "retry", n, "--all"}, {"push", "drop", n, "--bot", "shop"}} {
		if r := p.run(args...); r.status != 2 {
			t.Errorf("%v: status %d", args, r.status)
		}
	}
	if r := p.run("push", "drop", n, "99"); r.status != 1 || !strings.Contains(r.stderr, "99") {
		t.Errorf("one that is not there: status %d, %q", r.status, r.stderr)
	}
	if p.object(&dead, "push", "list"); len(dead) != 1 {
		t.Errorf("half of a refused command was done: %+v", dead)
	}
	server.signal(syscall.SIGTERM)
	server.end()
	p.must("push", "retry", "--all", "--bot", "shop")
	if r := p.run("push", "show", n); r.status != 1 {
		t.Errorf("it begins anew and is still listed: %s", r.stdout)
	}
	if r := p.run("push", "drop", n); r.status != 1 {
		t.Errorf("one that waits is dropped: status %d", r.status)
	}
	if audit := p.must("audit"); !strings.Contains(audit, "push.retry") || strings.Contains(audit, "push.drop") {
		t.Errorf("the audit log:\n%s", audit)
	}
	if text := p.must("push", "drop", "--all"); text != "0 dropped.\n" {
		t.Errorf("got %q", text)
	}
}
