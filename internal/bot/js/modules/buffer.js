// buffer: Node's Buffer, a Uint8Array that knows text encodings.
const base64Letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const base64Values = new Int16Array(128).fill(-1);
for (let i = 0; i < 64; i++) base64Values[base64Letters.charCodeAt(i)] = i;
base64Values[45] = 62; // '-' and '_' of base64url
base64Values[95] = 63;

// ---------------------------------------------------------------------------------------------- encodings

function utf8Bytes(text) {
  const bytes = [];
  for (let i = 0; i < text.length; i++) {
    let c = text.charCodeAt(i);
    if (c >= 0xd800 && c <= 0xdfff) {
      const next = c < 0xdc00 && i + 1 < text.length ? text.charCodeAt(i + 1) : 0;
      if (next >= 0xdc00 && next <= 0xdfff) { c = 0x10000 + ((c - 0xd800) << 10) + (next - 0xdc00); i++; } else c = 0xfffd;
    }
    if (c < 0x80) bytes.push(c);
    else if (c < 0x800) bytes.push(0xc0 | (c >> 6), 0x80 | (c & 63));
    else if (c < 0x10000) bytes.push(0xe0 | (c >> 12), 0x80 | ((c >> 6) & 63), 0x80 | (c & 63));
    else bytes.push(0xf0 | (c >> 18), 0x80 | ((c >> 12) & 63), 0x80 | ((c >> 6) & 63), 0x80 | (c & 63));
  }
  return bytes;
}

// utf8Text decodes as browsers do: each longest wrong beginning of a character becomes one U+FFFD.
function utf8Text(bytes, start, end) {
  let text = '', units = [];
  for (let i = start; i < end;) {
    const b = bytes[i++];
    let needs = 0, c = b, low = 0x80, high = 0xbf;
    if (b >= 0xc2 && b <= 0xdf) { needs = 1; c = b & 31; }
    else if (b >= 0xe0 && b <= 0xef) { needs = 2; c = b & 15; if (b === 0xe0) low = 0xa0; if (b === 0xed) high = 0x9f; }
    else if (b >= 0xf0 && b <= 0xf4) { needs = 3; c = b & 7; if (b === 0xf0) low = 0x90; if (b === 0xf4) high = 0x8f; }
    else if (b >= 0x80) c = 0xfffd;
    for (; needs > 0; needs--) {
      if (i >= end || bytes[i] < low || bytes[i] > high) { c = 0xfffd; break; }
      c = (c << 6) | (bytes[i++] & 63);
      low = 0x80; high = 0xbf;
    }
    if (c > 0xffff) units.push(0xd800 + ((c - 0x10000) >> 10), 0xdc00 + ((c - 0x10000) & 0x3ff)); else units.push(c);
    if (units.length > 4000) { text += String.fromCharCode.apply(null, units); units = []; }
  }
  return text + String.fromCharCode.apply(null, units);
}

function base64Bytes(text) {
  const bytes = [];
  let bits = 0, value = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === 61) break;
    const v = c < 128 ? base64Values[c] : -1;
    if (v < 0) continue;
    value = ((value << 6) | v) & 0xffff;
    bits += 6;
    if (bits >= 8) { bits -= 8; bytes.push((value >> bits) & 255); }
  }
  return bytes;
}

function base64Text(bytes, start, end, forURL) {
  let text = '';
  for (let i = start; i < end; i += 3) {
    const a = bytes[i], b = i + 1 < end ? bytes[i + 1] : 0, c = i + 2 < end ? bytes[i + 2] : 0;
    text += base64Letters[a >> 2] + base64Letters[((a & 3) << 4) | (b >> 4)] +
      (i + 1 < end ? base64Letters[((b & 15) << 2) | (c >> 6)] : '=') + (i + 2 < end ? base64Letters[c & 63] : '=');
  }
  return forURL ? text.replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '') : text;
}

