package crash

import (
	"context"
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"indaba/internal/app"
	"indaba/internal/bot"
	"indaba/internal/bot/bundle"
	"indaba/internal/config"
	"indaba/internal/gateway"
	"indaba/internal/routing"
	"indaba/test/fake"
	"indaba/test/fake/africastalking"
	"indaba/test/fake/custom"
	"indaba/test/fake/twilio"
	"indaba/test/process"
)

// script answers each text with two numbered parts that name the turn they belong to: the number from the store is
// another one whenever a turn is run again. In a USSD session there is one screen.
const script = `
api.on_inbound_message = function (command) {
  var m = command.msg;
  if (m.session_event === 'close') { return api.done(); }
  api.request('kv.incr', {key: 'count.' + m.from_addr}, function (count) {
    function reply(part, then) {
      api.request('outbound.reply_to', {content: (m.content || 'dialled') + '|' + count.value + '|' + part,
        in_reply_to: m.message_id, continue_session: true}, then);
    }
    if (m.transport_type === 'ussd') { return reply(m.from_addr, function () { api.done(); }); }
    reply('a', function () { reply('b', function () { api.done(); }); });
  });
};`

// How long a request to a provider may take, and from when on a request counts as one that may have been cut.
const (
	providerTimeout = 1500 * time.Millisecond
	maybeCut        = 300 * time.Millisecond
)

// world is a server with channels, the providers at their other ends, and what happened.
type world struct {
	t       *testing.T
	seed    uint64
	config  *config.Config
	server  *process.Server
	account string
	lines   []*line
	gateway *africastalking.Gateway // USSD
	ussd    string                  // key of its channel
	screens screens

	kills []time.Time
	ready []time.Duration // how long each start took until the server answered
}

// newWorld sets up a server's data with its channels, and fake providers at their other ends.
func newWorld(t *testing.T, database string, seed uint64) *world {
	dir := t.TempDir()
	w := &world{t: t, seed: seed, config: config.Default()}
	w.config.Data, w.config.Database = dir, database
	w.config.SecretKey = base64.StdEncoding.EncodeToString(make([]byte, 32))
	w.server = &process.Server{Program: program, Data: dir, Database: database,
		Env: []string{"INDABA_SECRET_KEY=" + w.config.SecretKey}}
	// The first start makes the schema and settles the address, which the channels have to know.
	w.start()
	w.stop()
	a, err := app.Open(t.Context(), w.config)
	if err != nil {
		t.Fatal(err)
	}
	w.populate(a)
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.server.Kill(); err != nil {
			t.Errorf("clean up: %v", err)
		}
	})
	return w
}

// populate makes the account, the bot, the channels and the providers.
func (w *world) populate(a *app.App) {
	w.t.Helper()
	ctx := w.t.Context()
	owner, err := a.Accounts.Create(ctx, "crash", "")
	if err != nil {
		w.t.Fatal(err)
	}
	w.account = owner.Key
	answerer, err := a.Bots.Create(ctx, w.account, "answerer", bot.Sandbox)
	if err != nil {
		w.t.Fatal(err)
	}
	code, err := bundle.FromScript(script, "app.js", bundle.Settings{}, "", bundle.Options{})
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := a.Bots.Deploy(ctx, w.account, answerer.Key, code); err != nil {
		w.t.Fatal(err)
	}
	connect := func(kind, name, address string, settings map[string]string) string {
		c := &gateway.Channel{Account: w.account, Type: kind, Name: name, Address: address, Settings: settings}
		if err := a.Channels.Create(ctx, c); err != nil {
			w.t.Fatal(err)
		}
		outside, inside := routing.Endpoint{Kind: routing.Channel, Key: c.Key, Name: routing.Default},
			routing.Endpoint{Kind: routing.Bot, Key: answerer.Key, Name: routing.Default}
		if err := a.Routes.Link(ctx, w.account, routing.Entry{Source: outside, Target: inside}); err != nil {
			w.t.Fatal(err)
		}
		return c.Key
	}
	w.lines = []*line{
		w.customLine(connect, "steady", nil),
		w.customLine(connect, "hasty", map[string]string{"max_attempts": "2"}),
		w.twilioLine(connect, "careful", nil),
		w.twilioLine(connect, "eager", map[string]string{"resend_unknown": "once"}),
		w.africaLine(connect, "late", nil),
	}
	w.ussd = connect("ussd/africastalking", "ussd", "*384*1#", map[string]string{"path_secret": pathSecret})
	url := w.url(w.ussd) + "/" + pathSecret
	w.gateway = &africastalking.Gateway{Callback: url, Events: url, ServiceCode: "*384*1#", Hook: fake.Hook{Client: w.client()}}
}

