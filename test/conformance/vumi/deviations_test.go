package vumi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"indaba/internal/account"
	"indaba/internal/app"
	"indaba/internal/metric"
)

// deviations are the tests of docs/spec/vumi-http.md 16, by the topics of its rows.
var deviations = map[string]func(*testing.T, *server){
	"leaving a group":                     devLeaving,
	"wrong JSON types":                    devTypes,
	"unparsable smart query":              devQuery,
	"costly queries":                      devCostly,
	"member and match at once":            devOnce,
	"negative `max_results`":              devNegative,
	"bad time or interval":                devTimes,
	"wide buckets":                        devAverage,
	"names of fired metrics":              devNames,
	"never-fired metric":                  devNeverFired,
	"metrics of long ago":                 devFolded,
	"JSON-RPC without JSON":               devRPC,
	"numbers that are none":               devNumbers,
	"session events of fresh sends":       devSessions,
	"voice metadata":                      devVoice,
	"malformed messages and metrics":      devMalformed,
	"messages without a route":            devNoRoute,
	"bad token for opt-outs and JSON-RPC": devBadToken,
	"half surrogate pairs":                devSurrogates,
	"metrics behind a password":           devPassword,
	"a limit of 0 messages at a time":     devZero,
	"several recipients in `to_addr`":     devSeveral,
	"status lines":                        devStatusLine,
	"requests":                            devRequests,
}

func TestDeviations(t *testing.T) {
	listed := columns(`(?m)^\| ([^|]+?) \|`, section(t, "16"))
	sameNames(t, deviations, listed[1:]) // the first is the head of the table
	s := target(t)
	for name, test := range deviations {
		t.Run(name, func(t *testing.T) { test(t, s) })
	}
}

func refusal(reason string) json.RawMessage {
	text, err := json.Marshal(object{"status_code": 400, "reason": reason})
	if err != nil {
		panic(err) // a number and a text
	}
	return text
}

func devLeaving(t *testing.T, s *server) {
	key := pickKey(t, s, step{Do: "POST /contacts/", Token: "main", JSON: raw(`{"msisdn": "1", "groups": ["a", "b"]}`)})
	s.want(t, step{Do: "PUT /contacts/" + key, JSON: raw(`{"groups": ["c"]}`), Status: 200, Body: raw(`{"$contact": {"groups": ["a", "b", "c"]}}`)})
	s.want(t, step{Do: "DELETE /contacts/" + key + "/groups/b", Status: 200, Body: raw(`{"$contact": {"groups": ["a", "c"]}}`)})
}

func devTypes(t *testing.T, s *server) {
	for _, body := range []string{`[]`, `"x"`, `5`, `null`, `true`, `{"msisdn": "1", "groups": "x"}`, `{"msisdn": "1", "groups": {}}`, `{"msisdn": "1", "groups": [1]}`, `{"msisdn": "1", "groups": null}`} {
		s.want(t, step{Do: "POST /contacts/", Raw: &body, Status: 400, Body: refusal("$text")})
		if !strings.HasPrefix(body, "{") {
			s.want(t, step{Do: "POST /groups/", Raw: &body, Status: 400, Body: refusal("$text")})
		}
	}
}

func devQuery(t *testing.T, s *server) {
	for _, query := range []string{`(((`, `name:"open`, `name:[a TO`, `AND`} {
		text, err := json.Marshal(object{"name": "x", "query": query})
		if err != nil {
			t.Fatal(err)
		}
		key := pickKey(t, s, step{Do: "POST /groups/", Token: "main", JSON: text})
		s.want(t, step{Do: "GET /groups/" + key, Status: 200})
		s.want(t, step{Do: "GET /groups/" + key + "/contacts", Status: 400, Body: refusal("~Invalid query: u'.*'")})
	}
}

