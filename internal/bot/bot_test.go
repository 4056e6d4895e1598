package bot_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"indaba/internal/bot"
	"indaba/internal/bot/bundle"
	"indaba/internal/bot/js"
	"indaba/internal/core"
	"indaba/internal/db"
	"indaba/internal/db/dbtest"
	"indaba/internal/message"
	"indaba/internal/optout"
	"indaba/internal/routing"
)

const account = "acc"

// silent is an audit log that nobody reads.
type silent struct{}

func (silent) Audit(context.Context, string, string, string, any) error { return nil }

// nobody is in any group.
type nobody struct{}

func (nobody) GroupsOf(context.Context, string, string, string) ([]string, error) { return nil, nil }

// lines are the channels that there are, by key.
type lines map[string]core.Line

func (l lines) Line(_ context.Context, key string) (core.Line, error) {
	line, ok := l[key]
	if !ok {
		return line, core.Errorf(core.NotFound, "there is no channel %s", key)
	}
	return line, nil
}

// policy is how the account handles opt-outs.
type policy struct {
	disabled bool
	keywords []string
}

func (p *policy) OptoutPolicy(context.Context, string) (bool, []string, error) {
	return p.disabled, p.keywords, nil
}

// tongue is a dialect whose bots do what a test says.
type tongue struct {
	mu     sync.Mutex
	run    func(t *bot.Turn) (bot.Result, error)
	before func(*bot.Bot) // called before a bot is loaded, unless nil
	broken error          // what loading ends with
	loaded []int64        // versions, in order
	closed int
}

func (g *tongue) load(b *bot.Bot, v bot.Version, _ *bundle.Bundle) (bot.Runner, error) {
	if g.before != nil {
		g.before(b)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.broken != nil {
		return nil, g.broken
	}
	g.loaded = append(g.loaded, v.Number)
	return g, nil
}

func (g *tongue) Wants(config map[string]string) bool { return config["events"] == "yes" }

func (g *tongue) Run(_ context.Context, t *bot.Turn) (bot.Result, error) { return g.run(t) }

func (g *tongue) Replay(context.Context, *bot.Turn, bot.Record) (bot.Result, []js.Difference, error) {
	return bot.Result{}, nil, errors.New("not asked for")
}

func (g *tongue) Close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed++
}

// place is a runtime with one bot behind one channel.
type place struct {
	t        *testing.T
	store    *bot.Store
	messages *message.Service
	routes   *routing.Service
	optouts  *optout.Service
	policy   *policy // to be set before the first message
	lines    lines
	runtime  *bot.Runtime
	tongue   *tongue
	// transport is what messages come in by; empty means sms.
	transport string
	bot       *bot.Bot
	settled   chan message.Mail
}

func open(t *testing.T, d *db.DB) *place {
	t.Helper()
	p := &place{t: t, tongue: &tongue{}, policy: &policy{}, settled: make(chan message.Mail, 100),
		lines: lines{"c1": {Address: "36262", TransportType: "sms", DeliveryClass: "sms"}}}
	var err error
	if p.store, err = bot.NewStore(d, silent{}, time.Now); err != nil {
		t.Fatal(err)
	}
	p.messages = message.New(d, 16, time.Now)
	p.routes = routing.New(d, nobody{}, silent{}, time.Now)
	p.optouts = optout.New(d, time.Now)
	p.runtime = bot.NewRuntime(bot.RuntimeDeps{DB: d, Bots: p.store, Messages: p.messages, Routes: p.routes, Channels: p.lines,
		Optouts: optout.NewGate(p.optouts, p.policy),
		Loaders: map[string]bot.Loader{bot.Sandbox: p.tongue.load, bot.HTTP: p.tongue.load}, Now: time.Now})
	t.Cleanup(p.runtime.Close)
	if _, err := d.Exec(t.Context(), "INSERT INTO channel (key, account, type, name, address, settings, enabled, trouble, created_at) "+
		"VALUES ('c1', $1, 'x', 'x', '36262', '', $2, '', 0)", account, true); err != nil {
		t.Fatal(err)
	}
	if p.bot, err = p.store.Create(t.Context(), account, "clinic", bot.Sandbox); err != nil {
		t.Fatal(err)
	}
	p.deploy("one")
	p.messages.Mailbox.OnSettled(func(m message.Mail, _ bool) { p.settled <- m })
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = p.messages.Mailbox.Run(ctx, p.runtime.Handle) }) // it ends with ctx, without error
	t.Cleanup(func() { cancel(); running.Wait() })
	return p
}

