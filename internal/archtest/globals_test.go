package archtest

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"slices"
	"strings"
	"testing"
)

// Types that make no sense in a global but to guard or hold state.
var statefulTypes = []string{"sync.Mutex", "sync.RWMutex", "sync.Map", "sync.WaitGroup", "atomic."}

// stateInGlobals finds package variables that code outside tests writes to, takes the address of, or guards.
func stateInGlobals(p *pkg) []string {
	var complaints []string
	uses := resolve(p)
	for _, f := range p.files {
		if f.test {
			continue
		}
		for _, global := range guards(f) {
			complaints = append(complaints, fmt.Sprintf("%s: %s guards or holds state in a global: give it an owner",
				p.at(f, global), global.Name))
		}
		ast.Inspect(f.tree, func(node ast.Node) bool {
			for _, written := range written(node) {
				if global := root(written); global != nil && isGlobal(uses[global]) {
					complaints = append(complaints, fmt.Sprintf("%s: %s is a global and changes: give it an owner",
						p.at(f, global), global.Name))
				}
			}
			return true
		})
	}
	return complaints
}

// resolve finds out which variable each name means. Imports are not followed: for names of the package itself the
// rest of the type check does not matter, so its errors are dropped.
func resolve(p *pkg) map[*ast.Ident]types.Object {
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}}
	config := types.Config{Importer: noImports{}, Error: func(error) {}}
	var trees []*ast.File
	for _, f := range p.files {
		if !f.test {
			trees = append(trees, f.tree)
		}
	}
	_, _ = config.Check(p.name, p.set, trees, info)
	return info.Uses
}

type noImports struct{}

func (noImports) Import(string) (*types.Package, error) {
	return nil, errors.New("imports are not followed")
}

func isGlobal(object types.Object) bool {
	variable, ok := object.(*types.Var)
	return ok && variable.Pkg() != nil && variable.Parent() == variable.Pkg().Scope()
}

// written returns the expressions that a statement or expression may write to.
func written(node ast.Node) []ast.Expr {
	switch n := node.(type) {
	case *ast.AssignStmt:
		if n.Tok != token.DEFINE {
			return n.Lhs
		}
	case *ast.IncDecStmt:
		return []ast.Expr{n.X}
	case *ast.UnaryExpr:
		if n.Op == token.AND {
			return []ast.Expr{n.X}
		}
	}
	return nil
}

// root returns the variable that an expression such as a.b[c] reaches into.
func root(expression ast.Expr) *ast.Ident {
	for {
		switch e := expression.(type) {
		case *ast.Ident:
			return e
		case *ast.SelectorExpr:
			expression = e.X
		case *ast.IndexExpr:
			expression = e.X
		case *ast.StarExpr:
			expression = e.X
		case *ast.ParenExpr:
			expression = e.X
		default:
			return nil
		}
	}
}

// guards returns the package variables whose declared type is one of the stateful types.
func guards(f *file) []*ast.Ident {
	var found []*ast.Ident
	for _, declaration := range f.tree.Decls {
		general, ok := declaration.(*ast.GenDecl)
		if !ok || general.Tok != token.VAR {
			continue
		}
		for _, spec := range general.Specs {
			value, ok := spec.(*ast.ValueSpec)
			if !ok || value.Type == nil {
				continue
			}
			name := types.ExprString(value.Type)
			if slices.ContainsFunc(statefulTypes, func(s string) bool { return strings.HasPrefix(name, s) }) {
				found = append(found, value.Names...)
			}
		}
	}
	return found
}

// parsePackage makes a package of one source text.
func parsePackage(t *testing.T, source string) *pkg {
	t.Helper()
	p := &pkg{name: "p", set: token.NewFileSet()}
	tree, err := parser.ParseFile(p.set, "p.go", source, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	p.files = []*file{{path: "p.go", tree: tree}}
	return p
}
