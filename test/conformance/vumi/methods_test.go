package vumi_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// clientMethods are all methods of the client that send anything, as its documentation lists them.
var clientMethods = []string{
	"AccountApiClient.campaigns", "AccountApiClient.channels", "AccountApiClient.conversations",
	"AccountApiClient.routers", "AccountApiClient.routing_entries", "AccountApiClient.routing_table",
	"AccountApiClient.update_routing_table",
	"ContactsApiClient.contacts", "ContactsApiClient.create_contact", "ContactsApiClient.create_group",
	"ContactsApiClient.delete_contact", "ContactsApiClient.delete_group", "ContactsApiClient.get_contact",
	"ContactsApiClient.get_group", "ContactsApiClient.group_contacts", "ContactsApiClient.update_contact",
	"ContactsApiClient.update_group",
	"HttpApiSender.fire_metric", "HttpApiSender.send_text", "HttpApiSender.send_voice",
	"MetricsApiClient.fire", "MetricsApiClient.get_metric",
	"OptOutsApiClient.count", "OptOutsApiClient.delete_optout", "OptOutsApiClient.get_optout",
	"OptOutsApiClient.set_optout",
}

func TestEveryMethodHasACase(t *testing.T) {
	covered := map[string]bool{}
	for name, file := range readCases(t) {
		if file.Endpoint == "" || file.Section == "" {
			t.Errorf("%s names no endpoint or no section", name)
		}
		for _, c := range file.Cases {
			for _, method := range c.Methods {
				if !slices.Contains(clientMethods, method) {
					t.Errorf("%s: the client has no method %s", name, method)
				}
				covered[method] = true
			}
		}
	}
	for _, method := range clientMethods {
		if !covered[method] {
			t.Errorf("no case is for %s", method)
		}
	}
}

func (s *server) client(t *testing.T, token string) *client {
	t.Helper()
	if _, known := s.tokens[token]; !known {
		t.Skipf("no token for the part %q is given", token)
	}
	return &client{t, s, s.tokens[token]}
}

