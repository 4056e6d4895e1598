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
	return core.KindOf(err).HTTPStatus()
}
