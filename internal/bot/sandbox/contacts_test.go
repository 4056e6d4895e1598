package sandbox

import (
	"strconv"
	"strings"
	"testing"
)

// made sends a command that returns a contact or group and returns that.
func (w *world) made(command string) map[string]any {
	w.t.Helper()
	replies, _ := w.ask(w.turn(""), command)
	for _, what := range []string{"contact", "group"} {
		if m, ok := replies[0][what].(map[string]any); ok {
			return m
		}
	}
	w.t.Fatalf("%s made nothing: %v", command, replies[0])
	return nil
}

// with returns a command in which KEY is the key of a contact or group.
func with(thing map[string]any, command string) string {
	return strings.ReplaceAll(command, "KEY", thing["key"].(string))
}

func TestSaveReplacesTheWholeContact(t *testing.T) {
	w := newWorld(t)
	c := w.made(`{"cmd":"contacts.new","contact":{"name":"Ayanda","surname":"Dlamini","msisdn":"+5","groups":["g1","g2"],"extra":{"a":"b"},"subscription":{"x":"y"}}}`)
	for _, k := range []commandCase{
		{`{"cmd":"contacts.save","contact":{"key":"KEY","msisdn":"+6","groups":["g3"],"extra":{"c":"d"},"user_account":"other","$VERSION":1}}`,
			`{"contact":` + record(`"msisdn":"+6"`, `"groups":["g3"]`, `"extras-c":"d"`) + `,"success":true}`},
		{`{"cmd":"contacts.get_by_key","key":"KEY"}`,
			`{"contact":` + record(`"msisdn":"+6"`, `"groups":["g3"]`, `"extras-c":"d"`) + `,"success":true}`},
		{`{"cmd":"contacts.save","contact":{"key":"KEY","msisdn":"+7"}}`, `{"contact":` + record(`"msisdn":"+7"`) + `,"success":true}`},
		{`{"cmd":"contacts.save","contact":{"key":"KEY"}}`, `{"reason":"None is not allowed as a value for non-null fields.","success":false}`},
		{`{"cmd":"contacts.save","contact":{"key":"KEY","msisdn":"+8","extras-x":"y","hat":1}}`,
			`{"reason":"Unexpected extra initial fields [u'extras-x', u'hat'] passed to model Contact","success":false}`},
		{`{"cmd":"contacts.save","contact":{"key":"KEY","msisdn":"+8","name":{}}}`, `{"reason":"Value {} is not a unicode string.","success":false}`},
		{`{"cmd":"contacts.get_by_key","key":"KEY"}`, `{"contact":` + record(`"msisdn":"+7"`) + `,"success":true}`},
	} {
		if got := simplify(w.reply(with(c, k.command))); got != k.want {
			t.Errorf("%s\n got %s\nwant %s", k.command, got, k.want)
		}
	}
}

func TestUpdateChangesWhatIsGiven(t *testing.T) {
	w := newWorld(t)
	c := w.made(`{"cmd":"contacts.new","contact":{"name":"Ayanda","surname":"Dlamini","groups":["g1"],"extra":{"a":"b","c":"d"}}}`)
	for _, k := range []commandCase{
		{`{"cmd":"contacts.update","key":"KEY","fields":{"surname":"Jones","groups":["g2","g1"],"shoe":4}}`,
			`{"contact":` + record(`"name":"Ayanda"`, `"surname":"Jones"`, `"groups":["g1","g2"]`, `"extras-a":"b"`, `"extras-c":"d"`) + `,"success":true}`},
		{`{"cmd":"contacts.update","key":"KEY","fields":{"name":null,"extra":{"e":"f"}}}`,
			`{"contact":` + record(`"surname":"Jones"`, `"groups":["g1","g2"]`, `"extras-e":"f"`) + `,"success":true}`},
		{`{"cmd":"contacts.update_extras","key":"KEY","fields":{"g":"h"}}`,
			`{"contact":` + record(`"surname":"Jones"`, `"groups":["g1","g2"]`, `"extras-e":"f"`, `"extras-g":"h"`) + `,"success":true}`},
		{`{"cmd":"contacts.update_subscriptions","key":"KEY","fields":{"s":"t"}}`,
			`{"contact":` + record(`"surname":"Jones"`, `"groups":["g1","g2"]`, `"extras-e":"f"`, `"extras-g":"h"`, `"subscription-s":"t"`) + `,"success":true}`},
		{`{"cmd":"contacts.update","key":"KEY","fields":{"surname":"` + strings.Repeat("x", 256) + `"}}`, ""},
		{`{"cmd":"contacts.update","key":"KEY","fields":{"msisdn":null}}`,
			`{"reason":"None is not allowed as a value for non-null fields.","success":false}`},
	} {
		got := simplify(w.reply(with(c, k.command)))
		if got != k.want && (k.want != "" || !strings.Contains(got, `"success":false`)) {
			t.Errorf("%s\n got %s\nwant %s", k.command, got, k.want)
		}
	}
}

