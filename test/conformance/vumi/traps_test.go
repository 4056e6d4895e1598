package vumi_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// traps are the tests of docs/spec/vumi-http.md 15, by the names that it gives.
var traps = map[string]func(*testing.T, *server){
	"Paths are matched as they were written":  trapPaths,
	"Empty lists are lists":                   trapEmptyLists,
	"Null members are there":                  trapNullMembers,
	"Null is not absent":                      trapNullIsNotAbsent,
	"Unknown fields are sorted by bytes":      trapUnknownFields,
	"Values are shown as Python 2 shows them": trapPython,
	"Lengths count characters":                trapLengths,
	"Numbers are numbers":                     trapNumbers,
	"HTML characters come through":            trapHTML,
	"Times have six digits in UTC":            trapTimes,
	"A refusal challenges":                    trapChallenge,
	"Connections live on":                     trapConnections,
	"Buckets lie on UTC":                      trapBuckets,
	"Streams flow":                            trapStreams,
}

func TestTraps(t *testing.T) {
	sameNames(t, traps, columns(`(?m)^\d+\. \*\*([^*]+)\.\*\*`, section(t, "15")))
	s := target(t)
	for name, test := range traps {
		t.Run(name, func(t *testing.T) { test(t, s) })
	}
}

// ask sends a step and returns the status and the decoded answer.
func (s *server) ask(t *testing.T, st step) (int, any) {
	t.Helper()
	status, _, body := s.send(t, st, s.vars(t))
	var answer any
	if err := json.Unmarshal(body, &answer); err != nil {
		t.Fatalf("%s: %d, no JSON: %s", st.Do, status, body)
	}
	return status, answer
}

// vars returns what the server gives, with the account's key.
func (s *server) vars(t *testing.T) map[string]string {
	t.Helper()
	if s.given["account"] == "" {
		s.given["account"] = s.accountKey(t)
	}
	return s.given
}

// want sends a step and checks the answer.
func (s *server) want(t *testing.T, st step) {
	t.Helper()
	if st.Token == "" {
		st.Token = "main"
	}
	if wrong := s.check(t, st, s.vars(t)); wrong != "" {
		t.Errorf("%s: %s", st.Do, wrong)
	}
}

func raw(text string) json.RawMessage { return json.RawMessage(text) }

func trapPaths(t *testing.T, s *server) {
	for _, path := range []string{"/contacts", "/groups", "/metrics", "/api", "/optouts/count/", "/contacts/x/", "/groups/x/contacts/",
		"//contacts/", "/contacts//", "/./contacts/", "/x/../contacts/", "/contacts/../groups/", "/contacts/%2e%2e/groups/", "/%63ontacts",
		"/optouts/msisdn", "/http_api_nostream/x", "/http_api_nostream/x/messages.json/", "", "/", "/contacts/;x/"} {
		for _, method := range []string{"GET", "POST", "PUT", "DELETE"} {
			if status, header, body := s.send(t, step{Do: method + " " + path, Token: "main", JSON: raw(`{}`)}, nil); status/100 == 3 || status == 200 {
				t.Errorf("%s %s: %d %v %s", method, path, status, header, body)
			}
		}
	}
	s.want(t, step{Do: "GET /%63ontacts/", Status: 200}) // an escaped letter is that letter
	for stored, asked := range map[string][]string{
		"a%2Fb": {"a%2fb"}, "a%252Fb": {"a%252Fb"}, "a+b": {"a%2Bb", "a+b"}, "a%20b": {"a%20b"}, "%25": {"%25"}, "a%3Fb%23": {"a%3fb%23"},
	} {
		kind := "k" + unique()
		s.want(t, step{Do: "PUT /optouts/" + kind + "/" + stored, Status: 200})
		for _, path := range asked {
			s.want(t, step{Do: "GET /optouts/" + kind + "/" + path, Status: 200})
		}
		for _, other := range []string{"a/b", "a%2520b", "%2525", "a%2Bb%20", "a%252fb"} {
			s.want(t, step{Do: "GET /optouts/" + kind + "/" + other, Status: 404})
		}
	}
}

func trapEmptyLists(t *testing.T, s *server) {
	for _, path := range []string{"/groups/none" + unique() + "/contacts", "/groups/none" + unique() + "/contacts?max_results=1"} {
		s.want(t, step{Do: "GET " + path, Status: 200, Bytes: new(`{"cursor":null,"data":[]}`)})
	}
	s.want(t, step{Do: "POST /metrics/", JSON: raw(`{}`), Status: 200, Bytes: new(`[]`)})
	s.want(t, step{Do: "GET /metrics/", Status: 200, Bytes: new(`{}`)})
	s.want(t, step{Do: "POST /contacts/", JSON: raw(`{"msisdn": "1"}`), Status: 200, Body: raw(`{"$contact": {"groups": [], "extra": {}, "subscription": {}}}`)})
	_, answer := s.ask(t, step{Do: "POST /api/", Token: "main", JSON: raw(`{"id": 1, "method": "routing_table", "params": ["${account}"]}`)})
	for name, list := range answer.(object)["result"].(object) {
		if _, ok := list.([]any); !ok {
			t.Errorf("%s is %s", name, show(list))
		}
	}
}

