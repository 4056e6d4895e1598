package gateway_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"indaba/internal/channel/all"
	"indaba/internal/core"
	"indaba/internal/db"
	"indaba/internal/db/dbtest"
	"indaba/internal/gateway"
	"indaba/internal/message"
	"indaba/internal/optout"
	"indaba/internal/routing"
	"indaba/test/fake"
	"indaba/test/fake/africastalking"
	"indaba/test/fake/custom"
	"indaba/test/fake/twilio"
)

const account = "acc"

// plain keeps settings as they are: what sealing does is tested where it is done.
type plain struct{}

func (plain) Seal(text, _ string) string          { return text }
func (plain) Open(text, _ string) (string, error) { return text, nil }

// silent is an audit log that nobody reads.
type silent struct{}

func (silent) Audit(context.Context, string, string, string, any) error { return nil }

// heeded says that the account heeds opt-outs.
type heeded struct{}

func (heeded) OptoutPolicy(context.Context, string) (bool, []string, error) { return false, nil, nil }

// place is a gateway with its queues, and a bot in Go behind it.
type place struct {
	t        *testing.T
	store    *gateway.Store
	messages *message.Service
	optouts  *optout.Service
	gateway  *gateway.Gateway
	server   *httptest.Server
	told     chan core.Event
	channels int
}

// open starts a gateway whose bot answers each message with what bot returns; an empty text is no answer.
func open(t *testing.T, d *db.DB, bot func(m *core.Message) string) *place {
	t.Helper()
	return openFor(t, d, bot, 0)
}

// openFor is open with an age at which messages are given up.
func openFor(t *testing.T, d *db.DB, bot func(m *core.Message) string, giveUpAfter time.Duration) *place {
	t.Helper()
	p := &place{t: t, told: make(chan core.Event, 100)}
	p.messages = message.New(d, 256, time.Now)
	p.store = gateway.NewStore(d, plain{}, silent{}, all.Types(), time.Now)
	p.optouts = optout.New(d, time.Now)
	routes := routing.New(d, nil, silent{}, time.Now)
	p.server = httptest.NewUnstartedServer(nil)
	p.gateway = gateway.New(d, p.store, p.messages, gateway.Options{PublicURL: "http://" + p.server.Listener.Addr().String(), Now: time.Now,
		Optouts: optout.NewGate(p.optouts, heeded{}), Forget: routes.Forget, GiveUpAfter: giveUpAfter,
		Notify: func(ctx context.Context, _ *core.Message, e core.Event) error {
			d.AfterCommit(ctx, func() { p.told <- e })
			return nil
		}})
	p.server.Config.Handler = p.gateway
	p.server.Start()
	t.Cleanup(p.server.Close)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		_ = p.messages.Mailbox.Run(ctx, func(ctx context.Context, mail message.Mail) error { // it ends with ctx, without error
			in := mail.Message
			text := bot(in)
			return d.Tx(ctx, func(ctx context.Context) error {
				if text != "" {
					if err := p.messages.Send(ctx, &core.Message{ID: core.NewMessageID(time.Now()), Account: in.Account, Channel: in.Channel,
						Direction: core.Outbound, From: in.To, To: in.From, Content: &text, InReplyTo: in.ID, SessionID: in.SessionID,
						CreatedAt: time.Now()}); err != nil {
						return err
					}
				}
				return p.messages.Mailbox.Done(ctx, mail, text != "")
			})
		})
	})
	running.Go(func() { _ = p.messages.Outbox.Run(ctx, p.gateway.Deliver) }) // likewise
	t.Cleanup(func() { cancel(); running.Wait() })
	return p
}

// channel makes a channel that is called by its type; those after the first have a number, too.
func (p *place) channel(kind, address string, settings map[string]string) *gateway.Channel {
	p.t.Helper()
	c := &gateway.Channel{Account: account, Type: kind, Name: kind, Address: address, Settings: settings}
	if p.channels++; p.channels > 1 {
		c.Name = fmt.Sprint(kind, " ", p.channels)
	}
	if err := p.store.Create(p.t.Context(), c); err != nil {
		p.t.Fatal(err)
	}
	return c
}

