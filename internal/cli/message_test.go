package cli_test

import (
	"strings"
	"testing"
)

func TestMessageLog(t *testing.T) {
	p := withAccount(t)
	p.must("bot", "deploy", echo)
	if r := p.runWith("hello\nlunch, please\n", "simulate", "echo", "--kind", "sms"); r.status != 0 {
		t.Fatalf("status %d\n%s%s", r.status, r.stdout, r.stderr)
	}
	for _, test := range []struct {
		args string
		want []string // contents, newest first
	}{
		{"", []string{"You said lunch, please", "lunch, please", "You said hello", "hello"}},
		{"-n 1", []string{"You said lunch, please"}},
		{"--way in", []string{"lunch, please", "hello"}},
		{"--bot echo --way out --content (?i)LUNCH", []string{"You said lunch, please"}},
		{"--bot echo --content ^h", []string{"hello"}},
		{"--address nobody", nil},
		{"--since 2999-01-01", nil},
		{"--until 2001-01-01T00:00:00Z", nil},
	} {
		var got []struct{ Content string }
		p.object(&got, append([]string{"message", "list"}, strings.Fields(test.args)...)...)
		texts := []string{}
		for _, m := range got {
			texts = append(texts, m.Content)
		}
		if strings.Join(texts, "|") != strings.Join(test.want, "|") {
			t.Errorf("%s: got %q, want %q", test.args, texts, test.want)
		}
	}
	csv := strings.Split(p.must("message", "export", "inbound", "--bot", "echo", "--format", "csv"), "\r\n")
	if len(csv) != 4 || csv[0] != "timestamp,message_id,to_addr,from_addr,in_reply_to,session_event,content,group" ||
		!strings.Contains(csv[1], ",hello,") || !strings.Contains(csv[2], `,"lunch, please",`) {
		t.Errorf("got %q", csv)
	}
	lines := strings.Split(strings.TrimSpace(p.must("message", "export", "outbound")), "\n")
	if len(lines) != 2 || !strings.Contains(lines[0], `"conversation_type":"jsbox"`) || !strings.Contains(lines[0], `"content":"You said hello"`) {
		t.Errorf("got %q", lines)
	}
	if events := p.must("message", "export", "events", "--format", "csv"); strings.Count(events, ",ack,") != 2 {
		t.Errorf("got %q", events)
	}
	for _, args := range [][]string{{"message", "export", "replies"}, {"message", "list", "--since", "soon"}, {"message", "list", "--content", "("},
		{"message", "export", "inbound", "--format", "xml"}} {
		if r := p.run(args...); r.status != 2 {
			t.Errorf("%v: status %d %s", args, r.status, r.stderr)
		}
	}
	if r := p.run("message", "export", "inbound", "--bot", "nobody"); r.status != 1 || !strings.Contains(r.stderr, "there is no bot nobody") {
		t.Errorf("status %d %s", r.status, r.stderr)
	}
}
