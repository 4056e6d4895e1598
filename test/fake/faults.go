// Package fake is what the fake providers below it share: failing in every way that a real provider can, remembering
// exactly which messages were taken, and calling webhooks. A fake is a small real server that a test, a benchmark or a
// person runs in the place of a provider. It knows the provider's protocol from its documentation only, and shares no
// code with the adapters.
package fake

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Fault is one way to fail at a request. Besides those named here, an HTTP status such as "500" or "429" is a fault: it
// is answered in the provider's words, and the message is not taken.
type Fault string

// The faults.
const (
	None        Fault = ""
	Refuse      Fault = "refuse"       // the recipient is refused
	ResetBefore Fault = "reset-before" // the connection breaks before the request is read
	ResetAfter  Fault = "reset-after"  // the message is taken, then the connection breaks
	Hang        Fault = "hang"         // the message is taken, and no answer comes until the caller gives up
	Cut         Fault = "cut"          // the message is taken, and half of the answer is missing
	Garbage     Fault = "garbage"      // the message is taken, and the answer makes no sense
	Slow        Fault = "slow"         // the message is taken, and the answer takes Faults.Delay
)

var named = []Fault{Refuse, ResetBefore, ResetAfter, Hang, Cut, Garbage, Slow}

// Takes reports whether the provider takes the message before it fails.
func (f Fault) Takes() bool {
	switch f {
	case None, ResetAfter, Hang, Cut, Garbage, Slow:
		return true
	default:
		return false
	}
}

// ParseRates reads fault rates as a person writes them: "500=0.1,hang=0.01".
func ParseRates(text string) (map[Fault]float64, error) {
	rates := map[Fault]float64{}
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		rate, err := strconv.ParseFloat(value, 64)
		if err != nil || !(rate >= 0 && rate <= 1) {
			return nil, fmt.Errorf("%q: a rate is a number from 0 to 1", part)
		}
		if status, err := strconv.Atoi(name); !slices.Contains(named, Fault(name)) && (err != nil || status < 400 || status > 599) {
			return nil, fmt.Errorf("%q: faults are statuses from 400 to 599 and %v", part, named)
		}
		rates[Fault(name)] = rate
	}
	return rates, nil
}

// Faults decides how each request fails. The zero value lets all succeed. It is safe for concurrent use, but its fields
// must be set before.
type Faults struct {
	RetryAfter time.Duration // with 429 and 503, in whole seconds; 0 sends no Retry-After
	Delay      time.Duration // of Slow

	mu     sync.Mutex
	queue  []Fault
	rates  map[Fault]float64
	random *rand.Rand
}

// Next lets the next requests fail like this, one after the other; None lets one succeed.
func (f *Faults) Next(faults ...Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.queue = append(f.queue, faults...)
}

// Randomly lets requests fail at these rates from now on, drawn from seed. Faults of Next come first.
func (f *Faults) Randomly(seed uint64, rates map[Fault]float64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rates = maps.Clone(rates)
	f.random = rand.New(rand.NewPCG(seed, 0))
}

// draw decides about one request.
func (f *Faults) draw() Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.queue) > 0 {
		next := f.queue[0]
		f.queue = f.queue[1:]
		return next
	}
	if f.random == nil {
		return None
	}
	x := f.random.Float64()
	for _, fault := range slices.Sorted(maps.Keys(f.rates)) { // sorted, so that a seed means the same each time
		if x -= f.rates[fault]; x < 0 {
			return fault
		}
	}
	return None
}
