package bundle

import (
	"errors"
	"regexp"
	"sort"
	"strconv"
	"strings"

	"indaba/internal/bot/js"
	"indaba/internal/core"
)

// A Segment says where lines of a script come from: the line Line of the script is line FileLine of File, and the lines
// after it follow, up to the next segment. File "" means text that stands in no file.
type Segment struct {
	File     string `json:"file,omitempty"`
	Line     int    `json:"line"`
	FileLine int    `json:"file_line"`
}

// position finds the file and line of a line of a script.
func position(segments []Segment, scriptName string, line int) (string, int) {
	after := sort.Search(len(segments), func(i int) bool { return segments[i].Line > line })
	if after == 0 || segments[after-1].File == "" {
		return scriptName, line
	}
	s := segments[after-1]
	return s.File, s.FileLine + line - s.Line
}

// through composes segments: those of a text that was made from a script, and those of that script.
func through(made []Segment, lines int, script []Segment, scriptName string) []Segment {
	var all []Segment
	for line := 1; line <= lines; line++ {
		_, middle := position(made, scriptName, line)
		file, fileLine := position(script, scriptName, middle)
		all = appendSegment(all, Segment{File: file, Line: line, FileLine: fileLine})
	}
	return all
}

// appendSegment adds a segment unless the last one covers it.
func appendSegment(all []Segment, s Segment) []Segment {
	if n := len(all); n > 0 && all[n-1].File == s.File && all[n-1].FileLine-all[n-1].Line == s.FileLine-s.Line {
		return all
	}
	return append(all, s)
}

// Position returns the source file and line of a line of the script, as a stack trace names it; lines count from 1. It
// returns the script's own name and the line itself when the line belongs to no file.
func (b *Bundle) Position(line int) (file string, fileLine int) {
	return position(b.Segments, b.ScriptName, line)
}

// MapStack replaces the places in the script that a stack trace or message of the engine names by those in the source
// files. Columns of TypeScript and ES modules stay those of the script.
func (b *Bundle) MapStack(stack string) string {
	places := regexp.MustCompile(`(^|[\s(])` + regexp.QuoteMeta(b.ScriptName) + `:(\d+)`)
	return places.ReplaceAllStringFunc(stack, func(found string) string {
		colon := strings.LastIndexByte(found, ':')
		line, err := strconv.Atoi(found[colon+1:])
		if err != nil {
			return found // a number too long for a line
		}
		file, line := b.Position(line)
		return strings.TrimSuffix(found[:colon], b.ScriptName) + file + ":" + strconv.Itoa(line)
	})
}

// Check compiles the bundle as the engine will, which finds the last faults that reading does not. An error is of kind
// core.Invalid and names the source file and line.
func (b *Bundle) Check() error {
	pool, err := js.NewPool(b.Program(), js.PoolOptions{Size: 1})
	if err == nil {
		pool.Close()
		return nil
	}
	if e, ok := errors.AsType[*js.CompileError](err); ok {
		return core.Errorf(core.Invalid, "%s", b.MapStack(e.Error()))
	}
	return &core.Error{Kind: core.Invalid, Message: "the engine does not take the bundle", Cause: err}
}
