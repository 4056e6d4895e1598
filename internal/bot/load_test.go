package bot_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"indaba/internal/bot"
	"indaba/internal/bot/bundle"
	"indaba/internal/core"
	"indaba/internal/db"
	"indaba/internal/db/dbtest"
)

// Why a version does not load stands where its author looks, and where the operator does.
func TestBotThatDoesNotLoadSaysSoInItsLog(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		p := open(t, d)
		p.link("channel:c1 bot:" + p.bot.Key)
		p.tongue.broken = errors.New("app.js:2:1: a syntax error")
		p.say("hello")
		const want = "bot clinic does not load: app.js:2:1: a syntax error"
		lines, _, err := p.store.Log(t.Context(), p.bot.Key, 10, 0)
		if err != nil || len(lines) != 1 || lines[0].Level != bot.Error || lines[0].Text != want || time.Since(lines[0].At) > time.Minute {
			t.Errorf("the log is %+v, %v", lines, err)
		}
		parked, err := p.messages.Mailbox.Parked(t.Context(), account, 10)
		if err != nil || len(parked) != 1 || parked[0].Reason != want {
			t.Errorf("parked is %+v, %v", parked, err)
		}
		m := &core.Message{ID: core.NewMessageID(time.Now()), Account: account, Channel: "c1", To: "+1", Bot: p.bot.Key}
		if err := p.runtime.Notify(t.Context(), m, core.Event{Type: core.Ack, MessageID: m.ID}); err != nil {
			t.Error(err)
		}
		if lines, _, err = p.store.Log(t.Context(), p.bot.Key, 10, 0); err != nil || len(lines) != 1 {
			t.Errorf("an event that nobody hears filled the log: %+v, %v", lines, err)
		}
	})
}

// A program is loaded as for turns before it is deployed.
func TestCheckLoadsTheProgram(t *testing.T) {
	p := open(t, dbtest.SQLite(t))
	program, err := bundle.FromScript("// one", "app.js", bundle.Settings{Name: "clinic"}, "", bundle.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.runtime.Check(program); err != nil || len(p.tongue.loaded) != 1 || p.tongue.closed != 1 {
		t.Errorf("%v: loaded %v, closed %d", err, p.tongue.loaded, p.tongue.closed)
	}
	p.tongue.broken = core.Errorf(core.Invalid, "app.js:2:1: a syntax error")
	if err := p.runtime.Check(program); core.KindOf(err) != core.Invalid || !strings.HasSuffix(err.Error(), "does not load: app.js:2:1: a syntax error") {
		t.Errorf("got %v", err)
	}
}