// custom makes a channel to a fake peer.
func (p *place) custom(settings map[string]string) (*gateway.Channel, *custom.Provider) {
	p.t.Helper()
	peer := custom.New("s3cret", "")
	server := httptest.NewServer(peer.Handler())
	p.t.Cleanup(server.Close)
	all := map[string]string{"base_url": server.URL, "secret": "s3cret", "timeout": "500ms"}
	for k, v := range settings {
		all[k] = v
	}
	c := p.channel("custom", "us", all)
	peer.Webhook = p.gateway.WebhookURL(c.Key)
	return c, peer
}

func (p *place) twilio(settings map[string]string) (*gateway.Channel, *twilio.Provider) {
	p.t.Helper()
	peer := twilio.New("AC1", "tok", "")
	server := httptest.NewServer(peer.Handler())
	p.t.Cleanup(server.Close)
	all := map[string]string{"base_url": server.URL, "account_sid": "AC1", "auth_token": "tok", "timeout": "500ms", "rate": "0"}
	for k, v := range settings {
		all[k] = v
	}
	c := p.channel("sms/twilio", "+15550001", all)
	peer.Webhook = p.gateway.WebhookURL(c.Key)
	return c, peer
}

// status waits for the newest message to an address to reach a status.
func (p *place) status(to string, want core.Status) *core.Message {
	p.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; {
		all, err := p.messages.Recent(p.t.Context(), account, to, 10)
		if err != nil {
			p.t.Fatal(err)
		}
		for _, m := range all {
			if m.Direction == core.Outbound {
				if m.Status == want {
					return m
				}
				if time.Now().After(deadline) {
					p.t.Fatalf("message to %s is %v (%s), want %v", to, m.Status, m.StatusReason, want)
				}
				break
			}
		}
		time.Sleep(5 * time.Millisecond) // nothing tells a reader of a status column
	}
}

func (p *place) event(want core.EventType) core.Event {
	p.t.Helper()
	select {
	case e := <-p.told:
		if e.Type != want {
			p.t.Fatalf("event %+v, want %s", e, want)
		}
		return e
	case <-time.After(10 * time.Second):
		p.t.Fatalf("no %s came", want)
		return core.Event{}
	}
}

func echo(m *core.Message) string {
	if m.Content == nil {
		return ""
	}
	return "you said " + *m.Content
}

func taken(t *testing.T, desk *fake.Desk, n int) []fake.Message {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	all, err := desk.WaitAccepted(ctx, n)
	if err != nil {
		t.Fatalf("the provider has %d messages, want %d: %v", len(all), n, err)
	}
	return all
}

func TestThereAndBack(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		p := open(t, d, echo)
		_, peer := p.custom(nil)
		for i := range 5 {
			reply, err := peer.Say(t.Context(), custom.Inbound{ID: fmt.Sprint("m", i), From: "ann", Text: fmt.Sprint(i)})
			if err != nil || reply.Status != 200 {
				t.Fatalf("%+v %v", reply, err)
			}
		}
		for i, m := range taken(t, &peer.Desk, 5) {
			if m.Text != fmt.Sprint("you said ", i) || m.To != "ann" {
				t.Fatalf("message %d: %+v", i, m)
			}
		}
		for range 5 {
			p.event(core.Ack)
		}
		// A redelivery is answered and does nothing.
		if reply, err := peer.Say(t.Context(), custom.Inbound{ID: "m1", From: "ann", Text: "1"}); err != nil || reply.Status != 409 {
			t.Fatalf("%+v %v", reply, err)
		}
		last := p.status("ann", core.Sent)
		if _, err := peer.Report(t.Context(), fake.Message{ID: last.ID}, "delivered", ""); err != nil {
			t.Fatal(err)
		}
		if e := p.event(core.DeliveryReport); e.MessageID != last.ID || e.Delivery != core.DeliveryDelivered {
			t.Fatalf("%+v", e)
		}
		p.status("ann", core.Delivered)
		if n := len(peer.Accepted()); n != 5 {
			t.Fatalf("%d messages went out", n)
		}
	})
}

