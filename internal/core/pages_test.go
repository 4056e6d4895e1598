package core_test

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"indaba/internal/core"
)

// numbers reads pages 0, 1 and 2; bad, if there is one of that number, fails.
func numbers(bad int, failure func() error) func(context.Context, string) (int, string, error) {
	return func(_ context.Context, cursor string) (int, string, error) {
		n, _ := strconv.Atoi(cursor) // the first is 0
		if n == bad {
			return 0, "", failure()
		}
		if n == 2 {
			return n, "", nil
		}
		return n, strconv.Itoa(n + 1), nil
	}
}

func TestEachPage(t *testing.T) {
	broken := errors.New("broken")
	for _, test := range []struct {
		name          string
		unread, unfit int // the pages that cannot be read, or used
		want          []int
		err           error
	}{
		{"all", -1, -1, []int{0, 1, 2}, nil},
		{"the first cannot be read", 0, -1, nil, broken},
		{"the second cannot be read", 1, -1, []int{0}, broken},
		{"the second cannot be used", -1, 1, []int{0, 1}, broken},
	} {
		for _, ahead := range []bool{false, true} {
			t.Run(test.name+" ahead="+strconv.FormatBool(ahead), func(t *testing.T) {
				var got []int
				err := core.EachPage(t.Context(), ahead, numbers(test.unread, func() error { return broken }), func(n int) error {
					got = append(got, n)
					if n == test.unfit {
						return broken
					}
					return nil
				})
				if !slices.Equal(got, test.want) || !errors.Is(err, test.err) {
					t.Errorf("got %v, %v; want %v, %v", got, err, test.want, test.err)
				}
			})
		}
	}
}

// Ahead, the next page is asked for while the one in hand is used, and no other; else none is.
func TestEachPageReadsAhead(t *testing.T) {
	for _, ahead := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			var asked atomic.Int64
			read := numbers(-1, nil)
			err := core.EachPage(t.Context(), ahead, func(ctx context.Context, cursor string) (int, string, error) {
				asked.Add(1)
				return read(ctx, cursor)
			}, func(n int) error {
				synctest.Wait() // until whoever reads has done so
				want := int64(n + 1)
				if ahead {
					want = min(want+1, 3)
				}
				if asked.Load() != want {
					t.Errorf("ahead=%v: %d pages were asked for while page %d was used, want %d", ahead, asked.Load(), n, want)
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
}

// A panic of a reader is its caller's, who may recover: it does not end the process.
func TestEachPagePanics(t *testing.T) {
	defer func() {
		if got := recover(); got != "lost" {
			t.Errorf("recovered %v", got)
		}
	}()
	err := core.EachPage(t.Context(), true, numbers(1, func() error { panic("lost") }), func(int) error { return nil })
	t.Errorf("it ended with %v", err)
}