func (p *place) deploy(text string) bot.Version {
	p.t.Helper()
	program, err := bundle.FromScript("// "+text, "app.js", bundle.Settings{Name: "clinic", Config: map[string]string{"config": text, "events": "yes"}}, "", bundle.Options{})
	if err != nil {
		p.t.Fatal(err)
	}
	v, err := p.store.Deploy(p.t.Context(), account, p.bot.Key, program)
	if err != nil {
		p.t.Fatal(err)
	}
	return v
}

func (p *place) link(pairs ...string) {
	p.t.Helper()
	for _, pair := range pairs {
		from, to, _ := strings.Cut(pair, " ")
		source, err := routing.ParseEndpoint(from)
		if err != nil {
			p.t.Fatal(err)
		}
		target, err := routing.ParseEndpoint(to)
		if err != nil {
			p.t.Fatal(err)
		}
		if err := p.routes.Link(p.t.Context(), account, routing.Entry{Source: source, Target: target}); err != nil {
			p.t.Fatal(err)
		}
	}
}

// say puts a message into the mailbox and waits until it is dealt with.
func (p *place) say(text string) *core.Message {
	p.t.Helper()
	return p.sayAs(text, core.SessionNone)
}

func (p *place) sayAs(text string, event core.SessionEvent) *core.Message {
	p.t.Helper()
	m := &core.Message{ID: core.NewMessageID(time.Now()), Account: account, Channel: "c1", Direction: core.Inbound,
		ExternalID: core.NewKey(), From: "+1", To: "36262", Content: &text, SessionEvent: event, TransportType: cmp.Or(p.transport, "sms"),
		Status: core.Received, CreatedAt: time.Now()}
	if _, _, err := p.messages.Accept(p.t.Context(), m); err != nil {
		p.t.Fatal(err)
	}
	if mail := p.wait(); mail.Event != nil || mail.Message.ID != m.ID {
		p.t.Errorf("another mail was dealt with first: %+v", mail)
	}
	return m
}

func (p *place) wait() message.Mail {
	p.t.Helper()
	select {
	case m := <-p.settled:
		return m
	case <-time.After(20 * time.Second):
		p.t.Fatal("the mail was not dealt with")
		return message.Mail{}
	}
}

func (p *place) parked() []message.Parked {
	p.t.Helper()
	all, err := p.messages.Mailbox.Parked(p.t.Context(), account, 10)
	if err != nil {
		p.t.Fatal(err)
	}
	return all
}

func done(sends ...bot.Send) (bot.Result, error) {
	return bot.Result{Outcome: js.Done, Sends: sends, Log: []bot.LogLine{{Level: bot.Info, Text: "Done.", At: time.Now()}}}, nil
}

func TestRepliesAndSendsLeaveWithTheEndOfTheTurn(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		p := open(t, d)
		p.link("channel:c1 bot:"+p.bot.Key, "bot:"+p.bot.Key+":sms channel:c1")
		hello, news := "hello", "news"
		p.tongue.run = func(turn *bot.Turn) (bot.Result, error) {
			if turn.Event != nil {
				return done()
			}
			return done(bot.Send{Reply: true, Content: &hello, SessionEvent: core.SessionClose},
				bot.Send{Endpoint: "sms", To: "+2", Content: &news}, bot.Send{Endpoint: "nowhere", To: "+3", Content: &news})
		}
		in := p.say("hi")
		replies, err := p.messages.Replies(t.Context(), in.ID)
		if err != nil || len(replies) != 1 || *replies[0].Content != "hello" || replies[0].To != "+1" || replies[0].From != "36262" ||
			replies[0].Bot != p.bot.Key || replies[0].SessionEvent != core.SessionClose || replies[0].Status != core.Queued {
			t.Fatalf("%+v %v", replies, err)
		}
		if sent, err := p.messages.Recent(t.Context(), account, "+2", 1); err != nil || len(sent) != 1 || sent[0].Channel != "c1" || sent[0].Status != core.Queued {
			t.Fatalf("%+v %v", sent, err)
		}
		lost, err := p.messages.Recent(t.Context(), account, "+3", 1)
		if err != nil || len(lost) != 1 || lost[0].Status != core.Failed || !strings.HasPrefix(lost[0].StatusReason, "no route from bot:") {
			t.Fatalf("%+v %v", lost, err)
		}
		if m := p.wait(); m.Event == nil || m.Event.Type != core.Nack || m.Message.ID != lost[0].ID {
			t.Fatalf("no nack came: %+v", m)
		}
		if got, err := p.messages.Get(t.Context(), account, in.ID); err != nil || got.Bot != p.bot.Key || got.Endpoint != "default" {
			t.Fatalf("%+v %v", got, err)
		}
	})
}