function hexBytes(text) {
  const bytes = [];
  for (let i = 0; i + 1 < text.length; i += 2) {
    const pair = text.slice(i, i + 2);
    if (!/^[0-9a-f]{2}$/i.test(pair)) break;
    bytes.push(parseInt(pair, 16));
  }
  return bytes;
}

function hexText(bytes, start, end) {
  let text = '';
  for (let i = start; i < end; i++) text += (bytes[i] < 16 ? '0' : '') + bytes[i].toString(16);
  return text;
}

function unitText(bytes, start, end, mask) {
  let text = '';
  for (let i = start; i < end; i++) text += String.fromCharCode(bytes[i] & mask);
  return text;
}

function latin1Bytes(text) { return Array.from({ length: text.length }, (_, i) => text.charCodeAt(i) & 255); }

const encodings = {
  utf8: { bytes: utf8Bytes, text: utf8Text },
  hex: { bytes: hexBytes, text: hexText },
  base64: { bytes: base64Bytes, text: (b, s, e) => base64Text(b, s, e, false) },
  base64url: { bytes: base64Bytes, text: (b, s, e) => base64Text(b, s, e, true) },
  latin1: { bytes: latin1Bytes, text: (b, s, e) => unitText(b, s, e, 255) },
  ascii: { bytes: latin1Bytes, text: (b, s, e) => unitText(b, s, e, 127) },
  utf16le: {
    bytes(text) {
      const bytes = [];
      for (let i = 0; i < text.length; i++) bytes.push(text.charCodeAt(i) & 255, text.charCodeAt(i) >> 8);
      return bytes;
    },
    text(b, start, end) {
      let text = '';
      for (let i = start; i + 1 < end; i += 2) text += String.fromCharCode(b[i] | (b[i + 1] << 8));
      return text;
    },
  },
};
const aliases = { 'utf-8': 'utf8', binary: 'latin1', ucs2: 'utf16le', 'ucs-2': 'utf16le', 'utf-16le': 'utf16le' };

function encodingOf(name) {
  if (name === undefined || name === null || name === '') return encodings.utf8;
  const key = String(name).toLowerCase();
  const encoding = encodings[aliases[key] || key];
  if (encoding === undefined) {
    const error = new TypeError('Unknown encoding: ' + name);
    error.code = 'ERR_UNKNOWN_ENCODING';
    throw error;
  }
  return encoding;
}

// ---------------------------------------------------------------------------------------------- Buffer

// Buffer may be called with and without new; buffers are Uint8Arrays with Buffer.prototype.
function Buffer(value, encodingOrOffset, length) {
  if (typeof value === 'number') return Buffer.alloc(value);
  return Buffer.from(value, encodingOrOffset, length);
}
class FastBuffer extends Uint8Array {}
Object.setPrototypeOf(Buffer, Uint8Array);
Buffer.prototype = FastBuffer.prototype;
Object.defineProperties(Buffer.prototype, {
  constructor: { value: Buffer, writable: true, configurable: true },
  parent: { get() { return this.buffer; }, configurable: true },
  offset: { get() { return this.byteOffset; }, configurable: true },
});
Object.defineProperty(Buffer, Symbol.species, { get() { return FastBuffer; }, configurable: true });

function invalid(value) {
  const error = new TypeError('The first argument must be of type string or an instance of Buffer, ArrayBuffer, or Array ' +
    'or an Array-like Object. Received ' + (value === null ? 'null' : typeof value));
  error.code = 'ERR_INVALID_ARG_TYPE';
  return error;
}

Buffer.from = function from(value, encodingOrOffset, length) {
  if (typeof value === 'string') return new FastBuffer(encodingOf(encodingOrOffset).bytes(value));
  if (value === null || typeof value !== 'object') throw invalid(value);
  if (value instanceof ArrayBuffer || (typeof SharedArrayBuffer === 'function' && value instanceof SharedArrayBuffer)) {
    return new FastBuffer(value, encodingOrOffset, length);
  }
  if (value.type === 'Buffer' && Array.isArray(value.data)) return new FastBuffer(value.data);
  if (typeof value.length === 'number' || ArrayBuffer.isView(value)) return new FastBuffer(Array.prototype.slice.call(value));
  const plain = typeof value.valueOf === 'function' ? value.valueOf() : value;
  if (plain !== value) return Buffer.from(plain, encodingOrOffset, length);
  throw invalid(value);
};

