package sandbox

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"indaba/internal/bot/bundle"
	"indaba/internal/bot/js"
	"indaba/internal/core"
	"indaba/internal/metric"
)

// An app on the older toolkit uses the resources raw and may have no configuration at all.
func TestOlderToolkit(t *testing.T) {
	const app = `
var vumigo = require('vumigo_v01');
function App() {
    var self = this;
    vumigo.state_machine.StateCreator.call(self, 'start');
    self.add_state(new vumigo.states.FreeText('start', 'end', 'What is your name?'));
    self.add_creator('end', function (name, im) {
        var p = im.api_request('contacts.get_or_create', {delivery_class: 'ussd', addr: im.user_addr});
        p.add_callback(function (reply) {
            return im.api_request('contacts.update_extras', {key: reply.contact.key, fields: {hat: 'red'}});
        });
        var hat, sms = {to_addr: im.user_addr, content: 'an sms', tagpool: 'pool', tag: 't1'};
        p.add_callback(function (reply) { hat = reply.contact['extras-hat']; return im.metrics.fire_inc('ended'); });
        p.add_callback(function () { return im.api_request('outbound.send_to_tag', sms); });
        p.add_callback(function (reply) {
            var text = 'Bye ' + im.get_user_answer('start') + ', hat ' + hat + ', sent ' + reply.success;
            return new vumigo.states.EndState(name, text, 'start');
        });
        return p;
    });
}
var im = new vumigo.state_machine.InteractionMachine(api, new App());
im.attach();`
	w := newWorld(t)
	r := w.load(app, bundle.Settings{})
	turn := w.turn("")
	turn.Config = nil
	if first := w.run(r, turn); len(first.Sends) != 1 || *first.Sends[0].Content != "What is your name?" {
		t.Fatalf("the first reply is %s; log %v", asJSON(t, first.Sends), texts(first.Log))
	}
	turn = w.turn("Ayanda")
	turn.Message.SessionEvent = core.SessionResume
	turn.Config = map[string]string{"config": `{"sms_tag": ["pool", "t1"]}`}
	second := w.run(r, turn)
	if len(second.Sends) != 2 || second.Sends[0].Endpoint != "pool:t1" ||
		*second.Sends[1].Content != "Bye Ayanda, hat red, sent true" || second.Sends[1].SessionEvent != core.SessionClose {
		t.Errorf("it sends %s; log %v", asJSON(t, second.Sends), texts(second.Log))
	}
	if _, found, err := w.deps.KV.Get(t.Context(), testAccount, "users.+27831234567"); err != nil || !found {
		t.Errorf("the user is not stored: %v", err)
	}
	if value := w.metric("stores.default.ended.sum"); value != 1 {
		t.Errorf("the metric is %v", value)
	}
}

// metric returns the value of a metric in the present second.
func (w *world) metric(name string) float64 {
	w.t.Helper()
	buckets, found, err := w.deps.Metrics.Read(w.t.Context(), testAccount,
		metric.Request{Name: name, From: w.clock.now(), Until: w.clock.now(), Interval: time.Second})
	if err != nil || !found || len(buckets) != 1 || buckets[0].Value == nil {
		w.t.Fatalf("metric %s: %v, %v, %v", name, buckets, found, err)
	}
	return *buckets[0].Value
}