func TestFailedTurnSendsNothingIsRecordedAndParked(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		p := open(t, d)
		p.link("channel:c1 bot:" + p.bot.Key)
		hello := "hello"
		for i, outcome := range []js.Outcome{js.Threw, js.Stalled, js.CPU, js.Memory, js.HostErr, js.Crashed} {
			p.tongue.run = func(*bot.Turn) (bot.Result, error) {
				return bot.Result{Outcome: outcome, Err: "line 7", Sends: []bot.Send{{Reply: true, Content: &hello}}}, nil
			}
			in := p.say("hi")
			if replies, err := p.messages.Replies(t.Context(), in.ID); err != nil || len(replies) != 0 {
				t.Fatalf("%s: %+v %v", outcome, replies, err)
			}
			parked := p.parked()
			if want := fmt.Sprintf("bot clinic version 1: %s: line 7", outcome); len(parked) != i+1 || parked[i].Reason != want {
				t.Fatalf("%s: %+v", outcome, parked)
			}
			turns, err := p.store.Turns(t.Context(), p.bot.Key, 1)
			if err != nil || turns[0].Outcome != string(outcome) || turns[0].Err != "line 7" || turns[0].Message != in.ID {
				t.Fatalf("%+v %v", turns, err)
			}
		}
	})
}

func TestTurnThatLostItsMachineIsRunAgainAlone(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		p := open(t, d)
		p.link("channel:c1 bot:" + p.bot.Key)
		var alone []bool
		p.tongue.run = func(turn *bot.Turn) (bot.Result, error) {
			alone = append(alone, turn.Alone)
			switch len(alone) {
			case 1:
				return bot.Result{Outcome: js.Evicted, Err: "a neighbour"}, nil
			case 2:
				return bot.Result{}, errors.New("the database is away")
			}
			return done()
		}
		p.say("hi")
		if fmt.Sprint(alone) != "[false true true]" || len(p.parked()) != 0 {
			t.Fatalf("%v %v", alone, p.parked())
		}
	})
}

func TestMessageWithoutRouteOrBotSaysWhy(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		p := open(t, d)
		in := p.say("hi")
		if got, err := p.messages.Get(t.Context(), account, in.ID); err != nil || got.StatusReason != "no route from channel:c1:default" {
			t.Fatalf("%+v %v", got, err)
		}
		empty, err := p.store.Create(t.Context(), account, "empty", bot.Sandbox)
		if err != nil {
			t.Fatal(err)
		}
		p.link("channel:c1 bot:" + empty.Key)
		p.say("hi")
		if parked := p.parked(); len(parked) != 1 || !strings.Contains(parked[0].Reason, "has no program yet") {
			t.Fatalf("%+v", parked)
		}
	})
}

func TestDeployAndRollbackWhileRunning(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		p := open(t, d)
		p.link("channel:c1 bot:" + p.bot.Key)
		var seen []string
		p.tongue.run = func(turn *bot.Turn) (bot.Result, error) {
			seen = append(seen, fmt.Sprint(turn.Version, turn.Config["config"]))
			return done()
		}
		p.say("a")
		if v := p.deploy("one"); v.Number != 1 {
			t.Fatalf("the same program became version %d", v.Number)
		}
		p.deploy("two")
		p.say("b")
		mine := "mine"
		if err := p.store.SetConfig(t.Context(), account, p.bot.Key, map[string]*string{"config": &mine}); err != nil {
			t.Fatal(err)
		}
		p.say("c")
		if err := p.store.Use(t.Context(), account, p.bot.Key, 1); err != nil {
			t.Fatal(err)
		}
		if err := p.store.SetConfig(t.Context(), account, p.bot.Key, map[string]*string{"config": nil}); err != nil {
			t.Fatal(err)
		}
		p.say("d")
		if got := strings.Join(seen, " "); got != "1one 2two 2mine 1one" {
			t.Fatal(got)
		}
		p.tongue.mu.Lock()
		defer p.tongue.mu.Unlock()
		if len(p.tongue.loaded) != 4 || p.tongue.closed != 3 {
			t.Fatalf("loaded %v, closed %d", p.tongue.loaded, p.tongue.closed)
		}
		if err := p.store.Use(t.Context(), account, p.bot.Key, 9); core.KindOf(err) != core.NotFound {
			t.Fatal(err)
		}
		if err := p.store.Use(t.Context(), "other", p.bot.Key, 1); core.KindOf(err) != core.NotFound {
			t.Fatal(err)
		}
	})
}

