package simulate_test

import (
	"bytes"
	"strings"
	"testing"
	"unicode"

	"indaba/internal/bot"
	"indaba/internal/bot/js"
	"indaba/internal/simulate"
)

// noControl fails when a text would do things to a terminal.
func noControl(t *testing.T, text string) {
	t.Helper()
	if at := strings.IndexFunc(text, func(r rune) bool { return r != '\n' && unicode.IsControl(r) }); at >= 0 {
		t.Errorf("a control character at %d of\n%q", at, text)
	}
}

// What people and bots say is shown, and does nothing to the terminal that shows it.
func TestTerminalsAreSafe(t *testing.T) {
	const name = "Than\x1b[2Jdi\a"
	t.Run("simulate", func(t *testing.T) {
		c, account := deployed(t)
		out, err := talk(t, c, simulate.TalkOptions{Account: account}, "1", name)
		if err != nil || !strings.Contains(out, `] Welcome, Than\x1b[2Jdi\x07.`) || !strings.Contains(out, "Welcome to the clinic.\n1. Register") {
			t.Errorf("%v\n%q", err, out)
		}
		noControl(t, out)
	})
	t.Run("bot test", func(t *testing.T) {
		dir := folder(t, `conversations: [{name: registers, steps: [dial, {bot: {match: Welcome}}, {user: "1"}, {bot: {match: name}}, `+
			`{user: "Than\e[2Jdi\a"}, {bot: Thank you.}]}]`)
		var out bytes.Buffer
		if _, err := simulate.Test(t.Context(), simulate.TestOptions{Dir: dir, Verbose: true}, &out); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(out.String(), `Welcome, Than\x1b[2Jdi\x07.`) {
			t.Errorf("%q", out.String())
		}
		noControl(t, out.String())
	})
	t.Run("bot replay", func(t *testing.T) {
		var out bytes.Buffer
		text := name
		if err := simulate.PrintReplay(&out, bot.TurnRecord{Outcome: "threw", Err: name},
			bot.Result{Outcome: js.Done, Sends: []bot.Send{{Reply: true, Content: &text}}},
			[]js.Difference{{Kind: js.ExtraCommand, Got: `{"cmd":"log.info","msg":"\u001b[2J"}`}}); err != nil {
			t.Fatal(err)
		}
		noControl(t, out.String())
	})
}