func TestRefusedWebhooksStoreNothing(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		p := open(t, d, echo)
		c, _ := p.custom(nil)
		off, _ := p.custom(nil)
		if err := p.store.SetEnabled(t.Context(), account, off.Key, false); err != nil {
			t.Fatal(err)
		}
		for path, want := range map[string]struct {
			body   string
			status int
		}{
			"/channels/" + c.Key + "/receive":   {`{"id":"1","from":"a","text":"unsigned"}`, 401},
			"/channels/none/receive":            {`{}`, 404},
			"/channels/" + off.Key + "/receive": {`{}`, 404},
			"/channels/":                        {``, 404},
			"/channels/" + c.Key + "/status":    {strings.Repeat("x", 2<<20), 413},
		} {
			resp, err := http.Post(p.server.URL+path, "application/json", strings.NewReader(want.body))
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			_ = resp.Body.Close() // it has been read
			if err != nil || resp.StatusCode != want.status || strings.Contains(string(body), "s3cret") {
				t.Errorf("%s: %d %s", path, resp.StatusCode, body)
			}
		}
		all, err := p.messages.Recent(t.Context(), account, "", 10)
		if err != nil || len(all) != 0 {
			t.Fatalf("stored %v %v", all, err)
		}
	})
}

func TestFailuresEndInATrueStatus(t *testing.T) {
	type wanted struct {
		status core.Status
		taken  int
		event  core.EventType // empty: none
	}
	cases := []struct {
		name     string
		faults   []fake.Fault
		settings map[string]string
		want     wanted
	}{
		{"retried until taken", []fake.Fault{"500", "408", "503"}, nil, wanted{core.Sent, 1, core.Ack}},
		{"given up", []fake.Fault{"500", "500"}, map[string]string{"max_attempts": "2"}, wanted{core.Failed, 0, core.Nack}},
		{"recipient refused", []fake.Fault{fake.Refuse}, nil, wanted{core.Failed, 0, core.Nack}},
		{"reset before taking", []fake.Fault{fake.ResetBefore}, nil, wanted{core.Unknown, 0, ""}},
		{"no answer", []fake.Fault{fake.Hang}, nil, wanted{core.Unknown, 1, ""}},
		{"reset after taking", []fake.Fault{fake.ResetAfter}, nil, wanted{core.Unknown, 1, ""}},
		{"resent by policy", []fake.Fault{fake.ResetAfter}, map[string]string{"resend_unknown": "once"}, wanted{core.Sent, 2, core.Ack}},
		{"refused after it may have arrived", []fake.Fault{fake.ResetAfter, fake.Refuse}, map[string]string{"resend_unknown": "once"},
			wanted{core.Unknown, 1, ""}},
		{"given up after it may have arrived", []fake.Fault{fake.ResetAfter, "500"},
			map[string]string{"resend_unknown": "once", "max_attempts": "2"}, wanted{core.Unknown, 1, ""}},
		{"resent once only", []fake.Fault{fake.ResetAfter, fake.Hang}, map[string]string{"resend_unknown": "once"}, wanted{core.Unknown, 2, ""}},
	}
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		p := open(t, d, echo)
		for i, c := range cases {
			t.Run(c.name, func(t *testing.T) {
				_, peer := p.twilio(c.settings)
				peer.Next(c.faults...)
				to := fmt.Sprint("+2773000000", i)
				if _, err := peer.Say(t.Context(), fmt.Sprint("SM", i), to, "hi"); err != nil {
					t.Fatal(err)
				}
				if c.want.taken > 0 {
					taken(t, &peer.Desk, c.want.taken)
				}
				m := p.status(to, c.want.status)
				if c.want.event != "" {
					if e := p.event(c.want.event); e.MessageID != m.ID || e.Type == core.Nack && e.Reason == "" {
						t.Errorf("%+v", e)
					}
				}
				if n := len(peer.Accepted()); n != c.want.taken {
					t.Errorf("the provider took %d, want %d", n, c.want.taken)
				}
				if c.want.taken > 1 {
					history, err := p.messages.History(t.Context(), m.ID)
					if err != nil || history[0].Status != core.Unknown {
						t.Errorf("sent twice without having been unknown: %+v %v", history, err)
					}
				}
			})
		}
	})
}