func devCostly(t *testing.T, s *server) {
	const costly = "name:/(a|b)*b[ab]{900}c/"
	create := func(query string) (status int, key string) {
		text, err := json.Marshal(object{"name": "costly", "query": query})
		if err != nil {
			t.Fatal(err)
		}
		status, _, body := s.send(t, step{Do: "POST /groups/", Token: "main", JSON: text}, nil)
		var made struct{ Key string }
		if err := json.Unmarshal(body, &made); err != nil {
			t.Fatalf("%d %s: %v", status, body, err)
		}
		return status, made.Key
	}
	status, key := create(costly + " " + costly)
	if status != 200 {
		t.Fatalf("a query that is refused later: %d", status)
	}
	s.want(t, step{Do: "GET /groups/" + key + "/contacts", Status: 400, Body: refusal("~Invalid query: u'.*'")})
	made := []string{key}
	for status = 200; status == 200 && len(made) < 10; {
		if status, key = create(costly); status == 200 {
			made = append(made, key)
		}
	}
	if status != 413 {
		t.Errorf("%d costly groups, and then %d", len(made), status)
	}
	for _, key := range made {
		s.want(t, step{Do: "DELETE /groups/" + key, Status: 200})
	}
	word := "w" + unique()
	contact := pickKey(t, s, step{Do: "POST /contacts/", Token: "main",
		JSON: raw(`{"msisdn": "1", "extra": {"x": "` + strings.Repeat("a ", 512) + word + `"}}`)})
	for query, want := range map[string]string{word: `["$any"]`, word[:5] + "*": `["$any"]`, "*" + word: `[]`, `/` + word + `/`: `[]`} {
		text, err := json.Marshal(object{"name": "x", "query": "key:" + contact + " AND extras-x:" + query})
		if err != nil {
			t.Fatal(err)
		}
		group := pickKey(t, s, step{Do: "POST /groups/", Token: "main", JSON: text})
		s.want(t, step{Do: "GET /groups/" + group + "/contacts", Status: 200, Body: raw(`{"cursor": null, "data": ` + want + `}`)})
	}
}

func devOnce(t *testing.T, s *server) {
	name := unique()
	group := pickKey(t, s, step{Do: "POST /groups/", Token: "main", JSON: raw(`{"name": "x", "query": "name:` + name + `"}`)})
	key := pickKey(t, s, step{Do: "POST /contacts/", Token: "main", JSON: raw(`{"msisdn": "1", "name": "` + name + `", "groups": ["` + group + `"]}`)})
	s.want(t, step{Do: "GET /groups/" + group + "/contacts", Status: 200,
		Body: raw(`{"cursor": null, "data": [{"$contact": {"key": "` + key + `", "name": "` + name + `", "groups": ["` + group + `"]}}]}`)})
}

func devNegative(t *testing.T, s *server) {
	for _, n := range []string{"-1", "-99999999999999999999"} {
		s.want(t, step{Do: "GET /groups/none/contacts?max_results=" + n, Status: 200})
	}
}

func devTimes(t *testing.T, s *server) {
	for parameter, reason := range map[string]string{
		"from=noon": "Invalid time string: u'noon'", "until=20150231": "Invalid time string: u'20150231'", "from=": "Invalid time string: u''",
		"interval=1m": "Invalid interval string: u'1m'", "interval=0s": "Invalid interval string: u'0s'", "interval=": "Invalid interval string: u''",
	} {
		s.want(t, step{Do: "GET /metrics/?" + parameter, Status: 400, Body: refusal(reason)})
	}
}

func devAverage(t *testing.T, s *server) {
	name := "w" + unique() + ".avg"
	for _, value := range []string{"1", "1", "1", "9"} {
		s.want(t, step{Do: "POST /metrics/", JSON: raw(`{"` + name + `": ` + value + `}`), Status: 200})
	}
	s.want(t, step{Do: "GET /metrics/?m=" + name + "&from=-1d&interval=100y", Status: 200, Body: raw(`{"` + name + `": [{"x": 0, "y": 3}]}`)})
}