function checkSize(size) {
  if (typeof size !== 'number') throw new TypeError('The "size" argument must be of type number. Received ' + typeof size);
  if (!(size >= 0 && size <= 0x7fffffff)) throw new RangeError('The value of "size" is out of range. Received ' + size);
}

Buffer.alloc = function alloc(size, fill, encoding) {
  checkSize(size);
  const buffer = new FastBuffer(size);
  return fill === undefined || fill === 0 ? buffer : buffer.fill(fill, encoding);
};
Buffer.allocUnsafe = Buffer.allocUnsafeSlow = function (size) { return Buffer.alloc(size); };
Buffer.isBuffer = (value) => value instanceof Buffer;
Buffer.isEncoding = (name) => typeof name === 'string' && encodings[aliases[name.toLowerCase()] || name.toLowerCase()] !== undefined;
Buffer.byteLength = function (value, encoding) {
  return typeof value === 'string' ? encodingOf(encoding).bytes(value).length : value.byteLength;
};
Buffer.compare = function (a, b) {
  const n = Math.min(a.length, b.length);
  for (let i = 0; i < n; i++) if (a[i] !== b[i]) return a[i] < b[i] ? -1 : 1;
  return Math.sign(a.length - b.length);
};
Buffer.concat = function (list, total) {
  if (!Array.isArray(list)) throw new TypeError('The "list" argument must be an instance of Array');
  if (total === undefined) total = list.reduce((n, b) => n + b.length, 0);
  const result = Buffer.alloc(total);
  let at = 0;
  for (const b of list) {
    const part = at + b.length > total ? b.subarray(0, total - at) : b;
    result.set(part, at);
    at += part.length;
    if (at >= total) break;
  }
  return result;
};
Buffer.poolSize = 8192;

function clampIndex(value, length, fallback) {
  if (value === undefined) return fallback;
  value = Math.trunc(Number(value)) || 0;
  return value < 0 ? Math.max(length + value, 0) : Math.min(value, length);
}