func TestUnknownIsSettledByTheProvidersWord(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		p := open(t, d, echo)
		_, peer := p.twilio(nil)
		peer.Next(fake.ResetAfter)
		if _, err := peer.Say(t.Context(), "SM1", "+27730000001", "hi"); err != nil {
			t.Fatal(err)
		}
		p.status("+27730000001", core.Unknown)
		if _, err := peer.Report(t.Context(), peer.Accepted()[0], "delivered", 0); err != nil {
			t.Fatal(err)
		}
		p.status("+27730000001", core.Delivered)
		p.event(core.Ack)
		p.event(core.DeliveryReport)
	})
}

func TestIdempotentProviderIsAskedAgain(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		p := open(t, d, echo)
		_, peer := p.custom(nil)
		peer.Next(fake.ResetAfter, fake.Garbage, "500")
		if _, err := peer.Say(t.Context(), custom.Inbound{ID: "1", From: "ann", Text: "hi"}); err != nil {
			t.Fatal(err)
		}
		p.status("ann", core.Sent)
		if all := peer.Accepted(); len(all) != 1 || all[0].Repeats == 0 {
			t.Fatalf("%+v", all)
		}
	})
}

func TestGivenUpAfterItMayHaveArrived(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		p := open(t, d, echo)
		_, peer := p.custom(map[string]string{"max_attempts": "2"})
		peer.Next(fake.ResetAfter, "500")
		if _, err := peer.Say(t.Context(), custom.Inbound{ID: "1", From: "ann", Text: "hi"}); err != nil {
			t.Fatal(err)
		}
		p.status("ann", core.Unknown)
	})
}

// The provider's word may come before the second attempt: then there is none.
func TestReportedBeforeItIsSentAgain(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		p := open(t, d, echo)
		_, peer := p.twilio(map[string]string{"resend_unknown": "once"})
		peer.Next(fake.Hang)
		if _, err := peer.Say(t.Context(), "SM1", "+27730000001", "hi"); err != nil {
			t.Fatal(err)
		}
		if _, err := peer.Report(t.Context(), taken(t, &peer.Desk, 1)[0], "sent", 0); err != nil {
			t.Fatal(err)
		}
		p.status("+27730000001", core.Sent)
		if _, err := peer.Say(t.Context(), "SM2", "+27730000001", "again"); err != nil {
			t.Fatal(err)
		}
		if all := taken(t, &peer.Desk, 2); all[1].Text != "you said again" {
			t.Fatalf("%+v", all)
		}
	})
}

func TestRefusedAccountPausesTheChannelUntilItIsResumed(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		p := open(t, d, echo)
		c, peer := p.twilio(nil)
		peer.Next("401")
		if _, err := peer.Say(t.Context(), "SM1", "+27730000001", "hi"); err != nil {
			t.Fatal(err)
		}
		for c.Trouble == "" {
			var err error
			if c, err = p.store.Get(t.Context(), account, c.Key); err != nil {
				t.Fatal(err)
			}
		}
		if n := len(peer.Accepted()); n != 0 {
			t.Fatalf("%d messages went out", n)
		}
		if err := p.store.SetTrouble(t.Context(), account, c.Key, ""); err != nil {
			t.Fatal(err)
		}
		p.status("+27730000001", core.Sent)
	})
}

func ussd(p *place, settings map[string]string) *africastalking.Gateway {
	all := map[string]string{"path_secret": "walled"}
	for k, v := range settings {
		all[k] = v
	}
	c := p.channel("ussd/africastalking", "*384*1#", all)
	url := p.gateway.WebhookURL(c.Key) + "/walled"
	return &africastalking.Gateway{Callback: url, Events: url, ServiceCode: "*384*1#"}
}

func TestUSSDIsAnsweredInTheSameRequest(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		p := open(t, d, func(m *core.Message) string {
			switch m.SessionEvent {
			case core.SessionNew:
				return "welcome"
			case core.SessionClose:
				return ""
			}
			return echo(m)
		})
		s, err := ussd(p, nil).Dial(t.Context(), "+27730000001")
		if err != nil || s.Screen != "welcome" || !s.Open {
			t.Fatalf("%+v %v", s, err)
		}
		for _, text := range []string{"1", "a*b", "", "*"} {
			if err := s.Reply(t.Context(), text); err != nil || s.Screen != "you said "+text {
				t.Fatalf("%q: %+v %v", text, s, err)
			}
		}
		if err := s.Repeat(t.Context()); err != nil || s.Screen != "you said *" {
			t.Fatalf("%+v %v", s, err)
		}
		if err := s.Hangup(t.Context()); err != nil {
			t.Fatal(err)
		}
		for range 5 {
			p.event(core.Ack)
		}
		all, err := p.messages.Recent(t.Context(), account, "+27730000001", 20)
		if err != nil || len(all) != 11 {
			t.Fatalf("%d messages, %v", len(all), err)
		}
	})
}

