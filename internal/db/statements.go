package db

import (
	"container/list"
	"context"
	"database/sql"
	"errors"
	"strconv"
	"sync"
)

// maxStatements bounds the prepared statements kept per connection; the one that was not used for the longest time makes
// room for another.
const maxStatements = 512

// statements keeps prepared statements by their text: parsing costs more than running most of them.
type statements struct {
	dialect Dialect
	prepare func(context.Context, string) (*sql.Stmt, error)
	mu      sync.Mutex
	byText  map[string]*list.Element // of *statement
	recent  *list.List               // the last used first
}

// statement is one that is kept. One that has to go while it is about to be run is closed by who runs it.
type statement struct {
	*sql.Stmt
	text  string
	users int
	gone  bool
}

func newStatements(dialect Dialect, prepare func(context.Context, string) (*sql.Stmt, error)) *statements {
	return &statements{dialect: dialect, prepare: prepare, byText: map[string]*list.Element{}, recent: list.New()}
}

// engineText returns a text with its $n parameters as the engine likes them. To SQLite $n is a name, and so is ?n where it
// counts: for each parameter of each call it is looked up among all, in time that grows with the square of their number. A
// bare ? has no name, so that is what they become when they stand in order and each but once.
func engineText(dialect Dialect, text string) string {
	if dialect == Postgres {
		return text
	}
	b := make([]byte, 0, len(text))
	quoted, ordered := false, true
	for i, next := 0, 1; i < len(text); i++ {
		c := text[i]
		if c == '\'' {
			quoted = !quoted
		}
		digits := i + 1
		for digits < len(text) && text[digits] >= '0' && text[digits] <= '9' {
			digits++
		}
		if c != '$' || quoted || digits == i+1 {
			b = append(b, c)
			continue
		}
		b = append(b, '?')
		ordered = ordered && text[i+1:digits] == strconv.Itoa(next)
		next++
		i = digits - 1
	}
	if ordered {
		return string(b)
	}
	return byPlace(text)
}

// byPlace returns a text with $n as ?n.
func byPlace(text string) string {
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

// get returns the statement for text. The caller gives it back with release.
func (s *statements) get(ctx context.Context, text string) (*statement, error) {
	if st := s.known(text); st != nil {
		return st, nil
	}
	prepared, err := s.prepare(ctx, engineText(s.dialect, text))
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	st := &statement{Stmt: prepared, text: text, users: 1}
	if s.byText[text] != nil {
		st.gone = true // somebody else was faster
		return st, nil
	}
	s.byText[text] = s.recent.PushFront(st)
	if s.recent.Len() > maxStatements {
		s.evict()
	}
	return st, nil
}

func (s *statements) known(text string) *statement {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.byText[text]
	if e == nil {
		return nil
	}
	s.recent.MoveToFront(e)
	st := e.Value.(*statement)
	st.users++
	return st
}

// evict takes the statement out that was not used for the longest time. The caller holds the lock.
func (s *statements) evict() {
	st := s.recent.Remove(s.recent.Back()).(*statement)
	delete(s.byText, st.text)
	st.gone = true
	if st.users == 0 {
		_ = st.Close() // it did its work
	}
}

// release gives a statement back. Rows of it may still be open: database/sql keeps a closed statement alive for them.
func (s *statements) release(st *statement) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if st.users--; st.gone && st.users == 0 {
		_ = st.Close() // it did its work
	}
}

func (s *statements) exec(ctx context.Context, text string, args []any) (sql.Result, error) {
	st, err := s.get(ctx, text)
	if err != nil {
		return nil, err
	}
	defer s.release(st)
	return st.ExecContext(ctx, args...)
}

func (s *statements) query(ctx context.Context, text string, args []any) (*sql.Rows, error) {
	st, err := s.get(ctx, text)
	if err != nil {
		return nil, err
	}
	defer s.release(st)
	//lint:ignore sqlclosecheck the caller closes the rows
	return st.QueryContext(ctx, args...)
}

func (s *statements) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for e := s.recent.Front(); e != nil; e = e.Next() {
		errs = append(errs, e.Value.(*statement).Close())
	}
	s.byText, s.recent = map[string]*list.Element{}, list.New()
	return errors.Join(errs...)
}
