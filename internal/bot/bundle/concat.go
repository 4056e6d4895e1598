package bundle

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"indaba/internal/core"
)

// A concatenation joins files to one script.
type concatenation struct {
	files                     []string // paths and patterns, in order
	separator, banner, footer string
}

// join reads the files and joins them, and says where each line comes from.
func (c *concatenation) join(folder *tree) (script string, segments []Segment, err error) {
	files, err := expand(folder, c.files)
	if err != nil {
		return "", nil, err
	}
	var text strings.Builder
	line := 1
	add := func(file, part string) {
		if part != "" {
			segments = append(segments, Segment{File: file, Line: line, FileLine: 1})
		}
		text.WriteString(part)
		line += strings.Count(part, "\n")
	}
	add("", c.banner)
	for i, file := range files {
		if i > 0 {
			text.WriteString(c.separator)
			line += strings.Count(c.separator, "\n")
		}
		part, err := folder.readText(file, MaxScriptBytes)
		if err != nil {
			return "", nil, err
		}
		if text.Len()+len(part) > MaxScriptBytes {
			return "", nil, core.Errorf(core.TooLarge, "the app script is larger than %d bytes with %s", MaxScriptBytes, file)
		}
		add(file, part)
	}
	add("", c.footer)
	return text.String(), segments, nil
}

// expand lists the files that paths and patterns name, of which there must be one.
func expand(folder *tree, patterns []string) ([]string, error) {
	files, err := matchAll(folder, patterns)
	if err == nil && len(files) == 0 {
		err = core.Errorf(core.Invalid, "no file matches %s", strings.Join(patterns, ", "))
	}
	return files, err
}

// matchAll lists the files that paths and patterns name: in the order given, the files of one pattern in order of their
// paths, each file once. A pattern after "!" takes its files out again. A path without pattern is listed unseen.
func matchAll(folder *tree, patterns []string) ([]string, error) {
	files := []string{}
	for _, pattern := range patterns {
		pattern, out := strings.CutPrefix(pattern, "!")
		pattern = path.Clean(strings.ReplaceAll(pattern, "\\", "/"))
		if !fs.ValidPath(pattern) {
			return nil, escapes(pattern)
		}
		matches := []string{pattern}
		if out || strings.ContainsAny(pattern, "*?[{") {
			var err error
			if matches, err = glob(folder, pattern); err != nil {
				return nil, err
			}
		}
		if out {
			files = slices.DeleteFunc(files, func(f string) bool { return slices.Contains(matches, f) })
			continue
		}
		for _, m := range matches {
			if !slices.Contains(files, m) {
				files = append(files, m)
			}
		}
	}
	return files, nil
}

// maxGlobFiles bounds how many files one pattern looks at.
const maxGlobFiles = 100_000

// glob lists the files that match a pattern with *, ?, [a-z], {a,b} and **, which stands for any number of folders. As
// in grunt, names that begin with a dot match only where the pattern has the dot too: editors and systems leave such
// files. It looks into node_modules only if the pattern names it.
func glob(folder *tree, pattern string) ([]string, error) {
	alternatives, err := braces(pattern, 0)
	if err != nil {
		return nil, err
	}
	var patterns [][]string
	for _, alternative := range alternatives {
		if _, err := path.Match(alternative, ""); err != nil {
			return nil, core.Errorf(core.Invalid, "%s is not a pattern of file names: %v", pattern, err)
		}
		patterns = append(patterns, strings.Split(alternative, "/"))
	}
	start := path.Dir(pattern[:strings.IndexAny(pattern+"*", "*?[{")] + "x")
	if !folder.isDir(start) {
		return nil, nil
	}
	var matches []string
	seen := 0
	err = fs.WalkDir(folder.fsys, start, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if seen++; seen > maxGlobFiles {
			return core.Errorf(core.TooLarge, "%s looks at more than %d files", pattern, maxGlobFiles)
		}
		switch {
		case entry.IsDir() && entry.Name() == "node_modules" && !strings.Contains(pattern, "node_modules"):
			return fs.SkipDir
		case !entry.IsDir() && matchAny(patterns, strings.Split(name, "/")):
			matches = append(matches, name)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("listing %s: %w", pattern, err)
	}
	slices.Sort(matches)
	return matches, nil
}

func matchAny(patterns [][]string, name []string) bool {
	return slices.ContainsFunc(patterns, func(pattern []string) bool { return matchPath(pattern, name) })
}

// matchPath matches the parts of a path with those of a pattern.
func matchPath(pattern, name []string) bool {
	for len(pattern) > 0 {
		if pattern[0] == "**" {
			return matchAnyDepth(pattern[1:], name)
		}
		if len(name) == 0 {
			return false
		}
		hidden := strings.HasPrefix(name[0], ".") && !strings.HasPrefix(pattern[0], ".")
		if ok, err := path.Match(pattern[0], name[0]); err != nil || !ok || hidden {
			return false
		}
		pattern, name = pattern[1:], name[1:]
	}
	return len(name) == 0
}

// matchAnyDepth matches what follows a ** with the end of a path.
func matchAnyDepth(rest, name []string) bool {
	for len(rest) > 0 && rest[0] == "**" {
		rest = rest[1:] // ** twice means the same and would only take longer
	}
	for {
		if matchPath(rest, name) {
			return true
		}
		if len(name) == 0 || strings.HasPrefix(name[0], ".") {
			return false
		}
		name = name[1:]
	}
}

// maxAlternatives bounds what {a,b}{c,d}… may multiply to.
const maxAlternatives = 256

// braces writes out the alternatives of {a,b}; groups do not nest.
func braces(pattern string, groups int) ([]string, error) {
	before, rest, opened := strings.Cut(pattern, "{")
	inside, after, closed := strings.Cut(rest, "}")
	if !opened || !closed {
		return []string{pattern}, nil
	}
	tails, err := braces(after, groups+1)
	if err != nil {
		return nil, err
	}
	var all []string
	for choice := range strings.SplitSeq(inside, ",") {
		for _, tail := range tails {
			all = append(all, before+choice+tail)
		}
	}
	if len(all) > maxAlternatives || groups > 16 {
		return nil, core.Errorf(core.Invalid, "%s has too many alternatives", pattern)
	}
	return all, nil
}