func TestLateReplyIsNotLostSilently(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		asked, answer := make(chan bool, 1), make(chan bool)
		p := open(t, d, func(m *core.Message) string {
			asked <- true
			<-answer
			return "too late"
		})
		s, err := ussd(p, map[string]string{"budget": "50ms", "apology": "Sorry"}).Dial(t.Context(), "+27730000001")
		if err != nil || s.Screen != "Sorry" || s.Open {
			t.Fatalf("%+v %v", s, err)
		}
		<-asked
		close(answer)
		if e := p.event(core.Nack); !strings.HasPrefix(e.Reason, "late") {
			t.Fatalf("%+v", e)
		}
		p.status("+27730000001", core.Failed)
	})
}

func TestBotWithNothingToSayClosesTheSessionAtOnce(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		p := open(t, d, func(*core.Message) string { return "" })
		begun := time.Now()
		s, err := ussd(p, map[string]string{"budget": "4s", "apology": "Sorry"}).Dial(t.Context(), "+27730000001")
		if err != nil || s.Screen != "Sorry" || s.Open {
			t.Fatalf("%+v %v", s, err)
		}
		if waited := time.Since(begun); waited > 3*time.Second {
			t.Fatalf("the caller waited %v for nothing", waited)
		}
	})
}

func TestChannelSettingsAreCheckedAndChangeWhileRunning(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		p := open(t, d, echo)
		for kind, settings := range map[string]map[string]string{"none": nil, "custom": {"secret": "x"}, "sms/twilio": {"nonsense": "1"}} {
			err := p.store.Create(t.Context(), &gateway.Channel{Account: account, Type: kind, Settings: settings})
			if core.KindOf(err) != core.Invalid {
				t.Errorf("%s: %v", kind, err)
			}
		}
		c, peer := p.custom(nil)
		if err := p.store.SetSettings(t.Context(), account, c.Key, map[string]string{"secret": "other"}); err != nil {
			t.Fatal(err)
		}
		if reply, err := peer.Say(t.Context(), custom.Inbound{ID: "1", From: "ann", Text: "hi"}); err != nil || reply.Status != 401 {
			t.Fatalf("%+v %v", reply, err)
		}
		peer.Secret = "other"
		if reply, err := peer.Say(t.Context(), custom.Inbound{ID: "1", From: "ann", Text: "hi"}); err != nil || reply.Status != 200 {
			t.Fatalf("%+v %v", reply, err)
		}
		if _, err := p.store.Get(t.Context(), "other", c.Key); core.KindOf(err) != core.NotFound {
			t.Fatalf("another account reads it: %v", err)
		}
		if found, err := p.store.Find(t.Context(), account, "custom"); err != nil || found.Key != c.Key {
			t.Fatalf("%+v %v", found, err)
		}
	})
}

// The rate holds for the channel, and one recipient's wait does not hold up another channel.
func TestRate(t *testing.T) {
	d := dbtest.SQLite(t)
	p := open(t, d, echo)
	_, slow := p.custom(map[string]string{"rate": "5"})
	_, fast := p.custom(nil)
	begun := time.Now()
	for i := range 10 {
		for _, peer := range []*custom.Provider{slow, fast} {
			if _, err := peer.Say(t.Context(), custom.Inbound{ID: fmt.Sprint(i), From: fmt.Sprint("p", i), Text: "hi"}); err != nil {
				t.Fatal(err)
			}
		}
	}
	taken(t, &fast.Desk, 10)
	taken(t, &slow.Desk, 10)
	if took := time.Since(begun); took < 900*time.Millisecond { // ten at five a second, five of them at once
		t.Fatalf("ten messages left in %v", took)
	}
}