func TestMetricsAreStored(t *testing.T) {
	w := newWorld(t)
	w.ask(w.turn(""), `{"cmd":"metrics.fire","metric":"foo","value":1,"agg":"sum"}`,
		`{"cmd":"metrics.fire","metric":"foo","value":"2.5","agg":"sum"}`,
		`{"cmd":"metrics.fire","metric":"foo","value":3,"agg":"avg"}`,
		`{"cmd":"metrics.fire","store":"mine","metric":"foo","value":7,"agg":"last"}`)
	for name, want := range map[string]float64{"stores.default.foo.sum": 3.5, "stores.default.foo.avg": 3, "stores.mine.foo.last": 7} {
		if got := w.metric(name); got != want {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
}

// The toolkit counts in the key-value store and fires what it has counted.
func TestToolkitCounters(t *testing.T) {
	const app = `
var vumigo = require('vumigo_v02');
var TestApp = vumigo.App.extend(function (self) {
    vumigo.App.call(self, 'start');
    self.states.add('start', function (name) {
        return self.im.metrics.fire.inc('seen', {amount: 2}).then(function () {
            return new vumigo.states.EndState(name, {text: 'x'});
        });
    });
});
new vumigo.InteractionMachine(api, new TestApp());`
	w := newWorld(t)
	r := w.load(app, bundle.Settings{})
	for _, want := range []float64{2, 4} {
		w.run(r, w.turn(""))
		if got := w.metric("stores.test.seen.last"); got != want {
			t.Errorf("got %v, want %v", got, want)
		}
	}
}

// The toolkit ends the turn of an event by saving a user that it never loaded; such a key is not stored.
func TestEventOnTheToolkit(t *testing.T) {
	w := newWorld(t)
	turn := w.turn("")
	turn.Message = &core.Message{ID: "m1", Direction: core.Outbound, To: "+27831234567"}
	turn.Event = &core.Event{ID: "e1", Type: core.Ack, MessageID: "m1", At: w.clock.now()}
	result := w.run(w.load(helloApp, bundle.Settings{}), turn)
	if len(result.Sends) != 0 || !strings.Contains(strings.Join(texts(result.Log), "\n"), "DEBUG users.default.undefined was not stored") {
		t.Errorf("it sends %v; log %q", result.Sends, texts(result.Log))
	}
}

// Local time is that of the bot.
func TestTimeZone(t *testing.T) {
	w := newWorld(t)
	script := `api.on_inbound_message = function (command) {
		var moment = require('moment');
		api.request('outbound.reply_to', {content: moment(1767323045000).format('YYYY-MM-DD HH:mm Z'), in_reply_to: command.msg.message_id},
			function () { api.done(); });
	};`
	for zone, want := range map[string]string{"": "2026-01-02 03:04 +00:00", "Africa/Johannesburg": "2026-01-02 05:04 +02:00"} {
		result := w.run(w.load(script, bundle.Settings{TimeZone: zone}), w.turn(""))
		if got := *result.Sends[0].Content; got != want {
			t.Errorf("zone %q: got %s, want %s", zone, got, want)
		}
	}
}

// A replay against another version shows where that one would have done something else, and changes nothing.
func TestReplayOfAnotherVersion(t *testing.T) {
	w := newWorld(t)
	const script = `api.on_inbound_message = function (command) {
		api.request('kv.incr', {key: 'n'}, function (reply) {
			api.request('outbound.reply_to', {content: 'TEXT ' + reply.value, in_reply_to: command.msg.message_id}, function () { api.done(); });
		});
	};`
	turn := w.turn("")
	result := w.run(w.load(strings.Replace(script, "TEXT", "one", 1), bundle.Settings{}), turn)
	replayed, differences, err := w.load(strings.Replace(script, "TEXT", "two", 1), bundle.Settings{}).Replay(t.Context(), turn, result.Record)
	if err != nil || len(differences) != 3 || !strings.Contains(asJSON(t, differences), "two 1") {
		t.Errorf("the differences are %s, %v", asJSON(t, differences), err)
	}
	if len(replayed.Sends) != 0 { // it ended at the first command that the recording has no answer for
		t.Errorf("the replay sends %s", asJSON(t, replayed.Sends))
	}
	if got := w.reply(`{"cmd":"kv.incr","key":"n"}`); got != `{"success":true,"value":2}` {
		t.Errorf("the replay changed the counter: %s", got)
	}
}

// Turns of many members at once, on few machines, mix nothing up: not the globals of a careless script, nor the replies.
func TestManyAtOnce(t *testing.T) {
	const members, turns = 30, 9
	const app = `
var self = this;
api.on_inbound_message = function (command) {
	self.who = command.msg.from_addr;
	var before = command.msg.content;
	api.request('kv.incr', {key: 'turns of ' + who}, function (reply) {
		api.request('kv.set', {key: 'last of ' + who, value: before + ' ' + reply.value}, function () {
			api.request('kv.get', {key: 'last of ' + who}, function (reply) {
				api.request('outbound.reply_to', {content: who + ': ' + reply.value, in_reply_to: command.msg.message_id},
					function () { api.done(); });
			});
		});
	});
};`
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	w := newWorld(t, func(w *world) { w.deps.Machines = 2 })
	r := w.load(app, bundle.Settings{})
	var group sync.WaitGroup
	for member := range members {
		random := rand.New(rand.NewPCG(seed, uint64(member)))
		group.Go(func() {
			address := "+2783" + strconv.Itoa(1000+member)
			for i := range turns {
				content := strconv.FormatUint(random.Uint64(), 36)
				turn := w.turn(content)
				turn.Message.From, turn.Address = address, address
				turn.Message.ID = core.NewMessageID(w.clock.now())
				turn.Alone = random.IntN(20) == 0
				want := fmt.Sprintf("%s: %s %d", address, content, i+1)
				result, err := r.Run(t.Context(), turn)
				if err != nil || result.Outcome != js.Done || len(result.Sends) != 1 || *result.Sends[0].Content != want {
					t.Errorf("want %q, got %s %s, %v", want, result.Outcome, asJSON(t, result.Sends), err)
					return
				}
			}
		})
	}
	group.Wait()
}

// BenchmarkToolkitTurn measures a turn of a small app on the toolkit, with its store on disk.
func BenchmarkToolkitTurn(b *testing.B) {
	w := newWorld(b)
	r := w.load(helloApp, bundle.Settings{Name: "hello"})
	defer r.Close()
	for b.Loop() {
		result, err := r.Run(b.Context(), w.turn(""))
		if err != nil || result.Outcome != js.Done {
			b.Fatal(result.Outcome, result.Err, err)
		}
	}
}
