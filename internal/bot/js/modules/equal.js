// equal compares values as assert.deepEqual and assert.deepStrictEqual do.
const tagOf = (v) => Object.prototype.toString.call(v);

function equal(a, b, strict, seen = []) {
  if (strict ? Object.is(a, b) : (a == b || (a !== a && b !== b))) return true;
  if (a === null || b === null || typeof a !== 'object' || typeof b !== 'object') return false;
  if (strict && Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false;
  const tag = tagOf(a);
  if (tag !== tagOf(b) || Array.isArray(a) !== Array.isArray(b)) return false;
  for (const pair of seen) if (pair[0] === a && pair[1] === b) return true; // both go in circles the same way
  seen.push([a, b]);
  const same = equalInside(a, b, tag, strict, seen);
  seen.pop();
  return same;
}

function equalInside(a, b, tag, strict, seen) {
  switch (tag) {
    case '[object Date]': if (!Object.is(Date.prototype.getTime.call(a), Date.prototype.getTime.call(b))) return false; break;
    case '[object RegExp]': if (String(a) !== String(b) || a.lastIndex !== b.lastIndex) return false; break;
    case '[object Number]': case '[object String]': case '[object Boolean]':
      if (!Object.is(a.valueOf(), b.valueOf())) return false;
      break;
    case '[object Error]': if (a.message !== b.message || a.name !== b.name) return false; break;
    case '[object Map]': return equalMaps(a, b, strict, seen);
    case '[object Set]': return equalSets(a, b, strict, seen);
  }
  if (a instanceof Error && (a.message !== b.message || a.name !== b.name)) return false;
  if (Array.isArray(a) && a.length !== b.length) return false;
  return equalMembers(a, b, strict, seen);
}

function equalMembers(a, b, strict, seen) {
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length) return false;
  for (const key of keys) {
    if (!Object.prototype.propertyIsEnumerable.call(b, key)) return false;
    if (!equal(a[key], b[key], strict, seen)) return false;
  }
  if (!strict) return true;
  const enumerable = (o) => Object.getOwnPropertySymbols(o).filter((s) => Object.prototype.propertyIsEnumerable.call(o, s));
  const symbols = enumerable(a);
  return symbols.length === enumerable(b).length && symbols.every((s) => equal(a[s], b[s], strict, seen));
}

function equalMaps(a, b, strict, seen) {
  if (a.size !== b.size) return false;
  const others = [...b];
  for (const [key, value] of a) {
    const at = others.findIndex((o) => equal(key, o[0], strict, seen) && equal(value, o[1], strict, seen));
    if (at < 0) return false;
    others.splice(at, 1);
  }
  return true;
}

function equalSets(a, b, strict, seen) {
  if (a.size !== b.size) return false;
  const others = [...b];
  for (const value of a) {
    const at = others.findIndex((o) => equal(value, o, strict, seen));
    if (at < 0) return false;
    others.splice(at, 1);
  }
  return true;
}

exports.equal = equal;
