package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"indaba/internal/app"
	"indaba/internal/bot"
	"indaba/internal/bot/js"
	"indaba/internal/core"
	"indaba/internal/simulate"
)

// followEvery is how often a followed log is read.
const followEvery = 300 * time.Millisecond

type botLogs struct {
	botName
	Limit  amount `short:"n" default:"50" help:"How many lines."`
	Follow bool   `short:"f" help:"Go on with new lines until interrupted. With --json each line is one object."`
}

func (c *botLogs) Run(i *invocation) error {
	return c.with(i, func(ctx context.Context, a *app.App, b *bot.Bot) error {
		lines, last, err := a.Bots.Log(ctx, b.Key, int(c.Limit), 0)
		if err != nil {
			return err
		}
		if !c.Follow {
			slices.Reverse(lines)
			return i.print(viewLines(lines), func(w io.Writer) error { return writeLines(w, lines) })
		}
		for {
			slices.Reverse(lines)
			if err := i.stream(lines); err != nil {
				return err
			}
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(followEvery):
			}
			if lines, last, err = a.Bots.Log(ctx, b.Key, 10_000, last); err != nil && ctx.Err() == nil {
				return err
			}
		}
	})
}

// lineView is a log line as JSON.
type lineView struct {
	Level string    `json:"level"`
	Text  string    `json:"text"`
	At    time.Time `json:"at"`
}

func viewLines(lines []bot.LogLine) []lineView {
	views := make([]lineView, len(lines))
	for n, line := range lines {
		views[n] = lineView{line.Level.String(), line.Text, line.At}
	}
	return views
}

// stream writes lines as they come.
func (i *invocation) stream(lines []bot.LogLine) error {
	if !i.json {
		return writeLines(i.w, lines)
	}
	encoder := json.NewEncoder(i.w)
	for _, view := range viewLines(lines) {
		if err := encoder.Encode(view); err != nil {
			return err
		}
	}
	return nil
}

func writeLines(w io.Writer, lines []bot.LogLine) error {
	for _, line := range lines {
		if _, err := fmt.Fprintf(w, "%s %-8s %s\n", at(line.At), line.Level, core.Printable(line.Text)); err != nil {
			return err
		}
	}
	return nil
}

type botTurns struct {
	botName
	Turn  int64  `arg:"" optional:"" help:"The number of a turn to show whole."`
	Limit amount `short:"n" default:"20" help:"How many turns."`
}

func (c *botTurns) Run(i *invocation) error {
	return c.with(i, func(ctx context.Context, a *app.App, b *bot.Bot) error {
		if c.Turn != 0 {
			return i.showTurn(ctx, a, b, c.Turn)
		}
		turns, err := a.Bots.Turns(ctx, b.Key, int(c.Limit))
		if err != nil {
			return err
		}
		rows := make([][]string, len(turns))
		for n, t := range turns {
			rows[n] = []string{strconv.FormatInt(t.ID, 10), at(t.CreatedAt), strconv.FormatInt(t.Version, 10), t.Address, t.Outcome,
				strconv.Itoa(t.Commands), milliseconds(t.CPU), milliseconds(t.Wall), shortened(t.Err, 60)}
		}
		if turns == nil {
			turns = []bot.TurnRecord{} // an empty list, not null
		}
		return i.table(turns, []string{"TURN", "TIME", "VERSION", "PERSON", "OUTCOME", "COMMANDS", "CPU", "WALL", "ERROR"}, rows)
	})
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000)
}

// showTurn shows one turn with all that went between the program and the server.
func (i *invocation) showTurn(ctx context.Context, a *app.App, b *bot.Bot, number int64) error {
	turn, record, err := a.Bots.Turn(ctx, b.Key, number)
	if err != nil {
		return err
	}
	view := struct {
		bot.TurnRecord
		Record bot.Record `json:"record"`
	}{turn, record}
	return i.print(view, func(w io.Writer) error {
		err := writeFields(w, []field{{"turn", strconv.FormatInt(turn.ID, 10)}, {"time", at(turn.CreatedAt)},
			{"version", strconv.FormatInt(turn.Version, 10)}, {"person", turn.Address}, {"message", turn.Message},
			{"outcome", turn.Outcome}, {"error", turn.Err}, {"time on the processor", milliseconds(turn.CPU)},
			{"time in all", milliseconds(turn.Wall)}})
		if err != nil {
			return err
		}
		var trace strings.Builder
		for _, entry := range record.Trace { // begins with the command that started the turn
			if entry.Payload != "" {
				fmt.Fprintf(&trace, "\n< %s", oneLine(entry.Payload))
			}
			for _, command := range entry.Commands {
				fmt.Fprintf(&trace, "\n> %s", oneLine(command))
			}
		}
		_, err = fmt.Fprintln(w, trace.String())
		return err
	})
}

type botReplay struct {
	botName
	Turn    int64 `arg:"" help:"The turn's number, as indaba bot turns shows it."`
	Version int64 `help:"The version to run; without it the one that ran then."`
}

func (c *botReplay) Run(i *invocation) error {
	return c.with(i, func(ctx context.Context, a *app.App, b *bot.Bot) error {
		turn, result, differences, err := a.Runtime.Replay(ctx, b.Account, b.Key, c.Turn, c.Version)
		if err != nil {
			return err
		}
		if differences == nil {
			differences = []js.Difference{} // an empty list, not null
		}
		view := map[string]any{"turn": turn, "outcome": result.Outcome, "error": result.Err, "differences": differences}
		if err := i.print(view, func(w io.Writer) error {
			return simulate.PrintReplay(w, turn, result, differences)
		}); err != nil {
			return err
		}
		if len(differences) > 0 || turn.Outcome != string(result.Outcome) {
			return core.Errorf(core.Conflict, "turn %d goes another way", turn.ID)
		}
		return nil
	})
}
