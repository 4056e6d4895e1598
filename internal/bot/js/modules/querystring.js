// querystring: Node's legacy query strings.
exports.escape = function (text) {
  return encodeURIComponent(typeof text === 'string' ? text : String(text));
};
exports.unescape = function (text) {
  try { return decodeURIComponent(text); } catch (_) {
    return require('buffer').Buffer.from(text.replace(/%([0-9a-f]{2})/gi, (_, hex) => String.fromCharCode(parseInt(hex, 16))), 'latin1').toString();
  }
};

function primitive(value) {
  switch (typeof value) {
    case 'string': return value;
    case 'number': return isFinite(value) ? String(value) : '';
    case 'bigint': case 'boolean': return String(value);
  }
  return '';
}

exports.stringify = exports.encode = function stringify(object, separator = '&', equals = '=', options) {
  const escape = options && options.encodeURIComponent || exports.escape;
  if (object === null || typeof object !== 'object') return '';
  const parts = [];
  for (const key of Object.keys(object)) {
    const name = escape(primitive(key)) + (equals || '=');
    const value = object[key];
    if (Array.isArray(value)) for (const item of value) parts.push(name + escape(primitive(item)));
    else parts.push(name + escape(primitive(value)));
  }
  return parts.join(separator || '&');
};

exports.parse = exports.decode = function parse(text, separator = '&', equals = '=', options) {
  const result = Object.create(null);
  if (typeof text !== 'string' || text === '') return result;
  const unescape = options && options.decodeURIComponent || exports.unescape;
  const decode = (s) => {
    s = s.replace(/\+/g, ' ');
    if (!s.includes('%')) return s;
    try { return unescape(s); } catch (_) { return exports.unescape(s); }
  };
  const limit = options && typeof options.maxKeys === 'number' ? options.maxKeys : 1000;
  let pairs = text.split(separator || '&');
  if (limit > 0) pairs = pairs.slice(0, limit);
  for (const pair of pairs) {
    if (pair === '') continue;
    const at = pair.indexOf(equals || '=');
    const key = decode(at < 0 ? pair : pair.slice(0, at));
    const value = at < 0 ? '' : decode(pair.slice(at + (equals || '=').length));
    if (result[key] === undefined) result[key] = value;
    else if (Array.isArray(result[key])) result[key].push(value);
    else result[key] = [result[key], value];
  }
  return result;
};