const methods = {
  toString(encoding, start, end) {
    start = Math.max(0, clampIndex(start, this.length, 0));
    end = clampIndex(end, this.length, this.length);
    return start >= end ? '' : encodingOf(encoding).text(this, start, end);
  },
  toLocaleString(encoding, start, end) { return this.toString(encoding, start, end); },
  toJSON() { return { type: 'Buffer', data: Array.from(this) }; },
  equals(other) { return Buffer.compare(this, other) === 0; },
  compare(other) { return Buffer.compare(this, other); },
  slice(start, end) {
    start = clampIndex(start, this.length, 0);
    end = Math.max(start, clampIndex(end, this.length, this.length));
    return new FastBuffer(this.buffer, this.byteOffset + start, end - start);
  },
  subarray(start, end) { return this.slice(start, end); },
  copy(target, at = 0, start = 0, end = this.length) {
    const part = this.slice(start, Math.min(end, start + Math.max(0, target.length - at)));
    target.set(part, at);
    return part.length;
  },
  write(text, at, length, encoding) {
    if (typeof at === 'string') { encoding = at; at = undefined; length = undefined; }
    if (typeof length === 'string') { encoding = length; length = undefined; }
    at = at || 0;
    const room = Math.min(this.length - at, length === undefined ? Infinity : length);
    let bytes = encodingOf(encoding).bytes(String(text));
    if (bytes.length > room) {
      bytes = bytes.slice(0, room);
      // Half a character is not written.
      if (encodingOf(encoding) === encodings.utf8) while (bytes.length > 0 && utf8Text(bytes, 0, bytes.length).endsWith('\ufffd')) bytes.pop();
    }
    this.set(bytes, at);
    return bytes.length;
  },
  fill(value, start, end, encoding) {
    if (typeof start === 'string') { encoding = start; start = undefined; }
    start = start === undefined ? 0 : start;
    end = end === undefined ? this.length : end;
    if (typeof value === 'number') return Uint8Array.prototype.fill.call(this, value, start, end);
    const bytes = typeof value === 'string' ? encodingOf(encoding).bytes(value) : value;
    for (let i = start; i < end; i++) this[i] = bytes.length === 0 ? 0 : bytes[(i - start) % bytes.length];
    return this;
  },
  indexOf(value, from = 0, encoding) {
    if (typeof value === 'number') return Uint8Array.prototype.indexOf.call(this, value & 255, from);
    const bytes = typeof value === 'string' ? encodingOf(encoding).bytes(value) : value;
    for (let i = from < 0 ? Math.max(0, this.length + from) : from; i + bytes.length <= this.length; i++) {
      let j = 0;
      while (j < bytes.length && this[i + j] === bytes[j]) j++;
      if (j === bytes.length) return i;
    }
    return -1;
  },
  includes(value, from, encoding) { return this.indexOf(value, from, encoding) >= 0; },
  readUIntBE(at, n) { let v = 0; for (let i = 0; i < n; i++) v = v * 256 + this.at(at + i); return v; },
  readUIntLE(at, n) { let v = 0; for (let i = n - 1; i >= 0; i--) v = v * 256 + this.at(at + i); return v; },
  writeUIntBE(v, at, n) { for (let i = n - 1; i >= 0; i--) { this[at + i] = v % 256; v = Math.floor(v / 256); } return at + n; },
  writeUIntLE(v, at, n) { for (let i = 0; i < n; i++) { this[at + i] = v % 256; v = Math.floor(v / 256); } return at + n; },
};

// The fixed-width numbers go through a DataView, which checks the range.
const numbers = { Int8: 1, UInt8: 1, Int16: 2, UInt16: 2, Int32: 4, UInt32: 4, Float: 4, Double: 8, BigInt64: 8, BigUInt64: 8 };
const viewNames = { UInt8: 'Uint8', UInt16: 'Uint16', UInt32: 'Uint32', Float: 'Float32', Double: 'Float64', BigUInt64: 'BigUint64' };
for (const name of Object.keys(numbers)) {
  const kind = viewNames[name] || name;
  for (const order of numbers[name] === 1 ? [''] : ['LE', 'BE']) {
    const little = order === 'LE';
    const read = function (at = 0) { return new DataView(this.buffer, this.byteOffset, this.length)['get' + kind](at, little); };
    const write = function (value, at = 0) {
      new DataView(this.buffer, this.byteOffset, this.length)['set' + kind](at, value, little);
      return at + numbers[name];
    };
    for (const spelling of [name, name.replace('UInt', 'Uint')]) {
      methods['read' + spelling + order] = read;
      methods['write' + spelling + order] = write;
    }
  }
}
for (const name of Object.keys(methods)) {
  Object.defineProperty(Buffer.prototype, name, { value: methods[name], writable: true, configurable: true });
}
Object.defineProperty(Buffer.prototype, Symbol.for('nodejs.util.inspect.custom'), {
  value() {
    const shown = hexText(this, 0, Math.min(50, this.length)).replace(/(..)(?=.)/g, '$1 ');
    return '<Buffer' + (shown ? ' ' + shown : '') + (this.length > 50 ? ' ... ' + (this.length - 50) + ' more bytes' : '') + '>';
  },
  configurable: true, writable: true,
});

exports.Buffer = Buffer;
exports.SlowBuffer = Buffer;
exports.INSPECT_MAX_BYTES = 50;
exports.kMaxLength = 0x7fffffff;
exports.atob = (text) => Buffer.from(String(text), 'base64').toString('latin1');
exports.btoa = (text) => Buffer.from(String(text), 'latin1').toString('base64');
