package simulate_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"indaba/internal/core"
	"indaba/internal/simulate"
)

// steps puts steps into an otherwise good script, of which they are line 3 and following.
func steps(lines string) string {
	return "conversations:\n- name: c\n  steps:\n" + lines
}

func TestScriptsThatMakeNoSense(t *testing.T) {
	good := "\nconversations: [{name: c, steps: [dial]}]"
	for name, c := range map[string]struct{ script, want string }{
		"empty":                {"", "bot.conv.yaml is empty"},
		"no YAML":              {"a: [", "bot.conv.yaml: yaml: line 1"},
		"no mapping":           {"- a", "bot.conv.yaml:1: the file must be a mapping"},
		"no conversations":     {"channel: ussd", "bot.conv.yaml:1: the file has no conversations"},
		"empty list":           {"conversations: []", "there are no conversations in the list"},
		"unknown key":          {"chanel: ussd" + good, `bot.conv.yaml:1: the file has no key "chanel"`},
		"twice":                {"limit: 1\nlimit: 2" + good, `:2: the file has "limit" twice`},
		"unknown channel":      {"channel: fax" + good, `channel is "fax": it is one of ussd, sms, chat`},
		"limit":                {"limit: many" + good, "limit must be a whole number, at least 1"},
		"time":                 {"now: tomorrow" + good, "now must be a time"},
		"config":               {"config: [a]" + good, "config must be a mapping"},
		"optout flag":          {"can_manage_optouts: maybe" + good, "can_manage_optouts must be true or false"},
		"not a number":         {"kv: {a: .inf}" + good, "which JSON cannot say"},
		"group":                {"groups: [{title: a}]" + good, `a group has no key "title"`},
		"no name":              {"conversations: [{steps: [dial]}]", "the conversation has no name"},
		"no steps":             {"conversations: [{name: c}]", "the conversation has no steps"},
		"same name":            {"conversations:\n- {name: c, steps: [dial]}\n- {name: c, steps: [dial]}", `:3: the conversation "c" is there already, in line 2`},
		"unknown step":         {steps("  - wave"), `:4: "wave" is no step`},
		"unknown step key":     {steps("  - says: hello"), `:4: a step has no key "says"`},
		"two in one":           {steps("  - user: 1\n    bot: hello"), ":4: one step does one thing"},
		"nothing in one":       {steps("  - {}"), "the step says nothing to do"},
		"bot begins":           {steps("  - bot: hello"), "somebody has to begin"},
		"ends beside user":     {steps("  - user: 1\n    ends: true"), `"ends" does not belong here`},
		"on beside bot":        {steps("  - dial\n  - bot: a\n    on: sms"), `"on" does not belong here`},
		"sends beside user":    {steps("  - user: a\n    sends: []"), `"sends" stands alone or beside bot`},
		"ends of nothing":      {steps("  - dial\n  - bot: null\n    ends: true"), "where the bot says nothing"},
		"duration":             {steps("  - wait: long"), "wait must be a time such as 90s, 2h or 3d"},
		"negative duration":    {steps("  - wait: -2h"), "wait must be a time"},
		"pattern":              {steps("  - dial\n  - bot: {match: '['}"), "match is no regular expression"},
		"empty expectation":    {steps("  - dial\n  - bot: {}"), "an expected text is a text or {match: PATTERN}"},
		"event":                {steps("  - event: read"), `event is "read": it is one of ack, nack, delivery`},
		"event without type":   {steps("  - event: {reason: a}"), "event has no type"},
		"status of ack":        {steps("  - event: {type: ack, status: failed}"), "only a delivery has a status"},
		"reason of ack":        {steps("  - event: {type: ack, reason: a}"), "only a nack has a reason"},
		"after":                {"conversations: [{name: c, steps: [dial], after: {contacts: {}}}]", `after has no key "contacts"`},
		"fixture method":       {"http: [{reply: {}}]" + good, "the fixture has no request"},
		"fixture two methods":  {"http: [{get: 'http://a/', put: 'http://a/', reply: {}}]" + good, "one fixture answers one method"},
		"fixture without end":  {"http: [{get: 'http://a/'}]" + good, "the fixture has neither reply nor error"},
		"fixture relative URL": {"http: [{get: /a, reply: {}}]" + good, "must be absolute"},
		"fixture key":          {"http: [{get: 'http://a/', reply: {code: 200}}]" + good, `reply has no key "code"`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := simulate.Test(t.Context(), simulate.TestOptions{Dir: folder(t, c.script)}, &bytes.Buffer{})
			if err == nil || !strings.Contains(err.Error(), c.want) || core.KindOf(err) != core.Invalid {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// An author sees all that is wrong at once, over all files.
func TestAllProblemsAtOnce(t *testing.T) {
	dir := folder(t, "chanel: ussd\nlimit: 0\nconversations: [{name: c}]")
	if err := os.MkdirAll(filepath.Join(dir, "tests", "deep"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "tests", "deep", "b.conv.yaml"), []byte("a: 1"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := simulate.Test(t.Context(), simulate.TestOptions{Dir: dir}, &bytes.Buffer{})
	for _, want := range []string{"bot.conv.yaml:1:", "bot.conv.yaml:2:", "bot.conv.yaml:3:", "tests/deep/b.conv.yaml:1:"} {
		if err == nil || !strings.Contains(core.SafeMessage(err), want) {
			t.Errorf("%s is missing in: %v", want, err)
		}
	}
}

// What the author of a script could not have known comes with the place where it stands.
func TestScriptsThatCannotBePlayed(t *testing.T) {
	for name, c := range map[string]struct{ script, want string }{
		"contact field": {"conversations: [{name: c, steps: [dial], contact: {nmae: a}}]", `contacts have no field "nmae"`},
		"contact type":  {"conversations: [{name: c, steps: [dial], contact: {name: 1}}]", "contact"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := simulate.Test(t.Context(), simulate.TestOptions{Dir: folder(t, c.script)}, &bytes.Buffer{})
			if err == nil || !strings.Contains(err.Error(), "bot.conv.yaml:1") || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestBotThatDoesNotLoad(t *testing.T) {
	dir := folder(t, "conversations: [{name: c, steps: [dial]}]")
	if err := os.WriteFile(filepath.Join(dir, "app.js"), []byte("api.on_inbound_message = function( {"), 0o600); err != nil {
		t.Fatal(err)
	}
	report, err := simulate.Test(t.Context(), simulate.TestOptions{Dir: dir}, &bytes.Buffer{})
	if err == nil || !strings.Contains(err.Error(), "app.js:1") {
		t.Errorf("%+v, %v", report, err)
	}
}
