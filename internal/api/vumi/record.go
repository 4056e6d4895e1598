package vumi

import (
	"encoding/json"
	"net/http"
	"strings"

	"indaba/internal/api"
	"indaba/internal/core"
)

// The content types of answers (docs/spec/vumi-http.md 1).
const (
	jsonUTF8  = "application/json; charset=utf-8"
	jsonPlain = "application/json"
)

// body returns the request's body, which must be JSON.
func body(r *api.Request) (json.RawMessage, error) {
	text, err := r.Body()
	if err != nil {
		return nil, err
	}
	var value json.RawMessage
	if err := api.Parse(text, &value); err != nil {
		return nil, invalid("Invalid JSON: %s", core.SafeMessage(err))
	}
	return value, nil
}

// record returns the fields that a request sets. Names that are no fields are refused before anything else is looked at.
func record(r *api.Request, kind string, unknown func(map[string]json.RawMessage) []string) (
	map[string]json.RawMessage, error) {
	value, err := body(r)
	if err != nil {
		return nil, err
	}
	fields, ok := api.Object(value)
	if !ok {
		return nil, invalid("Invalid %s data: the body should be an object of fields and their values", kind)
	}
	if names := unknown(fields); len(names) > 0 {
		return nil, invalid("Invalid %s fields: %s", kind, strings.Join(names, ", "))
	}
	return fields, nil
}

// writeRecord answers with a value, or hands on the error that there is instead.
func writeRecord[T any](w http.ResponseWriter, value T, err error) error {
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, jsonUTF8, value)
}