func devNames(t *testing.T, s *server) {
	for _, name := range []string{"x" + unique() + ".last", "stores.default.x" + unique() + ".sum", "go.campaigns." + s.vars(t)["account"] + ".x" + unique() + ".max"} {
		s.want(t, step{Do: "POST /metrics/", JSON: raw(`{"` + name + `": 2}`), Status: 200, Body: raw(`[{"name": "` + name + `", "value": 2, "aggregator": "$text"}]`)})
		s.want(t, step{Do: "GET /metrics/?m=" + name + "&from=-1d&interval=100y", Status: 200, Body: raw(`{"` + name + `": [{"x": 0, "y": 2}]}`)})
	}
}

func devNeverFired(t *testing.T, s *server) {
	for _, nulls := range []string{"zeroize", "omit", "keep"} {
		s.want(t, step{Do: "GET /metrics/?m=never" + unique() + ".sum&nulls=" + nulls, Status: 200, Bytes: new("{}")})
	}
}

// Only the server itself can be told that something was fired long ago.
func devFolded(t *testing.T, _ *server) {
	s, name := own(t), "old"+unique()+".sum"
	minute := time.Now().Add(-8 * 24 * time.Hour).Truncate(time.Hour).Add(30 * time.Minute)
	hour := time.Now().Add(-91 * 24 * time.Hour).Truncate(time.Hour)
	fire := func(at time.Time, value float64) {
		if err := s.own.Metrics.Fire(t.Context(), s.given["account"], []metric.Point{{Name: name, Value: value, At: at}}); err != nil {
			t.Fatal(err)
		}
	}
	fire(minute.Add(5*time.Second), 1)
	fire(minute.Add(25*time.Second), 2)
	fire(hour.Add(59*time.Minute), 4)
	fire(minute.Add(48*time.Hour+5*time.Second), 8)
	if err := s.own.Metrics.Rollup(t.Context(), time.Now()); err != nil {
		t.Fatal(err)
	}
	for at, want := range map[time.Time]float64{minute: 3, hour: 4, minute.Add(48*time.Hour + 5*time.Second): 8} {
		body, err := json.Marshal(object{name: []object{{"x": at.UnixMilli(), "y": want}}})
		if err != nil {
			t.Fatal(err)
		}
		s.want(t, step{Do: fmt.Sprintf("GET /metrics/?m=%s&from=%d&until=%d&interval=5s&nulls=omit", name, at.Unix(), at.Add(time.Hour).Unix()-1), Status: 200, Body: body})
	}
}

func devRPC(t *testing.T, s *server) {
	s.want(t, step{Do: "POST /api/", Raw: new("{"), Status: 200,
		Body: raw(`{"jsonrpc": "2.0", "id": null, "result": null, "error": {"fault": "Fault", "faultCode": -32700, "faultString": "not well-formed"}}`)})
}

func devNumbers(t *testing.T, s *server) {
	for _, value := range []string{`NaN`, `Infinity`, `"nan"`, `"inf"`, `true`} {
		s.want(t, step{Do: "POST /metrics/", Raw: new(`{"a.sum": ` + value + `}`), Status: 400, Body: refusal("$text")})
	}
}

func devSessions(t *testing.T, s *server) {
	c, to := s.sender(t), number()
	for _, event := range []string{"new", "resume", "close"} {
		if got := must[object](t)(c.sendText(to, "x", event)); got["session_event"] != event {
			t.Errorf("%s: %s", event, show(got))
		}
	}
	_, err := c.sendText(to, "x", "later")
	wantStatus(t, "another event", err, http.StatusBadRequest)
}

func devVoice(t *testing.T, s *server) {
	got := must[object](t)(s.sender(t).sendVoice(number(), "x", "http://example.org/a.ogg", "#", ""))
	if show(got["helper_metadata"].(object)["voice"]) != `{"speech_url":"http://example.org/a.ogg","wait_for":"#"}` {
		t.Errorf("sent: %s", show(got))
	}
}