func TestBotThatLoadsSlowlyKeepsNoOtherWaiting(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		p := open(t, d)
		slow, err := p.store.Create(t.Context(), account, "slow", bot.HTTP)
		if err != nil {
			t.Fatal(err)
		}
		p.link("channel:c1 bot:"+p.bot.Key, "bot:"+slow.Key+" channel:c1")
		begun, release := make(chan struct{}), make(chan struct{})
		p.tongue.before = func(b *bot.Bot) {
			if b.Key == slow.Key {
				close(begun)
				<-release
			}
		}
		p.tongue.run = func(*bot.Turn) (bot.Result, error) { return done() }
		if err := p.runtime.Trigger(t.Context(), account, slow.Key, "+2"); err != nil {
			t.Fatal(err)
		}
		<-begun
		p.say("a") // fails unless it is dealt with first
		close(release)
		if mail := p.wait(); mail.Trigger == nil || mail.Trigger.Bot != slow.Key {
			t.Fatalf("%+v", mail)
		}
	})
}

func TestTriggerBeginsAConversation(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		p := open(t, d)
		if err := p.runtime.Trigger(t.Context(), account, p.bot.Key, "+5"); core.KindOf(err) != core.Conflict {
			t.Fatalf("a bot that reaches nobody was triggered: %v", err)
		}
		p.link("bot:" + p.bot.Key + " channel:c1")
		hello := "hello"
		p.tongue.run = func(turn *bot.Turn) (bot.Result, error) {
			if !turn.Trigger || turn.Address != "+5" || turn.Message != nil {
				t.Errorf("%+v", turn)
			}
			return done(bot.Send{Endpoint: "default", To: turn.Address, Content: &hello, SessionEvent: core.SessionNew})
		}
		if err := p.runtime.Trigger(t.Context(), account, p.bot.Key, "+5"); err != nil {
			t.Fatal(err)
		}
		p.wait()
		if sent, err := p.messages.Recent(t.Context(), account, "+5", 1); err != nil || len(sent) != 1 || sent[0].SessionEvent != core.SessionNew {
			t.Fatalf("%+v %v", sent, err)
		}
	})
}

func TestLogsAndTurnsAreSwept(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		p := open(t, d)
		p.link("channel:c1 bot:" + p.bot.Key)
		p.tongue.run = func(*bot.Turn) (bot.Result, error) { return done() }
		for i := range 12 {
			p.say(fmt.Sprint(i))
		}
		if err := p.store.Sweep(t.Context(), time.Hour, 5, 3); err != nil {
			t.Fatal(err)
		}
		turns, err := p.store.Turns(t.Context(), p.bot.Key, 100)
		if err != nil || len(turns) != 5 {
			t.Fatalf("%d turns %v", len(turns), err)
		}
		if lines, _, err := p.store.Log(t.Context(), p.bot.Key, 100, 0); err != nil || len(lines) != 3 {
			t.Fatalf("%d lines %v", len(lines), err)
		}
		if err := p.store.Sweep(t.Context(), -time.Hour, 5, 3); err != nil {
			t.Fatal(err)
		}
		if turns, err = p.store.Turns(t.Context(), p.bot.Key, 100); err != nil || len(turns) != 0 {
			t.Fatalf("%d turns %v", len(turns), err)
		}
	})
}

func TestBotsAreFoundByKeyOrName(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		p := open(t, d)
		if b, err := p.store.Find(t.Context(), account, "clinic"); err != nil || b.Key != p.bot.Key {
			t.Fatalf("%+v %v", b, err)
		}
		for _, kind := range []string{bot.Sandbox, bot.HTTP} { // a second one would make the name useless
			if _, err := p.store.Create(t.Context(), account, "clinic", kind); core.KindOf(err) != core.Conflict {
				t.Fatal(err)
			}
		}
		if _, err := p.store.Create(t.Context(), "another account", "clinic", bot.Sandbox); err != nil {
			t.Fatal(err)
		}
		if b, err := p.store.Find(t.Context(), account, p.bot.Key); err != nil || b.Key != p.bot.Key {
			t.Fatalf("%+v %v", b, err)
		}
		for _, kind := range []string{"", "tree"} {
			if _, err := p.store.Create(t.Context(), account, "x", kind); core.KindOf(err) != core.Invalid {
				t.Fatal(err)
			}
		}
	})
}

// What became of a message must be recorded also when the bot that sent it can no longer run.
func TestBotThatCannotRunHoldsUpNoStatus(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		p := open(t, d)
		p.tongue.broken = errors.New("a syntax error")
		for _, key := range []string{p.bot.Key, "gone"} {
			m := &core.Message{ID: core.NewMessageID(time.Now()), Account: account, Channel: "c1", To: "+1", Bot: key}
			if err := p.runtime.Notify(t.Context(), m, core.Event{Type: core.Ack, MessageID: m.ID}); err != nil {
				t.Errorf("bot %s: %v", key, err)
			}
		}
	})
}
