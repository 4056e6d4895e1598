package db

import (
	"context"
	"sync"
)

// Memo remembers what was read in the database, for reads that come again and again. It is safe for concurrent use.
type Memo[K comparable, V any] struct {
	d   *DB
	max int

	mu  sync.Mutex
	all map[K]V
}

// NewMemo returns a memo of at most max keys, which forgets all of them when there is one more.
func NewMemo[K comparable, V any](d *DB, max int) *Memo[K, V] {
	return &Memo[K, V]{d: d, max: max, all: map[K]V{}}
}

// Get returns what is remembered under a key.
func (m *Memo[K, V]) Get(key K) (value V, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	value, ok = m.all[key]
	return value, ok
}

// Keep remembers a value from the commit of the transaction in ctx on: one that is undone may have made what was read, and
// another may make something else in its place. Without a transaction the value is remembered at once.
func (m *Memo[K, V]) Keep(ctx context.Context, key K, value V) {
	m.d.AfterCommit(ctx, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		if len(m.all) >= m.max {
			clear(m.all)
		}
		m.all[key] = value
	})
}
