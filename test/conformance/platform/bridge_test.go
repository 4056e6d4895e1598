package platform

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"indaba/internal/bot"
	"indaba/internal/bot/bundle"
	"indaba/internal/bot/js"
	"indaba/internal/bot/sandbox"
	"indaba/internal/contact"
	"indaba/internal/core"
	"indaba/internal/db"
	"indaba/internal/db/dbtest"
	"indaba/internal/egress"
	"indaba/internal/kv"
	"indaba/internal/message"
	"indaba/internal/metric"
	"indaba/internal/optout"
)

// relay is the bot that carries a command to the platform and logs the reply.
const relay = `
api.on_inbound_message = function (command) {
    var sent = JSON.parse(command.msg.content);
    api.request(sent.cmd, sent, function (reply) {
        api.request('log.debug', {msg: 'REPLY ' + JSON.stringify(reply)}, function () { api.done(); });
    });
};`

// A bridge runs the commands of the toolkit's tests on the platform: each as a turn of a bot.
type bridge struct {
	deps   sandbox.Deps
	db     *db.DB
	bot    bot.Runner
	server *httptest.Server

	mu      sync.Mutex
	now     time.Time
	planned response // what the server answers next
	called  []string // what the server was asked
	worlds  map[string]*world
	steps   int
}

type response struct {
	Code int    `json:"code"`
	Body string `json:"body"`
}

func newBridge(t *testing.T) *bridge {
	t.Helper()
	b := &bridge{db: dbtest.SQLite(t), now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), worlds: map[string]*world{}}
	guard, err := egress.New(egress.Options{AllowHosts: []string{"127.0.0.1"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(guard.Close)
	b.deps = sandbox.Deps{
		Contacts: contact.New(b.db, b.clock, contact.Options{}), KV: kv.New(b.db, kv.Quota{}, b.clock),
		Metrics: metric.New(b.db, b.clock, metric.Options{}), Optouts: optout.New(b.db, b.clock),
		Messages: message.New(b.db, 1, b.clock), Egress: guard, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		HelperMetadata: []string{"foo", "grass"}, Now: b.clock, Machines: 1,
	}
	program, err := bundle.FromScript(relay, "relay.js", bundle.Settings{}, "", bundle.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if b.bot, err = sandbox.Loader(b.deps)(&bot.Bot{}, bot.Version{}, program); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.bot.Close)
	b.server = httptest.NewServer(http.HandlerFunc(b.serve))
	t.Cleanup(b.server.Close)
	return b
}

// clock stands still but for tick: what a test does takes no time, and yet comes in order.
func (b *bridge) clock() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.now
}

func (b *bridge) tick() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now = b.now.Add(time.Second)
}

func (b *bridge) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.called = append(b.called, fmt.Sprint(r.Method, " ", r.URL.RequestURI(), " ", string(body), " ", err))
	for _, name := range []string{"Content-Type", "Authorization"} {
		if r.Header[name] != nil {
			b.called = append(b.called, fmt.Sprint(name, r.Header[name]))
		}
	}
	w.WriteHeader(b.planned.Code)
	_, _ = io.WriteString(w, b.planned.Body)
}

// A step is one command of a test, with the state of the dummies' stores before it.
type step struct {
	World   string          `json:"world"`
	Command json.RawMessage `json:"command"`
	State   state           `json:"state"`
}

type state struct {
	Config   map[string]string            `json:"config,omitempty"`
	KV       map[string]json.RawMessage   `json:"kv"`
	TTL      map[string]int64             `json:"ttl"`
	Contacts []map[string]json.RawMessage `json:"contacts"`
	Groups   []map[string]json.RawMessage `json:"groups"`
	Planned  *response                    `json:"planned,omitempty"`

	FoundContacts map[string][]string `json:"found_contacts"` // query → the keys that a test wants it to find
	FoundGroups   map[string][]string `json:"found_groups"`
}

// Command answers bridge.run.
func (b *bridge) Command(ctx context.Context, text string, reply func(string)) error {
	var s step
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return fmt.Errorf("reading a step: %w", err)
	}
	b.steps++
	b.tick()
	answer, err := b.run(ctx, s)
	if err != nil {
		answer = map[string]any{"success": false, "reason": err.Error()}
	}
	data, err := json.Marshal(answer)
	if err != nil {
		return err
	}
	reply(string(data))
	return nil
}

func (b *bridge) run(ctx context.Context, s step) (map[string]any, error) {
	w := b.worlds[s.World]
	if w == nil {
		w = &world{core.NewKey(), map[string]string{}, map[string]string{}, map[string]string{}, map[string]string{}}
		b.worlds[s.World] = w
	}
	var command map[string]json.RawMessage
	if err := json.Unmarshal(s.Command, &command); err != nil {
		return nil, err
	}
	var name string
	if err := json.Unmarshal(command["cmd"], &name); err != nil {
		return nil, err
	}
	if err := b.push(ctx, w, s.State); err != nil {
		return nil, fmt.Errorf("bringing the platform to the state of the test: %w", err)
	}
	w.translate(command)
	if found := map[string]map[string][]string{"contacts.search": s.State.FoundContacts, "groups.search": s.State.FoundGroups}[name]; found != nil {
		w.replaceQuery(command, found)
	}
	result, answer, err := b.turn(ctx, w, name, command, s.State)
	if err != nil {
		return nil, err
	}
	after, err := b.pull(ctx, w, s.State)
	if err != nil {
		return nil, fmt.Errorf("reading the state of the platform: %w", err)
	}
	log := []map[string]any{}
	for _, line := range result.Log {
		log = append(log, map[string]any{"level": int(line.Level), "text": line.Text})
	}
	fired, err := b.fired(ctx, w, name, command, answer)
	return map[string]any{"success": true, "answer": w.back(answer), "state": after, "log": log,
		"sends": sends(command, result.Sends), "fired": fired}, err
}

