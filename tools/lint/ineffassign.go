package main

import (
	"go/parser"

	"github.com/gordonklaus/ineffassign/pkg/ineffassign"
	"golang.org/x/tools/go/analysis"
)

// ineffectual is ineffassign on freshly parsed files: it needs the object resolution of the parser, which staticcheck's
// runner leaves out, and without it finds nothing.
var ineffectual = &analysis.Analyzer{
	Name: ineffassign.Analyzer.Name,
	Doc:  ineffassign.Analyzer.Doc,
	Run: func(pass *analysis.Pass) (any, error) {
		resolved := *pass
		resolved.Files = nil
		for _, file := range pass.Files {
			name := pass.Fset.File(file.Pos()).Name()
			parsed, err := parser.ParseFile(pass.Fset, name, nil, parser.ParseComments)
			if err != nil {
				return nil, err
			}
			resolved.Files = append(resolved.Files, parsed)
		}
		return ineffassign.Analyzer.Run(&resolved)
	},
}