// The newest of several contacts with one address is the one that is found.
func TestNewestContactWins(t *testing.T) {
	w := newWorld(t)
	var last map[string]any
	for i := range 3 {
		last = w.made(`{"cmd":"contacts.new","contact":{"msisdn":"+5","name":"` + strconv.Itoa(i) + `"}}`)
	}
	if got := w.made(`{"cmd":"contacts.get","addr":"+5","delivery_class":"sms"}`); got["key"] != last["key"] {
		t.Errorf("got contact %v, want the newest, %v", got["name"], last["name"])
	}
}

func TestBadQueries(t *testing.T) {
	w := newWorld(t)
	for _, command := range []string{`{"cmd":"contacts.search","query":"name:("}`, `{"cmd":"groups.search","query":"name:("}`} {
		got := w.reply(command)
		if !strings.Contains(got, `"success":false`) || strings.Contains(command, "contacts") && !strings.Contains(got, "Error running MapReduce") {
			t.Errorf("%s: got %s", command, got)
		}
	}
}

// A search that would fill the machine with keys fails; one that is bounded does not.
func TestSearchThatFindsTooMuch(t *testing.T) {
	w := newWorld(t, func(w *world) { w.deps.found = 2 })
	const all, some = `{"cmd":"contacts.search","query":"surname:Jones"}`, `{"cmd":"contacts.search","query":"surname:Jones","max_keys":2}`
	const much = `{"cmd":"contacts.search","query":"surname:Jones","max_keys":9}`
	for i := range 3 {
		w.made(`{"cmd":"contacts.new","contact":{"surname":"Jones"}}`)
		tooMany := failed(t, "Error running MapReduce: the query matches more than 2 contacts, narrow it or lower 'max_keys'")
		for command, fits := range map[string]bool{all: i < 2, some: true, much: i < 2} {
			if got := w.reply(command); (got == tooMany) == fits {
				t.Errorf("%d contacts, %s: got %s", i+1, command, got)
			}
		}
	}
}

func TestGroupMembers(t *testing.T) {
	w := newWorld(t)
	g := w.made(`{"cmd":"groups.get_or_create_by_name","name":"friends"}`)
	for range 2 {
		w.made(with(g, `{"cmd":"contacts.new","contact":{"surname":"Jones","groups":["KEY"]}}`))
	}
	w.made(`{"cmd":"contacts.new","contact":{"surname":"Jones"}}`)
	smart := strings.Replace(group("Joneses"), `"query":null`, `"query":"surname:Jones"`, 1)
	for _, k := range []commandCase{
		{`{"cmd":"groups.get","key":"KEY"}`, `{"group":` + group("friends") + `,"success":true}`},
		{`{"cmd":"groups.count_members","key":"KEY"}`, `{"count":2,"group":` + group("friends") + `,"success":true}`},
		{`{"cmd":"groups.update","key":"KEY","name":"Joneses","query":"surname:Jones"}`, `{"group":` + smart + `,"success":true}`},
		{`{"cmd":"groups.count_members","key":"KEY"}`, `{"count":3,"group":` + smart + `,"success":true}`},
		{`{"cmd":"groups.update","key":"KEY","name":"Joneses","query":"bad:["}`, `{"group":` + strings.Replace(smart, "surname:Jones", "bad:[", 1) + `,"success":true}`},
		{`{"cmd":"groups.count_members","key":"KEY"}`, failed(t, "Invalid query: u'bad:['")},
		{`{"cmd":"groups.update","key":"KEY","name":"friends"}`, `{"group":` + group("friends") + `,"success":true}`},
		{`{"cmd":"groups.count_members","key":"KEY"}`, `{"count":2,"group":` + group("friends") + `,"success":true}`},
	} {
		if got := simplify(w.reply(with(g, k.command))); got != k.want {
			t.Errorf("%s\n got %s\nwant %s", k.command, got, k.want)
		}
	}
	if _, err := w.deps.Contacts.CreateGroup(t.Context(), testAccount, "friends", nil); err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"groups.get_by_name", "groups.get_or_create_by_name"} {
		if got := w.reply(`{"cmd":"` + command + `","name":"friends"}`); got != failed(t, "Multiple groups found") {
			t.Errorf("%s: got %s", command, got)
		}
	}
}
