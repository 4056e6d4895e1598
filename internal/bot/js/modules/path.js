// path: POSIX paths.
function normalizeParts(parts, absolute) {
  const kept = [];
  for (const part of parts) {
    if (part === '' || part === '.') continue;
    if (part !== '..') kept.push(part);
    else if (kept.length > 0 && kept[kept.length - 1] !== '..') kept.pop();
    else if (!absolute) kept.push('..');
  }
  return kept;
}

exports.sep = '/';
exports.delimiter = ':';
exports.isAbsolute = (p) => p.startsWith('/');
exports.normalize = function (p) {
  if (p === '') return '.';
  const absolute = p.startsWith('/');
  let result = normalizeParts(p.split('/'), absolute).join('/');
  if (result === '' && !absolute) result = '.';
  if (result !== '' && p.endsWith('/')) result += '/';
  return (absolute ? '/' : '') + (absolute && result === '/' ? '' : result);
};
exports.join = (...parts) => exports.normalize(parts.filter((p) => p !== '').join('/'));
exports.resolve = function (...parts) {
  let path = '';
  for (let i = parts.length - 1; i >= 0 && !path.startsWith('/'); i--) if (parts[i] !== '') path = parts[i] + '/' + path;
  return '/' + normalizeParts(path.split('/'), true).join('/');
};
exports.dirname = function (p) {
  const trimmed = p.replace(/(.)\/+$/, '$1');
  const at = trimmed.lastIndexOf('/');
  if (at < 0) return '.';
  return at === 0 ? '/' : trimmed.slice(0, at);
};
exports.basename = function (p, suffix = '') {
  const name = p.replace(/\/+$/, '').split('/').pop();
  return suffix !== '' && name !== suffix && name.endsWith(suffix) ? name.slice(0, -suffix.length) : name;
};
exports.extname = function (p) {
  const name = exports.basename(p);
  const at = name.lastIndexOf('.');
  return at <= 0 ? '' : name.slice(at);
};
exports.relative = function (from, to) {
  const a = exports.resolve(from).split('/').filter(Boolean), b = exports.resolve(to).split('/').filter(Boolean);
  let same = 0;
  while (same < a.length && same < b.length && a[same] === b[same]) same++;
  return [...a.slice(same).map(() => '..'), ...b.slice(same)].join('/');
};
exports.parse = function (p) {
  const base = exports.basename(p), ext = exports.extname(p), dir = exports.dirname(p);
  return { root: p.startsWith('/') ? '/' : '', dir: dir === '.' && !p.startsWith('.') ? '' : dir, base, ext, name: ext ? base.slice(0, -ext.length) : base };
};
exports.format = function (o) {
  const dir = o.dir || o.root || '', base = o.base || (o.name || '') + (o.ext || '');
  return dir === '' ? base : dir.endsWith('/') ? dir + base : dir + '/' + base;
};
exports.posix = exports;
