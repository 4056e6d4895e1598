package simulate

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// A fixture answers one kind of HTTP request that a bot makes.
type fixture struct {
	line    int
	method  string
	url     string // without its query
	params  url.Values
	headers map[string]string // must be there with these values; others may be
	body    *string
	match   *regexp.Regexp
	json    any // the decoded body; only with hasJSON
	hasJSON bool
	times   int // how often it answers; 0: any number
	// required says that it must have answered that often by the end: it stands in the conversation itself.
	required bool
	reply    fixtureReply
}

// A fixtureReply is what the bot gets.
type fixtureReply struct {
	status  int
	headers map[string]string
	body    string
	err     string // instead of an answer: why there is none
}

// fixtures reads a list of request matchers and their replies.
func (r *reader) fixtures(n *yaml.Node) []*fixture {
	var all []*fixture
	r.list(n, "http", func(item *yaml.Node) { all = append(all, r.fixture(item)) })
	return all
}

func (r *reader) fixture(n *yaml.Node) *fixture {
	f := &fixture{line: n.Line, reply: fixtureReply{status: http.StatusOK}}
	replied := false
	known := map[string]field{
		"params":  func(n *yaml.Node) { f.params = joined(f.params, r.params(n)) },
		"headers": func(n *yaml.Node) { f.headers = r.textMap(n, "headers") },
		"body":    func(n *yaml.Node) { r.bodyMatch(n, f) },
		"json":    func(n *yaml.Node) { f.json, f.hasJSON = normal(r.json(n, "json")), true },
		"times":   func(n *yaml.Node) { f.times = r.whole(n, "times", 1) },
		"reply":   func(n *yaml.Node) { replied = true; r.reply(n, &f.reply) },
		"error":   func(n *yaml.Node) { replied = true; f.reply.err = r.text(n, "error") },
	}
	for _, method := range []string{"get", "post", "put", "patch", "delete", "head"} {
		known[method] = func(n *yaml.Node) {
			if f.method != "" {
				r.fail(n, "one fixture answers one method")
			}
			f.method = strings.ToUpper(method)
			r.target(n, f)
		}
	}
	r.fields(n, "a fixture", known)
	switch {
	case f.method == "":
		r.fail(n, "the fixture has no request, such as get: https://example.org/path")
	case !replied:
		r.fail(n, "the fixture has neither reply nor error")
	}
	return f
}

// target reads a URL. Parameters in it are as good as params.
func (r *reader) target(n *yaml.Node, f *fixture) {
	u, err := url.Parse(r.text(n, "the URL"))
	if err != nil || u.Host == "" {
		r.fail(n, "the URL of a fixture must be absolute, such as https://example.org/path")
		return
	}
	f.params = joined(u.Query(), f.params)
	f.url = bare(u)
}

// bare returns a URL without query and fragment, its host in lower case.
func bare(u *url.URL) string {
	path := u.EscapedPath()
	if path == "" {
		path = "/"
	}
	return u.Scheme + "://" + strings.ToLower(u.Host) + path
}

func (r *reader) params(n *yaml.Node) url.Values {
	values := url.Values{}
	if n.Kind != yaml.MappingNode {
		r.fail(n, "params must be a mapping")
		return values
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		values[n.Content[i].Value] = r.texts(resolved(n.Content[i+1]), "a parameter")
	}
	return values
}

func (r *reader) textMap(n *yaml.Node, what string) map[string]string {
	values := map[string]string{}
	if n.Kind != yaml.MappingNode {
		r.fail(n, "%s must be a mapping", what)
		return values
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		values[n.Content[i].Value] = r.text(resolved(n.Content[i+1]), what)
	}
	return values
}

func (r *reader) bodyMatch(n *yaml.Node, f *fixture) {
	if n.Kind == yaml.MappingNode {
		r.fields(n, "body", map[string]field{"match": func(n *yaml.Node) { f.match = r.pattern(n, "match") }})
		return
	}
	f.body = new(r.text(n, "body"))
}

func (r *reader) reply(n *yaml.Node, reply *fixtureReply) {
	r.fields(n, "reply", map[string]field{
		"status":  func(n *yaml.Node) { reply.status = r.whole(n, "status", 100) },
		"headers": func(n *yaml.Node) { reply.headers = r.textMap(n, "headers") },
		"text":    func(n *yaml.Node) { reply.body = r.text(n, "text") },
		"json": func(n *yaml.Node) {
			reply.body = string(r.json(n, "json"))
			reply.headers = joined(map[string]string{"Content-Type": "application/json"}, reply.headers)
		},
	})
}

// normal returns a JSON text decoded, so that two that mean the same are equal.
func normal(text []byte) any {
	var value any
	if json.Unmarshal(text, &value) != nil {
		return nil
	}
	return value
}

// refuses says why a request is not the fixture's, or nothing. far tells that it is about something else altogether.
func (f *fixture) refuses(req *http.Request, body string) (why string, far bool) {
	if got := bare(req.URL); got != f.url || req.Method != f.method {
		return "it is " + req.Method + " " + got, true
	}
	query := req.URL.Query()
	if len(query)+len(f.params) > 0 && !reflect.DeepEqual(query, f.params) {
		return fmt.Sprintf("its parameters are %s, not %s", quoted(query.Encode()), quoted(f.params.Encode())), false
	}
	for _, name := range slices.Sorted(maps.Keys(f.headers)) {
		if got := req.Header.Get(name); got != f.headers[name] {
			return fmt.Sprintf("its header %s is %q, not %q", name, got, f.headers[name]), false
		}
	}
	switch {
	case f.body != nil && *f.body != body:
		return fmt.Sprintf("its body is %q, not %q", body, *f.body), false
	case f.match != nil && !f.match.MatchString(body):
		return fmt.Sprintf("its body %q does not match %s", body, patternText(f.match)), false
	case f.hasJSON && (!json.Valid([]byte(body)) || !reflect.DeepEqual(normal([]byte(body)), f.json)):
		want, _ := json.Marshal(f.json) // it came from JSON
		return fmt.Sprintf("its body is %q, not %s", body, want), false
	}
	return "", false
}

// quoted shows a query, or that there is none.
func quoted(query string) string {
	if query == "" {
		return "none"
	}
	return query
}
