package sandbox

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"indaba/internal/bot"
	"indaba/internal/kv"
)

const ok = `{"success":true}`

// A commandCase is a command and the reply to it. In the wanted reply, K stands for any key and T for any time.
type commandCase struct {
	command string
	want    string
}

// commandCases are what each resource must answer, in order: later commands see what earlier ones did. The texts are
// those of docs/spec/vumi-sandbox.md 9.
var commandCases = map[string][]commandCase{
	"config": {
		{`{"cmd":"config.get","key":"config"}`, `{"success":true,"value":"{\"name\": \"test\"}"}`},
		{`{"cmd":"config.get","key":"translation.xh"}`, `{"success":true,"value":null}`},
		{`{"cmd":"config.get"}`, `{"success":false}`},
		{`{"cmd":"config.get","key":null}`, `{"success":false}`},
		{`{"cmd":"config.get","key":7}`, `{"success":true,"value":null}`},
	},
	"kv": {
		{`{"cmd":"kv.get","key":"a"}`, `{"success":true,"value":null}`},
		{`{"cmd":"kv.set","key":"a","value":{"b":[1,2.5,"x",null]}}`, ok},
		{`{"cmd":"kv.get","key":"a"}`, `{"success":true,"value":{"b":[1,2.5,"x",null]}}`},
		{`{"cmd":"kv.set","key":"a","value":"text","seconds":null}`, ok},
		{`{"cmd":"kv.get","key":"a"}`, `{"success":true,"value":"text"}`},
		{`{"cmd":"kv.set","key":"nothing"}`, ok},
		{`{"cmd":"kv.get","key":"nothing"}`, `{"success":true,"value":null}`},
		{`{"cmd":"kv.delete","key":"a"}`, `{"existed":true,"success":true}`},
		{`{"cmd":"kv.delete","key":"a"}`, `{"existed":false,"success":true}`},
		{`{"cmd":"kv.incr","key":"n"}`, `{"success":true,"value":1}`},
		{`{"cmd":"kv.incr","key":"n","amount":41}`, `{"success":true,"value":42}`},
		{`{"cmd":"kv.incr","key":"n","amount":-2}`, `{"success":true,"value":40}`},
		{`{"cmd":"kv.set","key":"n","value":9007199254740993}`, ok},
		{`{"cmd":"kv.set","key":"s","value":5}`, ok},
		{`{"cmd":"kv.incr","key":"s"}`, `{"success":true,"value":6}`},
		{`{"cmd":"kv.set","key":"t","value":"word"}`, ok},
		{`{"cmd":"kv.incr","key":"t"}`, `{"reason":"value is not an integer or out of range","success":false}`},
		{`{"cmd":"kv.incr","key":"n","amount":1.5}`, `{"reason":"value is not an integer or out of range","success":false}`},
		{`{"cmd":"kv.incr","key":"n","amount":"x"}`, `{"reason":"value is not an integer or out of range","success":false}`},
		{`{"cmd":"kv.set","key":"a","value":1,"seconds":604800}`, ok},
		{`{"cmd":"kv.set","key":"a","value":1,"seconds":"7"}`, `{"reason":"seconds must be a number or null","success":false}`},
		{`{"cmd":"kv.set","key":"a","value":1,"seconds":true}`, `{"reason":"seconds must be a number or null","success":false}`},
		{`{"cmd":"kv.set","key":"a","value":1,"seconds":0}`, `{"reason":"seconds must be greater than 0","success":false}`},
		{`{"cmd":"kv.set","key":"a","value":1,"seconds":9007199254740991}`, ok},
		{`{"cmd":"kv.get","key":7}`, `{"reason":"'key' must be a string.","success":false}`},
		{`{"cmd":"kv.set","value":7}`, `{"reason":"'key' must be a string.","success":false}`},
		{`{"cmd":"kv.delete"}`, `{"reason":"'key' must be a string.","success":false}`},
		{`{"cmd":"kv.incr","key":{}}`, `{"reason":"'key' must be a string.","success":false}`},
		{`{"cmd":"kv.set","key":"a\u0000b","value":7}`, `{"reason":"the key holds a NUL character","success":false}`},
		{`{"cmd":"kv.set","key":"users.test.undefined","value":{}}`, ok},
		{`{"cmd":"kv.get","key":"users.test.undefined"}`, `{"success":true,"value":null}`},
	},
	"log": {
		{`{"cmd":"log.debug","msg":"a"}`, ok}, {`{"cmd":"log.info","msg":"a"}`, ok}, {`{"cmd":"log.warning","msg":"a"}`, ok},
		{`{"cmd":"log.error","msg":"a"}`, ok}, {`{"cmd":"log.critical","msg":"a"}`, ok}, {`{"cmd":"log.log","msg":"a"}`, ok},
		{`{"cmd":"log.info"}`, `{"reason":"Value expected for msg","success":false}`},
		{`{"cmd":"log.info","msg":null}`, `{"reason":"Value expected for msg","success":false}`},
		{`{"cmd":"log.log","level":40}`, `{"reason":"Value expected for msg","success":false}`},
	},
	"outbound": {
		{`{"cmd":"outbound.reply_to"}`, `{"reason":"'content' must be given in replies.","success":false}`},
		{`{"cmd":"outbound.reply_to","content":5}`, `{"reason":"'content' must be unicode or null.","success":false}`},
		{`{"cmd":"outbound.reply_to","content":"a\u0000"}`, `{"reason":"'content' must not hold a NUL character.","success":false}`},
		{`{"cmd":"outbound.reply_to","content":"a"}`, `{"reason":"'in_reply_to' must be given in replies.","success":false}`},
		{`{"cmd":"outbound.reply_to","content":"a","in_reply_to":null}`, `{"reason":"'in_reply_to' must be given in replies.","success":false}`},
		{`{"cmd":"outbound.reply_to","content":"a","in_reply_to":"unknown"}`, `{"reason":"Could not find original message with id: u'unknown'","success":false}`},
		{`{"cmd":"outbound.reply_to","content":"a","in_reply_to":"ID","continue_session":"no"}`, `{"reason":"'continue_session' must be either true or false if given","success":false}`},
		{`{"cmd":"outbound.reply_to","content":"a","in_reply_to":"ID","continue_session":null}`, `{"reason":"'continue_session' must be either true or false if given","success":false}`},
		{`{"cmd":"outbound.reply_to","content":"a","in_reply_to":"ID","helper_metadata":{"voice":{}}}`, `{"reason":"'helper_metadata' is not allowed","success":false}`},
		{`{"cmd":"outbound.reply_to","content":"a","in_reply_to":"ID","helper_metadata":null}`, ok},
		{`{"cmd":"outbound.reply_to","content":null,"in_reply_to":"ID","helper_metadata":{},"continue_session":false}`, ok},
		{`{"cmd":"outbound.reply_to_group","content":"a","in_reply_to":"ID"}`, ok},
		{`{"cmd":"outbound.reply_to_group","content":"a","in_reply_to":"x'y"}`, `{"reason":"Could not find original message with id: u\"x'y\"","success":false}`},
		{`{"cmd":"outbound.send_to","to_addr":"+1"}`, `{"reason":"'content' must be given in sends.","success":false}`},
		{`{"cmd":"outbound.send_to","to_addr":"+1","content":"a"}`, ok},
		{`{"cmd":"outbound.send_to","to_addr":"+1","content":"a","endpoint":"far"}`, `{"reason":"Endpoint u'far' not configured","success":false}`},
		{`{"cmd":"outbound.send_to","to_addr":"+1","content":"a","endpoint":1}`, `{"reason":"'endpoint' must be given in sends.","success":false}`},
		{`{"cmd":"outbound.send_to_endpoint"}`, `{"reason":"'content' must be given in sends.","success":false}`},
		{`{"cmd":"outbound.send_to_endpoint","content":["a"]}`, `{"reason":"'content' must be unicode or null.","success":false}`},
		{`{"cmd":"outbound.send_to_endpoint","content":"a"}`, `{"reason":"'endpoint' must be given in sends.","success":false}`},
		{`{"cmd":"outbound.send_to_endpoint","content":"a","endpoint":"sms"}`, `{"reason":"'to_addr' must be given in sends.","success":false}`},
		{`{"cmd":"outbound.send_to_endpoint","content":"a","endpoint":"sms","to_addr":"+1"}`, `{"reason":"Endpoint u'sms' not configured","success":false}`},
		{`{"cmd":"outbound.send_to_endpoint","content":"a","endpoint":"sms","to_addr":"+\u0000"}`, `{"reason":"'to_addr' must not hold a NUL character.","success":false}`},
		{`{"cmd":"outbound.send_to_tag","content":"a","to_addr":"+1","tagpool":"p"}`, `{"reason":"Tag, content or to_addr not specified","success":false}`},
		{`{"cmd":"outbound.send_to_tag","content":null,"to_addr":"+1","tagpool":"p","tag":"t"}`, `{"reason":"Tag, content or to_addr not specified","success":false}`},
		{`{"cmd":"outbound.send_to_tag","content":"a","to_addr":"+1","tagpool":"p","tag":"t"}`, `{"reason":"Tag (u'p', u't') not held by account","success":false}`},
	},
	"contacts": {
		{`{"cmd":"contacts.get"}`, `{"reason":"'addr' needs to be specified and be a unicode string","success":false}`},
		{`{"cmd":"contacts.get","addr":true}`, `{"reason":"'addr' needs to be specified and be a unicode string","success":false}`},
		{`{"cmd":"contacts.get","addr":"+1","delivery_class":null}`, `{"reason":"'delivery_class' needs to be specified and be a unicode string","success":false}`},
		{`{"cmd":"contacts.get","addr":"+1","delivery_class":"pigeon"}`, `{"reason":"Unsupported transport_type u'pigeon'","success":false}`},
		{`{"cmd":"contacts.get","addr":"+1","delivery_class":"sms"}`, `{"reason":"Contact with address '+1' for delivery class 'sms' not found.","success":false}`},
		{`{"cmd":"contacts.get_or_create"}`, `{"reason":"'addr' needs to be specified and be a unicode string","success":false}`},
		{`{"cmd":"contacts.get_or_create","addr":"27 83-123","delivery_class":"sms"}`, `{"contact":` + record(`"msisdn":"+2783123"`) + `,"created":true,"success":true}`},
		{`{"cmd":"contacts.get_or_create","addr":"+2783123"}`, `{"contact":` + record(`"msisdn":"+2783123"`) + `,"created":false,"success":true}`},
		{`{"cmd":"contacts.get","addr":"2783123","delivery_class":"ussd"}`, `{"contact":` + record(`"msisdn":"+2783123"`) + `,"success":true}`},
		{`{"cmd":"contacts.get_or_create","addr":"me@x.org/phone","delivery_class":"gtalk"}`, `{"contact":` + record(`"gtalk_id":"me@x.org"`) + `,"created":true,"success":true}`},
		{`{"cmd":"contacts.get","addr":"me@x.org/desk","delivery_class":"gtalk"}`, `{"contact":` + record(`"gtalk_id":"me@x.org"`) + `,"success":true}`},
		{`{"cmd":"contacts.get_by_key"}`, `{"reason":"Expected 'key' field in request","success":false}`},
		{`{"cmd":"contacts.get_by_key","key":"nobody"}`, `{"reason":"Contact with key 'nobody' not found.","success":false}`},
		{`{"cmd":"contacts.new"}`, `{"reason":"'contact' needs to be specified and be a dict of field name-value pairs","success":false}`},
		{`{"cmd":"contacts.new","contact":"x"}`, `{"reason":"'contact' needs to be specified and be a dict of field name-value pairs","success":false}`},
		{`{"cmd":"contacts.new","contact":{"surname":"Jones","extra":{"location":"CPT"},"shoe":9,"extras-hat":"7"}}`,
			`{"contact":` + record(`"surname":"Jones"`, `"extras-location":"CPT"`) + `,"success":true}`},
		{`{"cmd":"contacts.new","contact":{"surname":5}}`, `{"reason":"Value 5 is not a unicode string.","success":false}`},
		{`{"cmd":"contacts.new","contact":{"msisdn":"+5","subscription":{"a":"b"},"groups":["g1"]}}`,
			`{"contact":` + record(`"msisdn":"+5"`, `"subscription-a":"b"`, `"groups":["g1"]`) + `,"success":true}`},
		{`{"cmd":"contacts.save"}`, `{"reason":"'contact' needs to be specified and be a dict of field name-value pairs","success":false}`},
		{`{"cmd":"contacts.save","contact":{}}`, `{"reason":"'key' needs to be specified as a field in 'contact' and be a unicode string","success":false}`},
		{`{"cmd":"contacts.save","contact":{"key":"nobody"}}`, `{"reason":"Contact with key 'nobody' not found.","success":false}`},
		{`{"cmd":"contacts.update"}`, `{"reason":"'key' needs to be specified and be a unicode string","success":false}`},
		{`{"cmd":"contacts.update","key":"nobody"}`, `{"reason":"'fields' needs to be specified and be a dict of field name-values pairs","success":false}`},
		{`{"cmd":"contacts.update","key":"nobody","fields":{}}`, `{"reason":"Contact with key 'nobody' not found.","success":false}`},
		{`{"cmd":"contacts.update_extras","key":5}`, `{"reason":"'key' needs to be specified and be a unicode string","success":false}`},
		{`{"cmd":"contacts.update_extras","key":"nobody","fields":[]}`, `{"reason":"'fields' needs to be specified and be a dict of field name-values pairs","success":false}`},
		{`{"cmd":"contacts.update_extras","key":"nobody","fields":{"a":1}}`, `{"reason":"All field values need to be unicode","success":false}`},
		{`{"cmd":"contacts.update_extras","key":"nobody","fields":{"a":"1"}}`, `{"reason":"Contact with key 'nobody' not found.","success":false}`},
		{`{"cmd":"contacts.update_subscriptions","key":"nobody","fields":{"a":"1"}}`, `{"reason":"Contact with key 'nobody' not found.","success":false}`},
		{`{"cmd":"contacts.search"}`, `{"reason":"Expected 'query' field in request","success":false}`},
		{`{"cmd":"contacts.search","query":"surname:Jones","max_keys":-1}`, `{"reason":"Value for parameter 'max_keys' is invalid","success":false}`},
		{`{"cmd":"contacts.search","query":"surname:Jones","max_keys":"2"}`, `{"reason":"Value for parameter 'max_keys' is invalid","success":false}`},
		{`{"cmd":"contacts.search","query":"surname:Jones"}`, `{"keys":["K"],"success":true}`},
		{`{"cmd":"contacts.search","query":"surname:Jones","max_keys":0}`, `{"keys":[],"success":true}`},
		{`{"cmd":"contacts.search","query":"surname:Smith","max_keys":5}`, `{"keys":[],"success":true}`},
	},
	"groups": {
		{`{"cmd":"groups.list"}`, `{"groups":[],"success":true}`},
		{`{"cmd":"groups.get"}`, `{"reason":"'key' needs to be specified and be a unicode string","success":false}`},
		{`{"cmd":"groups.get","key":"nothing"}`, `{"reason":"Group not found","success":false}`},
		{`{"cmd":"groups.get_by_name","name":"friends"}`, `{"reason":"Group not found","success":false}`},
		{`{"cmd":"groups.get_by_name"}`, `{"reason":"'name' needs to be specified and be a unicode string","success":false}`},
		{`{"cmd":"groups.get_or_create_by_name","name":"friends"}`, `{"created":true,"group":` + group("friends") + `,"success":true}`},
		{`{"cmd":"groups.get_or_create_by_name","name":"friends"}`, `{"created":false,"group":` + group("friends") + `,"success":true}`},
		{`{"cmd":"groups.get_or_create_by_name","name":"all"}`, `{"created":true,"group":` + group("all") + `,"success":true}`},
		{`{"cmd":"groups.get_or_create_by_name","name":7}`, `{"reason":"'name' needs to be specified and be a unicode string","success":false}`},
		{`{"cmd":"groups.get_by_name","name":"friends"}`, `{"group":` + group("friends") + `,"success":true}`},
		{`{"cmd":"groups.list"}`, `{"groups":[` + group("all") + `,` + group("friends") + `],"success":true}`},
		{`{"cmd":"groups.search","query":"name:friends"}`, `{"groups":[` + group("friends") + `],"success":true}`},
		{`{"cmd":"groups.search","query":"name:foes"}`, `{"groups":[],"success":true}`},
		{`{"cmd":"groups.search"}`, `{"reason":"Expected 'query' field in request","success":false}`},
		{`{"cmd":"groups.update","name":"x"}`, `{"reason":"'key' needs to be specified and be a unicode string","success":false}`},
		{`{"cmd":"groups.update","key":"nothing"}`, `{"reason":"'name' needs to be specified and be a unicode string","success":false}`},
		{`{"cmd":"groups.update","key":"nothing","name":"x"}`, `{"reason":"Group not found","success":false}`},
		{`{"cmd":"groups.update","key":"nothing","name":"x","query":7}`, `{"reason":"'query' needs to be a unicode string or null","success":false}`},
		{`{"cmd":"groups.count_members","key":"nothing"}`, `{"reason":"Group not found","success":false}`},
	},
	"metrics": {
		{`{"cmd":"metrics.fire","metric":"foo","value":1.5,"agg":"avg"}`, ok},
		{`{"cmd":"metrics.fire","store":"my-store","metric":"a.b_c-1","value":"2","agg":"sum"}`, ok},
		{`{"cmd":"metrics.fire","metric":"foo","value":-1,"agg":"last"}`, ok},
		{`{"cmd":"metrics.fire","value":1,"agg":"avg"}`, `{"reason":"Missing metric name.","success":false}`},
		{`{"cmd":"metrics.fire","metric":null,"value":1,"agg":"avg"}`, `{"reason":"Missing metric name.","success":false}`},
		{`{"cmd":"metrics.fire","metric":5,"value":1,"agg":"avg"}`, `{"reason":"Invalid type for metric name: 5","success":false}`},
		{`{"cmd":"metrics.fire","metric":["a"],"value":1,"agg":"avg"}`, `{"reason":"Invalid type for metric name: [u'a']","success":false}`},
		{`{"cmd":"metrics.fire","metric":"foo bar","value":1,"agg":"avg"}`, `{"reason":"Invalid metric name: u'foo bar'.","success":false}`},
		{`{"cmd":"metrics.fire","metric":"1foo","value":1,"agg":"avg"}`, `{"reason":"Invalid metric name: u'1foo'.","success":false}`},
		{`{"cmd":"metrics.fire","metric":"` + strings.Repeat("x", 102) + `","value":1,"agg":"avg"}`, `{"reason":"Invalid metric name: u'` + strings.Repeat("x", 102) + `'.","success":false}`},
		{`{"cmd":"metrics.fire","store":"a b","metric":"foo","value":1,"agg":"avg"}`, `{"reason":"Invalid store name: u'a b'.","success":false}`},
		{`{"cmd":"metrics.fire","store":{},"metric":"foo","value":1,"agg":"avg"}`, `{"reason":"Invalid type for store name: {}","success":false}`},
		{`{"cmd":"metrics.fire","metric":"foo","agg":"avg"}`, `{"reason":"Invalid metric value None.","success":false}`},
		{`{"cmd":"metrics.fire","metric":"foo","value":"abc","agg":"avg"}`, `{"reason":"Invalid metric value u'abc'.","success":false}`},
		{`{"cmd":"metrics.fire","metric":"foo","value":"nan","agg":"avg"}`, `{"reason":"Invalid metric value u'nan'.","success":false}`},
		{`{"cmd":"metrics.fire","metric":"foo","value":true,"agg":"avg"}`, `{"reason":"Invalid metric value True.","success":false}`},
		{`{"cmd":"metrics.fire","metric":"foo","value":{"a":1},"agg":"avg"}`, `{"reason":"Invalid metric value {u'a': 1}.","success":false}`},
		{`{"cmd":"metrics.fire","metric":"foo","value":1}`, `{"reason":"Invalid metric aggregator None.","success":false}`},
		{`{"cmd":"metrics.fire","metric":"foo","value":1,"agg":"median"}`, `{"reason":"Invalid metric aggregator u'median'.","success":false}`},
	},
	"optout": {
		{`{"cmd":"optout.count"}`, `{"count":0,"success":true}`},
		{`{"cmd":"optout.status"}`, `{"reason":"Missing key: address_type","success":false}`},
		{`{"cmd":"optout.status","address_type":"msisdn"}`, `{"reason":"Missing key: address_value","success":false}`},
		{`{"cmd":"optout.status","address_type":"","address_value":"+1"}`, `{"reason":"Invalid value \"\" for \"address_type\"","success":false}`},
		{`{"cmd":"optout.status","address_type":"msisdn","address_value":null}`, `{"reason":"Invalid value \"None\" for \"address_value\"","success":false}`},
		{`{"cmd":"optout.status","address_type":"msisdn","address_value":"+1"}`, `{"opted_out":false,"success":true}`},
		{`{"cmd":"optout.optout","address_type":"msisdn","address_value":"+1"}`, `{"reason":"Missing key: message_id","success":false}`},
		{`{"cmd":"optout.optout","address_type":"msisdn","address_value":"+1","message_id":"m1"}`, `{"created_at":"T","message_id":"m1","opted_out":true,"success":true}`},
		{`{"cmd":"optout.status","address_type":"msisdn","address_value":"+1"}`, `{"created_at":"T","message_id":"m1","opted_out":true,"success":true}`},
		{`{"cmd":"optout.status","address_type":"msisdn","address_value":"1"}`, `{"opted_out":false,"success":true}`},
		{`{"cmd":"optout.optout","address_type":"msisdn","address_value":"+1","message_id":"m2"}`, `{"created_at":"T","message_id":"m2","opted_out":true,"success":true}`},
		{`{"cmd":"optout.count"}`, `{"count":1,"success":true}`},
		{`{"cmd":"optout.cancel_optout","address_type":"msisdn"}`, `{"reason":"Missing key: address_value","success":false}`},
		{`{"cmd":"optout.cancel_optout","address_type":"msisdn","address_value":"+1"}`, `{"opted_out":false,"success":true}`},
		{`{"cmd":"optout.cancel_optout","address_type":"msisdn","address_value":"+1"}`, `{"opted_out":false,"success":true}`},
		{`{"cmd":"optout.count"}`, `{"count":0,"success":true}`},
	},
	"messagestore": {
		{`{"cmd":"messagestore.progress_status"}`, `{"progress_status":{"ack":0,"delivery_report":0,"delivery_report_delivered":0,"delivery_report_failed":0,"delivery_report_pending":0,"nack":0,"sent":0},"success":true}`},
		{`{"cmd":"messagestore.count_replies"}`, `{"count":0,"success":true}`},
		{`{"cmd":"messagestore.count_sent_messages","conversation_key":"B"}`, `{"count":0,"success":true}`},
		{`{"cmd":"messagestore.count_inbound_uniques","conversation_key":null}`, `{"count":0,"success":true}`},
		{`{"cmd":"messagestore.count_outbound_uniques"}`, `{"count":0,"success":true}`},
		{`{"cmd":"messagestore.inbound_throughput"}`, `{"success":true,"throughput":0}`},
		{`{"cmd":"messagestore.outbound_throughput","sample_time":60}`, `{"success":true,"throughput":0}`},
		{`{"cmd":"messagestore.outbound_throughput","sample_time":"60"}`, `{"success":true,"throughput":0}`},
		{`{"cmd":"messagestore.outbound_throughput","sample_time":0}`, `{"reason":"Invalid sample_time","success":false}`},
		{`{"cmd":"messagestore.progress_status","conversation_key":"unknown"}`, `{"reason":"Invalid conversation_key","success":false}`},
		{`{"cmd":"messagestore.count_replies","conversation_key":"somebody's"}`, `{"reason":"Invalid conversation_key","success":false}`},
		{`{"cmd":"messagestore.count_sent_messages","conversation_key":7}`, `{"reason":"Invalid conversation_key","success":false}`},
		{`{"cmd":"messagestore.count_inbound_uniques","conversation_key":""}`, `{"reason":"Invalid conversation_key","success":false}`},
		{`{"cmd":"messagestore.count_outbound_uniques","conversation_key":"x"}`, `{"reason":"Invalid conversation_key","success":false}`},
		{`{"cmd":"messagestore.inbound_throughput","conversation_key":"\u0000"}`, `{"reason":"Invalid conversation_key","success":false}`},
	},
}

