// assert: Node's assertions, with messages that a test report can show.
const { inspect, format } = require('util');
const { equal } = require('equal');

class AssertionError extends Error {
  constructor(options) {
    super(options.message != null ? options.message : describe(options));
    this.name = 'AssertionError';
    this.code = 'ERR_ASSERTION';
    this.generatedMessage = options.message == null; // Node takes null for absent
    this.actual = options.actual;
    this.expected = options.expected;
    this.operator = options.operator;
    if (Error.captureStackTrace && options.stackStartFn) Error.captureStackTrace(this, options.stackStartFn);
  }
  toString() { return this.name + ' [' + this.code + ']: ' + this.message; }
}

const headings = {
  deepStrictEqual: 'Expected values to be strictly deep-equal:', deepEqual: 'Expected values to be loosely deep-equal:',
  notDeepStrictEqual: 'Expected "actual" not to be strictly deep-equal to:',
  notDeepEqual: 'Expected "actual" not to be loosely deep-equal to:',
  strictEqual: 'Expected values to be strictly equal:', notStrictEqual: 'Expected "actual" to be strictly unequal to:',
};

function show(value) { return inspect(value, { depth: 20 }); }

function describe(o) {
  const actual = show(o.actual), expected = show(o.expected);
  if (o.operator === '==' || o.operator === '!=') return actual + ' ' + o.operator + ' ' + expected;
  const heading = headings[o.operator];
  if (heading === undefined) return 'Failed';
  if (o.operator.startsWith('not')) return heading + '\n\n' + expected;
  if (o.operator === 'strictEqual' && !actual.includes('\n') && !expected.includes('\n')) {
    return heading + '\n\n' + actual + ' !== ' + expected + '\n';
  }
  return heading + '\n+ actual - expected\n\n' + difference(actual.split('\n'), expected.split('\n'));
}

// difference shows the lines that one side has and the other lacks, after the lines that both begin with.
function difference(actual, expected) {
  let head = 0, tail = 0;
  while (head < actual.length && head < expected.length && actual[head] === expected[head]) head++;
  while (tail < actual.length - head && tail < expected.length - head &&
    actual[actual.length - 1 - tail] === expected[expected.length - 1 - tail]) tail++;
  const lines = actual.slice(0, head).map((l) => '  ' + l);
  for (const l of actual.slice(head, actual.length - tail)) lines.push('+ ' + l);
  for (const l of expected.slice(head, expected.length - tail)) lines.push('- ' + l);
  return lines.concat(actual.slice(actual.length - tail).map((l) => '  ' + l)).join('\n');
}

function fail(actual, expected, message, operator) {
  if (message instanceof Error) throw message;
  throw new AssertionError({ message, actual, expected, operator });
}

function ok(value, message) {
  if (value) return;
  if (arguments.length === 0) message = 'No value argument passed to `assert.ok()`';
  if (message == null) message = 'The expression evaluated to a falsy value: ' + show(value);
  fail(value, true, message, '==');
}

function assert(...args) { ok(...args); }
module.exports = assert;
assert.ok = ok;
assert.AssertionError = AssertionError;

assert.fail = function (actual, expected, message, operator) {
  if (arguments.length < 2) fail(undefined, undefined, actual === undefined ? 'Failed' : actual, 'fail');
  fail(actual, expected, message == null ? show(actual) + ' ' + (operator || '!=') + ' ' + show(expected) : message, operator || 'fail');
};

function comparison(name, operator, holds) {
  assert[name] = function (actual, expected, message) {
    if (!holds(actual, expected)) fail(actual, expected, message, operator);
  };
  Object.defineProperty(assert[name], 'name', { value: name });
}
comparison('equal', '==', (a, b) => a == b || (a !== a && b !== b));
comparison('notEqual', '!=', (a, b) => !(a == b || (a !== a && b !== b)));
comparison('strictEqual', 'strictEqual', (a, b) => Object.is(a, b));
comparison('notStrictEqual', 'notStrictEqual', (a, b) => !Object.is(a, b));
comparison('deepEqual', 'deepEqual', (a, b) => equal(a, b, false));
comparison('notDeepEqual', 'notDeepEqual', (a, b) => !equal(a, b, false));
comparison('deepStrictEqual', 'deepStrictEqual', (a, b) => equal(a, b, true));
comparison('notDeepStrictEqual', 'notDeepStrictEqual', (a, b) => !equal(a, b, true));

