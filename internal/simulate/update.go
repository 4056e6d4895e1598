package simulate

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"indaba/internal/core"
)

// An edit gives an expected text another value.
type edit struct {
	place textPlace
	text  string
}

// rewrite returns a YAML text with expected texts replaced. All the rest of the file, comments and blank lines too,
// stays as it is: only the lines of each value are written anew.
func rewrite(text string, edits []edit) (string, error) {
	edits = slices.Clone(edits)
	slices.SortStableFunc(edits, func(a, b edit) int { return cmp.Compare(b.place.line, a.place.line) })
	lines := strings.Split(text, "\n")
	for i, e := range edits {
		if i > 0 && edits[i-1].place == e.place {
			if edits[i-1].text != e.text {
				return "", core.Errorf(core.Invalid, "line %d is shared by steps that now have different answers: write them apart",
					e.place.line)
			}
			continue
		}
		value, err := scalar(e.text, e.place.parent+1)
		if err != nil {
			return "", err
		}
		at := e.place.line - 1
		end := at + 1
		for end < len(lines) && continues(lines[end:], e.place.parent) {
			end++
		}
		head := []rune(lines[at])
		if e.place.column-1 > len(head) {
			return "", core.Errorf(core.Internal, "line %d is shorter than the parser said", e.place.line)
		}
		fresh := strings.Split(string(head[:e.place.column-1])+value, "\n")
		if comment := trailingComment(lines[at], e.place.column); comment != "" && len(fresh) == 1 {
			fresh[0] += " " + comment
		}
		lines = slices.Concat(lines[:at:at], fresh, lines[end:])
	}
	return strings.Join(lines, "\n"), nil
}

// continues reports whether the first of some lines still belongs to a value whose key stands in the column parent:
// it is indented deeper, or blank with such a line behind it.
func continues(lines []string, parent int) bool {
	for _, l := range lines {
		if strings.TrimSpace(l) != "" {
			return len(l)-len(strings.TrimLeft(l, " ")) >= parent
		}
	}
	return false
}

// scalar writes a text as a YAML value: plain or quoted in one line, or as a block that is indented by some columns.
func scalar(text string, indent int) (string, error) {
	if strings.Contains(text, "\n") && blockable(text) {
		pad := strings.Repeat(" ", indent)
		var b strings.Builder
		b.WriteString("|-")
		for row := range strings.SplitSeq(text, "\n") {
			b.WriteString("\n")
			if row != "" {
				b.WriteString(pad + row)
			}
		}
		return b.String(), nil
	}
	node := yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text}
	if strings.Contains(text, "\n") {
		node.Style = yaml.DoubleQuotedStyle
	}
	out, err := yaml.Marshal(&node)
	if err != nil {
		return "", fmt.Errorf("write a text as YAML: %w", err)
	}
	value := strings.TrimSuffix(string(out), "\n")
	if strings.Contains(value, "\n") { // the encoder folded a long line
		value = quoteYAML(text)
	}
	return value, nil
}

// quoteYAML writes a text in double quotes on one line.
func quoteYAML(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\t", `\t`, "\r", `\r`).Replace(text) + `"`
}

// blockable reports whether a text comes back from a block as it went in.
func blockable(text string) bool {
	for row := range strings.SplitSeq(text, "\n") {
		if strings.TrimRight(row, " \t\r") != row {
			return false
		}
	}
	return !strings.HasPrefix(text, " ") && !strings.HasPrefix(text, "\n") && !strings.HasSuffix(text, "\n") &&
		strings.IndexFunc(text, func(r rune) bool { return r < ' ' && r != '\n' || r == 0x7f || r == 0x85 || r == 0xfeff }) < 0
}

// trailingComment returns the comment behind a value that takes one line.
func trailingComment(text string, column int) string {
	var node yaml.Node
	rest := string([]rune(text)[column-1:])
	if yaml.Unmarshal([]byte(rest), &node) != nil || len(node.Content) == 0 {
		return ""
	}
	return node.Content[0].LineComment
}
