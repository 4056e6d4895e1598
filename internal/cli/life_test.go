package cli_test

import (
	"strings"
	"testing"
)

// shownState returns the state of a bot as JSON tells it.
func shownState(p indaba, bot string) string {
	var shown struct{ State string }
	p.object(&shown, "bot", "show", bot)
	return shown.State
}

func TestLifeOfBots(t *testing.T) {
	p := withAccount(t)
	var made struct{ Key string }
	p.object(&made, "bot", "deploy", echo)
	if got := shownState(p, "echo"); got != "running" {
		t.Errorf("a deployed bot is %s", got)
	}
	p.must("bot", "stop", "echo")
	if got := shownState(p, "echo"); got != "stopped" {
		t.Errorf("a stopped bot is %s", got)
	}
	p.must("bot", "start", "echo")
	if text := p.must("bot", "rename", "echo", "parrot"); !strings.Contains(text, "parrot") {
		t.Error(text)
	}
	p.must("bot", "create", "empty")
	if r := p.run("bot", "start", "empty"); r.status != 1 || !strings.Contains(r.stderr, "deploy one") {
		t.Errorf("a bot without a program: status %d, %q", r.status, r.stderr)
	}
	if r := p.run("bot", "rename", "parrot", "empty"); r.status != 1 || !strings.Contains(r.stderr, "another bot is called empty") {
		t.Errorf("a name that is taken: status %d, %q", r.status, r.stderr)
	}
	p.must("bot", "archive", "parrot")
	if list := p.must("bot", "list"); strings.Contains(list, "parrot") {
		t.Errorf("an archived bot is listed:\n%s", list)
	}
	if list := p.must("bot", "list", "--archived"); !strings.Contains(list, "archived") || !strings.Contains(list, made.Key) {
		t.Errorf("an archived bot is not listed:\n%s", list)
	}
	if got := shownState(p, made.Key); got != "archived" {
		t.Errorf("an archived bot is %s", got)
	}
	if r := p.run("bot", "start", made.Key); r.status != 1 || !strings.Contains(r.stderr, "is archived") {
		t.Errorf("to start an archived bot: status %d, %q", r.status, r.stderr)
	}
	for _, action := range []string{"bot.stop", "bot.start", "bot.rename", "bot.archive"} {
		if audit := p.must("audit"); !strings.Contains(audit, action) {
			t.Errorf("%s is not in the audit log:\n%s", action, audit)
		}
	}
}

func TestLifeOfChannelsAndRouters(t *testing.T) {
	p := withAccount(t)
	p.must("channel", "create", "simulator", "--name", "phone", "--set", "secret=hunter2")
	p.must("router", "create", "keyword", "words")
	p.must("route", "link", "channel:phone", "router-in:words", "--both")
	p.must("channel", "rename", "phone", "line one")
	p.must("router", "rename", "words", "first words")
	if list := p.must("route", "list"); !strings.Contains(list, "channel:line one:default") || !strings.Contains(list, "router-in:first words") {
		t.Errorf("the routes:\n%s", list)
	}
	p.must("channel", "remove", "line one")
	if list := p.must("channel", "list") + p.must("route", "list"); strings.Contains(list, "line one") || strings.Contains(list, "first words") {
		t.Errorf("what is left:\n%s", list)
	}
	if r := p.run("channel", "show", "line one"); r.status != 1 || !strings.Contains(r.stderr, "there is no channel line one") {
		t.Errorf("a removed channel: status %d, %q", r.status, r.stderr)
	}
	p.must("router", "remove", "first words")
	audit := p.must("audit")
	for _, action := range []string{"channel.rename", "channel.remove", "route.unlink", "router.rename", "router.delete"} {
		if !strings.Contains(audit, action) {
			t.Errorf("%s is not in the audit log:\n%s", action, audit)
		}
	}
	if strings.Contains(audit, "hunter2") {
		t.Errorf("the audit log tells a secret:\n%s", audit)
	}
}

func TestOptoutKeywords(t *testing.T) {
	p := withAccount(t)
	for _, step := range []struct {
		args []string
		want string
	}{
		{nil, "No text opts anybody out.\n"},
		{[]string{"STOP", "opt out, please"}, "People opt out by: opt out, please, stop\n"},
		{nil, "People opt out by: opt out, please, stop\n"},
		{[]string{"--none"}, "No text opts anybody out.\n"},
	} {
		if got := p.must(append([]string{"account", "keywords"}, step.args...)...); got != step.want {
			t.Errorf("%q: %q, want %q", step.args, got, step.want)
		}
	}
	if r := p.run("account", "keywords", "stop", "--none"); r.status != 2 {
		t.Errorf("keywords and none: status %d", r.status)
	}
	if r := p.run("account", "keywords", " "); r.status != 1 || !strings.Contains(r.stderr, "is empty") {
		t.Errorf("an empty keyword: status %d, %q", r.status, r.stderr)
	}
	if audit := p.must("audit"); strings.Count(audit, "account.set_optout_keywords") != 2 {
		t.Errorf("the audit log:\n%s", audit)
	}
}
