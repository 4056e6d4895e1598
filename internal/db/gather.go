package db

import "context"

// Gather is one kind of work that many callers want done at the same time: what waits of it for one commit is done by one
// call, with statements of many rows in the place of many statements.
type Gather[T any] struct {
	d   *DB
	run func(context.Context, []T) error
}

// NewGather returns work that run does, in a transaction, for one item or for several of different callers, in the order
// of their calls. An error undoes all of it; the items are then run again one by one, so that it reaches the caller at
// fault alone. What run has to tell a caller it writes into the item, which is therefore a pointer in most cases. As in
// Tx, run may be called more than once with an item and has no effects but on the database and its items. The context
// carries the transaction and nothing of the callers'.
func NewGather[T any](d *DB, run func(context.Context, []T) error) *Gather[T] {
	return &Gather[T]{d, run}
}

// Do has the work done for item, and returns when it is on disk. Its promises are those of [DB.TxOn]; inside a
// transaction it joins.
func (g *Gather[T]) Do(ctx context.Context, key string, item T) error {
	alone := func(ctx context.Context) error { return g.run(ctx, []T{item}) }
	if g.d.InTx(ctx) {
		return alone(ctx)
	}
	return g.d.submit(ctx, g.d.lane(key), &request{ctx: ctx, fn: alone, gather: g, item: item})
}

// together runs the work for requests that wait for the same commit.
func (g *Gather[T]) together(ctx context.Context, like []*request) error {
	items := make([]T, len(like))
	for i, r := range like {
		items[i] = r.item.(T)
	}
	return g.run(ctx, items)
}

// gatherer is a Gather of any type.
type gatherer interface {
	together(ctx context.Context, like []*request) error
}

// alike returns the requests for the same work.
func alike(all []*request, g gatherer) []*request {
	var like []*request
	for _, r := range all {
		if r.gather == g {
			like = append(like, r)
		}
	}
	return like
}
