// crypto: hashes, HMAC and random bytes. The random bytes of a run come from a secret seed by SHA-256 in counter mode, so
// that a recorded run can be replayed.
const { Buffer } = require('buffer');
const hashes = require('hashes');

function bytesOf(data, encoding) {
  if (typeof data === 'string') return Buffer.from(data, encoding);
  if (ArrayBuffer.isView(data)) return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  throw new TypeError('The "data" argument must be of type string or an instance of Buffer, TypedArray, or DataView. Received ' +
    (data === null ? 'null' : typeof data));
}

function algorithm(name) {
  const found = hashes[String(name).toLowerCase().replace('-', '')];
  if (found === undefined) throw new Error('Digest method not supported');
  return found;
}

class Hash {
  constructor(name) {
    this.algorithm = algorithm(name);
    this.parts = [];
    this.finished = false;
  }
  update(data, encoding) {
    if (this.finished) throw new Error('Digest already called');
    this.parts.push(Buffer.from(bytesOf(data, encoding)));
    return this;
  }
  digest(encoding) {
    if (this.finished) throw new Error('Digest already called');
    this.finished = true;
    const result = Buffer.from(this.sum(Buffer.concat(this.parts)));
    return encoding === undefined || encoding === 'buffer' ? result : result.toString(encoding);
  }
  sum(bytes) { return this.algorithm.sum(bytes); }
  copy() {
    const twin = Object.create(Object.getPrototypeOf(this));
    return Object.assign(twin, this, { parts: this.parts.slice() });
  }
}

class Hmac extends Hash {
  constructor(name, key) {
    super(name);
    const size = this.algorithm.blockBytes;
    let bytes = bytesOf(key);
    if (bytes.length > size) bytes = Buffer.from(this.algorithm.sum(bytes));
    this.key = Buffer.alloc(size);
    this.key.set(bytes);
  }
  sum(bytes) {
    const inner = this.algorithm.sum(Buffer.concat([this.key.map((b) => b ^ 0x36), bytes]));
    return this.algorithm.sum(Buffer.concat([this.key.map((b) => b ^ 0x5c), Buffer.from(inner)]));
  }
}

exports.createHash = (name) => new Hash(name);
exports.createHmac = (name, key) => new Hmac(name, key);
exports.Hash = Hash;
exports.Hmac = Hmac;
exports.getHashes = () => Object.keys(hashes);

function random(size) {
  if (typeof size !== 'number' || !(size >= 0 && size <= 0x7fffffff)) {
    throw new RangeError('The value of "size" is out of range. It must be >= 0 && <= 2147483647. Received ' + size);
  }
  const state = internal.randomState();
  const secret = Buffer.from(state.secret, 'hex');
  const result = Buffer.alloc(size);
  for (let at = 0; at < size; at += 32) {
    const counter = Buffer.alloc(8);
    counter.writeUIntBE(state.blocks++, 0, 8);
    const block = hashes.sha256.sum(Buffer.concat([secret, counter]));
    result.set(block.slice(0, Math.min(32, size - at)), at);
  }
  return result;
}

exports.randomBytes = exports.pseudoRandomBytes = function randomBytes(size, callback) {
  const bytes = random(size);
  if (callback === undefined) return bytes;
  internal.checkCallback(callback);
  internal.nextTick(callback, [null, bytes]);
  return undefined;
};
exports.randomFillSync = function (target) {
  target.set(random(target.length));
  return target;
};
exports.getRandomValues = exports.randomFillSync;
exports.randomInt = function randomInt(min, max) {
  if (max === undefined) { max = min; min = 0; }
  const range = max - min;
  if (!(range > 0 && range <= 0xffffffffffff)) throw new RangeError('The range of max - min must be positive and below 2 ** 48');
  const limit = 0x1000000000000 - (0x1000000000000 % range); // reject what would favour small numbers
  for (;;) {
    const n = random(6).readUIntBE(0, 6);
    if (n < limit) return min + (n % range);
  }
};
exports.randomUUID = function randomUUID() {
  const b = random(16);
  b[6] = (b[6] & 0x0f) | 0x40;
  b[8] = (b[8] & 0x3f) | 0x80;
  return b.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
};
exports.timingSafeEqual = function timingSafeEqual(a, b) {
  if (a.byteLength !== b.byteLength) throw new RangeError('Input buffers must have the same byte length');
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= a[i] ^ b[i];
  return difference === 0;
};