// must returns what a method returned, which may not be an error.
func must[T any](t *testing.T) func(T, error) T {
	return func(value T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

func wantStatus(t *testing.T, what string, err error, status int) {
	t.Helper()
	if !errors.Is(err, httpError(status)) {
		t.Errorf("%s: %v, want status %d", what, err, status)
	}
}

func TestClientContacts(t *testing.T) {
	c := target(t).client(t, "main")
	ok := must[object](t)
	phone := number()
	made := ok(c.create("contacts", object{"msisdn": phone, "name": "Zoë Жукова 👋", "extra": object{"é": "ö"}}))
	key := made["key"].(string)
	if got := ok(c.get("contacts", key)); got["name"] != "Zoë Жукова 👋" || got["extra"].(object)["é"] != "ö" {
		t.Errorf("got %s", show(got))
	}
	if got := ok(c.getContactBy("msisdn", phone)); got["key"] != key {
		t.Errorf("by address: %s", show(got))
	}
	if got := ok(c.update("contacts", key, object{"surname": "Ω", "msisdn": phone + "1"})); got["surname"] != "Ω" {
		t.Errorf("updated: %s", show(got))
	}
	_, err := c.update("contacts", key, object{"msisdn": 5})
	wantStatus(t, "a wrong type", err, http.StatusBadRequest)
	if got := ok(c.delete("contacts", key)); got["surname"] != "Ω" {
		t.Errorf("deleted: %s", show(got))
	}
	_, err = c.get("contacts", key)
	wantStatus(t, "a deleted contact", err, http.StatusNotFound)
	_, err = c.getContactBy("msisdn", phone)
	wantStatus(t, "no address", err, http.StatusBadRequest)
}

func TestClientGroups(t *testing.T) {
	c := target(t).client(t, "main")
	ok := must[object](t)
	key := ok(c.create("groups", object{"name": "Umndeni é 👋"}))["key"].(string)
	if got := ok(c.get("groups", key)); got["name"] != "Umndeni é 👋" {
		t.Errorf("got %s", show(got))
	}
	member := ok(c.create("contacts", object{"msisdn": number(), "groups": []string{key}}))
	members := must[[]any](t)(c.groupContacts(key, ""))
	if len(members) != 1 || members[0].(object)["key"] != member["key"] {
		t.Errorf("members: %s", show(members))
	}
	if got := ok(c.update("groups", key, object{"query": "name:é" + unique()})); got["query"] == nil {
		t.Errorf("updated: %s", show(got))
	}
	ok(c.delete("groups", key))
	_, err := c.delete("groups", key)
	wantStatus(t, "a deleted group", err, http.StatusNotFound)
}

// Everything comes once over many pages, while contacts come and go.
func TestClientManyPages(t *testing.T) {
	c := target(t).client(t, "main")
	group := must[object](t)(c.create("groups", object{"name": "many"}))["key"].(string)
	var keys []string
	for range 1203 {
		made := must[object](t)(c.create("contacts", object{"msisdn": "+1", "groups": []string{group}}))
		keys = append(keys, made["key"].(string))
	}
	first := must[object](t)(c.callObject("GET", "/groups/"+group+"/contacts?max_results=7", nil))
	for _, key := range keys[10:20] {
		must[object](t)(c.delete("contacts", key))
	}
	rest := must[[]any](t)(c.groupContacts(group, first["cursor"].(string)))
	var got []string
	for _, record := range append(first["data"].([]any), rest...) {
		got = append(got, record.(object)["key"].(string))
	}
	slices.Sort(keys)
	deleted := map[string]bool{}
	for _, key := range keys {
		if !slices.Contains(got, key) {
			deleted[key] = true
		}
	}
	if len(deleted) != 10 || len(got) != len(keys)-10 || len(slices.Compact(slices.Sorted(slices.Values(got)))) != len(got) {
		t.Errorf("%d contacts of %d came, %d are missing, want the 10 that were deleted", len(got), len(keys), len(deleted))
	}
	everybody := must[[]any](t)(c.contacts(""))
	if len(everybody) < len(got) {
		t.Errorf("contacts() gives %d, the group alone has %d", len(everybody), len(got))
	}
	_, err := c.contacts("no-cursor")
	wantStatus(t, "a bad cursor", err, http.StatusBadRequest)
	_, paged := errors.AsType[*pagedError](err)
	if paged {
		t.Error("an error on the first page is no PagedException")
	}
}

func TestClientMetrics(t *testing.T) {
	c := target(t).client(t, "main")
	name := "é" + unique() + ".avg"
	for _, value := range []float64{1, 2, 6} {
		fired := must[any](t)(c.fire(object{name: value}))
		if wrong := mismatch("fired", []any{object{"name": name, "value": value, "aggregator": "avg"}}, fired); wrong != "" {
			t.Error(wrong)
		}
	}
	// The bucket is as wide as the time since 1970, so that no turn of a day can come between the values.
	got := must[object](t)(c.getMetric(name, "-1d", "100y", "omit", ""))
	if wrong := mismatch("metric", object{name: []any{object{"x": 0.0, "y": 3.0}}}, any(got)); wrong != "" {
		t.Error(wrong)
	}
	if got := must[object](t)(c.getMetric(name, "-30d", "1d", "omit", "-29d")); len(got[name].([]any)) != 0 {
		t.Errorf("a month ago: %s", show(got))
	}
	_, err := c.fire(object{"foo": 1})
	wantStatus(t, "no aggregator", err, http.StatusBadRequest)
}

func TestClientOptouts(t *testing.T) {
	c := target(t).client(t, "main")
	ok := must[object](t)
	before := must[float64](t)(c.optoutCount())
	for _, kind := range []string{"msisdn", "twitter_handle", "тип é"} {
		address := "+27 %2B " + unique() + " 👋"
		if got := ok(c.optout("GET", kind, address)); got != nil {
			t.Errorf("nobody opted out, got %s", show(got))
		}
		if got := ok(c.optout("PUT", kind, address)); got["message"] != nil || got["created_at"] == "" {
			t.Errorf("opted out: %s", show(got))
		}
		_, err := c.optout("PUT", kind, address)
		wantStatus(t, "opted out twice", err, http.StatusConflict)
		if got := ok(c.optout("GET", kind, address)); got == nil {
			t.Error("the opt-out is not there")
		}
	}
	if now := must[float64](t)(c.optoutCount()); now != before+3 {
		t.Errorf("count went from %v to %v", before, now)
	}
	kind, address := "msisdn", "to go "+unique()
	ok(c.optout("PUT", kind, address))
	if got := ok(c.optout("DELETE", kind, address)); got == nil {
		t.Error("deleting returned nothing")
	}
	if got := ok(c.optout("DELETE", kind, address)); got != nil {
		t.Errorf("deleted twice: %s", show(got))
	}
}

func TestClientAccount(t *testing.T) {
	c := target(t).client(t, "main")
	campaigns := must[any](t)(c.rpc("campaigns")).([]any)
	account := campaigns[0].(object)["key"]
	table := must[any](t)(c.rpc("routing_table", account)).(object)
	for name, want := range map[string]string{
		"channels": `{"uuid": "$text", "tag": ["$text", "$text"], "name": "$text", "description": "$text",
			"endpoints": {"$contains": [{"uuid": "~TRANSPORT_TAG:.+::default", "name": "default"}]}}`,
		"conversations": `{"uuid": "$key", "type": "$text", "name": "$text", "status": "~(starting|running|stopping|stopped)",
			"description": "$text", "endpoints": {"$contains": [{"uuid": "~CONVERSATION:.+::default", "name": "default"}]}}`,
		"routers": `{"uuid": "$key", "type": "$text", "name": "$text", "status": "$text", "description": "$text",
			"channel_endpoints": [{"uuid": "~ROUTER:.+:INBOUND::default", "name": "default"}],
			"conversation_endpoints": {"$contains": [{"uuid": "~ROUTER:.+:OUTBOUND::default", "name": "default"}]}}`,
		"routing_entries": `{"source": {"uuid": "~.+::.+"}, "target": {"uuid": "~.+::.+"}}`,
	} {
		for _, item := range table[name].([]any) {
			if wrong := mismatch(name, substitute(t, []byte(want), nil), item); wrong != "" {
				t.Error(wrong)
			}
		}
		alone := must[any](t)(c.rpc(name, account))
		if wrong := mismatchSet(name, table[name].([]any), alone, true); wrong != "" {
			t.Error(wrong)
		}
	}
	if result := must[any](t)(c.rpc("update_routing_table", account, table)); result != nil {
		t.Errorf("a table that was read is written back: %s", show(result))
	}
	_, err := c.rpc("channels", "somebody else")
	if wrong, ok := errors.AsType[*rpcError](err); !ok || wrong.fault != "GoApiError" || wrong.code != 404 {
		t.Errorf("a strange campaign: %v", err)
	}
}

// A table is replaced as a whole, or not at all. In the end the test puts back what was there.
func TestClientUpdateRoutingTable(t *testing.T) {
	c := target(t).client(t, "main")
	account := must[any](t)(c.rpc("campaigns")).([]any)[0].(object)["key"]
	read := func() object { return must[any](t)(c.rpc("routing_table", account)).(object) }
	before := read()
	defer func() {
		if _, err := c.rpc("update_routing_table", account, before); err != nil {
			t.Errorf("put the table back: %v", err)
		}
	}()
	ends := func(kind, member string, i int) string {
		if len(before[kind].([]any)) <= i {
			t.Skipf("the account has not enough %s", kind)
		}
		return before[kind].([]any)[i].(object)[member].([]any)[0].(object)["uuid"].(string)
	}
	channel, channel2 := ends("channels", "endpoints", 0), ends("channels", "endpoints", 1)
	talk, talk2 := ends("conversations", "endpoints", 0), ends("conversations", "endpoints", 1)
	in, out := ends("routers", "channel_endpoints", 0), ends("routers", "conversation_endpoints", 0)
	update := func(links ...string) error {
		entries := []object{}
		for i := 0; i < len(links); i += 2 {
			entries = append(entries, object{"source": object{"uuid": links[i]}, "target": object{"uuid": links[i+1]}})
		}
		_, err := c.rpc("update_routing_table", account, object{"channels": before["channels"], "routers": before["routers"],
			"conversations": before["conversations"], "routing_entries": entries})
		return err
	}
	wantEntries := func(links ...string) {
		t.Helper()
		want := []any{}
		for i := 0; i < len(links); i += 2 {
			want = append(want, object{"source": object{"uuid": links[i]}, "target": object{"uuid": links[i+1]}})
		}
		if wrong := mismatchSet("entries", want, read()["routing_entries"], true); wrong != "" {
			t.Error(wrong)
		}
	}

	if err := update(channel, in, out, talk, talk, out, in, channel); err != nil {
		t.Fatal(err)
	}
	wantEntries(channel, in, out, talk, talk, out, in, channel)

	repr := func(uuid string) string { return "{u'uuid': u'" + uuid + "'}" }
	const outbound = "Source outbound-receiving endpoint %s should link to an inbound-receiving endpoint but links to %s"
	const inbound = "Source inbound-receiving endpoint %s should link to an outbound-receiving endpoint but links to %s"
	for _, test := range []struct{ source, target, text string }{
		{channel, channel2, fmt.Sprintf(outbound, repr(channel), repr(channel2))},
		{channel, out, fmt.Sprintf(outbound, repr(channel), repr(out))},
		{channel, "bar::baz", fmt.Sprintf(outbound, repr(channel), repr("bar::baz"))},
		{out, channel, fmt.Sprintf(outbound, repr(out), repr(channel))},
		{talk, talk2, fmt.Sprintf(inbound, repr(talk), repr(talk2))},
		{talk, in, fmt.Sprintf(inbound, repr(talk), repr(in))},
		{in, talk, fmt.Sprintf(inbound, repr(in), repr(talk))},
		{"foo::bar", channel, "Unknown source endpoint " + repr("foo::bar")},
		{strings.Replace(channel, "::", "::x", 1), talk, "Unknown source endpoint " + repr(strings.Replace(channel, "::", "::x", 1))},
	} {
		err := update(channel2, talk, test.source, test.target)
		wrong, ok := errors.AsType[*rpcError](err)
		if !ok || wrong.fault != "InvalidRoutingTable" || wrong.code != 400 || wrong.text != test.text {
			t.Errorf("%s to %s: %v\nwant %s", test.source, test.target, err, test.text)
		}
	}
	wantEntries(channel, in, out, talk, talk, out, in, channel) // nothing of what was refused

	if err := update(channel, talk, channel, talk2, out, in); err != nil {
		t.Errorf("a later entry replaces an earlier one, and loops are allowed: %v", err)
	}
	wantEntries(channel, talk2, out, in)
	if err := update(); err != nil {
		t.Error(err)
	}
	wantEntries()
}

func TestClientWrongTokens(t *testing.T) {
	s := target(t)
	for token, statuses := range map[string][2]int{"bad": {403, 401}, "empty": {401, 401}} {
		c := s.client(t, token)
		_, err := c.contacts("")
		wantStatus(t, token+" contacts", err, statuses[0])
		_, err = c.create("groups", object{"name": "x"})
		wantStatus(t, token+" create_group", err, statuses[0])
		_, err = c.fire(object{"a.sum": 1})
		wantStatus(t, token+" fire", err, statuses[0])
		_, err = c.optoutCount()
		wantStatus(t, token+" count", err, statuses[1])
		_, err = c.rpc("campaigns")
		wantStatus(t, token+" campaigns", err, statuses[1])
	}
}

// Nothing of one account is to be had with the token of another.
func TestClientOtherAccount(t *testing.T) {
	s := target(t)
	mine, other := s.client(t, "main"), s.client(t, "other")
	contact := must[object](t)(mine.create("contacts", object{"msisdn": number()}))["key"].(string)
	group := must[object](t)(mine.create("groups", object{"name": "mine"}))["key"].(string)
	for what, try := range map[string]func() (object, error){
		"get_contact":    func() (object, error) { return other.get("contacts", contact) },
		"update_contact": func() (object, error) { return other.update("contacts", contact, object{"name": "x"}) },
		"delete_contact": func() (object, error) { return other.delete("contacts", contact) },
		"get_group":      func() (object, error) { return other.get("groups", group) },
		"update_group":   func() (object, error) { return other.update("groups", group, object{"name": "x"}) },
		"delete_group":   func() (object, error) { return other.delete("groups", group) },
	} {
		_, err := try()
		wantStatus(t, what, err, http.StatusNotFound)
	}
	for _, record := range must[[]any](t)(other.contacts("")) {
		if record.(object)["key"] == contact {
			t.Error("another account's contact is in the list")
		}
	}
}
