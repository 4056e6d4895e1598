package bundle

import (
	"regexp"
	"sort"
	"strconv"
	"strings"
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

// Places tell which source files the lines of a script come from. They keep nothing else of a bundle in memory.
type Places struct {
	script   string
	segments []Segment
}

// Places returns where the lines of the bundle's script come from.
func (b *Bundle) Places() Places { return Places{b.ScriptName, b.Segments} }

// Position returns the source file and line of a line of the script, as a stack trace names it; lines count from 1. It
// returns the script's own name and the line itself when the line belongs to no file.
func (p Places) Position(line int) (file string, fileLine int) {
	return position(p.segments, p.script, line)
}

// Map replaces the places in the script that a stack trace or message of the engine names by those in the source files.
// Columns of TypeScript and ES modules stay those of the script.
func (p Places) Map(text string) string {
	places := regexp.MustCompile(`(^|[\s(])` + regexp.QuoteMeta(p.script) + `:(\d+)`)
	return places.ReplaceAllStringFunc(text, func(found string) string {
		colon := strings.LastIndexByte(found, ':')
		line, err := strconv.Atoi(found[colon+1:])
		if err != nil {
			return found // a number too long for a line
		}
		file, line := p.Position(line)
		return strings.TrimSuffix(found[:colon], p.script) + file + ":" + strconv.Itoa(line)
	})
}
