package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"indaba/internal/core"
)

// output is where a command prints its result: as text for people, or as JSON for programs.
type output struct {
	w    io.Writer
	json bool
}

// print writes value as JSON, or what text writes.
func (o *output) print(value any, text func(w io.Writer) error) error {
	if o.json {
		encoder := json.NewEncoder(o.w)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		return encoder.Encode(value)
	}
	return text(o.w)
}

// say writes value as JSON, or one line for people.
func (o *output) say(value any, format string, args ...any) error {
	return o.print(value, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, format+"\n", args...)
		return err
	})
}

// table writes value as JSON, or rows under their headings with the columns aligned. What is empty is shown as a dash.
func (o *output) table(value any, headings []string, rows [][]string) error {
	return o.print(value, func(w io.Writer) error { return writeTable(w, headings, rows) })
}

func writeTable(w io.Writer, headings []string, rows [][]string) error {
	if len(rows) == 0 {
		_, err := fmt.Fprintln(w, "There are none.")
		return err
	}
	aligned := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range append([][]string{headings}, rows...) {
		cells := make([]string, len(row))
		for i, cell := range row {
			cells[i] = oneLine(cell)
		}
		if _, err := fmt.Fprintln(aligned, strings.Join(cells, "\t")); err != nil {
			return err
		}
	}
	return aligned.Flush()
}

// field is one line of what is known of a thing.
type field struct{ name, value string }

// fields writes value as JSON, or one line for each field.
func (o *output) fields(value any, fields ...field) error {
	return o.print(value, func(w io.Writer) error { return writeFields(w, fields) })
}

func writeFields(w io.Writer, fields []field) error {
	aligned := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, f := range fields {
		if _, err := fmt.Fprintf(aligned, "%s\t%s\n", f.name, oneLine(f.value)); err != nil {
			return err
		}
	}
	return aligned.Flush()
}

// oneLine keeps a text from breaking a table, or from doing things to the terminal: people can send anything.
func oneLine(text string) string {
	if text == "" {
		return "-"
	}
	return strings.ReplaceAll(core.Printable(text), "\n", `\n`)
}

// shortened cuts a text to at most n characters.
func shortened(text string, n int) string {
	runes := []rune(text)
	if len(runes) <= n {
		return text
	}
	return string(runes[:n-1]) + "…"
}

// at shows a time; the zero time is none.
func at(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05Z")
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