const pathSecret = "behind-a-wall"

// connecter makes a channel and returns its key.
type connecter func(kind, name, address string, settings map[string]string) string

func (w *world) url(channel string) string { return w.server.URL() + "/channels/" + channel }

// client returns a client of providers: one that gives up on a server that does not answer.
func (w *world) client() *http.Client {
	return &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 32}}
}

// hook calls webhooks until they are answered, over the death and return of the server.
func (w *world) hook() fake.Hook {
	return fake.Hook{Client: w.client(), Attempts: 2000, Pause: 20 * time.Millisecond}
}

// rates are how often requests to a provider fail, and how.
var rates = map[fake.Fault]float64{"500": 0.03, "429": 0.03, fake.Refuse: 0.01, fake.ResetBefore: 0.01, fake.ResetAfter: 0.02,
	fake.Cut: 0.01, fake.Garbage: 0.01, fake.Hang: 0.003, fake.Slow: 0.1}

const slow = 30 * time.Millisecond

// open starts a provider that fails at random and whose requests are watched.
func (w *world) open(l *line, handler http.Handler, text func(body []byte) string) string {
	l.desk.Delay = slow
	own := maps.Clone(rates)
	if l.idempotent {
		delete(own, fake.Refuse) // a peer that knows keys does not refuse what it has taken
	}
	l.desk.Randomly(w.seed+uint64(len(l.name)), own)
	l.witness = &witness{inner: handler, text: text, seen: map[string][]attempt{}}
	server := httptest.NewServer(l.witness)
	w.t.Cleanup(server.CloseClientConnections)
	w.t.Cleanup(server.Close)
	return server.URL
}

func with(settings map[string]string, more map[string]string) map[string]string {
	all := map[string]string{"timeout": providerTimeout.String(), "rate": "0"}
	for _, set := range []map[string]string{settings, more} {
		for k, v := range set {
			all[k] = v
		}
	}
	return all
}

func (w *world) customLine(connect connecter, name string, settings map[string]string) *line {
	peer := custom.New("a secret between two", "")
	l := &line{name: name, desk: &peer.Desk, idempotent: true, address: func(i int) string { return fmt.Sprint(name, "-", i) }}
	base := w.open(l, peer.Handler(), jsonText)
	l.channel = connect("custom", name, "", with(map[string]string{"base_url": base, "secret": peer.Secret}, settings))
	peer.Webhook, peer.Hook = w.url(l.channel), w.hook()
	l.say = func(ctx context.Context, id, from, text string) (fake.Reply, error) {
		return peer.Say(ctx, custom.Inbound{ID: id, From: from, Text: text})
	}
	l.report = func(ctx context.Context, m fake.Message, status string) (fake.Reply, error) {
		return peer.Report(ctx, m, status, "")
	}
	return l
}

