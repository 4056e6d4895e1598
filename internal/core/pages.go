package core

import (
	"context"
	"sync"
)

// EachPage reads a long list page by page, from the cursor "" on until there is no next one, and calls use for each page.
// With ahead, a page is read while the one before it is used. It ends with the first error of either.
func EachPage[P any](ctx context.Context, ahead bool, read func(ctx context.Context, cursor string) (page P, next string, err error),
	use func(P) error) error {
	ctx, cancel := context.WithCancel(ctx)
	var reader sync.WaitGroup
	defer reader.Wait()
	defer cancel()
	type answer struct {
		page P
		next string
	}
	begin := func(cursor string) func() (answer, error) {
		once := sync.OnceValues(func() (a answer, err error) {
			a.page, a.next, err = read(ctx, cursor)
			return a, err
		})
		if ahead {
			reader.Go(func() {
				defer func() { _ = recover() }() // like an error, a panic comes again when the page is asked for
				_, _ = once()
			})
		}
		return once
	}
	for page := begin(""); ; {
		a, err := page()
		if err != nil {
			return err
		}
		if a.next != "" {
			page = begin(a.next)
		}
		if err := use(a.page); err != nil || a.next == "" {
			return err
		}
	}
}
