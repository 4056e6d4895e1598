package vumi_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// stranger is a route as somebody sees it who names what belongs to another account.
type stranger struct {
	// theirs returns the path of something that is the main account's, and none the same path of something that nobody has.
	// Both name it by key.
	theirs, none func(t *testing.T, s *server) (path, key string)
	body         string
}

// strangers has a row for each endpoint of the URL map. Rows of endpoints that name nothing have no functions: what they
// show is compared instead.
var strangers = map[string]stranger{
	"POST /api/":                                          {}, // TestStrangersOfMethods
	"GET /contacts/":                                      {},
	"POST /contacts/":                                     {},
	"GET /contacts/{key}":                                 named1("/contacts/%s", newContact, ""),
	"PUT /contacts/{key}":                                 named1("/contacts/%s", newContact, `{"name": "taken over"}`),
	"DELETE /contacts/{key}":                              named1("/contacts/%s", newContact, ""),
	"DELETE /contacts/{key}/groups/{group}":               named1("/contacts/%s/groups/g", newContact, ""),
	"GET /groups/":                                        {},
	"POST /groups/":                                       {},
	"GET /groups/{key}":                                   named1("/groups/%s", newGroup, ""),
	"PUT /groups/{key}":                                   named1("/groups/%s", newGroup, `{"name": "taken over"}`),
	"DELETE /groups/{key}":                                named1("/groups/%s", newGroup, ""),
	"GET /groups/{key}/contacts":                          named1("/groups/%s/contacts", newGroup, ""),
	"GET /metrics/":                                       named1("/metrics/?m=%s.sum&from=-1d&interval=100y", newMetric, ""),
	"POST /metrics/":                                      {},
	"GET /optouts/count":                                  {},
	"GET /optouts/{type}/{address}":                       named1("/optouts/msisdn/%s", newOptout, ""),
	"PUT /optouts/{type}/{address}":                       {}, // both are free to be opted out
	"DELETE /optouts/{type}/{address}":                    named1("/optouts/msisdn/%s", newOptout, ""),
	"GET /message_store/{batch}/{file}":                   named1("/message_store/%s/outbound.json", givenKey("conversation"), ""),
	"GET /message_store/batch/{batch}/{direction}/match":  named1("/message_store/batch/%s/outbound/match?token=x", givenKey("conversation"), ""),
	"POST /message_store/batch/{batch}/{direction}/match": named1("/message_store/batch/%s/outbound/match", givenKey("conversation"), `[{"key": "msg.content", "pattern": "x"}]`),
	"PUT /http_api_nostream/{conversation}/messages.json": named1("/http_api_nostream/%s/messages.json", givenKey("conversation"), `{"to_addr": "+1", "content": "x"}`),
	"PUT /http_api_nostream/{conversation}/metrics.json":  named1("/http_api_nostream/%s/metrics.json", givenKey("conversation"), `[["a", 1, "sum"]]`),
	"GET /http_api/{conversation}/messages.json":          named1("/http_api/%s/messages.json", givenKey("stream"), ""),
	"PUT /http_api/{conversation}/messages.json":          named1("/http_api/%s/messages.json", givenKey("stream"), `{"to_addr": "+1", "content": "x"}`),
	"GET /http_api/{conversation}/events.json":            named1("/http_api/%s/events.json", givenKey("stream"), ""),
	"PUT /http_api/{conversation}/metrics.json":           named1("/http_api/%s/metrics.json", givenKey("stream"), `[["a", 1, "sum"]]`),

	"POST /conversation_api/{conversation}/config/postcommit": named1("/conversation_api/%s/config/postcommit", givenKey("jsbox"), ""),
}

// named1 is the row of a path that names one thing.
func named1(path string, make func(t *testing.T, s *server) string, body string) stranger {
	return stranger{
		func(t *testing.T, s *server) (string, string) { key := make(t, s); return fmt.Sprintf(path, key), key },
		func(*testing.T, *server) (string, string) {
			key := unique() + unique() + unique()[:8]
			return fmt.Sprintf(path, key), key
		}, body}
}

func newContact(t *testing.T, s *server) string {
	_, made := s.ask(t, step{Do: "POST /contacts/", Token: "main", JSON: raw(`{"msisdn": "1", "groups": ["g"]}`)})
	return pick(t, made, "key")
}

func newGroup(t *testing.T, s *server) string {
	_, made := s.ask(t, step{Do: "POST /groups/", Token: "main", JSON: raw(`{"name": "x"}`)})
	key := pick(t, made, "key")
	s.ask(t, step{Do: "POST /contacts/", Token: "main", JSON: raw(`{"msisdn": "1", "groups": ["` + key + `"]}`)})
	return key
}

