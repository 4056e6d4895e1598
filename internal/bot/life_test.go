package bot_test

import (
	"strings"
	"testing"
	"time"

	"indaba/internal/bot"
	"indaba/internal/core"
	"indaba/internal/db"
	"indaba/internal/db/dbtest"
)

// busy lets the bot answer messages and log events by their type.
func (p *place) busy() {
	hello := "hello"
	p.tongue.run = func(turn *bot.Turn) (bot.Result, error) {
		if turn.Event != nil {
			return done()
		}
		return done(bot.Send{Reply: true, Content: &hello})
	}
}

func (p *place) turns() int {
	p.t.Helper()
	turns, err := p.store.Turns(p.t.Context(), p.bot.Key, 100)
	if err != nil {
		p.t.Fatal(err)
	}
	return len(turns)
}

// notify tells the bot of an ack of a message to somebody, and reports whether it was posted.
func (p *place) notify(key string) {
	p.t.Helper()
	m := &core.Message{ID: core.NewMessageID(time.Now()), Account: account, Channel: "c1", Direction: core.Outbound, To: "+1", Bot: key,
		CreatedAt: time.Now()}
	if err := p.messages.SendFailed(p.t.Context(), m, "as an example"); err != nil {
		p.t.Fatal(err)
	}
	if err := p.runtime.Notify(p.t.Context(), m, core.Event{Type: core.Ack, MessageID: m.ID}); err != nil {
		p.t.Fatal(err)
	}
}

func TestStoppedBotMissesNothing(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		p := open(t, d)
		p.busy()
		p.link("channel:c1 bot:"+p.bot.Key, "bot:"+p.bot.Key+" channel:c1")
		p.say("one")
		for range 2 { // to stop twice is no error
			if err := p.store.SetStopped(t.Context(), account, p.bot.Key, true); err != nil {
				t.Fatal(err)
			}
		}
		if b, err := p.store.Get(t.Context(), account, p.bot.Key); err != nil || !b.Stopped || b.Running() {
			t.Fatalf("%+v %v", b, err)
		}
		missed := p.say("two")
		parked := p.parked()
		if len(parked) != 1 || parked[0].Message.ID != missed.ID || !strings.Contains(parked[0].Reason, "bot clinic is stopped") {
			t.Fatalf("%+v", parked)
		}
		p.notify(p.bot.Key) // dropped
		if err := p.runtime.Trigger(t.Context(), account, p.bot.Key, "+5"); core.KindOf(err) != core.Conflict {
			t.Fatalf("a stopped bot was asked to begin: %v", err)
		}
		p.deploy("two") // it stays stopped
		if n := p.turns(); n != 1 {
			t.Fatalf("%d turns while it was stopped", n-1)
		}
		if err := p.store.SetStopped(t.Context(), account, p.bot.Key, false); err != nil {
			t.Fatal(err)
		}
		if err := p.messages.Mailbox.Retry(t.Context(), account, parked[0].ID); err != nil {
			t.Fatal(err)
		}
		p.wait()
		if replies, err := p.messages.Replies(t.Context(), missed.ID); err != nil || len(replies) != 1 {
			t.Fatalf("%+v %v", replies, err)
		}
		if n := p.turns(); n != 2 {
			t.Fatalf("%d turns", n)
		}
	})
}

// A stop that comes while events wait drops them: they are of no use later.
func TestEventsOfAStoppedBotAreDropped(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		p := open(t, d)
		p.link("channel:c1 bot:" + p.bot.Key)
		started, goOn := make(chan bool), make(chan bool)
		p.tongue.run = func(turn *bot.Turn) (bot.Result, error) {
			if turn.Event != nil {
				t.Error("a stopped bot was told of an event")
			}
			started <- true
			<-goOn
			return done()
		}
		go func() {
			<-started
			p.notify(p.bot.Key) // waits behind the turn of the same person
			if err := p.store.SetStopped(t.Context(), account, p.bot.Key, true); err != nil {
				t.Error(err)
			}
			close(goOn)
		}()
		p.say("hi")
		if m := p.wait(); m.Event == nil {
			t.Fatalf("%+v", m)
		}
		if parked := p.parked(); len(parked) != 0 {
			t.Fatalf("%+v", parked)
		}
	})
}

