// fs: scripts have no files. The module can be loaded, since some libraries do so without need, and nothing exists in it.
function absent(call, path) {
  const error = new Error('ENOENT: no such file or directory, ' + call + " '" + path + "'");
  return Object.assign(error, { errno: -2, code: 'ENOENT', syscall: call, path: String(path) });
}

exports.existsSync = () => false;
const calls = {
  readFile: 'open', readdir: 'scandir', stat: 'stat', lstat: 'lstat', access: 'access', realpath: 'realpath', open: 'open',
  writeFile: 'open', appendFile: 'open', mkdir: 'mkdir', unlink: 'unlink', rmdir: 'rmdir', rename: 'rename',
};
exports.promises = {};
for (const name of Object.keys(calls)) {
  exports[name + 'Sync'] = function (path) { throw absent(calls[name], path); };
  exports.promises[name] = async function (path) { throw absent(calls[name], path); };
  exports[name] = function (path, ...rest) {
    const callback = rest.pop();
    internal.checkCallback(callback);
    internal.nextTick(callback, [absent(calls[name], path)]);
  };
}
exports.createReadStream = exports.createWriteStream = function (path) { throw absent('open', path); };
