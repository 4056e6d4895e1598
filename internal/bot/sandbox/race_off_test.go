//go:build !race

package sandbox

// underRace is true in tests with the race detector, which slows the engine down some twentyfold.
const underRace = false
