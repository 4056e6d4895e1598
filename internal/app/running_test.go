package app_test

import (
	"os"
	"path/filepath"
	"testing"

	"indaba/internal/app"
	"indaba/internal/core"
	"indaba/internal/db/dbtest"
)

// What a server that was killed has left behind is not taken for one that runs: somebody else may listen on its port.
func TestReadRunning(t *testing.T) {
	dbtest.EachURL(t, func(t *testing.T, url string) {
		c := settings(t, url)
		a, stop := start(t, c)
		running, err := app.ReadRunning(c.Data)
		if err != nil || running.URL != a.URL() || running.PID != os.Getpid() {
			t.Errorf("while it runs: %+v, %v", running, err)
		}
		path := filepath.Join(c.Data, "run.json")
		left, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		stop()
		for _, text := range []string{"", string(left)} {
			if text != "" {
				if err := os.WriteFile(path, left, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if running, err := app.ReadRunning(c.Data); core.KindOf(err) != core.NotFound {
				t.Errorf("with %q left behind: %+v, %v", text, running, err)
			}
		}
	})
}
