package e2e

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"indaba/internal/core"
)

// A new version answers from the moment that it is deployed, an old one from the moment of the rollback, and no message
// is lost or answered twice on the way.
func TestDeployAndRollbackUnderTraffic(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		versions := func(n int) string { return strings.Replace(echo, "you said", fmt.Sprintf("version %d heard", n), 1) }
		key := h.bot("changing", versions(1), nil)
		_, peer := h.custom(key, nil)

		quiet := make(chan struct{})
		var talking sync.WaitGroup
		said := make([]int, 6)
		for i := range said {
			talking.Go(func() {
				for n := 0; ; n++ {
					select {
					case <-quiet:
						return
					default:
					}
					say(t, peer, fmt.Sprint(i, "-", n), fmt.Sprint("p", i), fmt.Sprint(n))
					said[i] = n + 1
				}
			})
		}
		probe := func(n int) {
			t.Helper()
			id := fmt.Sprint("probe-", n, "-", len(peer.Accepted()))
			say(t, peer, id, id, "which?")
			if m := h.status(id, core.Sent); *m.Content != fmt.Sprintf("version %d heard which?", n) {
				t.Errorf("version %d was in force, and the answer was %q", n, *m.Content)
			}
		}
		probe(1)
		for n := 2; n <= 4; n++ {
			h.deploy(key, versions(n), nil)
			probe(n)
		}
		for _, n := range []int{1, 3} {
			if err := h.Bots.Use(t.Context(), h.account, key, int64(n)); err != nil {
				t.Fatal(err)
			}
			probe(n)
		}
		close(quiet)
		talking.Wait()

		total := 6 // the probes
		for _, n := range said {
			total += n
		}
		next := map[string]int{}
		for _, m := range taken(t, &peer.Desk, total) {
			if strings.HasPrefix(m.To, "probe") {
				continue
			}
			if _, heard, _ := strings.Cut(m.Text, " heard "); heard != fmt.Sprint(next[m.To]) {
				t.Fatalf("%s got %q, want the answer to %d", m.To, m.Text, next[m.To])
			}
			next[m.To]++
		}
		h.parked(0)
	})
}
