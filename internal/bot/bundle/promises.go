package bundle

import (
	_ "embed"
	"strings"
)

// Where an app on the toolkit spends its time is q, its promise library: more than half of a turn. A file that is, byte for
// byte, one of the releases below gets its heart replaced by promises/core.js; all else in it stays, on its own lines
// (docs/decisions/0012-faster-promises.md).

//go:embed promises/core.js
var promiseCore string

// coreOf1 and coreOf09 tell the core what it cannot see in the file: whether the library runs its own tasks by Q.nextTick,
// which an app may replace.
const (
	coreOf1  = "var ownTicksArePublic = true; nextTick.runAfter = runAfter;"
	coreOf09 = "var ownTicksArePublic = false, longStackCounter = 1;"
	// What q asks about nearly every value is asked without a call, and without an object made for each value that is none.
	isObject       = `function isObject(value) { return value !== null && (typeof value === "object" || typeof value === "function"); }`
	isPromiseAlike = `function isPromiseAlike(object) {
    return object !== null && (typeof object === "object" || typeof object === "function") && typeof object.then === "function";
}`
	q = `function Q(value) {
    if (value !== null && (typeof value === "object" || typeof value === "function")) {
        if (isPromise(value)) return value;
        if (typeof value.then === "function") return coerce(value);
    }
    return { __proto__: prototype, [CELL]: [IS, value] };
}`
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
		{349, 351, isObject},
		{497, 511, asInstance(q)},
		{549, 668, ""}, // defer
		{846, 915, "Promise.prototype.then = then;"},
		{1010, 1012, isPromiseAlike},
		{1135, 1154, ""}, // reject
		{1161, 1193, ""}, // fulfill
		{1407, 1414, "Promise.prototype.dispatch = dispatchOperation;"},
		{1581, 1614, ""}, // all
		{2071, 2070, asInstance(promiseCore)},
	},
	// q 0.9.7: what vumigo_v02 0.2, vumigo_v01 and the go-jsbox packages require.
	"d90ab2f1205a280c180e506e4205bcea2284c70de674d9894151ec0bae9b8e5c": {
		{85, 206, coreOf09},
		{303, 305, isObject},
		{466, 480, q},
		{505, 618, ""}, // defer
		{790, 859, "Promise.prototype.then = then;"},
		{932, 934, isPromiseAlike},
		{1072, 1091, ""}, // reject
		{1098, 1131, ""}, // fulfill
		{1333, 1340, "Promise.prototype.dispatch = dispatchOperation;"},
		{1507, 1540, ""}, // all
		{1932, 1931, promiseCore + valueOf09},
	},
}

// asInstance writes out what isPromise does in q 1, where it is asked about nearly every value.
func asInstance(text string) string {
	return strings.ReplaceAll(text, "isPromise(value)", "value instanceof Promise")
}