func newMetric(t *testing.T, s *server) string {
	name := unique() + unique() + unique()[:8]
	s.ask(t, step{Do: "POST /metrics/", Token: "main", JSON: raw(`{"` + name + `.sum": 1}`)})
	return name
}

func newOptout(t *testing.T, s *server) string {
	address := unique() + unique() + unique()[:8]
	s.ask(t, step{Do: "PUT /optouts/msisdn/" + address, Token: "main"})
	return address
}

func givenKey(name string) func(*testing.T, *server) string {
	return func(t *testing.T, s *server) string {
		if s.given[name] == "" {
			t.Skipf("no %s is given", name)
		}
		return s.given[name]
	}
}

// What belongs to another account is answered like what does not exist: status, header and body are the same but for the
// key, and nothing is changed.
func TestStrangers(t *testing.T) {
	var listed []string
	for _, e := range endpoints(t) {
		listed = append(listed, e.String())
	}
	sameNames(t, strangers, listed)
	each(t, func(t *testing.T, s *server) {
		if s.tokens["other"] == "" {
			t.Skip("no token of another account is given")
		}
		for name, row := range strangers {
			if row.theirs == nil {
				continue
			}
			t.Run(name, func(t *testing.T) {
				method, path, _ := strings.Cut(name, " ")
				theirs, key := row.theirs(t, s)
				before := s.seenByOwner(t)
				none, noKey := row.none(t, s)
				for _, credentials := range s.credentialsOfOthers(t, path) {
					got := strings.ReplaceAll(s.glimpse(t, method, theirs, row.body, credentials), key, "KEY")
					want := strings.ReplaceAll(s.glimpse(t, method, none, row.body, credentials), noKey, "KEY")
					if got != want {
						t.Errorf("of another account:\n%s\nof nobody:\n%s", got, want)
					}
				}
				if after := s.seenByOwner(t); after != before {
					t.Errorf("something has changed:\n%s\nwas\n%s", after, before)
				}
			})
		}
	})
}

// credentialsOfOthers returns Authorization headers that are good for something, but not for what is at the path.
func (s *server) credentialsOfOthers(t *testing.T, path string) map[string]string {
	t.Helper()
	bearer := "Bearer " + s.tokens["other"]
	if !strings.HasPrefix(path, "/http_api") && !strings.HasPrefix(path, "/conversation_api") {
		return map[string]string{"other account": bearer}
	}
	basic := func(user, password string) string {
		r := &http.Request{Header: http.Header{}}
		r.SetBasicAuth(user, password)
		return r.Header.Get("Authorization")
	}
	account := s.accountOf(t, "other")
	return map[string]string{
		"other account": bearer, "account's own token": "Bearer " + s.tokens["main"], "other account, right token": basic(account, s.given["secret"]),
		"right account, wrong token": basic(s.vars(t)["account"], "wrong"), "nobody": basic("nobody", s.given["secret"]),
		"right account, API token": basic(s.vars(t)["account"], s.tokens["main"]), "other account, API token": basic(account, s.tokens["other"]),
	}
}

// glimpse is all that a caller sees of an answer.
func (s *server) glimpse(t *testing.T, method, path, body, authorization string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", authorization)
	status, header, text := s.exchange(t, r)
	header.Del("Date")
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(header)) {
		if name != "Content-Length" { // keys need not have one length
			lines = append(lines, name+": "+strings.Join(header[name], " | "))
		}
	}
	return fmt.Sprintf("%d\n%s\n%s", status, strings.Join(lines, "\n"), text)
}

// seenByOwner is what the main account has, as far as these tests could spoil it.
func (s *server) seenByOwner(t *testing.T) (all string) {
	t.Helper()
	for _, path := range []string{"/contacts/?stream=true", "/groups/?stream=true", "/optouts/count"} {
		_, _, body := s.send(t, step{Do: "GET " + path, Token: "main"}, nil)
		all += string(body)
	}
	return all
}

func (s *server) accountOf(t *testing.T, token string) string {
	t.Helper()
	_, answer := s.ask(t, step{Do: "POST /api/", Token: token, JSON: raw(`{"method": "campaigns", "params": []}`)})
	return pick(t, answer, "result.0.key")
}

// Lists hold only what is the caller's own, and what one account has takes nothing from another.
func TestListsAreApart(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		if s.tokens["other"] == "" {
			t.Skip("no token of another account is given")
		}
		contact, group, metric, address := newContact(t, s), newGroup(t, s), newMetric(t, s), newOptout(t, s)
		for _, path := range []string{"/contacts/", "/contacts/?stream=true", "/groups/", "/groups/?stream=true", "/groups/" + group + "/contacts",
			"/groups/" + group + "/contacts?stream=true", "/groups/g/contacts", "/metrics/?m=" + metric + ".sum&interval=100y"} {
			if status, _, body := s.send(t, step{Do: "GET " + path, Token: "other"}, nil); status != 200 ||
				strings.Contains(string(body), contact) || strings.Contains(string(body), group) || strings.Contains(string(body), `"x"`) {
				t.Errorf("%s: %d %s", path, status, body)
			}
		}
		for _, again := range []string{"PUT", "GET", "DELETE"} {
			s.want(t, step{Do: again + " /optouts/msisdn/" + address, Token: "other", Status: 200})
		}
		s.want(t, step{Do: "GET /optouts/msisdn/" + address, Status: 200})
	})
}

