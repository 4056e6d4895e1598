package bundle

import (
	"os"
	"testing"

	"indaba/internal/bot/js"
)

// TestMain lets the test binary be a JavaScript machine, as cmd/indaba does: bundles with an app_context are tried in one.
func TestMain(m *testing.M) {
	js.ServeChild()
	os.Exit(m.Run())
}