func trapNullMembers(t *testing.T, s *server) {
	s.want(t, step{Do: "POST /api/", JSON: raw(`{"id": 1, "method": "campaigns", "params": []}`), Status: 200,
		Body: raw(`{"jsonrpc": "2.0", "id": 1, "result": ["$any"], "error": null}`)})
	s.want(t, step{Do: "POST /api/", JSON: raw(`{"id": 1, "method": "nope", "params": []}`), Status: 200,
		Body: raw(`{"jsonrpc": "2.0", "id": 1, "result": null, "error": {"fault": "$text", "faultCode": "$number", "faultString": "$text"}}`)})
	s.want(t, step{Do: "GET /groups/none/contacts", Status: 200, Body: raw(`{"cursor": null, "data": []}`)})
	s.want(t, step{Do: "POST /groups/", JSON: raw(`{"name": "x"}`), Status: 200, Body: raw(`{"$group": {"query": null, "$VERSION": null}}`)})
}

func trapNullIsNotAbsent(t *testing.T, s *server) {
	_, made := s.ask(t, step{Do: "POST /contacts/", Token: "main", JSON: raw(`{"msisdn": "1", "name": "a", "surname": "b"}`)})
	key := pick(t, made, "key")
	s.want(t, step{Do: "PUT /contacts/" + key, JSON: raw(`{"name": null}`), Status: 200, Body: raw(`{"$contact": {"surname": "b"}}`)})
	s.want(t, step{Do: "PUT /contacts/" + key, JSON: raw(`{"msisdn": null}`), Status: 400, Body: raw(`{"status_code": 400, "reason": "None is not allowed as a value for non-null fields."}`)})
	_, made = s.ask(t, step{Do: "POST /groups/", Token: "main", JSON: raw(`{"name": "a", "query": "name:x"}`)})
	key = pick(t, made, "key")
	s.want(t, step{Do: "PUT /groups/" + key, JSON: raw(`{"name": "b"}`), Status: 200, Body: raw(`{"$group": {"name": "b", "query": "name:x"}}`)})
	s.want(t, step{Do: "PUT /groups/" + key, JSON: raw(`{"query": null}`), Status: 200, Body: raw(`{"$group": {"name": "b", "query": null}}`)})
}

func trapUnknownFields(t *testing.T, s *server) {
	for path, kind := range map[string]string{"/contacts/": "contact", "/groups/": "group"} {
		s.want(t, step{Do: "POST " + path, JSON: raw(`{"b": 1, "é": 1, "B": 1, "a": 1, "_": 1, "10": 1, "9": 1, "\ud83d\udc4b": 1, "\uff5e": 1}`), Status: 400,
			Body: raw(`{"status_code": 400, "reason": "Invalid ` + kind + ` fields: 10, 9, B, _, a, b, é, ～, 👋"}`)})
	}
}

func trapPython(t *testing.T, s *server) {
	for value, repr := range map[string]string{
		`"it's"`: `u"it's"`, `"it's \"so\""`: `u'it\'s "so"'`, `"\u00e9"`: `u'\xe9'`, `"\u0416"`: `u'\u0416'`, `"\ud83d\udc4b"`: `u'\U0001f44b'`,
		`"a\nb\tc\\d"`: `u'a\nb\tc\\d'`, `5`: `5`, `1.50`: `1.5`, `true`: `True`, `null`: `None`, `[1, "a"]`: `[1, u'a']`, `[{"a": null}]`: `[{u'a': None}]`,
	} {
		want, err := json.Marshal("Value " + repr + " should be a dict of subfield name-value pairs")
		if err != nil {
			t.Fatal(err)
		}
		s.want(t, step{Do: "POST /contacts/", JSON: raw(`{"msisdn": "1", "extra": ` + value + `}`), Status: 400,
			Body: raw(`{"status_code": 400, "reason": ` + string(want) + `}`)})
	}
}