// record is the JSON of a contact with the given members, the others as in a fresh one.
func record(members ...string) string {
	fresh := map[string]string{`"$VERSION"`: "2", `"key"`: `"K"`, `"user_account"`: `"A"`, `"created_at"`: `"T"`,
		`"msisdn"`: `"unknown"`, `"groups"`: "[]"}
	for _, name := range []string{"name", "surname", "email_address", "dob", "twitter_handle", "facebook_id", "bbm_pin",
		"gtalk_id", "mxit_id", "wechat_id"} {
		fresh[`"`+name+`"`] = "null"
	}
	for _, m := range members {
		name, value, _ := strings.Cut(m, ":")
		fresh[name] = value
	}
	var all []string
	for _, name := range slices.Sorted(maps.Keys(fresh)) {
		all = append(all, name+":"+fresh[name])
	}
	return "{" + strings.Join(all, ",") + "}"
}

func group(name string) string {
	return `{"$VERSION":null,"created_at":"T","key":"K","name":"` + name + `","query":null,"user_account":"A"}`
}

var (
	anyKey  = regexp.MustCompile(`"[0-9a-f]{32}"`)
	anyTime = regexp.MustCompile(`"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}"`)
)

// simplify puts K, A and T where keys, the account and times are.
func simplify(reply string) string {
	reply = strings.ReplaceAll(reply, `"`+testAccount+`"`, `"A"`)
	return anyTime.ReplaceAllString(anyKey.ReplaceAllString(reply, `"K"`), `"T"`)
}

