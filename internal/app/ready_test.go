package app_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"indaba/internal/app"
	"indaba/internal/db"
	"indaba/internal/db/dbtest"
)

// /readyz answers 200 while the database takes writes, and only then; it does not hang with the database.
func TestReadyFollowsTheWriter(t *testing.T) {
	dbtest.EachURL(t, func(t *testing.T, url string) {
		c := settings(t, url)
		a, _ := start(t, c)
		if status, body := ready(t, a); status != 200 || body != "OK" {
			t.Errorf("%d %s", status, body)
		}
		other, err := app.OpenDatabase(t.Context(), c, db.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = other.Close() }() // it was opened to be in the way
		release := dbtest.Hold(t, other)
		waitFor(t, "it takes no writes", func() bool { // what was known before holds for a second
			status, body := ready(t, a)
			return status == 503 && body == "the database takes no writes"
		})
		release()
		waitFor(t, "it takes writes", func() bool { status, _ := ready(t, a); return status == 200 })
	})
}

func ready(t *testing.T, a *app.App) (int, string) {
	t.Helper()
	answer, err := http.Get(a.URL() + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }() // it was read to its end
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, strings.TrimSpace(string(text))
}
