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
	prepare func(context.Context, string) (*sql.Stmt, error)
	mu      sync.RWMutex
	byText  map[string]*sql.Stmt
}

func newStatements(prepare func(context.Context, string) (*sql.Stmt, error)) *statements {
	return &statements{prepare: prepare, byText: map[string]*sql.Stmt{}}
}

// get returns the statement for text; temporary says that the caller must close it.
func (s *statements) get(ctx context.Context, text string) (stmt *sql.Stmt, temporary bool, err error) {
	s.mu.RLock()
	stmt = s.byText[text]
	s.mu.RUnlock()
	if stmt != nil {
		return stmt, false, nil
	}
	stmt, err = s.prepare(ctx, text)
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
	//lint:ignore sqlclosecheck statements that are kept are closed by close, others right here
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
