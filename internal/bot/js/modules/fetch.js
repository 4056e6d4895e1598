// fetch, answered by the host: the command is {"cmd":"fetch","url","method","headers":{…},"body":text or null}, its reply
// {"success":true,"status","statusText","headers":{…},"body":text,"url"} or {"success":false,"reason"}.
class Headers {
  constructor(init) {
    this.map = new Map();
    if (init === undefined || init === null) return;
    const entries = typeof init[Symbol.iterator] === 'function' ? init : Object.entries(init);
    for (const [name, value] of entries) this.append(name, value);
  }
  append(name, value) {
    const key = String(name).toLowerCase();
    this.map.set(key, this.map.has(key) ? this.map.get(key) + ', ' + value : String(value));
  }
  set(name, value) { this.map.set(String(name).toLowerCase(), String(value)); }
  get(name) { const v = this.map.get(String(name).toLowerCase()); return v === undefined ? null : v; }
  has(name) { return this.map.has(String(name).toLowerCase()); }
  delete(name) { this.map.delete(String(name).toLowerCase()); }
  forEach(fn) { this.map.forEach((value, name) => fn(value, name, this)); }
  entries() { return this.map.entries(); }
  keys() { return this.map.keys(); }
  values() { return this.map.values(); }
  [Symbol.iterator]() { return this.map.entries(); }
}

class Response {
  constructor(reply, url) {
    this.status = Number(reply.status);
    this.statusText = reply.statusText === undefined ? '' : String(reply.statusText);
    this.ok = this.status >= 200 && this.status < 300;
    this.url = reply.url === undefined ? url : String(reply.url);
    this.headers = new Headers(reply.headers);
    this.bodyUsed = false;
    Object.defineProperty(this, 'content', { value: typeof reply.body === 'string' ? reply.body : '' });
  }
  async text() {
    if (this.bodyUsed) throw new TypeError('the body has been read already');
    this.bodyUsed = true;
    return this.content;
  }
  async json() { return JSON.parse(await this.text()); }
}

exports.Headers = Headers;
exports.Response = Response;
exports.fetch = function fetch(resource, options = {}) {
  return new Promise(function (resolve, reject) {
    const url = String(resource !== null && typeof resource === 'object' && resource.url !== undefined ? resource.url : resource);
    const headers = new Headers(options.headers);
    let body = options.body === undefined || options.body === null ? null : options.body;
    if (body !== null && typeof body !== 'string') {
      if (body instanceof require('url').URLSearchParams && !headers.has('content-type')) {
        headers.set('content-type', 'application/x-www-form-urlencoded;charset=UTF-8');
      }
      body = String(body);
    }
    const message = { url, method: String(options.method || 'GET').toUpperCase(), headers: Object.fromEntries(headers), body };
    internal.request('fetch', message, function (reply) {
      if (reply.success === false) reject(new TypeError('fetch failed: ' + reply.reason));
      else resolve(new Response(reply, url));
    });
  });
};
