// Package metric keeps numbers over time: what bots and integrations fire, read back in buckets
// (docs/spec/vumi-http.md 6, docs/spec/vumi-sandbox.md 9.6). Values of one second are kept as one slot of count, sum,
// least, greatest and last value, which answers every aggregator exactly; old slots are folded into minutes and then
// hours, so that a year of a busy account stays small.
//
// It is not the server's own telemetry, and it knows neither the time grammar nor the error texts of the wire.
package metric

import (
	"math"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"indaba/internal/core"
)

// Limits.
const (
	MaxNameBytes = 512
	MaxSeries    = 10_000    // different names in one account
	MaxBuckets   = 1_000_000 // in one answer
	MaxValue     = 1e100     // its sums stay within the range of numbers
)

// Aggregators returns the ways to make one value out of those of a bucket. The last part of a series' name is one.
func Aggregators() []string { return []string{"avg", "sum", "max", "min", "last"} }

// IsAggregator reports whether word is one of [Aggregators].
func IsAggregator(word string) bool { return slices.Contains(Aggregators(), word) }

// Aggregator returns the last part of a series' name. When that is no aggregator, it is core.Invalid with the text of
// docs/spec/vumi-http.md 6.2.
func Aggregator(name string) (string, error) {
	word := name[strings.LastIndexByte(name, '.')+1:]
	if !IsAggregator(word) {
		return "", core.Errorf(core.Invalid, "Aggregator '%s' is not a valid aggregator", word)
	}
	return word, nil
}

var plainName = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9._-]{0,100}$`)

// IsPlainName reports whether a bot may give a store or a metric this name (docs/spec/vumi-sandbox.md 9.6). Integrations
// may use any name.
func IsPlainName(name string) bool { return plainName.MatchString(name) }

// StoreName returns the name of the series for a metric in a store of the account.
func StoreName(store, metric, aggregator string) string {
	return "stores." + store + "." + metric + "." + aggregator
}

// Point is one value that was measured.
type Point struct {
	Name  string    // in full: stores.default.foo.last
	Value float64   // from -MaxValue to MaxValue
	At    time.Time // counts in whole seconds; zero means now
}

// check refuses what cannot be stored or read back.
func (p Point) check() error {
	switch {
	case len(p.Name) > MaxNameBytes:
		return core.Errorf(core.Invalid, "the name of the metric has %d bytes, at most %d are allowed",
			len(p.Name), MaxNameBytes)
	case !utf8.ValidString(p.Name) || strings.ContainsRune(p.Name, 0):
		return core.Errorf(core.Invalid, "the name of the metric is not valid UTF-8 text, or holds a NUL character")
	case !(math.Abs(p.Value) <= MaxValue): // also when it is no number
		return core.Errorf(core.Invalid, "the value of metric %s is not a number from -1e100 to 1e100", p.Name)
	}
	_, err := Aggregator(p.Name)
	return err
}

// slot is what is kept of the values in a stretch of time.
type slot struct {
	at                  int64 // seconds since 1970, the start
	count               int64
	sum, min, max, last float64
}

// single is the slot of one value.
func single(at int64, value float64) slot { return slot{at, 1, value, value, value, value} }

// add takes in the values of a later slot.
func (s *slot) add(later slot) {
	if s.count == 0 {
		later.at = s.at
		*s = later
		return
	}
	s.count += later.count
	s.sum += later.sum
	s.min = min(s.min, later.min)
	s.max = max(s.max, later.max)
	s.last = later.last
}

// value returns what the aggregator makes of a slot that holds values.
func (s *slot) value(aggregator string) float64 {
	switch aggregator {
	case "avg":
		return s.sum / float64(s.count)
	case "sum":
		return s.sum
	case "min":
		return s.min
	case "max":
		return s.max
	}
	return s.last
}
