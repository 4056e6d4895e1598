package js

import (
	"regexp"
	"strconv"
	"strings"
)

// A ScriptError is what a script threw and nobody caught.
type ScriptError struct {
	Name    string // such as "TypeError"; empty when what was thrown was no Error
	Message string
	Stack   string // one frame per line, "at name (file:line:column)", innermost first; the engine's own frames left out
}

// Error returns name and message on one line.
func (e *ScriptError) Error() string {
	switch {
	case e.Name == "":
		return e.Message
	case e.Message == "":
		return e.Name
	}
	return e.Name + ": " + e.Message
}

const (
	maxFrames      = 30
	maxErrorLength = 4 << 10
)

var evalPosition = regexp.MustCompile(`<eval>:(\d+)`)

// scriptError makes an error of what the engine reports, with positions in the program's own files.
func (m *image) scriptError(name, message, stack string) *ScriptError {
	return &ScriptError{Name: clip(name), Message: clip(message), Stack: m.mapStack(stack)}
}

func (m *image) mapStack(stack string) string {
	var b strings.Builder
	frames := 0
	for line := range strings.Lines(stack) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		at := evalPosition.FindStringSubmatchIndex(line)
		if at != nil {
			number, err := strconv.Atoi(line[at[2]:at[3]])
			if err != nil {
				continue
			}
			file, inner := m.locate(number)
			if file == m.Parts[0].ID {
				continue // the kernel's own frame
			}
			line = line[:at[0]] + file + ":" + strconv.Itoa(inner) + line[at[1]:]
		}
		if frames++; frames > maxFrames {
			b.WriteString("…\n")
			break
		}
		b.WriteString(clip(line))
		b.WriteByte('\n')
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func clip(s string) string {
	if len(s) <= maxErrorLength {
		return s
	}
	return strings.ToValidUTF8(s[:maxErrorLength], "") + "…"
}