func devMalformed(t *testing.T, s *server) {
	c := s.sender(t)
	for resource, bodies := range map[string][]any{
		"messages.json": {nil, 5, "x", []any{}, object{"to_addr": 5}}, "metrics.json": {nil, 5, "x", object{}, []any{5}, []any{[]any{"a", "x", "sum"}}},
	} {
		for _, body := range bodies {
			status, text := c.put(resource, body)
			var answer object
			if err := json.Unmarshal(text, &answer); err != nil || status != 400 || answer["success"] != false {
				t.Errorf("%s %s: %d %s", resource, show(body), status, text)
			}
		}
	}
}

func devNoRoute(t *testing.T, s *server) {
	if s.pushed == nil {
		t.Skip("no application is given that would be told")
	}
	c := s.sender(t)
	c.conversation = s.given["pushing"]
	sent := must[object](t)(c.sendText(number(), "x", ""))
	if told := s.told(t); told["event_type"] != "nack" || told["user_message_id"] != sent["message_id"] {
		t.Errorf("told %s", show(told))
	}
}

func devBadToken(t *testing.T, s *server) {
	for path, method := range map[string]string{"/optouts/count": "GET", "/api/": "POST"} {
		s.want(t, step{Do: method + " " + path, Token: "bad", Status: 401})
		if s.tokens["narrow"] != "" {
			s.want(t, step{Do: method + " " + path, Token: "narrow", Status: 403})
		}
	}
}

func devSurrogates(t *testing.T, s *server) {
	s.want(t, step{Do: "POST /contacts/", Raw: new(`{"msisdn": "a\ud83d", "name": "\udc4bb", "surname": "\ud83d\udc4b"}`), Status: 200,
		Body: raw(`{"$contact": {"msisdn": "a\ufffd", "name": "\ufffdb", "surname": "👋"}}`)})
}

func devPassword(t *testing.T, s *server) {
	for _, method := range []string{"GET", "POST"} {
		s.want(t, step{Do: method + " /metrics/", Basic: "user:password", JSON: raw(`{}`), Status: 401,
			Body: raw(`{"status_code": 401, "reason": "Unauthorized"}`)})
	}
}

func devZero(t *testing.T, _ *server) {
	c := settings(t)
	c.API.ConversationMessages = 0
	if err := c.Check(); err == nil || !strings.Contains(err.Error(), "api_conversation_messages: is 0") {
		t.Errorf("a server would start: %v", err)
	}
}

func devSeveral(t *testing.T, s *server) {
	c := s.sender(t)
	for _, several := range []string{number() + "," + number(), number() + ",", number() + ";" + number(), number() + "\n" + number(), number() + " " + number()} {
		status, text := c.put("messages.json", object{"to_addr": several, "content": "x"})
		var answer object
		if err := json.Unmarshal(text, &answer); err != nil || status != 400 || answer["reason"] != "Invalid or missing value for payload key 'to_addr'" {
			t.Errorf("%q: %d %s", several, status, text)
		}
	}
}

// Nothing else is to be expected of HTTP in Go; the client reads the body.
func devStatusLine(t *testing.T, s *server) {
	c := s.sender(t)
	r, err := http.NewRequestWithContext(t.Context(), "PUT", c.url+"/"+c.conversation+"/messages.json", strings.NewReader("{"))
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth(c.account, c.token)
	answer, err := s.http.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }() // nobody reads it
	if answer.Status != "400 Bad Request" {
		t.Errorf("status line %s", answer.Status)
	}
}

func devRequests(t *testing.T, _ *server) {
	s, c := newServer(t), settings(t)
	c.API.TokenRate = 5
	s.boot(t, c, app.Options{})
	owner := s.newAccount(t)
	s.tokens["main"] = s.newToken(t, account.TokenSpec{Account: owner, Scopes: []string{account.ScopeAdmin}})
	for range 50 {
		if status, header, body := s.send(t, step{Do: "GET /contacts/x", Token: "main"}, nil); status == 429 {
			if header.Get("Retry-After") == "" || !strings.Contains(string(body), fmt.Sprint(`"status_code":`, status)) {
				t.Errorf("%v %s", header, body)
			}
			return
		}
	}
	t.Error("50 requests at once were all served, 5 per second are allowed")
}
