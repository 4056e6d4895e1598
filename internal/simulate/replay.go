package simulate

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"indaba/internal/bot"
	"indaba/internal/bot/js"
	"indaba/internal/core"
)

// PrintReplay shows a recorded turn, what its replay came to, and where the two differ, command by command. A replay on
// the version that was recorded must be identical.
func PrintReplay(w io.Writer, old bot.TurnRecord, result bot.Result, differences []js.Difference) error {
	var b strings.Builder
	fmt.Fprintf(&b, "turn %d of version %d, %s, with %s\n", old.ID, old.Version,
		old.CreatedAt.UTC().Format("2006-01-02 15:04:05"), old.Address)
	fmt.Fprintf(&b, "recorded: %s after %s\n", outcome(old.Outcome, old.Err), counted(old.Commands, "command"))
	fmt.Fprintf(&b, "replayed: %s after %s\n", outcome(string(result.Outcome), result.Err), counted(result.Commands, "command"))
	// Outcomes alone decide when the recording was cut off: what came after it nobody knows.
	if len(differences) == 0 && old.Outcome == string(result.Outcome) {
		b.WriteString("identical\n")
	}
	for _, pair := range paired(differences) {
		b.WriteString(pair)
	}
	if len(result.Sends) > 0 && len(differences) > 0 {
		b.WriteString("\nthe replay would send:\n")
		for _, s := range result.Sends {
			writeSend(&b, s)
		}
	}
	_, err := io.WriteString(w, core.Printable(b.String()))
	return err
}

func outcome(name, reason string) string {
	if reason == "" {
		return name
	}
	return name + " (" + reason + ")"
}

func writeSend(b *strings.Builder, s bot.Send) {
	who := "reply"
	if !s.Reply {
		who = s.Endpoint + " to " + s.To
	}
	tag := ""
	if s.SessionEvent != "" {
		tag = "  session " + string(s.SessionEvent)
	}
	fmt.Fprintf(b, "  %s:%s\n%s\n", who, tag, indented(indented(contentOf(s))))
}

// paired shows differences. A command that is missing and one that is extra at the same place under the same name are one
// command whose arguments changed.
func paired(differences []js.Difference) []string {
	var shown []string
	rest := slices.Clone(differences)
	for len(rest) > 0 {
		d := rest[0]
		rest = rest[1:]
		if d.Kind == js.MissingCommand {
			i := slices.IndexFunc(rest, func(o js.Difference) bool {
				return o.Kind != js.MissingCommand && commandName(o.Got) == commandName(d.Want)
			})
			if i >= 0 {
				shown = append(shown, changed(d, rest[i]))
				rest = slices.Delete(rest, i, i+1)
				continue
			}
		}
		shown = append(shown, alone(d))
	}
	return shown
}

// alone shows a command that only one side has.
func alone(d js.Difference) string {
	switch d.Kind {
	case js.MissingCommand:
		return fmt.Sprintf("\n- %s is not sent any more\n%s", commandName(d.Want), members("- ", arguments(d.Want)))
	case js.Unanswered:
		return fmt.Sprintf("\n+ %s is new, and waits for an answer that nobody knows: the replay ends there\n%s", commandName(d.Got),
			members("+ ", arguments(d.Got)))
	default:
		return fmt.Sprintf("\n+ %s is new\n%s", commandName(d.Got), members("+ ", arguments(d.Got)))
	}
}

// changed shows a command whose arguments are others than before.
func changed(was, is js.Difference) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n! %s has other arguments", commandName(was.Want))
	if is.Kind == js.Unanswered {
		b.WriteString(", and waits for an answer that nobody knows: the replay ends there")
	}
	b.WriteString("\n")
	before, now := arguments(was.Want), arguments(is.Got)
	keys := joined(before, now)
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		old, had := before[key]
		new, has := now[key]
		if had && has && compact(old) == compact(new) {
			continue
		}
		if had {
			b.WriteString(members("- ", map[string]any{key: old}))
		}
		if has {
			b.WriteString(members("+ ", map[string]any{key: new}))
		}
	}
	return b.String()
}

// members shows arguments, one per line; texts of several lines stand as they are read.
func members(mark string, arguments map[string]any) string {
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(arguments)) {
		text, isText := arguments[key].(string)
		if !isText {
			text = compact(arguments[key])
		}
		if rows := strings.Split(text, "\n"); len(rows) > 1 {
			fmt.Fprintf(&b, "  %s%s:\n", mark, key)
			for _, row := range rows {
				fmt.Fprintf(&b, "  %s  %s\n", mark, row)
			}
			continue
		}
		fmt.Fprintf(&b, "  %s%s: %s\n", mark, key, text)
	}
	return b.String()
}

// commandName returns the name of a command.
func commandName(command string) string {
	text, _ := decoded(command)["cmd"].(string)
	if text == "" {
		return "a command without a name"
	}
	return text
}

// arguments returns what a command carries beside its envelope.
func arguments(command string) map[string]any {
	all := decoded(command)
	for _, key := range []string{"cmd", "cmd_id", "reply"} {
		delete(all, key)
	}
	return all
}

func decoded(command string) map[string]any {
	var all map[string]any
	if json.Unmarshal([]byte(command), &all) != nil {
		return map[string]any{}
	}
	return all
}