func TestCommands(t *testing.T) {
	for _, resource := range slices.Sorted(maps.Keys(commandCases)) {
		t.Run(resource, func(t *testing.T) {
			w := newWorld(t)
			cases := commandCases[resource]
			var list []string
			turn := w.turn("")
			for _, c := range cases {
				c.command = strings.ReplaceAll(c.command, `"in_reply_to":"ID"`, `"in_reply_to":"`+turn.Message.ID+`"`)
				list = append(list, strings.ReplaceAll(c.command, `"conversation_key":"B"`, `"conversation_key":"`+testBot+`"`))
			}
			replies, _ := w.ask(turn, list...)
			for i, c := range cases {
				if got := simplify(asJSON(t, replies[i])); got != c.want {
					t.Errorf("%s\n got %s\nwant %s", c.command, got, c.want)
				}
			}
		})
	}
}

// Every command that can be sent has a case for success and one for failure, but for those that cannot fail.
func TestEveryCommandHasCases(t *testing.T) {
	cannotFail := []string{"groups.list", "optout.count"}
	elsewhere := []string{ // in tests that need more than a reply
		"contacts.save", "contacts.update", "contacts.update_extras", "contacts.update_subscriptions", "contacts.get_by_key",
		"groups.get", "groups.update", "groups.count_members", "outbound.send_to_endpoint", "outbound.send_to_tag",
	}
	succeeded, failed := map[string]bool{}, map[string]bool{}
	for _, cases := range commandCases {
		for _, c := range cases {
			name := regexp.MustCompile(`"cmd":"([a-z_.]+)"`).FindStringSubmatch(c.command)[1]
			if strings.Contains(c.want, `"success":true`) {
				succeeded[name] = true
			} else {
				failed[name] = true
			}
		}
	}
	for name := range commands {
		if !succeeded[name] && !slices.Contains(elsewhere, name) {
			t.Errorf("%s has no case in which it succeeds", name)
		}
		if !failed[name] && !slices.Contains(cannotFail, name) && !strings.HasPrefix(name, "log.") {
			t.Errorf("%s has no case in which it fails", name)
		}
	}
}

