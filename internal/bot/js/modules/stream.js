// stream: the old-style stream that libraries inherit from when they are loaded. Real streaming has no place in a run.
const EventEmitter = require('events');
const { inherits } = require('util');

function Stream() { EventEmitter.call(this); }
inherits(Stream, EventEmitter);
Stream.prototype.pipe = function (target) {
  this.on('data', (chunk) => target.write(chunk));
  this.on('end', () => { if (typeof target.end === 'function') target.end(); });
  target.emit('pipe', this);
  return target;
};
module.exports = Stream;
Stream.Stream = Stream;
for (const name of ['Readable', 'Writable', 'Duplex', 'Transform', 'PassThrough']) {
  Stream[name] = function () {
    if (new.target !== undefined && new.target === Stream[name]) throw new Error('stream.' + name + ' is not available to scripts');
    Stream.call(this);
  };
  Object.defineProperty(Stream[name], 'name', { value: name });
  inherits(Stream[name], Stream);
}