// An application behind the HTTP API gets messages while it is stopped, and no events (docs/spec/vumi-http.md 9.7).
func TestStoppedApplicationGetsMessages(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		p := open(t, d)
		p.busy()
		var err error
		if p.bot, err = p.store.Create(t.Context(), account, "talk", bot.HTTP); err != nil {
			t.Fatal(err)
		}
		yes := "yes"
		if err := p.store.SetConfig(t.Context(), account, p.bot.Key, map[string]*string{"events": &yes}); err != nil {
			t.Fatal(err)
		}
		p.link("channel:c1 bot:" + p.bot.Key)
		p.notify(p.bot.Key)
		if m := p.wait(); m.Event == nil {
			t.Fatalf("%+v", m)
		}
		if err := p.store.SetStopped(t.Context(), account, p.bot.Key, true); err != nil {
			t.Fatal(err)
		}
		p.notify(p.bot.Key)
		p.say("hi")
		if n := p.turns(); n != 2 || len(p.parked()) != 0 {
			t.Fatalf("%d turns, %+v", n, p.parked())
		}
	})
}

func TestArchivedBotHasNoRoutesAndNothingStaysInItsQueues(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		p := open(t, d)
		p.link("channel:c1 bot:"+p.bot.Key, "bot:"+p.bot.Key+" channel:c1", "bot:"+p.bot.Key+":sms channel:c1")
		hello := "hello"
		started, goOn := make(chan bool, 1), make(chan bool)
		p.tongue.run = func(*bot.Turn) (bot.Result, error) {
			started <- true
			<-goOn
			return done(bot.Send{Reply: true, Content: &hello})
		}
		// While the first turn runs, a message, an event and a trigger come to wait, and the bot is archived.
		first := make(chan *core.Message)
		go func() { first <- p.say("first") }()
		<-started
		text := "second"
		second := &core.Message{ID: core.NewMessageID(time.Now()), Account: account, Channel: "c1", Direction: core.Inbound, From: "+1",
			Content: &text, Status: core.Received, CreatedAt: time.Now()}
		if _, _, err := p.messages.Accept(t.Context(), second); err != nil {
			t.Fatal(err)
		}
		p.notify(p.bot.Key)
		if err := p.runtime.Trigger(t.Context(), account, p.bot.Key, "+1"); err != nil {
			t.Fatal(err)
		}
		if err := p.runtime.Archive(t.Context(), account, p.bot.Key); err != nil {
			t.Fatal(err)
		}
		close(goOn)
		in := <-first
		for range 3 {
			p.wait()
		}
		if replies, err := p.messages.Replies(t.Context(), in.ID); err != nil || len(replies) != 1 {
			t.Fatalf("the turn under way came to nothing: %+v %v", replies, err)
		}
		if m, err := p.messages.Get(t.Context(), account, second.ID); err != nil || m.StatusReason != "no route from channel:c1:default" {
			t.Fatalf("%+v %v", m, err)
		}
		lines, _, err := p.store.Log(t.Context(), p.bot.Key, 1, 0)
		if err != nil || len(lines) != 1 || lines[0].Text != "did not begin with +1: the bot is archived" {
			t.Fatalf("%+v %v", lines, err)
		}
		if mails, _, err := p.messages.Waiting(t.Context(), account); mails != 0 || err != nil || len(p.parked()) != 0 || p.turns() != 1 {
			t.Fatal(mails, err, p.parked(), p.turns())
		}
		if table, err := p.routes.Table(t.Context(), account); err != nil || len(table) != 0 {
			t.Fatalf("%+v %v", table, err)
		}
	})
}