func TestKeysExpire(t *testing.T) {
	w := newWorld(t)
	w.ask(w.turn(""), `{"cmd":"kv.set","key":"short","value":1,"seconds":60}`, `{"cmd":"kv.set","key":"long","value":1,"seconds":60}`,
		`{"cmd":"kv.set","key":"long","value":2}`, `{"cmd":"kv.set","key":"count","value":1,"seconds":60}`,
		`{"cmd":"kv.incr","key":"count"}`)
	w.clock.add(61 * time.Second)
	replies, _ := w.ask(w.turn(""), `{"cmd":"kv.get","key":"short"}`, `{"cmd":"kv.get","key":"long"}`, `{"cmd":"kv.get","key":"count"}`)
	const want = `[{"success":true,"value":null},{"success":true,"value":2},{"success":true,"value":null}]`
	if got := asJSON(t, replies); got != want {
		t.Errorf("got %s, want %s: a set without seconds takes the expiry away, incr keeps it", got, want)
	}
}

// From 80 % of the quota on there is a warning, once in a turn; at the quota no key is added and old ones can be set.
func TestKeyQuota(t *testing.T) {
	w := newWorld(t, func(w *world) { w.deps.KV = kv.New(w.db, kv.Quota{Keys: 5}, w.clock.now) })
	set := func(key string) string { return `{"cmd":"kv.set","key":"` + key + `","value":1}` }
	replies, result := w.ask(w.turn(""), set("1"), set("2"), set("3"), set("4"), set("5"), set("6"), set("5"),
		`{"cmd":"kv.incr","key":"7"}`)
	tooMany := failed(t, "Too many keys")
	for i, want := range []string{ok, ok, ok, ok, ok, tooMany, ok, tooMany} {
		if got := asJSON(t, replies[i]); got != want {
			t.Errorf("command %d: got %s, want %s", i, got, want)
		}
	}
	got := strings.Join(texts(result.Log), "\n")
	if strings.Count(got, "WARNING Soft limit of 4 keys reached for account "+testAccount) != 1 ||
		!strings.Contains(got, "Once the hard limit of 5 is reached no more keys can be written.") ||
		!strings.Contains(got, "ERROR Hard limit of 5 keys reached") {
		t.Errorf("the log is\n%s", got)
	}
}

