//go:build !linux

package js

import (
	"runtime"
	"time"
)

// A meter tells how much time the processors have had since it was started: here it does not tell who used them.
type meter struct{ began time.Time }

func startMeter(int) meter { return meter{time.Now()} }

func (m meter) spent() time.Duration {
	return time.Since(m.began) * time.Duration(runtime.GOMAXPROCS(0))
}
