// util: formatting, inspection, inheritance and type tests as Node has them, as far as libraries use them.
const toString = Object.prototype.toString;
const hasOwn = (o, k) => Object.prototype.hasOwnProperty.call(o, k);

exports.inherits = function inherits(constructor, superConstructor) {
  if (constructor === undefined || constructor === null) {
    throw new TypeError('The "ctor" argument must be of type function');
  }
  if (superConstructor === undefined || superConstructor === null || superConstructor.prototype === undefined) {
    throw new TypeError('The "superCtor" argument must be of type function with a prototype');
  }
  Object.defineProperty(constructor, 'super_', { value: superConstructor, writable: true, configurable: true });
  Object.setPrototypeOf(constructor.prototype, superConstructor.prototype);
};

// ---------------------------------------------------------------------------------------------- inspect

const identifier = /^[A-Za-z_$][\w$]*$/;
const customInspect = Symbol.for('nodejs.util.inspect.custom');

function quote(text) {
  const mark = !text.includes("'") ? "'" : !text.includes('"') ? '"' : !text.includes('`') ? '`' : "'";
  const escaped = text.replace(/[\\\x00-\x1f\x7f]/g, function (c) {
    switch (c) {
      case '\n': return '\\n';
      case '\t': return '\\t';
      case '\r': return '\\r';
      case '\b': return '\\b';
      case '\f': return '\\f';
      case '\v': return '\\v';
      case '\\': return '\\\\';
    }
    return '\\x' + c.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0');
  });
  return mark + (mark === "'" ? escaped.replace(/'/g, "\\'") : escaped) + mark;
}

function primitive(value) {
  switch (typeof value) {
    case 'string': return quote(value);
    case 'number': return Object.is(value, -0) ? '-0' : String(value);
    case 'bigint': return String(value) + 'n';
    case 'symbol': return value.toString();
  }
  return String(value);
}

function constructorName(value) {
  for (let o = value; o !== null && o !== undefined; o = Object.getPrototypeOf(o)) {
    const d = Object.getOwnPropertyDescriptor(o, 'constructor');
    if (d && typeof d.value === 'function' && d.value.name !== '') return d.value.name;
  }
  return '';
}

function inspect(value, options) {
  if (typeof options === 'boolean') options = { showHidden: options, depth: arguments[2] };
  const settings = { depth: 2, showHidden: false, maxArrayLength: 100, breakLength: 80, compact: 3, ...options };
  if (options && options.depth === undefined) settings.depth = 2;
  return inspectValue({ settings, seen: [], circular: null, indent: 0, deepest: 0 }, value, 0);
}

function inspectValue(context, value, depth) {
  if (value === null || (typeof value !== 'object' && typeof value !== 'function')) return primitive(value);
  const custom = value[customInspect];
  if (typeof custom === 'function' && custom !== inspect) {
    const left = context.settings.depth === null ? null : context.settings.depth - depth;
    const result = custom.call(value, left, context.settings, inspect);
    if (result !== value) return typeof result === 'string' ? result : inspectValue(context, result, depth);
  }
  if (context.seen.includes(value)) {
    context.circular = value;
    return '[Circular *1]';
  }
  return inspectObject(context, value, depth);
}

// shape describes how a value of some kind is shown: what goes before its members, braces, and its own members.
function shape(context, value, depth) {
  const name = constructorName(value);
  const tag = toString.call(value).slice(8, -1);
  const named = (usual) => (name === usual ? '' : (name === '' ? '[' + usual + ': null prototype] ' : name + ' '));
  if (Array.isArray(value)) {
    return { open: (name === 'Array' ? '' : (name || 'Array') + '(' + value.length + ') ') + '[', close: ']', items: arrayItems, list: true };
  }
  if (ArrayBuffer.isView(value) && tag !== 'DataView') return { open: name + '(' + value.length + ') [', close: ']', items: arrayItems, list: true };
  if (value instanceof Set) return { open: (name || 'Set') + '(' + value.size + ') {', close: '}', items: setItems };
  if (value instanceof Map) return { open: (name || 'Map') + '(' + value.size + ') {', close: '}', items: mapItems };
  if (typeof value === 'function') {
    const kind = /^class\b/.test(Function.prototype.toString.call(value)) ? 'class' : (tag === 'Function' ? 'Function' : tag);
    return { alone: kind === 'class' ? '[class ' + (value.name || '(anonymous)') + ']'
      : '[' + kind + (value.name ? ': ' + value.name : ' (anonymous)') + ']' };
  }
  if (tag === 'RegExp') return { alone: RegExp.prototype.toString.call(value) };
  if (tag === 'Date') return { alone: isNaN(value) ? 'Invalid Date' : Date.prototype.toISOString.call(value) };
  if (value instanceof Error) return { alone: errorText(value), error: true };
  if (tag === 'Number' || tag === 'String' || tag === 'Boolean') return { alone: '[' + tag + ': ' + primitive(value.valueOf()) + ']', boxed: tag === 'String' };
  if (tag === 'Promise') return { open: 'Promise {', close: '}', items: () => [] };
  if (tag === 'WeakMap' || tag === 'WeakSet') return { alone: tag + ' { <items unknown> }' };
  if (tag === 'Arguments') return { open: '[Arguments] [', close: ']', items: arrayItems, list: true };
  const extra = tag !== 'Object' && tag !== name ? '[' + tag + '] ' : '';
  return { open: named('Object') + extra + '{', close: '}', items: () => [] };
}

function errorText(error) {
  const head = Error.prototype.toString.call(error);
  const stack = typeof error.stack === 'string' ? error.stack.trimEnd() : '';
  if (stack === '') return '[' + head + ']';
  return stack.startsWith(head) ? stack : head + '\n' + stack;
}

function arrayItems(context, value, depth) {
  const items = [];
  const limit = Math.min(value.length, context.settings.maxArrayLength === null ? Infinity : context.settings.maxArrayLength);
  let holes = 0;
  const flush = () => {
    if (holes > 0) items.push('<' + holes + ' empty item' + (holes > 1 ? 's' : '') + '>');
    holes = 0;
  };
  for (let i = 0; i < limit; i++) {
    if (!hasOwn(value, i)) { holes++; continue; }
    flush();
    items.push(inspectValue(context, value[i], depth + 1));
  }
  flush();
  if (value.length > limit) items.push('... ' + (value.length - limit) + ' more item' + (value.length - limit > 1 ? 's' : ''));
  return items;
}

function setItems(context, value, depth) {
  return Array.from(Set.prototype.values.call(value), (v) => inspectValue(context, v, depth + 1));
}

function mapItems(context, value, depth) {
  return Array.from(Map.prototype.entries.call(value),
    (e) => inspectValue(context, e[0], depth + 1) + ' => ' + inspectValue(context, e[1], depth + 1));
}

function inspectObject(context, value, depth) {
  const form = shape(context, value, depth);
  let keys = context.settings.showHidden ? Object.getOwnPropertyNames(value) : Object.keys(value);
  if (form.list || form.boxed) keys = keys.filter((k) => !/^(0|[1-9]\d*)$/.test(k));
  if (form.error) keys = keys.filter((k) => k !== 'stack' && k !== 'message');
  const symbols = Object.getOwnPropertySymbols(value).filter((s) => Object.prototype.propertyIsEnumerable.call(value, s));
  if (form.alone !== undefined && keys.length === 0 && symbols.length === 0) return form.alone;
  if (context.settings.depth !== null && depth > context.settings.depth) {
    return '[' + (Array.isArray(value) ? 'Array' : constructorName(value) || 'Object: null prototype') + ']';
  }
  context.seen.push(value);
  context.deepest = depth; // of the objects shown last
  context.indent += 2;
  const items = form.items ? form.items(context, value, depth) : [];
  for (const key of [...keys, ...symbols]) items.push(member(context, value, key, depth));
  context.indent -= 2;
  context.seen.pop();
  const open = form.open !== undefined ? form.open : '{ ' + form.alone;
  const mark = context.circular === value ? '<ref *1> ' : '';
  return mark + layout(context, open, items, form.close || '}', depth);
}

function member(context, value, key, depth) {
  const d = Object.getOwnPropertyDescriptor(value, key);
  let text;
  if (d.get) text = d.set ? '[Getter/Setter]' : '[Getter]';
  else if (d.set) text = '[Setter]';
  else text = inspectValue(context, d.value, depth + 1);
  if (typeof key === 'symbol') return '[' + key.toString() + ']: ' + text;
  const name = identifier.test(key) ? key : quote(key);
  return (d.enumerable ? name : '[' + name + ']') + ': ' + text;
}

// layout puts the members on one line if they fit and do not nest deeply, by the same sums as Node.
function layout(context, open, items, close, depth) {
  if (items.length === 0) return open + close;
  const total = items.reduce((n, item) => n + item.length + 1, items.length + context.indent + open.length + 10);
  const flat = context.deepest - depth < context.settings.compact && total <= context.settings.breakLength;
  if (flat && !items.some((item) => item.includes('\n'))) return open + ' ' + items.join(', ') + ' ' + close;
  const space = '\n' + ' '.repeat(context.indent + 2);
  return open + space + items.join(',' + space) + '\n' + ' '.repeat(context.indent) + close;
}

inspect.custom = customInspect;
inspect.defaultOptions = {};
exports.inspect = inspect;

// ---------------------------------------------------------------------------------------------- format

function plain(value) {
  if (typeof value === 'string') return value;
  return inspect(value, { depth: 2 });
}

function formatString(value) {
  if (typeof value === 'bigint') return value + 'n';
  if (typeof value === 'object' && value !== null) {
    if (typeof value.toString === 'function' && value.toString !== Object.prototype.toString && !Array.isArray(value) &&
      !(value instanceof Date)) return String(value);
    return inspect(value, { depth: 0 });
  }
  return Object.is(value, -0) ? '-0' : String(value);
}

function safeJSON(value) {
  try { return JSON.stringify(value); } catch (e) {
    if (e instanceof TypeError) return '[Circular]';
    throw e;
  }
}

function formatOne(letter, value) {
  switch (letter) {
    case 's': return formatString(value);
    case 'd':
      if (typeof value === 'bigint') return value + 'n';
      return typeof value === 'symbol' || typeof value === 'object' ? 'NaN' : String(Number(value));
    case 'i':
      if (typeof value === 'bigint') return value + 'n';
      return typeof value === 'symbol' || typeof value === 'object' ? 'NaN' : String(parseInt(value, 10));
    case 'f': return typeof value === 'symbol' ? 'NaN' : String(parseFloat(value));
    case 'j': return safeJSON(value);
    case 'o': return inspect(value, { showHidden: true, depth: 4 });
    case 'O': return inspect(value);
  }
  return ''; // %c: styles are dropped
}

exports.format = function format(first, ...rest) {
  if (arguments.length === 0) return '';
  if (typeof first !== 'string') return [first, ...rest].map(plain).join(' ');
  let used = 0;
  const text = rest.length === 0 ? first : first.replace(/%([sdifjoOc%])/g, function (all, letter) {
    if (letter === '%') return '%';
    return used < rest.length ? formatOne(letter, rest[used++]) : all;
  });
  return [text, ...rest.slice(used).map(plain)].join(' ');
};

// ---------------------------------------------------------------------------------------------- types and the rest

exports.isArray = Array.isArray;
exports.isBoolean = (v) => typeof v === 'boolean';
exports.isNull = (v) => v === null;
exports.isNullOrUndefined = (v) => v === null || v === undefined;
exports.isNumber = (v) => typeof v === 'number';
exports.isString = (v) => typeof v === 'string';
exports.isSymbol = (v) => typeof v === 'symbol';
exports.isUndefined = (v) => v === undefined;
exports.isObject = (v) => v !== null && typeof v === 'object';
exports.isFunction = (v) => typeof v === 'function';
exports.isPrimitive = (v) => v === null || (typeof v !== 'object' && typeof v !== 'function');
exports.isRegExp = (v) => toString.call(v) === '[object RegExp]';
exports.isDate = (v) => toString.call(v) === '[object Date]';
exports.isError = (v) => toString.call(v) === '[object Error]' || v instanceof Error;
exports.isBuffer = (v) => require('buffer').Buffer.isBuffer(v);
exports.types = {
  isRegExp: exports.isRegExp, isDate: exports.isDate, isNativeError: exports.isError,
  isMap: (v) => v instanceof Map, isSet: (v) => v instanceof Set, isPromise: (v) => v instanceof Promise,
  isTypedArray: (v) => ArrayBuffer.isView(v) && !(v instanceof DataView), isArrayBuffer: (v) => v instanceof ArrayBuffer,
  isUint8Array: (v) => v instanceof Uint8Array,
};

exports.deprecate = (fn) => fn;
exports.debuglog = exports.debug = () => function () {};
exports.log = function (...args) { internal.console('i', args); };
exports.stripVTControlCharacters = (text) => String(text).replace(/\u001b\[[0-9;]*[A-Za-z]/g, '');
exports.isDeepStrictEqual = (a, b) => require('equal').equal(a, b, true);

exports._extend = function (target, source) {
  if (source === null || typeof source !== 'object') return target;
  for (const key of Object.keys(source)) target[key] = source[key];
  return target;
};

exports.promisify = function promisify(original) {
  if (typeof original !== 'function') throw new TypeError('The "original" argument must be of type function');
  if (original[promisify.custom]) return original[promisify.custom];
  function fn(...args) {
    return new Promise((resolve, reject) => {
      original.call(this, ...args, (error, value) => { if (error) reject(error); else resolve(value); });
    });
  }
  Object.setPrototypeOf(fn, Object.getPrototypeOf(original));
  return Object.defineProperties(fn, Object.getOwnPropertyDescriptors(original));
};
exports.promisify.custom = Symbol.for('nodejs.util.promisify.custom');

exports.callbackify = function callbackify(original) {
  return function (...args) {
    const callback = args.pop();
    original.apply(this, args).then(
      (value) => internal.nextTick(callback, [null, value]),
      (error) => internal.nextTick(callback, [error || new Error('rejected with ' + error)]));
  };
};

exports.TextEncoder = class TextEncoder {
  get encoding() { return 'utf-8'; }
  encode(text = '') { return new Uint8Array(require('buffer').Buffer.from(String(text), 'utf8')); }
};
exports.TextDecoder = class TextDecoder {
  constructor(encoding = 'utf-8') {
    if (!/^utf-?8$/i.test(encoding)) throw new RangeError('The "' + encoding + '" encoding is not supported');
  }
  get encoding() { return 'utf-8'; }
  decode(bytes = new Uint8Array()) {
    const { Buffer } = require('buffer');
    const view = ArrayBuffer.isView(bytes) ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength) : Buffer.from(bytes);
    return view.toString('utf8').replace(/^\ufeff/, '');
  }
};
