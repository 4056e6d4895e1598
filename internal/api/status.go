package api

import (
	"errors"
	"net/http"

	"indaba/internal/core"
)

// StatusOf returns the status that an error usually has over HTTP. A face with other customs asks it for the rest.
func StatusOf(err error) int {
	if _, ok := errors.AsType[*NoMethod](err); ok {
		return http.StatusMethodNotAllowed
	}
	switch core.KindOf(err) {
	case core.Invalid:
		return http.StatusBadRequest
	case core.NotFound:
		return http.StatusNotFound
	case core.Conflict:
		return http.StatusConflict
	case core.Unauthenticated:
		return http.StatusUnauthorized
	case core.Forbidden:
		return http.StatusForbidden
	case core.TooLarge:
		return http.StatusRequestEntityTooLarge
	case core.Limited:
		return http.StatusTooManyRequests
	case core.Unavailable:
		return http.StatusServiceUnavailable
	case core.Timeout:
		return http.StatusGatewayTimeout
	}
	return http.StatusInternalServerError
}