// Apps of one account share their keys, those of another account have their own.
func TestKeysBelongToTheAccount(t *testing.T) {
	w := newWorld(t)
	w.reply(`{"cmd":"kv.set","key":"a","value":1}`)
	neighbour, stranger := w.turn(""), w.turn("")
	neighbour.Bot.Key, stranger.Bot.Account = "b0000000000000000000000000000002", "fedcba9876543210fedcba9876543210"
	for want, turn := range map[string]*bot.Turn{`{"success":true,"value":1}`: neighbour, `{"success":true,"value":null}`: stranger} {
		replies, _ := w.ask(turn, `{"cmd":"kv.get","key":"a"}`)
		if got := asJSON(t, replies[0]); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestLogLines(t *testing.T) {
	w := newWorld(t)
	long := strings.Repeat("ä", maxLineBytes)
	_, result := w.ask(w.turn(""), `{"cmd":"log.debug","msg":"d"}`, `{"cmd":"log.info","msg":"i"}`, `{"cmd":"log.warning","msg":"w"}`,
		`{"cmd":"log.error","msg":"e"}`, `{"cmd":"log.critical","msg":"c"}`, `{"cmd":"log.log","msg":"l"}`,
		`{"cmd":"log.log","level":30,"msg":"l30"}`, `{"cmd":"log.debug","level":40,"msg":"d40"}`, `{"cmd":"log.info","level":"x","msg":"ix"}`,
		`{"cmd":"log.info","msg":5}`, `{"cmd":"log.info","msg":{"a":[true]}}`, `{"cmd":"log.info","msg":"n\u0000ul"}`,
		`{"cmd":"log.info","msg":"`+long+`"}`)
	want := []string{"DEBUG d", "INFO i", "WARNING w", "ERROR e", "CRITICAL c", "INFO l", "WARNING l30", "ERROR d40", "INFO ix",
		"INFO 5", `INFO {"a":[true]}`, "INFO n\ufffdul", "INFO " + strings.Repeat("ä", maxLineBytes/2) + "…", "INFO Done."}
	if got := texts(result.Log); !slices.Equal(got, want) {
		t.Errorf("got %.200q\nwant %.200q", got, want)
	}
	for _, line := range result.Log {
		if !line.At.Equal(w.clock.now()) {
			t.Errorf("%v is dated %v", line, line.At)
		}
	}
}

// Opt-outs are for accounts that may manage them; what is wrong with a command is told before that.
func TestOptoutPermission(t *testing.T) {
	w := newWorld(t, func(w *world) { w.deps.Accounts = accounts{} })
	const command = `{"cmd":"optout.optout","address_type":"msisdn","address_value":"+1","message_id":"m1"}`
	denied := failed(t, "Account not allowed to manage optouts.")
	for _, c := range []commandCase{
		{`{"cmd":"optout.count"}`, denied},
		{`{"cmd":"optout.status","address_type":"msisdn","address_value":"+1"}`, denied},
		{`{"cmd":"optout.cancel_optout","address_type":"msisdn","address_value":"+1"}`, denied},
		{command, denied},
		{`{"cmd":"optout.optout"}`, failed(t, "Missing key: address_type")},
	} {
		if got := w.reply(c.command); got != c.want {
			t.Errorf("%s: got %s, want %s", c.command, got, c.want)
		}
	}
	w.deps.Accounts.(accounts)[testAccount] = true
	if got := simplify(w.reply(command)); got != `{"created_at":"T","message_id":"m1","opted_out":true,"success":true}` {
		t.Errorf("with the permission: got %s", got)
	}
}