// Methods of the JSON-RPC take another account's keys for keys that nobody has.
func TestStrangersOfMethods(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		if s.tokens["other"] == "" {
			t.Skip("no token of another account is given")
		}
		mine, other := s.vars(t)["account"], s.accountOf(t, "other")
		before := s.network(t)
		channel, talk, router := end(t, before, "channels", "endpoints"), end(t, before, "conversations", "endpoints"), end(t, before, "routers", "channel_endpoints")
		table := func(from, to string) string {
			return fmt.Sprintf(`{"channels": [], "routers": [], "conversations": [], "routing_entries": [{"source": {"uuid": %q}, "target": {"uuid": %q}}]}`, from, to)
		}
		const nobody = "00000000000000000000000000000000"
		// Each row has parameters that name what is the main account's, and how often another account may ask for it.
		rows := map[string][]string{
			"campaigns": nil, "system.listMethods": nil, "system.methodHelp": nil, "system.methodSignature": nil,
			"conversations": {`["ACCOUNT"]`}, "channels": {`["ACCOUNT"]`}, "routers": {`["ACCOUNT"]`}, "routing_entries": {`["ACCOUNT"]`},
			"routing_table": {`["ACCOUNT"]`},
			"update_routing_table": {`["ACCOUNT", ` + table("a::b", "c::d") + `]`, `["` + other + `", ` + table("ACCOUNT-channel", "ACCOUNT-talk") + `]`,
				`["` + other + `", ` + table("ACCOUNT-talk", "ACCOUNT-channel") + `]`, `["` + other + `", ` + table("ACCOUNT-router", "ACCOUNT-channel") + `]`},
			"conversation.dialogue.get_poll":  {`["ACCOUNT", "x", null]`, `["` + other + `", "ACCOUNT-key", null]`},
			"conversation.dialogue.save_poll": {`["ACCOUNT", "x", {"poll": {}}]`, `["` + other + `", "ACCOUNT-key", {"poll": {}}]`},
		}
		_, answer := s.ask(t, step{Do: "POST /api/", Token: "other", JSON: raw(`{"method": "system.listMethods", "params": []}`)})
		for _, method := range answer.(object)["result"].([]any) {
			if _, ok := rows[method.(string)]; !ok {
				t.Errorf("there is no row for the method %s", method)
			}
		}
		theirs := map[string]string{"ACCOUNT-channel": channel, "ACCOUNT-talk": talk, "ACCOUNT-router": router, "ACCOUNT-key": "x" + nobody[1:], "ACCOUNT": mine}
		none := map[string]string{"ACCOUNT-channel": "TRANSPORT_TAG:no:body::default", "ACCOUNT-talk": "CONVERSATION:jsbox:" + nobody + "::default",
			"ACCOUNT-router": "ROUTER:keyword:" + nobody + ":INBOUND::default", "ACCOUNT-key": nobody, "ACCOUNT": nobody}
		if s.given["jsbox"] != "" {
			theirs["ACCOUNT-key"] = s.given["jsbox"]
		}
		for method, calls := range rows {
			for _, params := range calls {
				got := s.neutral(t, method, params, theirs)
				if want := s.neutral(t, method, params, none); got != want || !strings.Contains(got, `"result":null`) {
					t.Errorf("%s %s:\n%s\nwhat nobody has:\n%s", method, params, got, want)
				}
			}
		}
		if after := s.network(t); show(after) != show(before) {
			t.Errorf("the main account's routing has changed:\n%s\nwas\n%s", show(after), show(before))
		}
	})
}

// neutral calls a method as another account, with names filled into its parameters, and takes them out of the answer.
func (s *server) neutral(t *testing.T, method, params string, names map[string]string) string {
	t.Helper()
	words := slices.SortedFunc(maps.Keys(names), func(a, b string) int { return len(b) - len(a) })
	for _, word := range words {
		params = strings.ReplaceAll(params, word, names[word])
	}
	_, _, body := s.send(t, step{Do: "POST /api/", Token: "other", JSON: raw(`{"id": 1, "method": "` + method + `", "params": ` + params + `}`)}, nil)
	text := string(body)
	for _, word := range words {
		text = strings.ReplaceAll(text, names[word], word)
	}
	return text
}

