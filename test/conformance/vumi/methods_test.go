package vumi_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"indaba/internal/app"
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
	return &client{t: t, s: s, token: s.tokens[token]}
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

// A walk that fails on a later page tells from where it can be taken up again.
func TestClientPagedException(t *testing.T) {
	s := target(t)
	c := s.client(t, "main")
	group := must[object](t)(c.create("groups", object{"name": "paged"}))["key"].(string)
	const size = 501 // one more than a page
	for range size {
		must[object](t)(c.create("contacts", object{"msisdn": "+1", "groups": []string{group}}))
	}
	for what, walk := range map[string]func(string) ([]any, error){
		"contacts":       c.contacts,
		"group_contacts": func(start string) ([]any, error) { return c.groupContacts(group, start) },
	} {
		c.page = func(int) { c.token = s.tokens["bad"] } // as if it had been revoked
		got, err := walk("")
		c.page, c.token = nil, s.tokens["main"]
		broken, paged := errors.AsType[*pagedError](err)
		if !paged || !errors.Is(err, httpError(http.StatusForbidden)) {
			t.Fatalf("%s: %v", what, err)
		}
		rest := must[[]any](t)(walk(broken.cursor))
		keys := map[any]bool{}
		for _, record := range append(got, rest...) {
			keys[record.(object)["key"]] = true
		}
		if len(keys) != len(got)+len(rest) || what == "group_contacts" && len(keys) != size {
			t.Errorf("%s: %d and %d records, %d different ones", what, len(got), len(rest), len(keys))
		}
	}
}

func (s *server) sender(t *testing.T) *sender {
	t.Helper()
	if s.given["conversation"] == "" {
		t.Skip("no conversation is given: set INDABA_CONFORMANCE_CONVERSATION and INDABA_CONFORMANCE_SECRET")
	}
	return &sender{t, s, s.vars(t)["account"], s.given["conversation"], s.given["secret"], s.url + "/http_api_nostream"}
}

func TestClientSender(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		c, ok := s.sender(t), must[object](t)
		to, text := number(), "Molo Zoë Жукова 👋\n<&>"
		for _, event := range []string{"", "new", "resume", "close"} {
			want := any(event)
			if event == "" {
				want = nil
			}
			if got := ok(c.sendText(to, text, event)); got["content"] != text || got["to_addr"] != to || got["session_event"] != want {
				t.Errorf("sent: %s", show(got))
			}
		}
		for _, voice := range [][2]string{{"", ""}, {"http://example.org/é.ogg", ""}, {"", "#"}, {"http://example.org/a.ogg", "*"}} {
			want := object{}
			if voice[0] != "" {
				want["speech_url"] = voice[0]
			}
			if voice[1] != "" {
				want["wait_for"] = voice[1]
			}
			got := ok(c.sendVoice(to, text, voice[0], voice[1], "new"))["helper_metadata"].(object)
			if given, there := got["voice"]; there != (len(want) > 0) || there && show(given) != show(want) {
				t.Errorf("voice is %s, want %s", show(got), show(want))
			}
		}
		name := "m" + unique()
		for _, aggregator := range []string{"last", "sum", "avg", "max", "min"} {
			if got := ok(c.fireMetric(name, 1.5, aggregator)); show(got) != `{"reason":"Metrics published","success":true}` {
				t.Errorf("fired: %s", show(got))
			}
			series := "stores." + s.given["store"] + "." + name + "." + aggregator
			read := must[object](t)(s.client(t, "main").getMetric(series, "-1d", "100y", "omit", ""))
			if wrong := mismatch("metric", object{series: []any{object{"x": 0.0, "y": 1.5}}}, any(read)); wrong != "" {
				t.Error(wrong)
			}
		}
		_, err := c.fireMetric(name, 1, "median")
		wantStatus(t, "an unknown aggregator", err, http.StatusBadRequest)

		must[object](t)(s.client(t, "main").optout("PUT", "msisdn", to))
		for what, send := range map[string]func() (object, error){
			"send_text":  func() (object, error) { return c.sendText(to, text, "") },
			"send_voice": func() (object, error) { return c.sendVoice(to, text, "", "#", "") },
		} {
			_, err := send()
			if gone, is := errors.AsType[*optedOutError](err); !is || gone.to != to || gone.message != text ||
				gone.reason != "Recipient with msisdn "+to+" has opted out" {
				t.Errorf("%s: %v", what, err)
			}
		}
		must[object](t)(s.client(t, "main").optout("DELETE", "msisdn", to))
		ok(c.sendText(to, "back again", ""))
		_, err = c.sendText(to, text, "pause")
		wantStatus(t, "an unknown session event", err, http.StatusBadRequest)
		c.url += "/" // as somebody configures it
		ok(c.sendText(to, text, ""))
		for what, bad := range map[string]*sender{
			"token": {t, s, c.account, c.conversation, "wrong", c.url}, "account": {t, s, "nobody", c.conversation, c.token, c.url},
			"conversation": {t, s, c.account, "none", c.token, c.url},
		} {
			_, err := bad.sendText(to, text, "")
			wantStatus(t, "a wrong "+what, err, http.StatusUnauthorized)
			_, err = bad.fireMetric(name, 1, "sum")
			wantStatus(t, "a wrong "+what, err, http.StatusUnauthorized)
		}
	})
}

