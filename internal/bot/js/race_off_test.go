//go:build !race

package js

// underRace is true in tests with the race detector, which slows the engine down some twentyfold.
const underRace = false
