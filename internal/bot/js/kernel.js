// The kernel runs inside every virtual machine, below the bot's code. Go calls the functions that it returns; it never
// calls Go. It keeps for itself every built-in function that it uses, and stores nothing in arrays or objects with a
// prototype, because a script may replace or booby-trap any of them (docs/spec/vumi-sandbox.md 2-4).
//
// A run is one message or event for one fresh evaluation of the app script. Runs take turns in slices: a start, a reply,
// or due timers, each with the promise jobs, ticks and immediates that follow from it.
(function (config) {
'use strict';

const G = globalThis;
const { create, defineProperty, keys, getOwnPropertyNames, getOwnPropertyDescriptor, setPrototypeOf } = Object;
const { apply } = Reflect;
const { stringify, parse } = JSON;
const NativeError = Error;
const NativeTypeError = TypeError;
const NativePromise = Promise;
const promiseThen = Promise.prototype.then;
const isArray = Array.isArray;
const toNumber = Number;
const toText = String;
const { substring } = String.prototype;
const { imul, floor } = Math;

// ---------------------------------------------------------------------------------------------- output of a slice

// Lines for Go: a letter, then text without raw newlines. JSON.stringify escapes newlines, also in a script's own text.
let out = '';
const runs = create(null);
let current = null;   // the run whose slice this is
let clock = 0;        // the frozen time of this slice, in milliseconds
let installed = null; // the run whose leaked globals are in the global object now

function emit(letter, text) { out += letter + text + '\n'; }

// settle ends one step and reports: is there more to do at once, does the run go on, requests awaiting a reply, and when
// the next timer is due (-1: none).
function settle() {
  const run = current;
  let next = -1;
  if (run.timersLeft > 0) {
    for (const id in run.timers) {
      const due = run.timers[id].due;
      if (next < 0 || due < next) next = due;
    }
  }
  const more = !run.closed && (run.ticks !== null || run.immediates !== null) ? 1 : 0;
  const header = more + ' ' + (run.closed ? 1 : 0) + ' ' + run.waiting + ' ' + next + '\n';
  if (run.closed) drop(run);
  const text = header + out;
  out = '';
  return text;
}

function drop(run) {
  run.closed = true;
  run.callbacks = run.lastCallback = null;
  run.timers = create(null);
  run.timersLeft = 0;
  run.ticks = run.lastTick = run.immediates = run.lastImmediate = null;
  run.waiting = 0;
  if (runs[run.id] === run) delete runs[run.id];
}

// ---------------------------------------------------------------------------------------------- errors and console

// describe turns anything thrown into text, whatever traps it holds.
function describe(value) {
  const error = { __proto__: null, name: '', message: '', stack: '' };
  try {
    if (value !== null && typeof value === 'object') {
      error.name = toText(value.name === undefined ? '' : value.name);
      error.message = toText(value.message === undefined ? '' : value.message);
      error.stack = typeof value.stack === 'string' ? value.stack : '';
      if (error.name === '' && error.message === '') error.message = 'threw an object: ' + (stringify(value) || toText(value));
    } else if (value === null) {
      error.message = 'threw null, which the engine also does when no memory is left for an error';
    } else {
      error.message = 'threw ' + (typeof value === 'string' ? stringify(value) : toText(value));
    }
  } catch (_) {
    error.message = 'threw a value that cannot be described';
  }
  return error;
}

// uncaught ends the run with what nobody caught.
function uncaught(run, value) {
  if (run.closed) return;
  run.closed = true;
  const e = describe(value);
  emit('e', stringify(toText(e.name)) + '\t' + stringify(toText(e.message)) + '\t' + stringify(toText(e.stack)));
}

function breach(run, kind, message) {
  run.closed = true;
  emit('b', kind);
  return new NativeError(message);
}

// watch makes the rejection of a promise that a handler returned (an async function) end the run like a throw.
function watch(run, result) {
  if (result === null || typeof result !== 'object') return;
  let isPromise = false;
  try { isPromise = result instanceof NativePromise; } catch (_) { return; }
  if (isPromise) apply(promiseThen, result, [undefined, function (e) { uncaught(run, e); }]);
}

function writeConsole(level, args) {
  const run = current;
  if (run === null || run.closed || run.consoleLeft <= 0) return;
  let text;
  try { text = toText(apply(util().format, undefined, args)); } catch (_) { text = '(a value that cannot be shown)'; }
  if (text.length > run.consoleLeft) text = apply(substring, text, [0, run.consoleLeft]) + '… (no more console output is kept)';
  run.consoleLeft -= text.length + 16;
  emit('l', level + stringify(text));
}

// ---------------------------------------------------------------------------------------------- modules

const modules = create(null);
let loading = 0;
const permanent = create(null); // globals that modules made when they were loaded: they belong to the VM, not to a run

// define adds a module: kind is m for CommonJS, j for JSON, b for a built-in one.
function define(id, dirname, kind, requires, make) {
  modules[id] = { __proto__: null, make, dirname, kind, requires: parse(requires, nullProto), module: null };
}

function nullProto(_, value) {
  if (value === null || typeof value !== 'object') return value;
  return setPrototypeOf(value, null);
}

function missing(specifier) {
  const e = new NativeError("Cannot find module '" + toText(specifier) + "'");
  e.code = 'MODULE_NOT_FOUND';
  return e;
}

function requireFrom(requires) {
  return function require(specifier) {
    const id = typeof specifier === 'string' ? requires[specifier] : undefined;
    if (id === undefined || modules[id] === undefined) throw missing(specifier);
    return load(id);
  };
}

function load(id) {
  const entry = modules[id];
  if (entry.module !== null) return entry.module.exports;
  const module = { id, filename: id, loaded: false, exports: {}, children: [], paths: [] };
  entry.module = module;
  if (entry.kind === 'j') {
    try { module.exports = parse(entry.make()); } catch (e) { entry.module = null; throw e; }
    module.loaded = true;
    return module.exports;
  }
  let before = null;
  if (loading++ === 0) before = leaked();
  try {
    const require = requireFrom(entry.requires);
    if (entry.kind === 'b') {
      apply(entry.make, module.exports, [module.exports, require, module, internal]);
    } else {
      apply(entry.make, module.exports, [module.exports, require, module, id, entry.dirname, builtin('process'), G]);
    }
  } catch (e) {
    entry.module = null;
    throw e;
  } finally {
    if (--loading === 0) keepGlobals(before);
  }
  module.loaded = true;
  return module.exports;
}

function builtin(name) { return load('builtin:' + name); }
function util() { return builtin('util'); }

// ---------------------------------------------------------------------------------------------- leaked globals

// Scripts assign to undeclared names and to members of `this`. Such globals belong to the run that made them: they are
// taken away when another run gets its slice, and brought back with their owner. Our own globals are not enumerable.

function leaked() {
  const names = keys(G);
  const found = create(null);
  for (let i = 0; i < names.length; i++) found[names[i]] = true;
  return found;
}

function keepGlobals(before) {
  const names = keys(G);
  for (let i = 0; i < names.length; i++) if (!before[names[i]]) permanent[names[i]] = true;
}

function installGlobals(run) {
  if (installed === run) return;
  const names = keys(G);
  const saved = create(null);
  for (let i = 0; i < names.length; i++) {
    const name = names[i];
    if (permanent[name]) continue;
    const descriptor = setPrototypeOf(getOwnPropertyDescriptor(G, name), null);
    if (!descriptor.configurable) continue;
    saved[name] = descriptor;
    delete G[name];
  }
  if (installed !== null) installed.globals = installed.closed ? null : saved;
  installed = run;
  for (const name in run.globals) defineProperty(G, name, run.globals[name]);
  run.globals = null;
}

// ---------------------------------------------------------------------------------------------- the api object

function makeApi(run) {
  const api = {
    populate_command(cmd, msg) { return populate(run, cmd, msg); },
    next_id() { return toText(run.seq++); },
    request(cmd, msg, callback) {
      if (run.closed) return;
      request(run, cmd, msg, callback);
    },
    log_info(msg, callback) { api.request('log.info', { msg }, callback); },
    done() {
      if (run.closed || run.done) return;
      run.done = true;
      notify(run, 'done');
      run.doneId = toText(run.seq);
      request(run, 'log.info', { msg: 'Done.' }, function () { close(run); });
    },
    on_unknown_command() {},
  };
  defineProperty(api, 'id', { get() { return run.seq; }, set() {}, enumerable: true, configurable: true });
  defineProperty(api, 'emitter', {
    get() { return run.emitter === null ? run.emitter = new (builtin('events').EventEmitter)() : run.emitter; },
    set(value) { run.emitter = value; }, enumerable: true, configurable: true,
  });
  return api;
}

function notify(run, name, value) {
  if (run.emitter !== null) run.emitter.emit(name, value);
}

function close(run) {
  run.closed = true;
  emit('d', '');
}

function populate(run, cmd, msg) {
  msg.cmd = cmd;
  msg.cmd_id = toText(run.seq++);
  msg.reply = false;
  return msg;
}

function request(run, cmd, msg, callback) {
  const id = toText(run.seq);
  populate(run, cmd, msg);
  const text = stringify(msg);
  if (typeof text !== 'string' || text[0] !== '{') throw new NativeTypeError('a request must be an object');
  if (run.calls >= config.calls) {
    throw breach(run, 'calls', 'more than ' + config.calls + ' commands in one run');
  }
  run.calls++;
  run.bytes += text.length;
  if (run.bytes > config.outputBytes) {
    throw breach(run, 'output', 'more than ' + config.outputBytes + ' bytes of commands in one run');
  }
  if (typeof callback === 'function') {
    const item = { __proto__: null, id, cmd: toText(cmd), callback, next: null };
    if (run.callbacks === null) run.callbacks = item; else run.lastCallback.next = item;
    run.lastCallback = item;
    run.waiting++;
  }
  emit('c', id + ' ' + text);
  notify(run, 'request', msg);
}

// takeCallback takes out of the list what waits for the reply to a request. The list is short, and replies mostly come in
// its order.
function takeCallback(run, id) {
  let before = null, item = run.callbacks;
  while (item !== null && item.id !== id) { before = item; item = item.next; }
  if (item === null) return null;
  if (before === null) run.callbacks = item.next; else before.next = item.next;
  if (run.lastCallback === item) run.lastCallback = before;
  return item;
}

function deliver(run, id, text) {
  const waiting = takeCallback(run, id);
  if (waiting === null) return;
  run.waiting--;
  if (text === '') {
    if (id === run.doneId) close(run);
    return;
  }
  const reply = parse(text);
  if (reply !== null && typeof reply === 'object' && !isArray(reply)) {
    if (reply.cmd === undefined) reply.cmd = waiting.cmd;
    reply.cmd_id = id;
    reply.reply = true;
  }
  watch(run, apply(waiting.callback, run.api, [reply]));
}

// handlerName is "on_" and the command with its first dot and its first dash turned into underscores.
function handlerName(cmd) {
  let name = 'on_', dot = false, dash = false;
  for (let i = 0; i < cmd.length; i++) {
    if (cmd[i] === '.' && !dot) { dot = true; name += '_'; }
    else if (cmd[i] === '-' && !dash) { dash = true; name += '_'; }
    else name += cmd[i];
  }
  return name;
}

function start(run, text) {
  const command = parse(text);
  run.api = makeApi(run);
  apply(app, G, [run.api]);
  if (run.closed) return;
  const name = handlerName(toText(command.cmd));
  let handler = run.api[name];
  if (handler === undefined) {
    emit('h', name);
    handler = run.api.on_unknown_command;
  }
  watch(run, apply(handler, run.api, [command]));
}

// ---------------------------------------------------------------------------------------------- timers

function queueTick(fn, args) {
  const run = current;
  if (run === null || run.closed) return;
  const item = { __proto__: null, fn, args, next: null };
  if (run.ticks === null) run.ticks = item; else run.lastTick.next = item;
  run.lastTick = item;
}

class Immediate {}
class Timeout {
  ref() { return this; }
  unref() { return this; }
  hasRef() { return true; }
  close() { clearTimer(this); return this; }
  refresh() {
    const t = timerOf(this);
    if (t !== undefined) t.due = clock + t.delay;
    return this;
  }
  [Symbol.toPrimitive]() { return timerIds.get(this); }
}
const timerIds = new WeakMap();
timerIds.get = timerIds.get; // own copies, since WeakMap.prototype may be replaced
timerIds.set = timerIds.set;

function checkCallback(fn) {
  if (typeof fn !== 'function') throw new NativeTypeError('The "callback" argument must be of type function');
}

function addTimer(fn, delay, args, repeat) {
  checkCallback(fn);
  const handle = new Timeout();
  const run = current;
  if (run === null || run.closed) return handle;
  delay = toNumber(delay);
  if (!(delay >= 1 && delay <= 0x7fffffff)) delay = 1;
  delay = floor(delay);
  const id = ++run.timerSeq;
  run.timers[id] = { __proto__: null, fn, args, delay, due: clock + delay, seq: id, repeat };
  run.timersLeft++;
  timerIds.set(handle, id);
  return handle;
}

function timerOf(handle) {
  if (current === null) return undefined;
  const id = handle !== null && typeof handle === 'object' ? timerIds.get(handle) : toNumber(handle);
  return id === undefined ? undefined : current.timers[id];
}

function clearTimer(handle) {
  const t = timerOf(handle);
  if (t !== undefined) removeTimer(current, t);
}

function removeTimer(run, t) {
  delete run.timers[t.seq];
  run.timersLeft--;
}

function addImmediate(fn, args) {
  checkCallback(fn);
  const handle = new Immediate();
  const run = current;
  if (run === null || run.closed) return handle;
  const item = { __proto__: null, fn, args, handle, next: null };
  if (run.immediates === null) run.immediates = item; else run.lastImmediate.next = item;
  run.lastImmediate = item;
  return handle;
}

function clearImmediate(handle) {
  if (current === null) return;
  for (let i = current.immediates; i !== null; i = i.next) if (i.handle === handle) i.fn = null;
}

// fireTimers runs the timers that were due when the slice began, earliest first.
function fireTimers(run) {
  const last = run.timerSeq;
  while (!run.closed) {
    let first = null;
    for (const id in run.timers) {
      const t = run.timers[id];
      if (t.due > clock || t.seq > last || t.fired === clock) continue;
      if (first === null || t.due < first.due || (t.due === first.due && t.seq < first.seq)) first = t;
    }
    if (first === null) return;
    if (first.repeat) { first.due = clock + first.delay; first.fired = clock; } else removeTimer(run, first);
    watch(run, apply(first.fn, undefined, first.args));
    drainTicks(run);
  }
}

function drainTicks(run) {
  while (run.ticks !== null && !run.closed) {
    const item = run.ticks;
    run.ticks = item.next;
    apply(item.fn, undefined, item.args);
  }
}

function runImmediates(run) {
  let item = run.immediates;
  run.immediates = run.lastImmediate = null;
  for (; item !== null && !run.closed; item = item.next) {
    if (item.fn === null) continue;
    try { watch(run, apply(item.fn, undefined, item.args)); } catch (e) { uncaught(run, e); }
    drainTicks(run);
  }
}

// ---------------------------------------------------------------------------------------------- random numbers

function rotl(x, n) { return (x << n) | (x >>> (32 - n)); }

// random is xoshiro128**, seeded for each run by Go. It is not for secrets: crypto.randomBytes has its own seed.
function random() {
  const s = current === null || loading > 0 ? loadState : current;
  const result = imul(rotl(imul(s.r1, 5), 7), 9) >>> 0;
  const t = s.r1 << 9;
  s.r2 ^= s.r0; s.r3 ^= s.r1; s.r1 ^= s.r2; s.r0 ^= s.r3; s.r2 ^= t; s.r3 = rotl(s.r3, 11);
  return result;
}

function seedState(state, seed) { // 32 hex digits for Math.random, 64 for crypto
  for (let i = 0; i < 4; i++) state['r' + i] = toNumber('0x' + apply(substring, seed, [i * 8, i * 8 + 8])) | 0;
  state.secret = apply(substring, seed, [32]);
  state.blocks = 0;
  return state;
}

const loadState = seedState(create(null), config.seed);

defineProperty(Math, 'random', {
  value: function random_() { return (random() * 0x200000 + (random() >>> 11)) / 0x20000000000000; },
  writable: true, configurable: true, enumerable: false,
});
defineProperty(Math.random, 'name', { value: 'random' });

// ---------------------------------------------------------------------------------------------- globals

// internal is what the built-in modules get besides require.
const internal = {
  __proto__: null,
  randomState() { return current === null || loading > 0 ? loadState : current; },
  nextTick: queueTick, checkCallback,
  setTimeout(fn, delay, ...args) { return addTimer(fn, delay, args, false); },
  setInterval(fn, delay, ...args) { return addTimer(fn, delay, args, true); },
  setImmediate(fn, ...args) { return addImmediate(fn, args); },
  clearTimeout: clearTimer, clearInterval: clearTimer, clearImmediate,
  console: writeConsole,
  zone: config.zone,
  now() { return clock; },
  request(cmd, msg, callback) {
    if (current === null) throw new NativeError('there is no run to ask for');
    request(current, cmd, msg, callback);
  },
};

function global(name, value) {
  defineProperty(G, name, { __proto__: null, value, writable: true, configurable: true, enumerable: false });
}

function lazyGlobal(name, get) {
  defineProperty(G, name, {
    get() { const value = get(); global(name, value); return value; },
    set(value) { global(name, value); }, configurable: true, enumerable: false,
  });
}

function named(name, fn) { defineProperty(fn, 'name', { __proto__: null, value: name, configurable: true }); return fn; }

global('setTimeout', named('setTimeout', internal.setTimeout));
global('setInterval', named('setInterval', internal.setInterval));
global('setImmediate', named('setImmediate', internal.setImmediate));
global('clearTimeout', named('clearTimeout', clearTimer));
global('clearInterval', named('clearInterval', clearTimer));
global('clearImmediate', clearImmediate);
global('queueMicrotask', function queueMicrotask(fn) {
  checkCallback(fn);
  queueTick(fn, []);
});
if (!NativeError.captureStackTrace) {
  defineProperty(NativeError, 'captureStackTrace', {
    value: function captureStackTrace(target) {
      defineProperty(target, 'stack', { value: new NativeError().stack, writable: true, configurable: true });
    }, writable: true, configurable: true,
  });
}
defineProperty(G, 'api', {
  get() { return current === null ? undefined : current.api; },
  set(value) { if (current !== null) current.api = value; }, configurable: true, enumerable: false,
});

// ---------------------------------------------------------------------------------------------- what Go calls

let app = null;

function finishSetup(appFunction, contextFunction, roots) {
  app = appFunction;
  lazyGlobal('Buffer', function () { return builtin('buffer').Buffer; });
  lazyGlobal('console', function () { return builtin('console'); });
  lazyGlobal('fetch', function () { return builtin('fetch').fetch; });
  lazyGlobal('Headers', function () { return builtin('fetch').Headers; });
  lazyGlobal('Response', function () { return builtin('fetch').Response; });
  lazyGlobal('atob', function () { return builtin('buffer').atob; });
  lazyGlobal('btoa', function () { return builtin('buffer').btoa; });
  lazyGlobal('TextEncoder', function () { return util().TextEncoder; });
  lazyGlobal('TextDecoder', function () { return util().TextDecoder; });
  lazyGlobal('URLSearchParams', function () { return builtin('url').URLSearchParams; });
  lazyGlobal('URL', function () { return builtin('url').URL; });
  builtin('date');
  const require = requireFrom(parse(roots, nullProto));
  global('require', require);
  if (contextFunction !== null) {
    const context = contextFunction(require, G.Buffer);
    const names = context === null || context === undefined ? [] : getOwnPropertyNames(context);
    for (let i = 0; i < names.length; i++) global(names[i], context[names[i]]);
  }
  keepGlobals(create(null));
}

// slice begins a slice: kind s = start (text is the command), r = reply (id names the request), t = timers.
function slice(kind, id, now, key, text) {
  let run = runs[id];
  if (run === undefined) {
    if (kind !== 's') return '0 1 0 -1\n';
    run = runs[id] = seedState({
      __proto__: null, id, api: null, seq: 0, callbacks: null, lastCallback: null, waiting: 0, timers: create(null),
      timersLeft: 0, timerSeq: 0, ticks: null, lastTick: null, immediates: null, lastImmediate: null, closed: false,
      done: false, doneId: '', emitter: null, calls: 0, bytes: 0, consoleLeft: config.consoleBytes, globals: null,
    }, key);
  }
  installGlobals(run);
  current = run;
  clock = now;
  try {
    if (kind === 's') start(run, text);
    else if (kind === 'r') deliver(run, key, text);
    else fireTimers(run);
    drainTicks(run);
  } catch (e) {
    uncaught(run, e);
  }
  return settle();
}

// proceed goes on with the slice after Go has run the promise jobs.
function proceed() {
  const run = current;
  try {
    if (run.ticks !== null) drainTicks(run);
    else if (run.immediates !== null) runImmediates(run);
  } catch (e) {
    uncaught(run, e);
  }
  return settle();
}

// end drops a run that Go has given up on.
function end(id) {
  if (runs[id] !== undefined) drop(runs[id]);
}

return { __proto__: null, define, finishSetup, slice, proceed, end };
})
