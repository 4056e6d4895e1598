package bundle

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"strings"
)

// Where an app on the toolkit spends its time is q, its promise library: more than half of a turn. A file that is, byte for
// byte, one of the releases below gets its heart replaced by promises/core.js; all else in it stays, on its own lines
// (docs/decisions/0012-faster-promises.md).

// originalPromises is the value of the setting promises that keeps q as it is published.
const originalPromises = "original"

//go:embed promises/core.js
var promiseCore string

// An edit puts text in the place of lines of a file, first and last included, which count from 1.
type edit struct {
	first, last int
	text        string
}

// coreOf1 and coreOf09 tell the core what it cannot see in the file: whether the library runs its own tasks by Q.nextTick,
// which an app may replace.
const (
	coreOf1  = "var ownTicksArePublic = true; nextTick.runAfter = runAfter;"
	coreOf09 = "var ownTicksArePublic = false, longStackCounter = 1;"
	// In 0.9 valueOf warns, without names for a promise that was made settled.
	valueOf09 = `prototype.valueOf = function () {
    var promise = this, names = isSettled(promise) ? [] : ["valueOf", "inspect"];
    return deprecate(function () { return valueOf.call(promise); }, names[0], names[1])();
};
`
)

// promiseReleases are the known files, by the SHA-256 of their text.
var promiseReleases = map[string][]edit{
	// q 1.5.1: what vumigo_v02 0.3 requires.
	"de9d26adcc6e6b63bfd755c17a8600fc53576d705f27a515dd5e6975ab4f57ad": {
		{101, 248, coreOf1},
		{549, 668, ""}, // defer
		{846, 915, "Promise.prototype.then = then;"},
		{1135, 1154, ""}, // reject
		{1161, 1193, ""}, // fulfill
		{1407, 1414, "Promise.prototype.dispatch = dispatchOperation;"},
		{1581, 1614, ""}, // all
		{2071, 2070, promiseCore},
	},
	// q 0.9.7: what vumigo_v02 0.2, vumigo_v01 and the go-jsbox packages require.
	"d90ab2f1205a280c180e506e4205bcea2284c70de674d9894151ec0bae9b8e5c": {
		{85, 206, coreOf09},
		{505, 618, ""}, // defer
		{790, 859, "Promise.prototype.then = then;"},
		{1072, 1091, ""}, // reject
		{1098, 1131, ""}, // fulfill
		{1333, 1340, "Promise.prototype.dispatch = dispatchOperation;"},
		{1507, 1540, ""}, // all
		{1932, 1931, promiseCore + valueOf09},
	},
}

// withPromiseCore returns the text of a file with the faster promises; known is false, and the text what it was, for a file
// that is none of the known releases.
func withPromiseCore(source string) (text string, known bool) {
	sum := sha256.Sum256([]byte(source))
	edits, known := promiseReleases[hex.EncodeToString(sum[:])]
	if !known {
		return source, false
	}
	lines := strings.SplitAfter(source, "\n")
	var b strings.Builder
	next := 0 // the first line, from 0, that is not in b yet
	for _, e := range edits {
		b.WriteString(strings.Join(lines[next:e.first-1], ""))
		b.WriteString(e.text)
		if count := e.last - e.first + 1; count > 0 { // places in stack traces stay those of the original
			b.WriteString(strings.Repeat("\n", count))
		}
		next = e.last
	}
	b.WriteString(strings.Join(lines[next:], ""))
	return b.String(), true
}
