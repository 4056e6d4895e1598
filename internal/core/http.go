package core

import (
	"net/http"
	"strings"
)

var httpStatuses = [...]int{
	Internal:        http.StatusInternalServerError,
	Invalid:         http.StatusBadRequest,
	NotFound:        http.StatusNotFound,
	Conflict:        http.StatusConflict,
	Unauthenticated: http.StatusUnauthorized,
	Forbidden:       http.StatusForbidden,
	TooLarge:        http.StatusRequestEntityTooLarge,
	Limited:         http.StatusTooManyRequests,
	Unavailable:     http.StatusServiceUnavailable,
	Timeout:         http.StatusGatewayTimeout,
}

// HTTPStatus returns the status that an error of the kind usually has over HTTP.
func (k Kind) HTTPStatus() int {
	if int(k) < len(httpStatuses) {
		return httpStatuses[k]
	}
	return http.StatusInternalServerError
}

// Forwarded returns the last part of a header that proxies add to, such as X-Forwarded-For, in a line of its own or behind a
// comma: it was written by the proxy before us, what stands before it by whomever. It is empty without such a header.
func Forwarded(h http.Header, name string) string {
	lines := h.Values(name)
	if len(lines) == 0 {
		return ""
	}
	last := lines[len(lines)-1]
	return strings.TrimSpace(last[strings.LastIndexByte(last, ',')+1:])
}
