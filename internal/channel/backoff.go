package channel

import "time"

const (
	firstBackoff = time.Second
	maxBackoff   = 5 * time.Minute
)

// Backoff returns how long to wait after a failed attempt, counted from 1: a random part, rnd in [0, 1), of one second
// that doubles with each attempt up to five minutes (docs/spec/channels.md 0).
func Backoff(attempt int, rnd float64) time.Duration {
	limit := maxBackoff
	if doublings := max(attempt, 1) - 1; doublings < 9 { // 2⁹ s is past the limit, and far larger ones overflow
		limit = min(firstBackoff<<doublings, maxBackoff)
	}
	return time.Duration(rnd * float64(limit))
}
