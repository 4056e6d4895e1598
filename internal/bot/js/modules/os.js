// os: nothing of the real machine shows.
exports.EOL = '\n';
exports.platform = () => 'linux';
exports.type = () => 'Linux';
exports.release = () => '';
exports.arch = () => 'x64';
exports.hostname = () => 'localhost';
exports.tmpdir = () => '/tmp';
exports.homedir = () => '/';
exports.cpus = () => [];
exports.totalmem = exports.freemem = () => 0;
exports.networkInterfaces = () => ({});
