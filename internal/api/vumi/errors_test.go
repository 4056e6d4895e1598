package vumi

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"indaba/internal/api"
	"indaba/internal/core"
)

// What fails unexpectedly has the text of its request; a part that is known to be down is told as that, and that another
// try is worth while (docs/spec/vumi-http.md 2).
func TestFailuresAndOutages(t *testing.T) {
	for _, c := range []struct {
		err   error
		body  string
		again bool
	}{
		{errors.New("a secret"), `{"status_code":500,"reason":"Failed to create object."}`, false},
		{core.Errorf(core.Unavailable, "the database could not commit"), `{"status_code":503,"reason":"the database could not commit"}`, true},
		{core.Errorf(core.Invalid, "no"), `{"status_code":400,"reason":"no"}`, false},
	} {
		handle := failing("Failed to create object.", func(http.ResponseWriter, *api.Request) error { return c.err })
		w := httptest.NewRecorder()
		writeError(w, []string{"contacts"}, handle(w, &api.Request{Request: httptest.NewRequestWithContext(t.Context(), "POST", "/", nil)}))
		if body := strings.TrimSpace(w.Body.String()); body != c.body || (w.Header().Get("Retry-After") != "") != c.again {
			t.Errorf("%v: %d %s %v", c.err, w.Code, body, w.Header())
		}
	}
}
