// hashes: MD5 (RFC 1321), SHA-1 and SHA-2 (FIPS 180-4) over Uint8Arrays. Constants are computed, not listed.
function padded(bytes, blockBytes, lengthBytes, bigEndian) {
  const total = Math.ceil((bytes.length + 1 + lengthBytes) / blockBytes) * blockBytes;
  const out = new Uint8Array(total);
  out.set(bytes);
  out[bytes.length] = 0x80;
  const view = new DataView(out.buffer);
  const high = Math.floor(bytes.length / 0x20000000), low = (bytes.length << 3) >>> 0;
  if (bigEndian) { view.setUint32(total - 8, high); view.setUint32(total - 4, low); }
  else { view.setUint32(total - 8, low, true); view.setUint32(total - 4, high, true); }
  return view;
}

function wordBytes(words, bigEndian) {
  const out = new Uint8Array(words.length * 4);
  const view = new DataView(out.buffer);
  for (let i = 0; i < words.length; i++) view.setUint32(i * 4, words[i] >>> 0, !bigEndian);
  return out;
}

function primes(n) {
  const found = [];
  for (let c = 2; found.length < n; c++) if (found.every((p) => c % p !== 0)) found.push(c);
  return found;
}

// fraction returns the first 64 bits of the fractional part of the square (2) or cube (3) root of n, by Newton's method.
function fraction(n, degree) {
  const d = BigInt(degree), scaled = BigInt(n) << (64n * d);
  let x = 1n << BigInt(Math.ceil((64 * degree + 10) / degree) + 1);
  for (;;) {
    const next = ((d - 1n) * x + scaled / x ** (d - 1n)) / d;
    if (next >= x) return x & 0xffffffffffffffffn;
    x = next;
  }
}

// ---------------------------------------------------------------------------------------------- MD5

const md5Shifts = [[7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21]];
const md5Table = Array.from({ length: 64 }, (_, i) => Math.floor(Math.abs(Math.sin(i + 1)) * 0x100000000) | 0);

function md5(bytes) {
  const view = padded(bytes, 64, 8, false);
  const h = [0x67452301, 0xefcdab89 | 0, 0x98badcfe | 0, 0x10325476];
  for (let at = 0; at < view.byteLength; at += 64) {
    let [a, b, c, d] = h;
    for (let i = 0; i < 64; i++) {
      let f, g;
      if (i < 16) { f = (b & c) | (~b & d); g = i; }
      else if (i < 32) { f = (d & b) | (~d & c); g = (5 * i + 1) % 16; }
      else if (i < 48) { f = b ^ c ^ d; g = (3 * i + 5) % 16; }
      else { f = c ^ (b | ~d); g = (7 * i) % 16; }
      const sum = (a + f + md5Table[i] + view.getInt32(at + g * 4, true)) | 0;
      const shift = md5Shifts[i >> 4][i & 3];
      a = d; d = c; c = b;
      b = (b + ((sum << shift) | (sum >>> (32 - shift)))) | 0;
    }
    h[0] = (h[0] + a) | 0; h[1] = (h[1] + b) | 0; h[2] = (h[2] + c) | 0; h[3] = (h[3] + d) | 0;
  }
  return wordBytes(h, false);
}

// ---------------------------------------------------------------------------------------------- SHA-1

function sha1(bytes) {
  const view = padded(bytes, 64, 8, true);
  const h = [0x67452301, 0xefcdab89 | 0, 0x98badcfe | 0, 0x10325476, 0xc3d2e1f0 | 0];
  const w = new Int32Array(80);
  for (let at = 0; at < view.byteLength; at += 64) {
    for (let i = 0; i < 80; i++) {
      if (i < 16) { w[i] = view.getInt32(at + i * 4); continue; }
      const x = w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16];
      w[i] = (x << 1) | (x >>> 31);
    }
    let [a, b, c, d, e] = h;
    for (let i = 0; i < 80; i++) {
      let f, k;
      if (i < 20) { f = (b & c) | (~b & d); k = 0x5a827999; }
      else if (i < 40) { f = b ^ c ^ d; k = 0x6ed9eba1; }
      else if (i < 60) { f = (b & c) | (b & d) | (c & d); k = 0x8f1bbcdc | 0; }
      else { f = b ^ c ^ d; k = 0xca62c1d6 | 0; }
      const t = (((a << 5) | (a >>> 27)) + f + e + k + w[i]) | 0;
      e = d; d = c; c = (b << 30) | (b >>> 2); b = a; a = t;
    }
    h[0] = (h[0] + a) | 0; h[1] = (h[1] + b) | 0; h[2] = (h[2] + c) | 0; h[3] = (h[3] + d) | 0; h[4] = (h[4] + e) | 0;
  }
  return wordBytes(h, true);
}

