package simulate

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"indaba/internal/core"
)

// A line of a transcript is one message, or a note of what happened when who is empty.
type line struct {
	who  string
	text string
	tag  string  // what stands at the end, such as [20/182]
	want *string // the expected text where it differs
}

// nameWidth is the room for who is speaking.
const nameWidth = 8

// writeTranscript writes lines as a conversation. Text stands behind a bar, expected and got behind - and +.
func writeTranscript(w io.Writer, lines []line) error {
	for _, l := range lines {
		if l.who == "" {
			if _, err := fmt.Fprintf(w, "    (%s)\n", core.Printable(l.text)); err != nil {
				return err
			}
			continue
		}
		rows := plainRows(l.text)
		if l.want != nil {
			rows = diff(*l.want, l.text)
		}
		if l.tag != "" {
			rows[len(rows)-1] += "  " + l.tag
		}
		for i, row := range rows {
			who := l.who
			if i > 0 {
				who = ""
			}
			if _, err := fmt.Fprintf(w, "    %-*s %s\n", nameWidth, who, strings.TrimRight(core.Printable(row), " ")); err != nil {
				return err
			}
		}
	}
	return nil
}

func plainRows(text string) []string {
	var rows []string
	for row := range strings.SplitSeq(text, "\n") {
		rows = append(rows, "| "+row)
	}
	return rows
}

func indented(text string) string { return "  " + strings.ReplaceAll(text, "\n", "\n  ") }

// diff compares two texts line by line. Lines whose difference the eye could miss are quoted.
func diff(want, got string) []string {
	a, b := strings.Split(want, "\n"), strings.Split(got, "\n")
	quote := visible(want) == visible(got)
	show := func(mark, text string) string {
		if quote && mark != "|" {
			text = strconv.QuoteToASCII(text)
		}
		return mark + " " + text
	}
	common := lcs(a, b)
	var rows []string
	for len(a) > 0 || len(b) > 0 {
		for len(a) > 0 && (len(common) == 0 || a[0] != common[0]) {
			rows, a = append(rows, show("-", a[0])), a[1:]
		}
		for len(b) > 0 && (len(common) == 0 || b[0] != common[0]) {
			rows, b = append(rows, show("+", b[0])), b[1:]
		}
		if len(common) > 0 {
			rows = append(rows, show("|", common[0]))
			a, b, common = a[1:], b[1:], common[1:]
		}
	}
	return rows
}

// visible returns what a reader sees of a text: white space and what has no width left out.
func visible(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || !unicode.IsGraphic(r) {
			return -1
		}
		return r
	}, text)
}

// lcs returns the longest common subsequence of two short lists of lines.
func lcs(a, b []string) []string {
	best := make([][]int, len(a)+1)
	for i := range best {
		best[i] = make([]int, len(b)+1)
	}
	for i := range slices.Backward(a) {
		for j := range slices.Backward(b) {
			best[i][j] = max(best[i+1][j], best[i][j+1])
			if a[i] == b[j] {
				best[i][j] = best[i+1][j+1] + 1
			}
		}
	}
	var common []string
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch {
		case a[i] == b[j]:
			common = append(common, a[i])
			i, j = i+1, j+1
		case best[i+1][j] >= best[i][j+1]:
			i++
		default:
			j++
		}
	}
	return common
}
