package main

import (
	"strings"

	"golang.org/x/tools/go/analysis"
)

// foreignIgnores finds nolint comments. They look as if they silenced something, and do not.
var foreignIgnores = &analysis.Analyzer{
	Name: "foreignignores",
	Doc:  "find nolint comments, which no linter of this project obeys",
	Run: func(pass *analysis.Pass) (any, error) {
		for _, file := range pass.Files {
			for _, group := range file.Comments {
				for _, comment := range group.List {
					if strings.HasPrefix(strings.TrimLeft(comment.Text, "/ "), "nolint") {
						pass.Reportf(comment.Pos(), "nolint does nothing here: write //lint:ignore CHECK reason")
					}
				}
			}
		}
		return nil, nil
	},
}