func trapLengths(t *testing.T, s *server) {
	for field, most := range map[string]int{"name": 255, "surname": 255, "msisdn": 255, "twitter_handle": 100, "facebook_id": 100, "bbm_pin": 100} {
		for _, letter := range []string{"n", "é", "Ж", "👋"} {
			for length, status := range map[int]int{most: 200, most + 1: 400} {
				fields, err := json.Marshal(map[string]string{"msisdn": "1", field: strings.Repeat(letter, length)})
				if err != nil {
					t.Fatal(err)
				}
				if got, answer := s.ask(t, step{Do: "POST /contacts/", Token: "main", JSON: fields}); got != status {
					t.Errorf("%d times %s as %s: %d %s", length, letter, field, got, show(answer))
				}
			}
		}
	}
}

func trapNumbers(t *testing.T, s *server) {
	name := "n" + unique() + ".last"
	for _, one := range []string{"1", "1.0", "1e0", `"1"`} {
		s.want(t, step{Do: "POST /metrics/", JSON: raw(`{"` + name + `": ` + one + `}`), Status: 200, Body: raw(`[{"name": "` + name + `", "value": 1, "aggregator": "last"}]`)})
	}
	for _, none := range []string{`NaN`, `Infinity`, `-Infinity`} {
		s.want(t, step{Do: "POST /metrics/", Raw: new(`{"` + name + `": ` + none + `}`), Status: 400, Body: raw(`{"status_code": 400, "reason": "~Invalid JSON: .+"}`)})
	}
	for _, none := range []string{`"nan"`, `"inf"`, `"Infinity"`, `"-inf"`, `1e400`, `true`} {
		s.want(t, step{Do: "POST /metrics/", Raw: new(`{"` + name + `": ` + none + `}`), Status: 400, Body: raw(`{"status_code": 400, "reason": "~.* is not a valid metric value,.*"}`)})
	}
	huge := "h" + unique() + ".sum" // a sum of what is allowed may not become what is none
	for range 3 {
		s.send(t, step{Do: "POST /metrics/", Token: "main", JSON: raw(`{"` + huge + `": 1e308}`)}, nil)
	}
	if status, _ := s.ask(t, step{Do: "GET /metrics/?from=-1d&interval=100y&m=" + huge, Token: "main"}); status != 200 {
		t.Errorf("a sum beyond all numbers: %d", status)
	}
}

func trapHTML(t *testing.T, s *server) {
	_, made := s.ask(t, step{Do: "POST /contacts/", Token: "main", JSON: raw(`{"msisdn": "<&>\u2028", "extra": {"<b>": "&amp;"}}`)})
	s.want(t, step{Do: "GET /contacts/" + pick(t, made, "key"), Status: 200, Body: raw(`{"$contact": {"msisdn": "<&>\u2028", "extra": {"<b>": "&amp;"}}}`)})
}

func trapTimes(t *testing.T, s *server) {
	for given, want := range map[string]string{
		"2014-07-25T23:44:11.1591519+11:00": "2014-07-25 23:44:11.159151", "2014-07-25": "2014-07-25 00:00:00.000000", "2014-07-25T12:00:00.5": "2014-07-25 12:00:00.500000",
	} {
		s.want(t, step{Do: "POST /contacts/", JSON: raw(`{"msisdn": "1", "created_at": "` + given + `"}`), Status: 200, Body: raw(`{"$contact": {"created_at": "` + want + `"}}`)})
	}
	_, made := s.ask(t, step{Do: "POST /contacts/", Token: "main", JSON: raw(`{"msisdn": "1"}`)})
	at, err := time.Parse("2006-01-02 15:04:05.000000", pick(t, made, "created_at"))
	if err != nil || time.Since(at).Abs() > 10*time.Minute {
		t.Errorf("created at %v, %v: not now in UTC", at, err)
	}
	handle, key := "@"+unique(), ""
	for range 10 {
		_, made = s.ask(t, step{Do: "POST /contacts/", Token: "main", JSON: raw(`{"msisdn": "1", "twitter_handle": "` + handle + `", "created_at": "2016-01-01"}`)})
		key = pick(t, made, "key")
	}
	s.want(t, step{Do: "GET /contacts/?query=twitter_handle%3D" + handle, Status: 200,
		Body: raw(`{"cursor": null, "data": [{"$contact": {"key": "` + key + `", "twitter_handle": "` + handle + `", "created_at": "$time"}}]}`)})
}

func trapChallenge(t *testing.T, s *server) {
	s.want(t, step{Do: "POST /api/", Token: "none", Status: 401, Headers: map[string]string{"WWW-Authenticate": `basic realm="Vumi Go API" | bearer realm="Vumi Go API"`}})
	for _, path := range []string{"/http_api/x/messages.json", "/http_api_nostream/x/messages.json", "/http_api_nostream//x/metrics.json", "/http_api/x/nothing"} {
		for _, method := range []string{"GET", "PUT", "POST", "DELETE", "PATCH", "OPTIONS"} {
			s.want(t, step{Do: method + " " + path, Token: "none", Status: 401, Headers: map[string]string{"WWW-Authenticate": `basic realm="Conversation Realm"`}})
		}
	}
}