// A message that was routed a moment before its bot was archived ends like one without a route.
func TestMessageThatFindsItsBotArchived(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		p := open(t, d)
		p.link("channel:c1 bot:" + p.bot.Key)
		if _, err := d.Exec(t.Context(), "UPDATE bot SET archived_at = 1 WHERE key = $1", p.bot.Key); err != nil {
			t.Fatal(err)
		}
		in := p.say("hi")
		if m, err := p.messages.Get(t.Context(), account, in.ID); err != nil || m.StatusReason != "bot clinic is archived" {
			t.Fatalf("%+v %v", m, err)
		}
	})
}

func TestWhatAnArchivedBotRefuses(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		p := open(t, d)
		key := p.bot.Key
		if err := p.runtime.Archive(t.Context(), "other", key); core.KindOf(err) != core.NotFound {
			t.Fatalf("another account archived it: %v", err)
		}
		if err := p.runtime.Archive(t.Context(), account, key); err != nil {
			t.Fatal(err)
		}
		value := "x"
		for name, err := range map[string]error{
			"archive": p.runtime.Archive(t.Context(), account, key),
			"stop":    p.store.SetStopped(t.Context(), account, key, true),
			"start":   p.store.SetStopped(t.Context(), account, key, false),
			"rename":  p.store.Rename(t.Context(), account, key, "x"),
			"use":     p.store.Use(t.Context(), account, key, 1),
			"config":  p.store.SetConfig(t.Context(), account, key, map[string]*string{"a": &value}),
			"trigger": p.runtime.Trigger(t.Context(), account, key, "+1"),
		} {
			if core.KindOf(err) != core.Conflict || !strings.Contains(err.Error(), "archived") {
				t.Errorf("%s: %v", name, err)
			}
		}
		if bots, err := p.store.List(t.Context(), account); err != nil || len(bots) != 0 {
			t.Errorf("%+v %v", bots, err)
		}
		if bots, err := p.store.Archived(t.Context(), account); err != nil || len(bots) != 1 || !bots[0].Archived() {
			t.Errorf("%+v %v", bots, err)
		}
		// Its name is free for another bot, and it is still found by its key.
		if _, err := p.store.Find(t.Context(), account, "clinic"); core.KindOf(err) != core.NotFound {
			t.Error(err)
		}
		if b, err := p.store.Find(t.Context(), account, key); err != nil || b.Key != key {
			t.Error(err)
		}
		if _, err := p.store.Create(t.Context(), account, "clinic", bot.Sandbox); err != nil {
			t.Error(err)
		}
	})
}

func TestBotIsRenamedWhileItRuns(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		p := open(t, d)
		p.link("channel:c1 bot:" + p.bot.Key)
		var seen []string
		p.tongue.run = func(turn *bot.Turn) (bot.Result, error) {
			seen = append(seen, turn.Bot.Name)
			return done()
		}
		p.say("a")
		if _, err := p.store.Create(t.Context(), account, "taken", bot.Sandbox); err != nil {
			t.Fatal(err)
		}
		for name, kind := range map[string]core.Kind{"taken": core.Conflict, "  ": core.Invalid, "a\x00": core.Invalid,
			strings.Repeat("x", 256): core.TooLarge} {
			if err := p.store.Rename(t.Context(), account, p.bot.Key, name); core.KindOf(err) != kind || err == nil {
				t.Errorf("%q: %v", name, err)
			}
		}
		if err := p.store.Rename(t.Context(), "other", p.bot.Key, "mine"); core.KindOf(err) != core.NotFound {
			t.Error(err)
		}
		for range 2 { // its own name is not taken
			if err := p.store.Rename(t.Context(), account, p.bot.Key, " Nurse "); err != nil {
				t.Fatal(err)
			}
		}
		p.say("b")
		if strings.Join(seen, ",") != "clinic,Nurse" {
			t.Errorf("%v", seen)
		}
	})
}