// matches checks a thrown error against what assert.throws was given.
function matches(error, expected, message) {
  if (expected === undefined) return;
  if (expected instanceof RegExp) {
    if (expected.test(String(error))) return;
    fail(error, expected, message || 'The input did not match the regular expression ' + expected + '. Input:\n\n' + show(String(error)) + '\n', 'throws');
  }
  if (typeof expected === 'object') return matchMembers(error, expected, message);
  if (expected.prototype !== undefined && error instanceof expected) return;
  if (expected === Error || Error.isPrototypeOf(expected)) {
    fail(error, expected, message || 'The error is expected to be an instance of "' + expected.name + '". Received "' +
      (error && error.name) + '"\n\nError message:\n\n' + (error && error.message), 'throws');
  }
  if (expected.call({}, error) === true) return;
  fail(error, expected, message || 'The validation function is expected to return "true".\n\nCaught error:\n\n' + show(error), 'throws');
}

function matchMembers(error, expected, message) {
  const keys = expected instanceof Error ? ['name', 'message', ...Object.keys(expected)] : Object.keys(expected);
  for (const key of keys) {
    const fits = expected[key] instanceof RegExp && typeof error[key] === 'string'
      ? expected[key].test(error[key]) : equal(error[key], expected[key], true);
    if (!fits) fail(error[key], expected[key], message, 'deepStrictEqual');
  }
}

function split(expected, message) { return typeof expected === 'string' ? [undefined, expected] : [expected, message]; }

assert.throws = function (fn, expected, message) {
  if (typeof fn !== 'function') throw new TypeError('The "fn" argument must be of type function');
  [expected, message] = split(expected, message);
  let error;
  try { fn(); } catch (e) { error = { caught: e }; }
  if (error === undefined) {
    const kind = expected && expected.name ? ' (' + expected.name + ')' : '';
    fail(undefined, expected, 'Missing expected exception' + kind + (message ? ': ' + message : '.'), 'throws');
  }
  matches(error.caught, expected, message);
};

assert.doesNotThrow = function (fn, expected, message) {
  [expected, message] = split(expected, message);
  try { fn(); } catch (e) {
    if (expected !== undefined && !(e instanceof expected)) throw e;
    fail(e, expected, 'Got unwanted exception' + (message ? ': ' + message : '.') + '\nActual message: "' + (e && e.message) + '"', 'doesNotThrow');
  }
};

async function settle(promise) {
  try { await (typeof promise === 'function' ? promise() : promise); } catch (e) { return { caught: e }; }
  return undefined;
}

assert.rejects = async function (promise, expected, message) {
  [expected, message] = split(expected, message);
  const error = await settle(promise);
  if (error === undefined) fail(undefined, expected, 'Missing expected rejection' + (message ? ': ' + message : '.'), 'rejects');
  matches(error.caught, expected, message);
};
assert.doesNotReject = async function (promise, expected, message) {
  [expected, message] = split(expected, message);
  const error = await settle(promise);
  if (error !== undefined) fail(error.caught, expected, 'Got unwanted rejection' + (message ? ': ' + message : '.'), 'doesNotReject');
};

assert.ifError = function (value) {
  if (value === null || value === undefined) return;
  fail(value, null, 'ifError got unwanted exception: ' + (value && value.message !== undefined ? value.message : show(value)), 'ifError');
};
assert.match = function (text, pattern, message) {
  if (typeof text !== 'string' || !pattern.test(text)) {
    fail(text, pattern, message || format('The input did not match the regular expression %s. Input:\n\n%s\n', pattern, show(text)), 'match');
  }
};
assert.doesNotMatch = function (text, pattern, message) {
  if (typeof text === 'string' && pattern.test(text)) {
    fail(text, pattern, message || format('The input was expected to not match the regular expression %s. Input:\n\n%s\n', pattern, show(text)), 'doesNotMatch');
  }
};

assert.strict = Object.assign(function strict(...args) { ok(...args); }, assert, {
  equal: assert.strictEqual, notEqual: assert.notStrictEqual, deepEqual: assert.deepStrictEqual, notDeepEqual: assert.notDeepStrictEqual,
});
assert.strict.strict = assert.strict;
