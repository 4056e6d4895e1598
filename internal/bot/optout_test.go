package bot_test

import (
	"testing"
	"time"

	"indaba/internal/bot"
	"indaba/internal/core"
	"indaba/internal/db"
	"indaba/internal/db/dbtest"
)

// hear lets somebody say something in an account with the keyword stop, and returns what was answered. The bot says hello.
func (p *place) hear(text string, event core.SessionEvent) (in *core.Message, replies []*core.Message) {
	p.t.Helper()
	hello := "hello"
	p.tongue.run = func(*bot.Turn) (bot.Result, error) { return done(bot.Send{Reply: true, Content: &hello}) }
	in = p.sayAs(text, event)
	replies, err := p.messages.Replies(p.t.Context(), in.ID)
	if err != nil {
		p.t.Fatal(err)
	}
	in, err = p.messages.Get(p.t.Context(), account, in.ID)
	if err != nil {
		p.t.Fatal(err)
	}
	return in, replies
}

func (p *place) optedOut(address string) (messageID string, found bool) {
	p.t.Helper()
	o, found, err := p.optouts.Get(p.t.Context(), account, "msisdn", address)
	if err != nil {
		p.t.Fatal(err)
	}
	return o.MessageID, found
}

func TestKeywordOptsOut(t *testing.T) {
	for name, c := range map[string]struct {
		text      string
		event     core.SessionEvent
		transport string
		keeps     bool
		disabled  bool
		reply     string // empty for none; hello is the bot's
		optsOut   bool
	}{
		"the keyword":              {text: "stop", reply: "You have opted out", optsOut: true},
		"written otherwise":        {text: "\tSTOP \n", reply: "You have opted out", optsOut: true},
		"in a session":             {text: "Stop", event: core.SessionResume, transport: "ussd", reply: "You have opted out", optsOut: true},
		"of somebody who hangs up": {text: "stop", event: core.SessionClose, transport: "ussd", optsOut: true},
		"to a program":             {text: "stop", transport: "http_api", reply: `{"msisdn":"+1","opted_in": false}`, optsOut: true},
		"more than the keyword":    {text: "stop it", reply: "hello"},
		"nothing":                  {text: "", reply: "hello"},
		"left to bots":             {text: "stop", keeps: true, reply: "hello"},
		"opt-outs disabled":        {text: "stop", disabled: true, reply: "hello"},
	} {
		t.Run(name, func(t *testing.T) {
			dbtest.Each(t, func(t *testing.T, d *db.DB) {
				p := open(t, d)
				p.policy.keywords, p.policy.disabled = []string{"opt out", "stop"}, c.disabled
				line := p.lines["c1"]
				line.KeepsKeywords = c.keeps
				p.lines["c1"] = line
				p.transport = c.transport
				p.link("channel:c1 bot:" + p.bot.Key)
				in, replies := p.hear(c.text, c.event)
				got := ""
				for _, reply := range replies {
					got += *reply.Content
				}
				if got != c.reply {
					t.Fatalf("%q was answered, want %q", got, c.reply)
				}
				id, found := p.optedOut("+1")
				if found != c.optsOut || found && id != in.ID {
					t.Fatalf("opted out: %v by %q", found, id)
				}
				if !c.optsOut {
					return
				}
				if in.Bot != "" || in.StatusReason != "opted out by the keyword stop" {
					t.Errorf("a bot saw it: %+v", in)
				}
				if len(replies) == 1 && (replies[0].SessionEvent != core.SessionClose || replies[0].To != "+1" || replies[0].Bot != "") {
					t.Errorf("%+v", replies[0])
				}
				if turns, err := p.store.Turns(t.Context(), p.bot.Key, 1); len(turns) != 0 || err != nil {
					t.Errorf("%+v %v", turns, err)
				}
			})
		})
	}
}

// Whoever stops twice is told so twice, and counts once.
func TestKeywordTwice(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		p := open(t, d)
		p.policy.keywords = []string{"stop"}
		for range 2 {
			in, replies := p.hear("stop", "") // not even a route is needed
			if id, _ := p.optedOut("+1"); id != in.ID || len(replies) != 1 {
				t.Fatalf("%q %+v", id, replies)
			}
		}
		if n, err := p.optouts.Count(t.Context(), account); n != 1 || err != nil {
			t.Fatal(n, err)
		}
	})
}

// A mail that was dealt with before, and is handed out again, changes nothing: the opt-out, the answer and the mark that
// the mail is done are one commit.
func TestKeywordIsOneCommit(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		p := open(t, d)
		p.policy.keywords = []string{"stop"}
		text := "stop"
		in := &core.Message{ID: core.NewMessageID(time.Now()), Account: account, Channel: "c1", Direction: core.Inbound, From: "+1",
			Content: &text, Status: core.Received, CreatedAt: time.Now()}
		if _, _, err := p.messages.Accept(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		mail := p.wait()
		if _, found, err := p.optouts.Delete(t.Context(), account, "msisdn", "+1"); !found || err != nil {
			t.Fatal(found, err)
		}
		if err := p.runtime.Handle(t.Context(), mail); err == nil {
			t.Fatal("it was dealt with twice")
		}
		if _, found := p.optedOut("+1"); found {
			t.Error("opted out again")
		}
		if replies, err := p.messages.Replies(t.Context(), in.ID); err != nil || len(replies) != 1 {
			t.Errorf("%+v %v", replies, err)
		}
	})
}

func TestUnroutableMessageIsAnsweredWhereTheChannelSaysSo(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		p := open(t, d)
		if in, replies := p.hear("hi", ""); len(replies) != 0 || in.StatusReason == "" {
			t.Fatalf("%+v %+v", in, replies)
		}
		text := "Nobody is here."
		line := p.lines["c1"]
		line.Unroutable = &text
		p.lines["c1"] = line
		in, replies := p.hear("hi", core.SessionNew)
		if len(replies) != 1 || *replies[0].Content != text || replies[0].SessionEvent != core.SessionClose || replies[0].To != "+1" ||
			in.StatusReason != "no route from channel:c1:default" {
			t.Fatalf("%+v %+v", in, replies)
		}
		if _, replies := p.hear("", core.SessionClose); len(replies) != 0 {
			t.Fatalf("somebody who hung up is told %+v", replies)
		}
	})
}
