package api

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"indaba/internal/core"
)

// Body reads the whole body. One that is larger than the face allows is [core.TooLarge]; one that ends before it is
// whole, or comes too slowly, is [core.Invalid].
func (r *Request) Body() ([]byte, error) {
	tooLarge := core.Errorf(core.TooLarge, "the body has more than %d bytes", r.max)
	if r.ContentLength > r.max {
		return nil, tooLarge // before a client that asks is told to send it
	}
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Request.Body, r.max))
	if err == nil {
		return body, nil
	}
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return nil, tooLarge
	}
	return nil, &core.Error{Kind: core.Invalid, Message: "the body did not arrive whole", Cause: err}
}

// drain reads what is left of the body, within the limit: some clients do not look at an answer before they have sent
// all of theirs. One that asks before it sends is not told to go on.
func (r *Request) drain() {
	if strings.EqualFold(r.Header.Get("Expect"), "100-continue") {
		return
	}
	_, _ = io.CopyN(io.Discard, r.Request.Body, r.max) // whatever goes wrong ends the connection
}

// Parse decodes JSON and refuses, as [core.Invalid] with the parser's own words, what is not JSON in UTF-8.
func Parse(body []byte, into any) error {
	if !utf8.Valid(body) {
		return core.Errorf(core.Invalid, "the text is not UTF-8")
	}
	if err := json.Unmarshal(body, into); err != nil {
		return core.Errorf(core.Invalid, "%s", err)
	}
	return nil
}

// Object returns the members of a JSON object, with null apart from absent; ok is false when the value is none.
func Object(value json.RawMessage) (members map[string]json.RawMessage, ok bool) {
	if json.Unmarshal(value, &members) != nil || members == nil {
		return nil, false
	}
	return members, true
}

// Query returns the parameters after the question mark. A query that is not well escaped is [core.Invalid].
func (r *Request) Query() (url.Values, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, core.Errorf(core.Invalid, "the query is not well escaped: %s", err)
	}
	return values, nil
}

// WriteJSON answers with a value as JSON.
func WriteJSON(w http.ResponseWriter, status int, contentType string, value any) error {
	text, err := encode(value)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	_, _ = w.Write(append(text, '\n')) // a client that went away needs no answer
	return nil
}
