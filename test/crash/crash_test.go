// Package crash kills the real program (kill -9) at random moments while people talk to a bot through it, starts it again
// on the same data, and then compares what the people know, what the providers know and what the server says
// (docs/guide/operations.md). It is a test and nothing else.
package crash

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	_ "indaba/internal/cli" // so that a change of the program makes a cached result of this test stale
	"indaba/internal/db/dbtest"
	"indaba/test/process"
)

// shortRun is how long people talk when nobody asks for more.
const shortRun = 10 * time.Second

var program string // the built binary

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "indaba-crash-")
	if err == nil {
		defer func() { _ = os.RemoveAll(dir) }() // a leftover does no harm
		program, err = process.Build(context.Background(), dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// Nothing acknowledged is lost, nothing is sent by half, nothing is sent twice in silence, no status lies.
func TestKilledServerKeepsItsPromises(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	each(t, shortRun)
}

func TestSoakKilledServerKeepsItsPromises(t *testing.T) {
	text := os.Getenv("INDABA_TEST_SOAK")
	if text == "" {
		t.Skip("set INDABA_TEST_SOAK to the time that it may take, such as 10m")
	}
	length, err := time.ParseDuration(text)
	if err != nil {
		t.Fatalf("INDABA_TEST_SOAK: %v", err)
	}
	each(t, length/2)
}

func each(t *testing.T, length time.Duration) {
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("INDABA_TEST_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("INDABA_TEST_SEED: %v", err)
		}
	}
	t.Logf("INDABA_TEST_SEED=%d", seed)
	t.Run("sqlite", func(t *testing.T) { trial(t, "", seed, length) })
	t.Run("postgres", func(t *testing.T) { trial(t, dbtest.PostgresURL(t), seed, length) })
}

// trial lets people talk for some time to a server that is killed again and again, and checks the outcome.
func trial(t *testing.T, database string, seed uint64, length time.Duration) {
	w := newWorld(t, database, seed)
	begun := time.Now()
	w.start()
	crowd := w.talk()
	w.killAgainAndAgain(length)
	crowd.stop()
	w.drain(2 * time.Minute)
	w.stop()
	v := w.examine()
	t.Logf("%s, %v in all\n%s", w.summary(), time.Since(begun).Round(time.Millisecond), v.summary())
	v.report(t)
}

// dice is a source of randomness for one goroutine.
func dice(seed uint64, stream int) *rand.Rand { return rand.New(rand.NewPCG(seed, uint64(stream))) }

func chance(r *rand.Rand, p float64) bool { return r.Float64() < p }

func between(r *rand.Rand, from, to time.Duration) time.Duration {
	return from + time.Duration(r.Int64N(int64(to-from)))
}
