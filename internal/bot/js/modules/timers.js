// timers: the timer functions, as a module.
exports.setTimeout = internal.setTimeout;
exports.setInterval = internal.setInterval;
exports.setImmediate = internal.setImmediate;
exports.clearTimeout = internal.clearTimeout;
exports.clearInterval = internal.clearInterval;
exports.clearImmediate = internal.clearImmediate;
