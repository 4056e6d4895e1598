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

func parseAmount[T ~int](text []byte, least int) (T, error) {
	n, err := strconv.Atoi(string(text))
	if err != nil || n < least {
		return 0, fmt.Errorf("%q is no number from %d on", text, least)
	}
	return T(n), nil
}
