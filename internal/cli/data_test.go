package cli_test

import (
	"strings"
	"testing"
)

func TestOptouts(t *testing.T) {
	p := withAccount(t)
	p.must("optout", "add", "+27821230000")
	p.must("optout", "add", "+27821230001")
	p.must("optout", "add", "someone@example.org", "--type", "gtalk")
	golden(t, "optout-list", p.must("optout", "list"))
	var some []struct{ Type, Address string }
	if p.object(&some, "optout", "list", "-n", "2"); len(some) != 2 || some[0].Type != "gtalk" {
		t.Errorf("two of three: %+v", some)
	}
	if p.object(&some, "optout", "list", "-n", "0"); len(some) != 3 {
		t.Errorf("all: %+v", some)
	}
	if r := p.run("optout", "add", "+27821230000"); r.status != 1 {
		t.Errorf("twice: status %d", r.status)
	}
	p.must("optout", "remove", "+27821230000")
	if r := p.run("optout", "remove", "+27821230000"); r.status != 1 || !strings.Contains(r.stderr, "has not opted out") {
		t.Errorf("removed twice: status %d, %q", r.status, r.stderr)
	}
	if r := p.run("optout", "add", " "); r.status != 2 {
		t.Errorf("no address: status %d, %q", r.status, r.stderr)
	}
	p.must("optout", "add", "27821230001")
	if r := p.run("optout", "remove", "27821230001"); r.status != 0 || strings.Contains(r.stdout, "may be written to") ||
		!strings.Contains(r.stderr, "+27821230001 has opted out, too") {
		t.Errorf("one of two spellings: %+v", r)
	}
	if n := p.must("optout", "count"); n != "2\n" {
		t.Errorf("counted %q", n)
	}
	for kind, noted := range map[string]bool{"bogus": true, "sms": true, "twitter": false, "twitter_handle": false, "msisdn": false} {
		r := p.run("optout", "add", "thandi", "--type", kind)
		if r.status != 0 || strings.Contains(r.stderr, "no channel looks for opt-outs of type "+kind) != noted {
			t.Errorf("type %s: status %d, %q", kind, r.status, r.stderr)
		}
		p.must("optout", "remove", "thandi", "--type", kind)
	}
	if audit := p.must("audit"); strings.Count(audit, "optout.add") != 9 || strings.Count(audit, "optout.remove") != 7 {
		t.Errorf("the audit log:\n%s", audit)
	}
}

func TestGroups(t *testing.T) {
	p := withAccount(t)
	var g struct {
		Key     string
		Members *int64
	}
	p.object(&g, "group", "create", "mothers")
	if g.Members == nil || *g.Members != 0 {
		t.Errorf("got %+v", g)
	}
	p.must("group", "create", "durban", "--query", "extras-city:Durban")
	golden(t, "group-list", p.must("group", "list"))
	if r := p.run("group", "create", "bad", "--query", "msisdn:("); r.status != 1 || !strings.Contains(r.stderr, "character 9") {
		t.Errorf("a bad query: status %d, %q", r.status, r.stderr)
	}
	if text := p.must("group", "members", "durban"); text != "There are none.\n" {
		t.Errorf("got %q", text)
	}
	p.must("group", "create", "durban")
	if r := p.run("group", "remove", "durban"); r.status != 1 || !strings.Contains(r.stderr, "several groups") {
		t.Errorf("two of one name: status %d, %q", r.status, r.stderr)
	}
	p.must("group", "remove", g.Key)
	if r := p.run("group", "show", "mothers"); r.status != 1 || !strings.Contains(r.stderr, "there is no group mothers") {
		t.Errorf("after its end: status %d, %q", r.status, r.stderr)
	}
	if audit := p.must("audit"); !strings.Contains(audit, "group.remove") || strings.Count(audit, "group.create") != 3 {
		t.Errorf("the audit log:\n%s", audit)
	}
}

func TestMetrics(t *testing.T) {
	p := withAccount(t)
	p.must("metric", "fire", "stores.default.visits.sum", "2")
	p.must("metric", "fire", "stores.default.visits.sum", "0.5")
	p.must("metric", "fire", "door.last", "--", "-1")
	if text := p.must("metric", "list", "stores."); text != "NAME\nstores.default.visits.sum\n" {
		t.Errorf("got %q", text)
	}
	var values []struct{ Value *float64 }
	if p.object(&values, "metric", "show", "stores.default.visits.sum", "--interval", "30d"); len(values) != 1 || *values[0].Value != 2.5 {
		t.Errorf("got %+v", values)
	}
	if p.object(&values, "metric", "show", "door.last", "--since", "2h", "--interval", "1h", "--all"); len(values) != 3 {
		t.Errorf("with empty rows: %+v", values)
	}
	for _, test := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{"metric", "fire", "visits", "1"}, 1, "aggregator"},
		{[]string{"metric", "fire", "visits.sum", "many"}, 2, "many"},
		{[]string{"metric", "fire", "visits.sum", "NaN"}, 1, "not a number"},
		{[]string{"metric", "show", "nothing.sum"}, 1, "nothing was ever fired"},
		{[]string{"metric", "show", "door.last", "--interval", "1ms"}, 2, "--interval"},
	} {
		if r := p.run(test.args...); r.status != test.status || !strings.Contains(r.stderr, test.want) {
			t.Errorf("%v: status %d, want %d; %q must contain %q", test.args, r.status, test.status, r.stderr, test.want)
		}
	}
}
