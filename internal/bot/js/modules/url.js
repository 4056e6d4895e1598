// url: Node's legacy parse, format and resolve, and small versions of URL and URLSearchParams.
const querystring = require('querystring');

const fields = ['protocol', 'slashes', 'auth', 'host', 'port', 'hostname', 'hash', 'search', 'query', 'pathname', 'path', 'href'];
function Url() { for (const f of fields) this[f] = null; }

const slashed = new Set(['http', 'https', 'ftp', 'gopher', 'file', 'ws', 'wss']);
const special = (protocol) => protocol !== null && slashed.has(protocol.replace(/:$/, ''));

// escapeAuto encodes what may not stand in a URL as it is.
const unsafe = /[\s<>"`{}|\\^']/g;
function escapeAuto(text) {
  return text.replace(unsafe, (c) => (c === "'" ? '%27' : encodeURIComponent(c)));
}

function parse(text, parseQuery, slashesDenoteHost) {
  if (text instanceof Url) return text;
  if (typeof text !== 'string') {
    const error = new TypeError('The "url" argument must be of type string. Received ' + (text === null ? 'null' : typeof text));
    error.code = 'ERR_INVALID_ARG_TYPE';
    throw error;
  }
  const url = new Url();
  let rest = text.trim();
  const mark = rest.search(/[?#]/);
  rest = mark < 0 ? rest.replace(/\\/g, '/') : rest.slice(0, mark).replace(/\\/g, '/') + rest.slice(mark);
  const protocol = /^([a-z0-9.+-]+:)/i.exec(rest);
  if (protocol) {
    url.protocol = protocol[1].toLowerCase();
    rest = rest.slice(protocol[1].length);
  }
  const mayHaveHost = slashesDenoteHost || protocol || /^\/\/[^@/]+@[^@/]+/.test(rest);
  if (url.protocol !== 'javascript:' && mayHaveHost) {
    url.slashes = rest.startsWith('//') ? true : null;
    if (url.slashes) rest = rest.slice(2);
    if (url.slashes || (protocol && !special(url.protocol))) rest = parseAuthority(url, rest);
  }
  if (url.protocol !== 'javascript:') rest = escapeAuto(rest);
  parseTail(url, rest, parseQuery);
  url.href = format(url);
  return url;
}

// parseAuthority reads [auth@]host[:port] and returns what follows.
function parseAuthority(url, rest) {
  const end = rest.search(/[/?#]/);
  let authority = end < 0 ? rest : rest.slice(0, end);
  rest = end < 0 ? '' : rest.slice(end);
  const at = authority.lastIndexOf('@');
  if (at >= 0) {
    try { url.auth = decodeURIComponent(authority.slice(0, at)); } catch (_) { throw badURL('URI malformed'); }
    authority = authority.slice(at + 1);
  }
  const stop = authority.search(/[\s<>"`{}|\\^']/);
  if (stop >= 0) {
    rest = '/' + authority.slice(stop) + rest;
    authority = authority.slice(0, stop);
  }
  const port = /:(\d*)$/.exec(authority);
  if (port) {
    if (port[1] !== '') url.port = port[1];
    authority = authority.slice(0, -port[0].length);
  }
  const ipv6 = /^\[(.*)\]$/.exec(authority);
  url.hostname = ipv6 ? ipv6[1].toLowerCase() : authority.toLowerCase();
  url.host = (ipv6 ? '[' + url.hostname + ']' : url.hostname) + (url.port ? ':' + url.port : '');
  return rest;
}

function badURL(message) { return Object.assign(new URIError(message), { code: 'ERR_INVALID_URL' }); }

function parseTail(url, rest, parseQuery) {
  const hash = rest.indexOf('#');
  if (hash >= 0) {
    url.hash = rest.slice(hash);
    rest = rest.slice(0, hash);
  }
  const question = rest.indexOf('?');
  if (question >= 0) {
    url.search = rest.slice(question);
    url.query = rest.slice(question + 1);
    rest = rest.slice(0, question);
  } else if (parseQuery) {
    url.search = null;
    url.query = '';
  }
  if (parseQuery) url.query = querystring.parse(url.query);
  if (rest !== '') url.pathname = rest;
  if (special(url.protocol) && url.hostname && !url.pathname) url.pathname = '/';
  if (url.pathname || url.search) url.path = (url.pathname || '') + (url.search || '');
}

function format(value) {
  if (typeof value === 'string') value = parse(value);
  else if (value === null || typeof value !== 'object') {
    throw new TypeError('The "urlObject" argument must be one of type object or string. Received ' + (value === null ? 'null' : typeof value));
  } else if (value instanceof URL) return value.href;
  let protocol = value.protocol || '';
  if (protocol !== '' && !protocol.endsWith(':')) protocol += ':';
  const auth = value.auth ? encodeURIComponent(value.auth).replace(/%3A/i, ':') + '@' : '';
  let host = '';
  if (value.host) host = auth + value.host;
  else if (value.hostname) {
    const ipv6 = value.hostname.includes(':') && !value.hostname.startsWith('[');
    host = auth + (ipv6 ? '[' + value.hostname + ']' : value.hostname) + (value.port ? ':' + value.port : '');
  }
  let query = value.query !== null && typeof value.query === 'object' ? querystring.stringify(value.query) : '';
  let search = value.search || (query ? '?' + query : '');
  if (search && !search.startsWith('?')) search = '?' + search;
  let hash = value.hash || '';
  if (hash && !hash.startsWith('#')) hash = '#' + hash;
  let pathname = (value.pathname || '').replace(/[?#]/g, encodeURIComponent);
  if (value.slashes || ((protocol === '' || special(protocol)) && host !== '')) {
    host = '//' + host;
    if (pathname !== '' && !pathname.startsWith('/')) pathname = '/' + pathname;
  }
  return protocol + host + pathname + search.replace(/#/g, '%23') + hash;
}
Url.prototype.format = function () { return format(this); };
Url.prototype.parse = function (text, parseQuery, slashesDenoteHost) {
  return Object.assign(this, parse(text, parseQuery, slashesDenoteHost));
};
Url.prototype.resolve = function (relative) { return this.resolveObject(parse(relative, false, true)).format(); };
Url.prototype.resolveObject = function (relative) {
  if (typeof relative === 'string') relative = parse(relative, false, true);
  return resolveUrl(this, relative);
};

// withoutDots removes . and .. from a path (RFC 3986, 5.2.4).
function withoutDots(path) {
  const absolute = path.startsWith('/');
  const kept = [];
  const parts = path.split('/');
  for (let i = 0; i < parts.length; i++) {
    const last = i === parts.length - 1;
    if (parts[i] === '.') { if (last) kept.push(''); continue; }
    if (parts[i] !== '..') { kept.push(parts[i]); continue; }
    if (kept.length > (absolute ? 1 : 0) && kept[kept.length - 1] !== '..') kept.pop();
    else if (!absolute) kept.push('..');
    if (last) kept.push('');
  }
  return kept.join('/');
}

// resolveUrl applies a reference to a base (RFC 3986, 5.2.2).
function resolveUrl(base, reference) {
  const result = Object.assign(new Url(), base);
  result.hash = reference.hash;
  if (reference.href === '') { result.href = format(result); return result; }
  if (reference.protocol && (reference.protocol !== base.protocol || reference.host !== null)) {
    Object.assign(result, reference);
    if (result.pathname) result.pathname = withoutDots(result.pathname);
  } else if (reference.host !== null) {
    Object.assign(result, reference, { protocol: base.protocol });
    if (special(result.protocol) && !result.pathname) result.pathname = '/';
  } else {
    mergePath(result, base, reference);
  }
  result.path = result.pathname || result.search ? (result.pathname || '') + (result.search || '') : null;
  result.href = format(result);
  return result;
}

function mergePath(result, base, reference) {
  const path = reference.pathname || '';
  if (path === '') {
    if (reference.search) { result.search = reference.search; result.query = reference.query; }
    return;
  }
  const folder = (base.pathname || (base.host ? '/' : '')).replace(/[^/]*$/, '');
  result.pathname = withoutDots(path.startsWith('/') ? path : folder + path);
  result.search = reference.search;
  result.query = reference.query;
}

exports.Url = Url;
exports.parse = parse;
exports.format = format;
exports.resolve = (from, to) => parse(from, false, true).resolve(to);
exports.resolveObject = (from, to) => (from ? parse(from, false, true).resolveObject(to) : to);

// ---------------------------------------------------------------------------------------------- URL

const plus = (text) => encodeURIComponent(text).replace(/%20/g, '+').replace(/[!'()~]/g, (c) => '%' + c.charCodeAt(0).toString(16).toUpperCase());

class URLSearchParams {
  constructor(init = '') {
    Object.defineProperty(this, 'list', { value: [], writable: true });
    Object.defineProperty(this, 'changed', { value: () => {}, writable: true });
    if (init === null || init === undefined) return;
    if (typeof init === 'object') {
      const entries = typeof init[Symbol.iterator] === 'function' ? init : Object.entries(init);
      for (const [k, v] of entries) this.list.push([String(k), String(v)]);
      return;
    }
    for (const pair of String(init).replace(/^\?/, '').split('&')) {
      if (pair === '') continue;
      const at = pair.indexOf('=');
      const decode = (s) => querystring.unescape(s.replace(/\+/g, ' '));
      this.list.push(at < 0 ? [decode(pair), ''] : [decode(pair.slice(0, at)), decode(pair.slice(at + 1))]);
    }
  }
  append(name, value) { this.list.push([String(name), String(value)]); this.changed(); }
  delete(name) { this.list = this.list.filter((e) => e[0] !== name); this.changed(); }
  get(name) { const e = this.list.find((x) => x[0] === name); return e ? e[1] : null; }
  getAll(name) { return this.list.filter((e) => e[0] === name).map((e) => e[1]); }
  has(name) { return this.list.some((e) => e[0] === name); }
  set(name, value) {
    const first = this.list.findIndex((e) => e[0] === name);
    if (first < 0) return this.append(name, value);
    this.list = this.list.filter((e, i) => e[0] !== name || i === first);
    this.list[first] = [String(name), String(value)];
    return this.changed();
  }
  sort() { this.list.sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0)); this.changed(); }
  forEach(fn, self) { for (const [k, v] of this.list) fn.call(self, v, k, this); }
  entries() { return this.list.map((e) => e.slice())[Symbol.iterator](); }
  keys() { return this.list.map((e) => e[0])[Symbol.iterator](); }
  values() { return this.list.map((e) => e[1])[Symbol.iterator](); }
  [Symbol.iterator]() { return this.entries(); }
  get size() { return this.list.length; }
  toString() { return this.list.map((e) => plus(e[0]) + '=' + plus(e[1])).join('&'); }
}

const defaultPorts = { 'http:': '80', 'https:': '443', 'ws:': '80', 'wss:': '443', 'ftp:': '21' };

class URL {
  constructor(text, base) {
    const reference = parse(String(text), false, base !== undefined);
    const full = base === undefined ? reference : parse(String(base), false, true).resolveObject(reference);
    if (!full.protocol || (special(full.protocol) && full.protocol !== 'file:' && !full.hostname)) {
      throw Object.assign(new TypeError('Invalid URL'), { code: 'ERR_INVALID_URL', input: String(text) });
    }
    const [user, ...password] = (full.auth || '').split(':');
    this.protocol = full.protocol;
    this.username = encodeURIComponent(user);
    this.password = encodeURIComponent(password.join(':'));
    this.hostname = full.hostname || '';
    this.port = full.port === null || full.port === defaultPorts[full.protocol] ? '' : full.port;
    this.pathname = withoutDots(full.pathname || '');
    this.search = full.search === null || full.search === '?' ? '' : full.search;
    this.hash = full.hash === null || full.hash === '#' ? '' : full.hash;
    const searchParams = new URLSearchParams(this.search);
    searchParams.changed = () => { const s = searchParams.toString(); this.search = s === '' ? '' : '?' + s; };
    Object.defineProperty(this, 'searchParams', { value: searchParams, enumerable: true });
  }
  get host() { return this.hostname + (this.port === '' ? '' : ':' + this.port); }
  get origin() { return special(this.protocol) && this.protocol !== 'file:' ? this.protocol + '//' + this.host : 'null'; }
  get href() {
    const auth = this.username === '' ? '' : this.username + (this.password === '' ? '' : ':' + this.password) + '@';
    return this.protocol + (special(this.protocol) || this.hostname !== '' ? '//' : '') + auth + this.host + this.pathname + this.search + this.hash;
  }
  toString() { return this.href; }
  toJSON() { return this.href; }
}

exports.URL = URL;
exports.URLSearchParams = URLSearchParams;
