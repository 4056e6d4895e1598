// Command lint runs every linter of the project in one process: staticcheck with its unused check, errcheck,
// ineffassign, bodyclose and sqlclosecheck, at the versions in this module's go.mod. Results are cached between runs.
//
// A finding that is wrong is silenced in the line above it, with a reason:
//
//	//lint:ignore errcheck the connection is broken already
//
// An ignore without a reason, or one that silences nothing, is a finding itself. Comments of other linters (nolint) are
// findings too, because nothing here would obey them.
package main

import (
	"os"

	"github.com/kisielk/errcheck/errcheck"
	"github.com/ryanrolds/sqlclosecheck/pkg/analyzer"
	"github.com/timakin/bodyclose/passes/bodyclose"
	"honnef.co/go/tools/lintcmd"
	"honnef.co/go/tools/simple"
	"honnef.co/go/tools/staticcheck"
	"honnef.co/go/tools/stylecheck"
	"honnef.co/go/tools/unused"
)

// Errors that may be dropped without a word, because nothing can be done about them or another call reports them.
var droppable = []string{
	"(*database/sql.Rows).Close",  // Rows.Err has reported what matters
	"(*database/sql.Tx).Rollback", // deferred: fails after every commit
	"(io.ReadCloser).Close",       // a body that was read: nothing is lost
	"fmt.Fprint", "fmt.Fprintf", "fmt.Fprintln",
}

// Everything but the rules about package comments: internal/archtest asks for one per package, not per file, and
// SA9003, which dislikes a branch that holds nothing but an explanation.
const checks = "all,-ST1000,-SA9003"

func main() {
	errcheck.DefaultExcludedSymbols = append(errcheck.DefaultExcludedSymbols, droppable...)
	command := lintcmd.NewCommand("lint")
	command.ParseFlags(append([]string{"-checks", checks}, os.Args[1:]...))
	command.AddAnalyzers(simple.Analyzers...)
	command.AddAnalyzers(staticcheck.Analyzers...)
	command.AddAnalyzers(stylecheck.Analyzers...)
	command.AddAnalyzers(unused.Analyzer)
	command.AddBareAnalyzers(errcheck.Analyzer, ineffectual, bodyclose.Analyzer, analyzer.NewAnalyzer(),
		foreignIgnores)
	command.Run()
}