// dial opens a connection to the server and writes to it.
func (s *server) dial(t *testing.T, text string) (net.Conn, *bufio.Reader) {
	t.Helper()
	address, plain := strings.CutPrefix(s.root(), "http://")
	if !plain {
		t.Skip("the server speaks only TLS")
	}
	host, _, _ := strings.Cut(address, "/")
	if !strings.Contains(host, ":") {
		host += ":80"
	}
	c, err := net.Dial("tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() }) // some tests have closed it
	if err := c.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	return c, bufio.NewReader(c)
}

// head begins a request in HTTP/1.1 with a token.
func (s *server) head(method, path string) string {
	return fmt.Sprintf("%s /api/v1/go%s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n", method, path, s.tokens["main"])
}

// answered reads one answer from a connection.
func answered(t *testing.T, from *bufio.Reader, method string) (int, string) {
	t.Helper()
	answer, err := http.ReadResponse(from, &http.Request{Method: method})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }() // it was read to its end
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(body)
}

func trapConnections(t *testing.T, s *server) {
	body := strings.Repeat("x", 600_000) // more than net/http reads of its own accord
	c, from := s.dial(t, "")
	for _, request := range []struct {
		head   string
		status int
	}{
		{"POST /api/v1/go/contacts/ HTTP/1.1\r\nHost: x\r\n", 401}, {s.head("POST", "/nothing"), 404}, {s.head("PUT", "/contacts/"), 405},
		{s.head("POST", "/contacts/"), 400}, {s.head("GET", "/contacts/x"), 404}, {s.head("DELETE", "/contacts/x"), 404},
		{"PUT /api/v1/go/http_api/x/messages.json HTTP/1.1\r\nHost: x\r\n", 401}, {s.head("PUT", "/optouts/msisdn/"+unique()), 200},
	} {
		// The whole body is sent before the answer is looked at.
		if _, err := io.WriteString(c, request.head+fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body)); err != nil {
			t.Fatalf("%.30s: %v", request.head, err)
		}
		method, _, _ := strings.Cut(request.head, " ")
		if status, text := answered(t, from, method); status != request.status {
			t.Errorf("%.30s: %d %s, want %d", request.head, status, text, request.status)
		}
	}
}

func trapBuckets(t *testing.T, s *server) {
	name := "b" + unique() + ".sum"
	s.want(t, step{Do: "POST /metrics/", JSON: raw(`{"` + name + `": 1}`), Status: 200})
	const day = 86400
	s.want(t, step{Do: "GET /metrics/?m=" + name + "&from=23:59_20150101&until=00:01_20150102&interval=1d", Status: 200,
		Body: raw(fmt.Sprintf(`{%q: [{"x": %d, "y": 0}, {"x": %d, "y": 0}]}`, name, 16436*day*1000, 16437*day*1000))})
	// 1970 began on a Thursday, and so do weeks: 20150101 was one.
	s.want(t, step{Do: "GET /metrics/?m=" + name + "&from=20150101&until=20150107&interval=1w", Status: 200,
		Body: raw(fmt.Sprintf(`{%q: [{"x": %d, "y": 0}]}`, name, 16436*day*1000))})
}

func trapStreams(t *testing.T, s *server) {
	for range 3 {
		s.want(t, step{Do: "POST /contacts/", JSON: raw(`{"msisdn": "1"}`), Status: 200})
	}
	c, from := s.dial(t, strings.Replace(s.head("GET", "/contacts/?stream=true"), "HTTP/1.1", "HTTP/1.0", 1)+"\r\n")
	answer, err := http.ReadResponse(from, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }() // it was read to its end
	lines := 0
	for scanner := bufio.NewScanner(answer.Body); scanner.Scan(); lines++ {
		if !json.Valid(scanner.Bytes()) {
			t.Errorf("no JSON: %s", scanner.Text())
		}
	}
	if lines < 3 || answer.TransferEncoding != nil || answer.StatusCode != 200 {
		t.Errorf("%d lines in HTTP/1.0, %v", lines, answer)
	}
	_ = c.Close()
	if s.given["line"] == "" {
		t.Skip("no simulated line is given: that lines arrive while a stream is open cannot be seen")
	}
	who, open := number(), s.open(t, "messages.json")
	for i := range 3 { // each is there before the next is sent
		s.say(t, who, fmt.Sprint("line ", i))
		if line := open.next(); line["content"] != fmt.Sprint("line ", i) {
			t.Errorf("line %d: %s", i, show(line))
		}
	}
}
