package db

import (
	"context"
	"database/sql"
	"errors"
	"sync"
)

// maxStatements bounds the prepared statements kept per connection; texts beyond it are prepared each time.
const maxStatements = 512

// statements keeps prepared statements by their text: parsing costs more than running most of them.
type statements struct {
	dialect Dialect
	prepare func(context.Context, string) (*sql.Stmt, error)
	mu      sync.RWMutex
	byText  map[string]*sql.Stmt
}

func newStatements(dialect Dialect, prepare func(context.Context, string) (*sql.Stmt, error)) *statements {
	return &statements{dialect: dialect, prepare: prepare, byText: map[string]*sql.Stmt{}}
}

// engineText returns a text with its $n parameters as the engine likes them. To SQLite $n is a name, which the driver
// looks up for each parameter of each call, in time that grows with the square of their number; ?n is a place.
func engineText(dialect Dialect, text string) string {
	if dialect == Postgres {
		return text
	}
	b := []byte(text)
	quoted := false
	for i, c := range b {
		switch {
		case c == '\'':
			quoted = !quoted
		case c == '$' && !quoted && i+1 < len(b) && b[i+1] >= '0' && b[i+1] <= '9':
			b[i] = '?'
		}
	}
	return string(b)
}

// get returns the statement for text; temporary says that the caller must close it.
func (s *statements) get(ctx context.Context, text string) (stmt *sql.Stmt, temporary bool, err error) {
	s.mu.RLock()
	stmt = s.byText[text]
	s.mu.RUnlock()
	if stmt != nil {
		return stmt, false, nil
	}
	//lint:ignore sqlclosecheck a statement that is kept is closed by close, another one by the caller
	stmt, err = s.prepare(ctx, engineText(s.dialect, text))
	if err != nil {
		return nil, false, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if other := s.byText[text]; other != nil {
		return other, false, stmt.Close()
	}
	if len(s.byText) >= maxStatements {
		return stmt, true, nil
	}
	s.byText[text] = stmt
	return stmt, false, nil
}

func (s *statements) exec(ctx context.Context, text string, args []any) (sql.Result, error) {
	stmt, temporary, err := s.get(ctx, text)
	if err != nil {
		return nil, err
	}
	if temporary {
		defer func() { _ = stmt.Close() }() // the result is already there
	}
	return stmt.ExecContext(ctx, args...)
}

func (s *statements) query(ctx context.Context, text string, args []any) (*sql.Rows, error) {
	stmt, temporary, err := s.get(ctx, text)
	if err != nil {
		return nil, err
	}
	if temporary {
		// database/sql keeps a closed statement alive until its rows are closed.
		defer func() { _ = stmt.Close() }()
	}
	//lint:ignore sqlclosecheck the caller closes the rows
	return stmt.QueryContext(ctx, args...)
}

func (s *statements) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, stmt := range s.byText {
		errs = append(errs, stmt.Close())
	}
	s.byText = map[string]*sql.Stmt{}
	return errors.Join(errs...)
}