// ---------------------------------------------------------------------------------------------- SHA-256

const firstPrimes = primes(80);
const cubeRoots = firstPrimes.map((p) => fraction(p, 3));
const squareRoots = firstPrimes.slice(0, 16).map((p) => fraction(p, 2));
const high32 = (x) => Number(x >> 32n) | 0;
const low32 = (x) => Number(x & 0xffffffffn) | 0;
const k256 = cubeRoots.slice(0, 64).map(high32);
const rotr = (x, n) => (x >>> n) | (x << (32 - n));

function sha256With(start, outBytes) {
  const w = new Int32Array(64);
  return function (bytes) {
    const view = padded(bytes, 64, 8, true);
    const h = start.slice();
    for (let at = 0; at < view.byteLength; at += 64) {
      for (let i = 0; i < 64; i++) {
        if (i < 16) { w[i] = view.getInt32(at + i * 4); continue; }
        const x = w[i - 15], y = w[i - 2];
        w[i] = (w[i - 16] + (rotr(x, 7) ^ rotr(x, 18) ^ (x >>> 3)) + w[i - 7] + (rotr(y, 17) ^ rotr(y, 19) ^ (y >>> 10))) | 0;
      }
      let [a, b, c, d, e, f, g, z] = h;
      for (let i = 0; i < 64; i++) {
        const t1 = (z + (rotr(e, 6) ^ rotr(e, 11) ^ rotr(e, 25)) + ((e & f) ^ (~e & g)) + k256[i] + w[i]) | 0;
        const t2 = ((rotr(a, 2) ^ rotr(a, 13) ^ rotr(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
        z = g; g = f; f = e; e = (d + t1) | 0; d = c; c = b; b = a; a = (t1 + t2) | 0;
      }
      [a, b, c, d, e, f, g, z].forEach((v, i) => { h[i] = (h[i] + v) | 0; });
    }
    return wordBytes(h, true).slice(0, outBytes);
  };
}

// ---------------------------------------------------------------------------------------------- SHA-512

const mask64 = 0xffffffffffffffffn;
const rotr64 = (x, n) => ((x >> n) | (x << (64n - n))) & mask64;

function sha512With(start, outBytes) {
  return function (bytes) {
    const view = padded(bytes, 128, 16, true);
    const h = start.slice();
    const w = new Array(80);
    for (let at = 0; at < view.byteLength; at += 128) {
      for (let i = 0; i < 80; i++) {
        if (i < 16) { w[i] = view.getBigUint64(at + i * 8); continue; }
        const x = w[i - 15], y = w[i - 2];
        w[i] = (w[i - 16] + (rotr64(x, 1n) ^ rotr64(x, 8n) ^ (x >> 7n)) + w[i - 7] + (rotr64(y, 19n) ^ rotr64(y, 61n) ^ (y >> 6n))) & mask64;
      }
      let [a, b, c, d, e, f, g, z] = h;
      for (let i = 0; i < 80; i++) {
        const t1 = (z + (rotr64(e, 14n) ^ rotr64(e, 18n) ^ rotr64(e, 41n)) + ((e & f) ^ (~e & mask64 & g)) + cubeRoots[i] + w[i]) & mask64;
        const t2 = ((rotr64(a, 28n) ^ rotr64(a, 34n) ^ rotr64(a, 39n)) + ((a & b) ^ (a & c) ^ (b & c))) & mask64;
        z = g; g = f; f = e; e = (d + t1) & mask64; d = c; c = b; b = a; a = (t1 + t2) & mask64;
      }
      [a, b, c, d, e, f, g, z].forEach((v, i) => { h[i] = (h[i] + v) & mask64; });
    }
    const out = new Uint8Array(64);
    const words = new DataView(out.buffer);
    h.forEach((v, i) => words.setBigUint64(i * 8, v));
    return out.slice(0, outBytes);
  };
}

exports.md5 = { sum: md5, blockBytes: 64 };
exports.sha1 = { sum: sha1, blockBytes: 64 };
exports.sha224 = { sum: sha256With(squareRoots.slice(8, 16).map(low32), 28), blockBytes: 64 };
exports.sha256 = { sum: sha256With(squareRoots.slice(0, 8).map(high32), 32), blockBytes: 64 };
exports.sha384 = { sum: sha512With(squareRoots.slice(8, 16), 48), blockBytes: 128 };
exports.sha512 = { sum: sha512With(squareRoots.slice(0, 8), 64), blockBytes: 128 };