// network returns the main account's routing.
func (s *server) network(t *testing.T) object {
	t.Helper()
	account := s.vars(t)["account"]
	_, answer := s.ask(t, step{Do: "POST /api/", Token: "main", JSON: raw(`{"method": "routing_table", "params": ["` + account + `"]}`)})
	return answer.(object)["result"].(object)
}

// end returns the uuid of the first endpoint of a kind; something that nobody has when there is none.
func end(t *testing.T, network object, kind, member string) string {
	t.Helper()
	list := network[kind].([]any)
	if len(list) == 0 {
		return "no:" + kind + "::default"
	}
	return list[0].(object)[member].([]any)[0].(object)["uuid"].(string)
}

// A token of one scope opens what is below that scope, and nothing else. A header that names an owner opens nothing.
func TestScopes(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		if s.tokens["contacts"] == "" {
			t.Skip("no tokens of single scopes are given")
		}
		scopes := map[string]bool{}
		for _, e := range endpoints(t) {
			scopes[e.scope] = true
		}
		delete(scopes, "") // conversations have tokens of their own
		for word := range s.tokens {
			if !slices.Contains([]string{"account", "contacts", "metrics", "optouts", "messages", "bots", "admin", "bot", "bad", "none"}, word) {
				continue
			}
			for _, e := range endpoints(t) {
				open := word == e.scope || word == "admin" && e.scope != ""
				status := s.knock(t, e, "Bearer "+s.tokens[word])
				if refused := status == 401 || status == 403; refused == open {
					t.Errorf("token %q, %s: %d", word, e, status)
				}
			}
		}
		for _, e := range endpoints(t) {
			for _, authorization := range []string{"", "Bearer", "Bearer ", "Basic " + s.tokens["main"], s.tokens["main"], "Token " + s.tokens["main"],
				"Bearer " + s.tokens["main"] + "x", "Bearer\t" + s.tokens["main"], "Bearer x, Bearer " + s.tokens["main"]} {
				if status := s.knock(t, e, authorization); status != 401 && status != 403 {
					t.Errorf("Authorization %q, %s: %d", authorization, e, status)
				}
			}
		}
	})
}

// knock returns the status of a request to an endpoint in which everything but the credentials is in order.
func (s *server) knock(t *testing.T, e endpoint, authorization string) int {
	t.Helper()
	path := strings.NewReplacer("{key}", "none", "{group}", "none", "{type}", "msisdn", "{address}", unique(),
		"{batch}", s.given["conversation"], "{direction}", "inbound", "{file}", "inbound.json", "{conversation}", s.given["stream"]).Replace(e.path)
	bodies := map[string]string{"POST /api/": `{"method": "campaigns", "params": []}`, "POST /contacts/": `{"msisdn": "1"}`, "POST /groups/": `{"name": "x"}`}
	body := bodies[e.String()]
	if body == "" {
		body = "{}"
	}
	r, err := http.NewRequestWithContext(t.Context(), e.method, s.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	for _, name := range []string{"X-Owner-ID", "X-Owner-Id", "X-Account-Key", "X-Remote-User"} {
		r.Header.Set(name, s.vars(t)["account"])
	}
	status, _, _ := s.exchange(t, r)
	return status
}

// A conversation takes part in no other one: replies to what another got, its token, its streams.
func TestConversationsAreApart(t *testing.T) {
	s := target(t)
	if s.given["line"] == "" || s.given["otherstream"] == "" {
		t.Skip("no simulated line or no conversation of another account is given")
	}
	from, open := number(), s.open(t, "messages.json")
	s.say(t, from, "to the first")
	got := open.next()
	reply, err := json.Marshal(object{"in_reply_to": got["message_id"], "content": "from the second"})
	if err != nil {
		t.Fatal(err)
	}
	unknown := raw(`{"in_reply_to": "00000000000000000000000000000000", "content": "from the second"}`)
	for who, path := range map[string]string{
		s.given["otheraccount"]: "/http_api/" + s.given["otherstream"] + "/messages.json", s.given["account"]: "/http_api_nostream/" + s.given["conversation"] + "/messages.json",
	} {
		for _, body := range []json.RawMessage{reply, unknown} {
			s.want(t, step{Do: "PUT " + path, Basic: who + ":" + s.given["secret"], JSON: body, Status: 400,
				Bytes: new(`{"success":false,"reason":"Invalid in_reply_to value"}`)})
		}
	}
	theirs := s.openOf(t, s.given["otheraccount"], s.given["otherstream"], "messages.json")
	s.say(t, from, "to the first again")
	if got := open.next(); got["content"] != "to the first again" {
		t.Errorf("got %s", show(got))
	}
	select {
	case line := <-theirs.lines:
		t.Errorf("the other account's stream has %s", show(line))
	default:
	}
}
