package cli

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// given is the value of a flag that says what a command is about. An empty one is refused: mostly it is a variable of a
// script that was never set, and without the flag the command is about everything.
type given string

// UnmarshalText takes what stands behind the flag.
func (g *given) UnmarshalText(text []byte) error {
	*g = given(text)
	if strings.TrimSpace(string(text)) == "" {
		return errors.New("it is empty: give it a value, or leave the flag away")
	}
	return nil
}

// amount is how many things a list shows: one at least.
type amount int

// UnmarshalText takes what stands behind the flag.
func (a *amount) UnmarshalText(text []byte) (err error) {
	*a, err = parseAmount[amount](text, 1)
	return err
}

// amountOrAll is how many things a list shows; 0 for all.
type amountOrAll int

// UnmarshalText takes what stands behind the flag.
func (a *amountOrAll) UnmarshalText(text []byte) (err error) {
	*a, err = parseAmount[amountOrAll](text, 0)
	return err
}

// pageByPage reads as many things as are wanted, page by page: each call of read returns at most size of those that follow last,
// which is nil at the beginning.
func pageByPage[T any](wanted amountOrAll, most int, read func(last *T, size int) ([]T, error)) (all []T, err error) {
	var last *T
	for {
		size := most
		if wanted > 0 {
			size = min(size, int(wanted)-len(all))
		}
		page, err := read(last, size)
		all = append(all, page...)
		if err != nil || len(page) < size || len(all) == int(wanted) {
			return all, err
		}
		last = &all[len(all)-1]
	}
}

func parseAmount[T ~int](text []byte, least int) (T, error) {
	n, err := strconv.Atoi(string(text))
	if err != nil || n < least {
		return 0, fmt.Errorf("%q is no number from %d on", text, least)
	}
	return T(n), nil
}
