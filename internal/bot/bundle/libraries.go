package bundle

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// Of what an app on the toolkit does beside q, a sixth is _.defaults of lodash, which every event of the toolkit calls, and a
// good part of the rest is how the toolkit's classes call their constructors. Known releases of both get these few functions
// replaced, like the heart of q (docs/decisions/0021-fewer-steps-in-a-turn.md).

// originalLibraries is the value of the setting libraries that keeps lodash, the toolkit and q as they are published.
const originalLibraries = "original"

// An edit puts text in the place of lines of a file, first and last included, which count from 1.
type edit struct {
	first, last int
	text        string
}

// The same steps as lodash's, without an object for the arguments, a copy of it and seven calls on the way. The zero keeps
// the function without a name, as it is published.
const (
	lodashDefaults = `    var defaults = (0, function(...given) {
      var object = given[0], length = given.length, index = 0;
      if (object === null || typeof object != 'object') object = Object(object);
      if (length > 3 && given[3] && isIterateeCall(given[1], given[2], given[3])) length = 2;
      while (++index < length) {
        var source = given[index], props = keysIn(source), count = props.length;
        for (var at = 0; at < count; at++) {
          var key = props[at], value = object[key], base;
          if (value === undefined || ((value === (base = objectProto[key]) || (value !== value && base !== base)) &&
              !hasOwnProperty.call(object, key))) {
            object[key] = source[key];
          }
        }
      }
      return object;
    });
    function objectKeysIn(object, length) {
      if (typeof length == 'number' && length > -1 && length % 1 == 0 && length <= MAX_SAFE_INTEGER && !isFunction(object)) {
        return arrayLikeKeys(object, true);
      }
      var Ctor = object.constructor, keys = [], count = 0;
      var isProto = object === ((typeof Ctor == 'function' && Ctor.prototype) || objectProto);
      for (var key in object) {
        if (key != 'constructor' || (!isProto && hasOwnProperty.call(object, key))) keys[count++] = key;
      }
      return keys;
    }`
	lodashKeysIn = `    function keysIn(object) {
      if (object !== null && typeof object == 'object') return objectKeysIn(object, object.length);
      return isArrayLike(object) ? arrayLikeKeys(object, true) : baseKeysIn(object); }`
)

const lodashAssignValue = `    function assignValue(object, key, value) {
      var old = object[key];
      if (!(hasOwnProperty.call(object, key) && (old === value || (old !== old && value !== value))) ||
          (value === undefined && !(key in object))) {
        if (key == '__proto__') baseAssignValue(object, key, value); else object[key] = value;
      }
    }`

// The toolkit's constructors take their arguments as an array from the start, and events that nobody listens to are not
// mapped.
const (
	toolkitSurrogate = `    var Surrogate = function(...given) {
        if (!Child) return Parent.apply(this, given);
        switch (given.length) {
        case 0: return Child.call(this, this);
        case 1: return Child.call(this, this, given[0]);
        case 2: return Child.call(this, this, given[0], given[1]);
        }
        given.unshift(this);
        return Child.apply(this, given); };`
	toolkitEmit = `        var listeners = self.rawListeners(event.name);
        if (listeners && listeners.length === 0) return Q.all([]);
        return Q.all(listeners.map(function(listener) { return Q(listener.bind(self)).fcall(event); }));`
)

// libraryReleases are the known files, by the SHA-256 of their text.
var libraryReleases = map[string][]edit{
	// lodash 4.17.21, lodash.js
	"4c04561befdf653aef017a42ac5addf68ea943cdfca6bdee5ce04e04e8139f54": {
		{2513, 2519, lodashAssignValue},
		{12854, 12883, lodashDefaults},
		{13401, 13403, lodashKeysIn},
	},
	// vumigo_v02 0.3.2, lib/utils.js and lib/events.js
	"613657cddb58e1cb218c6e8aa5840b86ee6fe67b55dd6383ee3b1212c849d4d2": {{370, 378, toolkitSurrogate}},
	"26d7572603f84ab3a35a0fb4c795c8a04f2fc14402d356311f1200c19dd4cdd7": {{135, 137, toolkitEmit}},
}

// withFasterParts returns the text of a file with its edits; known is false, and the text what it was, for a file that is
// none of the known ones.
func withFasterParts(source string) (text string, known bool) {
	sum := sha256.Sum256([]byte(source))
	hash := hex.EncodeToString(sum[:])
	edits, known := promiseReleases[hash]
	if !known {
		edits, known = libraryReleases[hash]
	}
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
			b.WriteString(strings.Repeat("\n", count-strings.Count(e.text, "\n")))
		}
		next = e.last
	}
	b.WriteString(strings.Join(lines[next:], ""))
	return b.String(), true
}