// turn runs a command as a turn of the bot.
func (b *bridge) turn(ctx context.Context, w *world, name string, command map[string]json.RawMessage, s state) (bot.Result, any, error) {
	expected := ""
	if s.Planned != nil {
		var err error
		if expected, err = b.redirect(command, *s.Planned); err != nil {
			return bot.Result{}, nil, err
		}
	}
	data, err := json.Marshal(command)
	if err != nil {
		return bot.Result{}, nil, err
	}
	content, group := string(data), ""
	if name == "outbound.reply_to_group" {
		group = "group"
	}
	var original string
	_ = json.Unmarshal(command["in_reply_to"], &original) // no text: the platform is to say so
	result, err := b.bot.Run(ctx, &bot.Turn{
		Bot: &bot.Bot{Key: core.NewKey(), Account: w.account}, Version: 1, Config: s.Config,
		Message: &core.Message{ID: original, From: "+27123", To: "*120#", Content: &content, Group: group, TransportType: "ussd",
			Direction: core.Inbound, CreatedAt: b.clock()},
	})
	if err == nil && result.Outcome != js.Done {
		err = errors.New(result.Err)
	}
	if err != nil {
		return result, nil, err
	}
	result, answer, err := answerOf(result)
	if s.Planned != nil && err == nil && answer.(map[string]any)["success"] == true {
		if got := strings.Join(b.called, "\n"); got != expected {
			err = fmt.Errorf("the server was asked\n%s\nand not\n%s", got, expected)
		}
	}
	return result, answer, err
}

// redirect makes a call go to the server of the test, and returns what that will be asked.
func (b *bridge) redirect(command map[string]json.RawMessage, planned response) (string, error) {
	b.planned, b.called = planned, nil
	var text, data, name string
	var headers map[string][]string
	if err := json.Unmarshal(command["url"], &text); err != nil {
		return "", err
	}
	_ = json.Unmarshal(command["data"], &data)
	_ = json.Unmarshal(command["headers"], &headers)
	_ = json.Unmarshal(command["cmd"], &name)
	u, err := url.Parse(text)
	if err != nil {
		return "", err
	}
	u.Scheme, u.Host = "http", strings.TrimPrefix(b.server.URL, "http://")
	command["url"] = json.RawMessage(strconv.Quote(u.String()))
	expected := []string{fmt.Sprint(strings.ToUpper(strings.TrimPrefix(name, "http.")), " ", u.RequestURI(), " ", data, " <nil>")}
	for _, h := range []string{"Content-Type", "Authorization"} {
		if headers[h] != nil {
			expected = append(expected, fmt.Sprint(h, headers[h]))
		}
	}
	return strings.Join(expected, "\n"), nil
}

// answerOf takes the reply out of the log.
func answerOf(result bot.Result) (bot.Result, any, error) {
	var lines []bot.LogLine
	var answer any
	for _, line := range result.Log {
		if text, ok := strings.CutPrefix(line.Text, "REPLY "); ok {
			if err := json.Unmarshal([]byte(text), &answer); err != nil {
				return result, nil, err
			}
			continue
		}
		if line.Text != "Done." || line.Level != bot.Info {
			lines = append(lines, line)
		}
	}
	result.Log = lines
	return result, answer, nil
}

// sends returns what a turn sends in the form of the dummy's store.
func sends(command map[string]json.RawMessage, all []bot.Send) []map[string]any {
	list := []map[string]any{}
	for _, s := range all {
		sent := map[string]any{"to_addr": s.To, "content": s.Content, "endpoint": s.Endpoint}
		if s.Reply {
			sent = map[string]any{"content": s.Content, "in_reply_to": command["in_reply_to"],
				"continue_session": s.SessionEvent != core.SessionClose}
			if s.ToGroup {
				sent["group"] = true
			}
			var metadata map[string]json.RawMessage
			_ = json.Unmarshal(s.HelperMetadata, &metadata)
			delete(metadata, "go")
			delete(metadata, "delivery_class")
			delete(metadata, "optout")
			if len(metadata) > 0 {
				sent["helper_metadata"] = metadata
			}
		}
		list = append(list, sent)
	}
	return list
}

// fired reads the value back that a command has fired.
func (b *bridge) fired(ctx context.Context, w *world, name string, command map[string]json.RawMessage, answer any) ([]map[string]any, error) {
	list := []map[string]any{}
	if name != "metrics.fire" || answer.(map[string]any)["success"] != true {
		return list, nil
	}
	store, m, agg := "default", "", ""
	if command["store"] != nil {
		_ = json.Unmarshal(command["store"], &store)
	}
	_ = json.Unmarshal(command["metric"], &m)
	_ = json.Unmarshal(command["agg"], &agg)
	buckets, found, err := b.deps.Metrics.Read(ctx, w.account, metric.Request{Name: metric.StoreName(store, m, agg),
		From: b.clock(), Until: b.clock(), Interval: time.Second})
	if err != nil || !found || len(buckets) != 1 || buckets[0].Value == nil {
		return nil, fmt.Errorf("metric %s is not there: %v, %w", m, buckets, err)
	}
	return append(list, map[string]any{"store": store, "metric": m, "agg": agg, "value": *buckets[0].Value}), nil
}