// What is fired over time is read over intervals, by all aggregators and kinds of nulls.
func TestClientMetricsOverIntervals(t *testing.T) {
	eachEngine(t, func(t *testing.T, start func(app.Options) *server) {
		var now atomic.Int64 // seconds since 1970
		s := start(app.Options{Now: func() time.Time { return time.Unix(now.Load(), 0) }})
		const noon = 1420113600 // of 1 January 2015
		now.Store(noon)         // tokens are made in the past of what follows
		s.furnish(t)
		s.converse(t)
		c, ok := s.client(t, "main"), must[object](t)
		for _, fired := range []struct {
			after int64
			value float64
		}{{0, 1}, {599, 5}, {600, 2}, {601, 8}, {602, 2}, {1800, 4}, {3600, 7}, {3600, 3}} {
			now.Store(noon + fired.after)
			values := object{}
			for _, aggregator := range []string{"avg", "sum", "max", "min", "last"} {
				values["v."+aggregator] = fired.value
			}
			must[any](t)(c.fire(values))
		}
		points := func(begin, step int64, values ...any) (list []any) {
			for i, value := range values {
				if value != "omitted" {
					list = append(list, object{"x": float64((begin + int64(i)*step) * 1000), "y": value})
				}
			}
			return list
		}
		for _, test := range []struct {
			name, from, interval, nulls, until string
			want                               []any
		}{
			{"v.sum", "-1h", "10min", "zeroize", "", points(noon, 600, 6., 12., 0., 4., 0., 0., 10.)},
			{"v.avg", "-1h", "10min", "keep", "", points(noon, 600, 3., 4., nil, 4., nil, nil, 5.)},
			{"v.max", "-1h", "10min", "omit", "", points(noon, 600, 5., 8., "omitted", 4., "omitted", "omitted", 7.)},
			{"v.min", "-60min", "10min", "omit", "now", points(noon, 600, 1., 2., "omitted", 4., "omitted", "omitted", 3.)},
			{"v.last", "-1h", "10min", "omit", "-0s", points(noon, 600, 5., 2., "omitted", 4., "omitted", "omitted", 3.)},
			{"v.sum", "-3000s", "10min", "keep", "-1800s", points(noon+600, 600, 12., nil, 4.)}, // the outer buckets are partial
			{"v.sum", "-2999s", "10min", "keep", "-1801s", points(noon+600, 600, 10., nil)},
			{"v.sum", "12:00_20150101", "30min", "keep", "13:00_20150101", points(noon, 1800, 18., 4., 10.)},
			{"v.sum", fmt.Sprint(noon + 1), "1hour", "keep", fmt.Sprint(noon + 3600), points(noon, 3600, 21., 10.)},
			{"v.avg", "-1d", "1d", "keep", "", points(noon-12*3600-86400, 86400, nil, 4.)},
			{"v.avg", "20150101", "1w", "omit", "tomorrow", points(noon-12*3600, 7*86400, 4.)},
			{"v.sum", "-2h", "1y", "keep", "-61min", points(noon/31536000*31536000, 31536000, nil)},
		} {
			got := ok(c.getMetric(test.name, test.from, test.interval, test.nulls, test.until))
			if wrong := mismatch(fmt.Sprintf("%+v", test), object{test.name: test.want}, any(got)); wrong != "" {
				t.Error(wrong)
			}
		}
		aligned := ok(c.callObject("GET", fmt.Sprintf("/metrics/?m=v.sum&from=%d&until=%d&interval=10min&align_to_from=true&nulls=keep", noon+1, noon+3600), nil))
		if wrong := mismatch("aligned", object{"v.sum": points(noon+1, 600, 7., 10., 4., nil, nil, 10.)}, any(aligned)); wrong != "" {
			t.Error(wrong)
		}
	})
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
