package admin

import (
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"

	"indaba/internal/api"
	"indaba/internal/core"
)

const jsonType = "application/json"

// problem is the body of every answer that is an error (docs/spec/admin.md 1).
type problem struct {
	Kind    string `json:"kind"`
	Message string `json:"message"`
}

// writeError answers a request that failed.
func writeError(w http.ResponseWriter, _ []string, err error) {
	status, p := api.StatusOf(err), problem{strings.ReplaceAll(core.KindOf(err).String(), " ", "_"), core.SafeMessage(err)}
	if noMethod, ok := errors.AsType[*api.NoMethod](err); ok {
		w.Header().Set("Allow", strings.Join(noMethod.Allow, ", "))
		p = problem{"no_method", noMethod.Error()}
	}
	switch status {
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", "Bearer")
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", strconv.Itoa(retryAfter(err)))
	}
	_ = api.WriteJSON(w, status, jsonType, map[string]problem{"error": p}) // two texts that always encode
}

// retryAfter returns in how many seconds to try again: what is under way usually ends within one.
func retryAfter(err error) int {
	return max(1, int(math.Ceil(core.WaitOf(err).Seconds())))
}
