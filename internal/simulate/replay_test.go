package simulate_test

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"indaba/internal/app"
	"indaba/internal/bot"
	"indaba/internal/bot/bundle"
	"indaba/internal/bot/js"
	"indaba/internal/simulate"
)

// A turn that was really run is replayed on its own version and on one that does some things in another way.
func TestPrintReplay(t *testing.T) {
	c, account := deployed(t)
	if _, err := talk(t, c, simulate.TalkOptions{Account: account}, "1", "Thandi"); err != nil {
		t.Fatal(err)
	}
	a, err := app.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}()
	b, err := a.Bots.Find(t.Context(), account, "clinic")
	if err != nil {
		t.Fatal(err)
	}
	turns, err := a.Bots.Turns(t.Context(), b.Key, 100)
	if err != nil {
		t.Fatal(err)
	}
	longest := slices.MaxFunc(turns, func(x, y bot.TurnRecord) int { return x.Commands - y.Commands }) // the others are events
	if got := replayed(t, a, account, b.Key, longest.ID, 1); !strings.Contains(got, "\nidentical\n") {
		t.Errorf("on its own version:\n%s", got)
	}

	script := strings.NewReplacer("'Welcome, ' + msg.content + '.'", "'Welcome!\\nDear ' + msg.content + '.'",
		"await request('optout.cancel_optout'", "if (false) await request('optout.cancel_optout'",
		"'Thank you.'", "'Thank you, ' + msg.content + '.'").Replace(read(t, "testdata/bare/app.js"))
	program, err := bundle.FromScript(script, "app.js", bundle.Settings{Name: "clinic"}, "", bundle.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Bots.Deploy(t.Context(), account, b.Key, program); err != nil {
		t.Fatal(err)
	}
	got := replayed(t, a, account, b.Key, longest.ID, 2)
	golden(t, "replay.txt", strings.ReplaceAll(got, longest.Message, "MESSAGE"))
}

func replayed(t *testing.T, a *app.App, account, key string, turn, version int64) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	old, result, differences, err := a.Runtime.Replay(ctx, account, key, turn, version)
	if err != nil {
		t.Fatal(err)
	}
	old.ID, old.CreatedAt = 1, time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	var out bytes.Buffer
	if err := simulate.PrintReplay(&out, old, result, differences); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestPrintReplayOfEveryDifference(t *testing.T) {
	text := "one\ntwo"
	old := bot.TurnRecord{ID: 7, Version: 3, Address: "+27821234567", Outcome: "done", Commands: 1,
		CreatedAt: time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)}
	result := bot.Result{Outcome: js.Threw, Err: "Error: oh", Commands: 2, Sends: []bot.Send{
		{Reply: true, Content: &text, SessionEvent: "close"}, {Endpoint: "sms", To: "+1", Content: nil}}}
	var out bytes.Buffer
	err := simulate.PrintReplay(&out, old, result, []js.Difference{
		{Kind: js.MissingCommand, Want: `{"cmd":"kv.get","cmd_id":"1","key":"a"}`},
		{Kind: js.MissingCommand, Want: `{"cmd":"kv.set","cmd_id":"2","key":"a","value":{"b":1},"seconds":5}`},
		{Kind: js.ExtraCommand, Got: `{"cmd":"kv.set","cmd_id":"2","key":"a","value":{"b":2},"more":true}`},
		{Kind: js.ExtraCommand, Got: `{"cmd":"log.info","cmd_id":"3","msg":"one\ntwo"}`},
		{Kind: js.Unanswered, Got: `{"cmd":"http.get","cmd_id":"4","url":"https://example.org"}`},
		{Kind: js.ExtraCommand, Got: `no JSON`},
	})
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "differences.txt", out.String())
}

// The same commands with another end are not the same.
func TestPrintReplayWithAnotherEnd(t *testing.T) {
	var out bytes.Buffer
	if err := simulate.PrintReplay(&out, bot.TurnRecord{Outcome: "done"}, bot.Result{Outcome: js.Threw, Err: "Error: oh"}, nil); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), "identical") || !strings.Contains(out.String(), "threw (Error: oh)") {
		t.Error(out.String())
	}
}