func (w *world) twilioLine(connect connecter, name string, settings map[string]string) *line {
	peer := twilio.New("AC1", "token", "")
	l := &line{name: name, desk: &peer.Desk, address: func(i int) string { return fmt.Sprintf("+2773%07d", i) },
		resends: settings["resend_unknown"] == "once"}
	base := w.open(l, peer.Handler(), formText("Body"))
	l.channel = connect("sms/twilio", name, peer.Number, with(map[string]string{"base_url": base, "account_sid": peer.AccountSID,
		"auth_token": peer.AuthToken}, settings))
	peer.Webhook, peer.Hook = w.url(l.channel), w.hook()
	l.say = peer.Say
	l.report = func(ctx context.Context, m fake.Message, status string) (fake.Reply, error) {
		word := map[string]string{"failed": "undelivered"}[status]
		if word == "" {
			word = status
		}
		return peer.Report(ctx, m, word, 0)
	}
	return l
}

func (w *world) africaLine(connect connecter, name string, settings map[string]string) *line {
	peer := africastalking.NewSMS("user", "key", "", "")
	l := &line{name: name, desk: &peer.Desk, nameless: true,
		address: func(i int) string { return fmt.Sprintf("+2547%08d", i) }}
	base := w.open(l, peer.Handler(), formText("message"))
	l.channel = connect("sms/africastalking", name, peer.ShortCode, with(map[string]string{"base_url": base, "username": peer.Username,
		"api_key": peer.Key, "path_secret": pathSecret}, settings))
	peer.Callback, peer.Reports = w.url(l.channel)+"/"+pathSecret, w.url(l.channel)+"/"+pathSecret+"/status"
	peer.Hook = w.hook()
	l.say = peer.Say
	l.report = func(ctx context.Context, m fake.Message, status string) (fake.Reply, error) {
		word := map[string]string{"sent": "Sent", "delivered": "Success", "failed": "Failed"}[status]
		return peer.Report(ctx, m, word, "")
	}
	return l
}

// start starts the server and notes how long it took to answer.
func (w *world) start() {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	took, err := w.server.Start(ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	w.ready = append(w.ready, took)
}

func (w *world) stop() {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := w.server.Stop(ctx); err != nil {
		w.t.Fatal(err)
	}
}

// killAgainAndAgain kills the server and starts it again until the time is over. Now and then it is killed while it
// starts.
func (w *world) killAgainAndAgain(length time.Duration) {
	r := dice(w.seed, 1)
	for end := time.Now().Add(length); time.Now().Before(end); {
		time.Sleep(between(r, 50*time.Millisecond, 1200*time.Millisecond)) // the random moment
		w.kill()
		for chance(r, 0.25) {
			if err := w.server.Begin(); err != nil {
				w.t.Fatal(err)
			}
			time.Sleep(between(r, 0, 120*time.Millisecond)) // the random moment
			w.kill()
		}
		w.start()
	}
}

func (w *world) kill() {
	if err := w.server.Kill(); err != nil {
		w.t.Fatal(err)
	}
	w.kills = append(w.kills, time.Now())
}

// drain lets the providers be well and waits until the server has nothing left to do.
func (w *world) drain(patience time.Duration) {
	for _, l := range w.lines {
		l.desk.Randomly(w.seed, nil)
	}
	a, err := app.Open(w.t.Context(), w.config)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() {
		if err := a.Close(); err != nil {
			w.t.Error(err)
		}
	}()
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) { // no one tells of an empty table
		var mails, parcels int
		if err := a.DB.Row(w.t.Context(), "SELECT (SELECT count(*) FROM mailbox), (SELECT count(*) FROM outbox)", nil, &mails, &parcels); err != nil {
			w.t.Fatal(err)
		}
		if mails+parcels == 0 {
			return
		}
		if time.Now().After(end) {
			parked, _ := a.Messages.Mailbox.Parked(w.t.Context(), w.account, 3) // for the message only
			w.t.Fatalf("stuck: %d mails and %d parcels are left; parked: %+v\n%s", mails, parcels, parked, w.server.Log())
		}
	}
}

func (w *world) summary() string {
	starts := slices.Sorted(slices.Values(w.ready))
	return fmt.Sprintf("%d kills, %d starts: ready within %v (median), %v (slowest)", len(w.kills), len(starts),
		starts[len(starts)/2].Round(time.Millisecond), starts[len(starts)-1].Round(time.Millisecond))
}
