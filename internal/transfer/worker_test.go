package transfer_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"indaba/internal/contact"
	"indaba/internal/db"
	"indaba/internal/db/dbtest"
	"indaba/internal/transfer"
)

// An import that is discarded while the server works on it ends there, without alarm, and makes way for the next.
func TestDiscardWhileItRuns(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		var log bytes.Buffer
		contacts := contact.New(d, time.Now, contact.Options{})
		h := &house{t, d, contacts, transfer.New(d, contacts, ledger{}, time.Now, transfer.Options{Batch: 1, Dir: t.TempDir() + "/imports",
			Log: slog.New(slog.NewTextHandler(&log, nil))})}
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- h.Run(ctx) }()
		upload := func(file string) string {
			im, err := h.Upload(t.Context(), "a", transfer.Spec{Mode: transfer.AlwaysNew}, strings.NewReader(file))
			if err != nil {
				t.Fatal(err)
			}
			return im.Key
		}
		until := func(key string, is func(*transfer.Import) bool) {
			for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(time.Millisecond) {
				im, err := h.Get(t.Context(), "a", key)
				if err != nil || time.Now().After(deadline) {
					t.Fatalf("%+v %v", im, err)
				}
				if is(im) {
					return
				}
			}
		}
		first := upload(many(5000))
		until(first, func(im *transfer.Import) bool { return im.Position > 0 })
		if err := h.Discard(t.Context(), "a", first); err != nil {
			t.Fatal(err)
		}
		until(upload(many(1)), func(im *transfer.Import) bool { return im.State == transfer.Done }) // one import of an account at a time
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if log.Len() > 0 {
			t.Errorf("logged:\n%s", log.String())
		}
	})
}
