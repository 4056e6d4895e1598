package sandbox

import (
	"context"
	"net/http"
	"strings"

	"indaba/internal/egress"
)

// fetchMethods are what a script may fetch with.
var fetchMethods = map[string]bool{
	http.MethodGet: true, http.MethodHead: true, http.MethodPost: true, http.MethodPut: true, http.MethodPatch: true,
	http.MethodDelete: true, http.MethodOptions: true,
}

// fetch answers the command of the engine's global function fetch, under the rules of http.get and its like. Redirects
// are followed for every method, as browsers do.
func (h *host) fetch(ctx context.Context, a args) (fields, error) {
	url, _ := a.text("url")
	method, _ := a.text("method")
	if !fetchMethods[method] {
		return nil, fail("there is no method %q", method)
	}
	headers, err := headersOf(a)
	if err != nil {
		return nil, err
	}
	body, _ := a.text("body")
	answer, err := h.call(ctx, egress.Request{
		Method: method, URL: url, Header: headers, Body: []byte(body), Follow: true, Only: h.runner.only,
	})
	if err != nil {
		return nil, err
	}
	got := map[string]string{}
	for name, values := range answer.Header {
		got[strings.ToLower(name)] = strings.Join(values, ", ")
	}
	return fields{
		"status": answer.Status, "statusText": answer.StatusText, "headers": got,
		"body": strings.ToValidUTF8(string(answer.Body), "\ufffd"), "url": answer.URL,
	}, nil
}
