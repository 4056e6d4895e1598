// A random program of promises. It says all that it sees, line by line: which handlers are called, with what, in which order.
// The same seed makes the same program, as long as all happens in the same order: what two libraries say is equal, or their
// order differs.
'use strict';

api.on_run = function (command) {
    var Q = require(command.library), Other = require(command.other), process = require('process'), G = globalThis;
    var seed = command.seed | 0;
    var promises = [], deferreds = [], names = new Map();
    var handlers = 0, left = command.steps, quiet = 0, wanted = { uncaught: false };

    function say(line) { api.request('said', { line: line }); }

    function random(n) { // mulberry32
        seed = seed + 0x6D2B79F5 | 0;
        var t = Math.imul(seed ^ seed >>> 15, 1 | seed);
        t = t + Math.imul(t ^ t >>> 7, 61 | t) ^ t;
        return ((t ^ t >>> 14) >>> 0) % n;
    }

    function pick(list) { return list[random(list.length)]; }

    // older picks among the promises that were there before something was made: none ever waits for itself, which takes
    // all time.
    function older(before) { return before === 0 ? before : promises[random(before)]; }

    // ------------------------------------------------------------------------------------------ values

    function keep(promise) {
        if (promise === undefined) return promise;
        if (!names.has(promise)) names.set(promise, 'P' + names.size);
        promises.push(promise);
        return promise;
    }

    function show(value, depth) {
        depth = depth || 0;
        if (names.has(value)) return names.get(value);
        if (value instanceof Error) return value.name + '(' + value.message + ')' + (value.code || '');
        if (typeof value === 'function') return 'function';
        if (value === null || typeof value !== 'object') return String(value) + ':' + typeof value;
        if (depth > 3) return '...';
        if (Q.isPromise(value) || Other.isPromise(value)) return 'a promise ' + show(value.inspect(), depth + 1);
        if (Array.isArray(value)) return '[' + value.map(function (v) { return show(v, depth + 1); }).join(', ') + ']';
        return '{' + Object.keys(value).map(function (k) { return k + ': ' + show(value[k], depth + 1); }).join(', ') + '}';
    }

    function failure() {
        var error = new Error('e' + handlers++);
        error.stack = 'stack of ' + error.message; // that of the engine tells which library it is
        return error;
    }

    function trap() { return { get then() { throw failure(); } }; }

    function thenable(before) {
        var kind = random(8), value = anything(before, 1), answer = handlers++;
        var object = { name: 'thenable ' + answer };
        object.then = function (resolve, reject, notify) {
            say('then of thenable ' + answer + ' gets ' + arguments.length);
            if (kind === 0) throw failure();
            if (kind === 1) { reject(value); resolve(1); return; }
            if (kind === 2) { setTimeout(function () { resolve(value); }, random(3)); return; }
            if (kind === 3) { resolve(value); throw failure(); }
            if (kind === 4) { notify && notify('progress of a thenable'); resolve(value); return; }
            if (kind === 5) { return; }
            resolve(value);
        };
        return object;
    }

    function anything(before, depth) {
        switch (random(depth ? 8 : 14)) {
        case 0: return undefined;
        case 1: return null;
        case 2: return random(100);
        case 3: return 'text' + random(100);
        case 4: return [1, 'two', { three: 3 }];
        case 5: return { a: random(10), b: 'b', m: function (x, y) { say('m gets ' + show([x, y])); return x; } };
        case 6: return failure();
        case 7: return function f(x, y) {
            say('f gets ' + show([this === undefined, x, y]));
            if (typeof y === 'function') y(null, x);
            return x;
        };
        case 8: return thenable(before);
        case 9: return keep(Other(random(2) ? random(10) : older(before)));
        case 10: return keep(Other.reject(failure()));
        case 11: return Promise.resolve(random(10));
        default: return older(before);
        }
    }

    // ------------------------------------------------------------------------------------------ handlers

    function handler(what, given) {
        var before = given === undefined ? promises.length : given;
        var id = handlers++, kind = random(16);
        if (kind === 0) return undefined;
        if (kind === 1) return pick([null, 5, 'no function', {}]);
        return function (value) {
            say(what + id + ' gets ' + show(value) + (arguments.length > 1 ? ' and ' + (arguments.length - 1) : ''));
            if (left > 0 && random(3) === 0) step();
            switch (kind) {
            case 2: throw failure();
            case 3: throw anything(before, 1);
            case 4: case 5: return older(before);
            case 6: return keep(Q.reject(failure()));
            case 7: return keep(Q.delay(random(4)).then(handler('late', before)));
            case 8: return thenable(before);
            case 9: return keep(Q.fcall(handler('inner', before) || show, 1));
            case 10: return anything(before);
            case 11: return value;
            case 12: return wanted.uncaught ? trap() : id;
            }
            return id;
        };
    }

    function nodeStyle() {
        var id = handlers++, kind = random(4);
        return function () {
            var args = Array.prototype.slice.call(arguments), callback = args.pop();
            say('node style ' + id + ' gets ' + show([this === undefined || this === G ? 'nothing' : this, args]));
            if (kind === 0) return callback(failure());
            if (kind === 1) return callback(null, 1, 2, 3);
            if (kind === 2) throw failure();
            setTimeout(function () { callback(null, id); }, 1);
        };
    }

    // ------------------------------------------------------------------------------------------ steps

    function makePromise() {
        var id = handlers++, descriptor = {};
        ['when', 'get', 'post', 'apply'].forEach(function (op) {
            if (random(4) === 0) return;
            descriptor[op] = function () {
                say(op + ' of made ' + id + ' gets ' + arguments.length + ' ' + (this instanceof Q.makePromise));
                if (op === 'when' && arguments[0] && random(3) === 0) return arguments[0](failure());
                if (random(6) === 0) throw failure();
                return anything(0, 1);
            };
        });
        var fallback = random(2) ? undefined : function (op) { say('fallback of made ' + id + ' gets ' + op); return op; };
        var state = pick([undefined, { state: 'pending' }, { state: 'rejected', reason: 7 }, { state: 'fulfilled', value: 8 }]);
        return Q.makePromise(descriptor, fallback, state && function () { return state; });
    }

    function generator() {
        var id = handlers++, before = promises.length;
        return function* (first) {
            say('generator ' + id + ' begins with ' + show(first));
            try {
                var a = yield older(before);
                say('generator ' + id + ' gets ' + show(a));
                var b = yield random(10);
                say('generator ' + id + ' gets ' + show(b));
            } catch (e) {
                say('generator ' + id + ' catches ' + show(e));
                if (random(2)) throw e;
            }
            return pick([id, older(before)]);
        };
    }

    function makeDeferred() {
        var d = Q.defer();
        d.before = promises.length;
        deferreds.push(d);
        keep(d.promise);
        return d;
    }

    // passOn makes promises that follow a pending one, and lets that one tell of progress before, while and after they do.
    function passOn() {
        var far = makeDeferred(), near = makeDeferred();
        keep(near.promise.then(handler('done'), handler('failed'), handler('progress')));
        var tell = [
            function () { far.notify(random(50)); },
            function () { near.notify(random(50)); },
            function () { near.resolve(random(2) ? far.promise : keep(far.promise.then(handler('done', far.before), null, handler('progress')))); },
            function () { keep(near.promise.progress(handler('progress'))); },
        ];
        for (var i = 0; i < 8; i++) setTimeout(pick(tell), i);
        setTimeout(function () { settle(far); }, 9);
    }

    var steps = [
        makeDeferred,
        makeDeferred,
        passOn,
        function () { settle(pick(deferreds)); },
        function () { settle(pick(deferreds)); },
        function () { settle(pick(deferreds)); },
        function () { pick(deferreds).notify(random(50)); },
        function () { var d = pick(deferreds); d.makeNodeResolver()(random(2) ? failure() : null, anything(d.before), random(2)); },
        function (p) { keep(p.then(handler('done'))); },
        function (p) { keep(p.then(handler('done'), handler('failed'))); },
        function (p) { keep(p.then(handler('done'), handler('failed'), handler('progress'))); },
        function (p) { keep(p.then()); },
        function (p) { keep(p.fail(handler('failed'))); },
        function (p) { keep(p['catch'](handler('failed'))); },
        function (p) { var h = handler('finally'); keep(p.fin(typeof h === 'function' ? h : show)); },
        function (p) { keep(p['finally'](function () { say('finally'); if (random(3) === 0) throw failure(); })); },
        function (p) { keep(p.progress(handler('progress'))); },
        function (p) { keep(p.all()); },
        function (p) { keep(p.spread(function (a, b) { say('spread gets ' + show([a, b])); return a; }, handler('failed'))); },
        function () { keep(Q.all([pick(promises), anything(promises.length), pick(promises)])); },
        function () { keep(Q.all([])); },
        function () { keep(Q.allSettled([pick(promises), anything(promises.length)])); },
        function () { keep(Q.race([pick(promises), pick(promises)])); },
        function () { keep(Q.any ? Q.any([pick(promises), pick(promises)]) : Q(1)); },
        function (p) { keep(p.tap ? p.tap(handler('tap') || show) : p.then()); },
        function (p) { keep(p.get('a')); },
        function (p) { keep(p.set('c', random(10))); },
        function (p) { keep(p.del('a')); },
        function (p) { keep(p.keys().then(withoutParts)); },
        function (p) { keep(p.post('m', [1, 2])); },
        function (p) { keep(p.invoke('m', pick(promises), 2)); },
        function (p) { keep(p.fcall(1, 2)); },
        function (p) { keep(p.fapply([1, 2])); },
        function (p) { keep(p.fbind(1)(2)); },
        function (p) { keep(p.dispatch(pick(['when', 'unheard of', 'get', 'toString', 'apply']), pick([[], ['a']]))); },
        function () { keep(Q.fcall(handler('called') || show, 1)); },
        function () { keep(Q.promised(function (a) { say('promised gets ' + show(a)); return a; })(pick(promises))); },
        function () { keep(Q.nfcall(nodeStyle(), 1)); },
        function () { keep(Q.nfapply(nodeStyle(), [1, 2])); },
        function () { keep(Q.denodeify(nodeStyle(), 1)(2)); },
        function () { keep(Q.nbind(nodeStyle(), { self: 1 })(2)); },
        function () { keep(Q.ninvoke({ n: nodeStyle() }, 'n', 1)); },
        function () { keep(Q.npost({ n: nodeStyle() }, 'n', [1])); },
        function (p) { p.nodeify(function (error, value) { say('nodeback gets ' + show([error, value])); }); },
        function (p) { keep(p.nodeify()); },
        function (p) { keep(p.timeout(random(5), pick([undefined, 'too late']))); },
        function (p) { keep(p.delay(random(5))); },
        function () { keep(Q.delay(anything(0, 1), random(5))); },
        function (p) { keep(p.thenResolve ? p.thenResolve(anything(promises.length)) : p.then()); },
        function (p) { keep(p.thenReject ? p.thenReject(failure()) : p.then()); },
        function () { keep(Q.when(anything(promises.length), handler('done'), handler('failed'))); },
        function () { keep(Q(anything(promises.length))); },
        function () { keep(Q.fulfill(anything(promises.length))); },
        function () { keep(Q.reject(pick([failure(), undefined, 'text', pick(promises)]))); },
        function () { keep(Q.promise(function (resolve, reject, notify) { settleBy(promises.length, resolve, reject, notify); })); },
        function () { keep(makePromise()); },
        function () { keep(Q.master({ a: 1 })); },
        function (p) { keep(Q.join(p, pick(promises))); },
        function () { keep(Q.async(generator())(random(5))); },
        function (p) { if (wanted.uncaught) p.done(handler('end')); else p.then(undefined, show).done(); },
        function () { if (wanted.uncaught) Q.spawn(generator()); },
        function (p) { keep(p.passByCopy()); },
        function (p) { say('inspect ' + show(p.inspect()) + p.isPending() + p.isFulfilled() + p.isRejected() + (p + '').slice(0, 8)); },
        function (p) { say('nearer ' + show(Q.nearer(p)) + ' ' + show(p.valueOf())); },
        function (p) { p.promiseDispatch(random(2) ? function (v) { say('dispatched ' + show(v)); } : undefined, 'when',
            pick([[], [undefined, function (v) { say('listener gets ' + show(v) + arguments.length); }],
                [function (v) { say('rejected gets ' + show(v)); return v; }]])); },
        function () { Q.nextTick(function () { say('tick'); step(); }); },
        function () { process.nextTick(function () { say('process tick'); step(); }); },
        function () { setImmediate(function () { say('immediate'); step(); }); },
        function () { Promise.resolve().then(function () { say('native'); step(); }); },
        function () { setTimeout(function () { say('timeout'); step(); }, random(6)); },
        function () { say('unhandled ' + reasons()); },
        function () { if (random(5) === 0) Q.resetUnhandledRejections(); },
        function () { if (random(20) === 0) Q.stopUnhandledRejectionTracking(); },
        function () { Q.onerror = random(4) ? function (e) { say('onerror gets ' + show(e)); } : wanted.uncaught ? undefined : Q.onerror; },
        function () { if (wanted.uncaught) pick(deferreds).resolve(trap()); },
    ];

    // Which members a promise has of its own, beside exception, is what the libraries differ in.
    function withoutParts(keys) {
        return keys.filter(function (k) { return ['promiseDispatch', 'valueOf', 'inspect', 'source'].indexOf(k) < 0; });
    }

    function reasons() {
        return Q.getUnhandledReasons().map(function (r) {
            return /^\(no stack\)|^stack of/.test(r) ? r.split('\n')[0] : 'of the engine';
        }).join(', ');
    }

    function settle(deferred) { settleBy(deferred.before, deferred.resolve, deferred.reject, deferred.notify, deferred.fulfill); }

    function settleBy(before, resolve, reject, notify, fulfill) {
        switch (random(8)) {
        case 0: reject(failure()); break;
        case 1: notify(random(9)); resolve(anything(before)); break;
        case 2: if (fulfill) fulfill(anything(before)); else throw failure(); break;
        case 3: setTimeout(function () { resolve(anything(before)); }, random(4)); break;
        case 4: break;
        default: resolve(anything(before));
        }
    }

    function step() {
        if (left-- <= 0) return;
        var i = random(steps.length), ours = promises.filter(Q.isPromise);
        say('step ' + i);
        try {
            steps[i](pick(ours));
        } catch (e) {
            say('step ' + i + ' throws ' + show(e));
        }
    }

    // ------------------------------------------------------------------------------------------ time

    // Timers run in the order of their time as soon as nothing else is left: the programs take no time.
    var timers = [], timerNumber = 0, now = 0;
    G.setTimeout = function (fn, delay) { timers.push({ fn: fn, due: now + (delay || 0), id: ++timerNumber }); return timerNumber; };
    G.clearTimeout = function (id) { timers = timers.filter(function (t) { return t.id !== id; }); };

    function turn() {
        if (timers.length > 0) {
            timers.sort(function (a, b) { return a.due - b.due || a.id - b.id; });
            var timer = timers.shift();
            now = timer.due;
            quiet = 0;
            setImmediate(turn);
            timer.fn();
        } else if (quiet++ < 3) {
            setImmediate(turn);
        } else if (left > 0) {
            quiet = 0;
            setImmediate(turn);
            step(); step(); step();
        } else {
            promises.forEach(function (p) { say(names.get(p) + ' is ' + show(p.inspect ? p.inspect() : p)); });
            say('unhandled ' + reasons());
            process.removeAllListeners();
            api.done();
        }
    }

    process.on('unhandledRejection', function (reason, promise) { say('unhandled: ' + show(reason) + ' ' + show(promise)); });
    process.on('rejectionHandled', function (reason, promise) { say('handled: ' + show(promise)); });
    Q.onerror = function (e) { say('onerror gets ' + show(e)); };
    Q.longStackSupport = random(6) === 0;
    wanted.uncaught = random(12) === 0;
    if (random(10) === 0) {
        var nextTick = Q.nextTick;
        var ticks = 0, own = function (task) { if (ticks++ === 0) say('own tick'); nextTick(task); };
        own.runAfter = nextTick.runAfter;
        Q.nextTick = own;
    }
    Q.resetUnhandledRejections();
    keep(Q(handlers));
    keep(Q.reject(failure()));
    for (var i = 0; i < 3; i++) makeDeferred();
    for (i = 0; i < 12; i++) step();
    setImmediate(turn);
};
