// process: the little of Node's process that libraries look at when they are loaded.
const events = require('events');

class Process extends events.EventEmitter {}
const process = new Process();
Object.defineProperty(process, Symbol.toStringTag, { value: 'process' });
Object.assign(process, {
  title: 'indaba', version: 'v20.0.0', versions: { node: '20.0.0' }, platform: 'linux', arch: 'x64', pid: 1,
  argv: ['node', 'app.js'], execArgv: [], env: {}, browser: false, exitCode: undefined,
  nextTick(fn, ...args) { internal.checkCallback(fn); internal.nextTick(fn, args); },
  cwd() { return '/'; },
  chdir() { throw new Error('process.chdir: scripts have no working directory'); },
  exit() { throw new Error('process.exit: end a run with api.done()'); },
  uptime() { return internal.now() / 1000; },
  hrtime(from) {
    const ms = internal.now();
    const now = [Math.floor(ms / 1000), (ms % 1000) * 1e6];
    if (!from) return now;
    const nanos = now[1] - from[1];
    return nanos < 0 ? [now[0] - from[0] - 1, nanos + 1e9] : [now[0] - from[0], nanos];
  },
  memoryUsage() { return { rss: 0, heapTotal: 0, heapUsed: 0, external: 0 }; },
  umask() { return 0; },
  emitWarning(warning) { internal.console('w', [warning]); },
  stdout: output('i'), stderr: output('e'),
});
process.hrtime.bigint = function () { return BigInt(internal.now()) * 1000000n; };
module.exports = process;

function output(level) {
  return { isTTY: false, columns: 80, write(text) { internal.console(level, [String(text).replace(/\n$/, '')]); return true; } };
}
