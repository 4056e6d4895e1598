// console: what is written becomes part of the run's result.
const levels = { log: 'i', info: 'i', debug: 'd', trace: 'd', warn: 'w', error: 'e', dir: 'i', table: 'i' };
let indent = '';

for (const name of Object.keys(levels)) {
  exports[name] = function (...args) {
    if (indent !== '') args.unshift(indent);
    internal.console(levels[name], args);
  };
}
exports.assert = function (ok, ...args) {
  if (!ok) internal.console('e', ['Assertion failed:', ...args]);
};
exports.group = exports.groupCollapsed = function (...args) {
  if (args.length > 0) exports.log(...args);
  indent += '  ';
};
exports.groupEnd = function () { indent = indent.slice(2); };

const counts = new Map();
exports.count = function (label = 'default') {
  counts.set(label, (counts.get(label) || 0) + 1);
  exports.log(label + ': ' + counts.get(label));
};
exports.countReset = function (label = 'default') { counts.delete(label); };

const started = new Map();
exports.time = function (label = 'default') { started.set(label, internal.now()); };
exports.timeLog = exports.timeEnd = function (label = 'default') {
  if (started.has(label)) exports.log(label + ': ' + (internal.now() - started.get(label)) + 'ms');
};
