package cli

import (
	"encoding/json"
	"errors"
	"io"
	"strings"
)

// decodeStrictly reads one JSON value and refuses fields that do not exist: they are most likely misspelt.
func decodeStrictly(text string, into any) error {
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is text behind the end of the JSON")
	}
	return nil
}
