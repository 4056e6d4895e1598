// Random calls of lodash, each on two copies of the same values, one for the library as it is published and one for the faster
// one. Values watch what is done to them: the steps, the results and the errors must be the same.
'use strict';

api.on_run = function (command) {
    var libraries = [require('original'), require('fast')], seed = command.seed | 0, calls = 0, steps = 0;

    function random(n) { // mulberry32
        seed = seed + 0x6D2B79F5 | 0;
        var t = Math.imul(seed ^ seed >>> 15, 1 | seed);
        t = t + Math.imul(t ^ t >>> 7, 61 | t) ^ t;
        return ((t ^ t >>> 14) >>> 0) % n;
    }

    var keys = ['a', 'b', 'c', 'length', 'constructor', 'toString', 'valueOf', '__proto__', '0', '1', 'hasOwnProperty'];

    // Values that both calls get must not change: merge writes into the functions that it finds in prototypes, too.
    var shared = Object.prototype.toString;
    [Object, Array, Date, Function, Number, String, Boolean].forEach(function (type) {
        keys.forEach(function (key) {
            if (key !== 'constructor' && typeof type.prototype[key] === 'function') Object.freeze(type.prototype[key]);
        });
    });

    function leaf() {
        return [undefined, null, NaN, 0, -0, 1, '', 'text', true, shared, Object.prototype.valueOf][random(11)];
    }

    // plan is a value as a function that makes it, with the text that its steps are written to.
    function plan(depth) {
        var kind = random(depth > 1 ? 4 : 14), value = leaf(), size = [2, 0, -1, 1.5, '2', NaN, Infinity][random(7)], members = [];
        for (var i = random(4); i > 0; i--) members.push([keys[random(keys.length)], depth > 1 ? leafPlan(leaf()) : plan(depth + 1), random(8)]);
        function fill(object, said) {
            members.forEach(function (m) { member(object, m[0], m[1](said), m[2], said); });
            return object;
        }
        return function (said) {
            switch (kind) {
            case 0: case 1: return value;
            case 2: return fill({}, said);
            case 3: return fill([1, undefined, 'x'], said);
            case 4: return fill(Object.create(fill({}, said)), said);
            case 5: return fill(Object.create(null), said);
            case 6: return fill(function f(a, b) {}, said);
            case 7: return new Proxy(fill({}, said), watcher(said));
            case 8: return fill(new (function Foo() {})(), said);
            case 9: { var Foo = function () {}; Foo.prototype = fill({ constructor: Foo }, said); return Foo.prototype; }
            case 10: { var Bar = function () {}; Bar.prototype = fill({}, said); Reflect.set(Bar.prototype, 'constructor', Bar); return fill(new Bar(), said); }
            case 11: return Object.freeze(fill({}, said));
            case 12: return fill({ length: size, 0: 'zero', 1: 'one' }, said);
            default: return fill(new Date(0), said);
            }
        };
    }

    function leafPlan(value) { return function () { return value; }; }

    function member(object, key, value, kind, said) {
        var old = Object.getOwnPropertyDescriptor(object, key);
        if (old && !old.configurable) return; // the length of an array
        if (kind === 0) {
            Object.defineProperty(object, key, { configurable: true, enumerable: true,
                get: function () { said.push('get ' + key); return value; }, set: function () { said.push('set ' + key); } });
        } else if (kind === 1) {
            Object.defineProperty(object, key, { configurable: true, enumerable: true, get: function () { throw new Error('no ' + key); } });
        } else if (kind === 2) {
            Object.defineProperty(object, key, { configurable: true, enumerable: false, writable: true, value: value });
        } else {
            Object.defineProperty(object, key, { configurable: true, enumerable: true, writable: kind !== 3, value: value });
        }
    }

    function watcher(said) {
        var handler = {};
        ['get', 'set', 'has', 'ownKeys', 'getOwnPropertyDescriptor', 'getPrototypeOf', 'defineProperty', 'deleteProperty'].forEach(function (trap) {
            handler[trap] = function (target, key) {
                steps++;
                said.push(trap + ' ' + (typeof key === 'string' ? key : typeof key));
                return Reflect[trap].apply(Reflect, arguments);
            };
        });
        return handler;
    }

    function show(value, depth) {
        if (typeof value === 'function') return 'function ' + value.name;
        if (value === null || typeof value !== 'object') return typeof value + ' ' + (Object.is(value, -0) ? '-0' : String(value));
        if (depth > 3) return '...';
        return Object.prototype.toString.call(value) + (Object.getPrototypeOf(value) === null ? ' bare' : '') + '{' +
            Object.getOwnPropertyNames(value).map(function (key) {
                var d = Object.getOwnPropertyDescriptor(value, key);
                return key + (d.enumerable ? ':' : '?') + ('value' in d ? show(d.value, depth + 1) : 'accessor');
            }).join() + '}';
    }

    var functions = ['defaults', 'defaults', 'defaults', 'assign', 'keysIn', 'forIn', 'assignIn', 'defaultsDeep', 'merge', 'mapDefaults', 'toPlainObject'];

    function call(_, name, given, said) {
        if (name === 'mapDefaults') return _.map(given, _.defaults);
        if (name === 'forIn') return _.forIn(given[0], function (value, key) { said.push('saw ' + key); });
        return _[name].apply(undefined, given);
    }

    // rare are calls that chance hardly ever makes.
    Object.defineProperty(Object.prototype, 'nan', { configurable: true, writable: true, value: NaN });
    var rare = [
        ['assign', [function (said) { return new Proxy({ a: NaN, b: undefined }, watcher(said)); }, leafPlan({ a: NaN, b: undefined, c: undefined })]],
        ['defaults', [function () { return Object.defineProperty({}, 'x', { value: 1 }); }, leafPlan({ nan: 1 })]],
        ['defaults', [function () { return { nan: NaN }; }, leafPlan({ nan: 1 })]],
    ];

    for (; calls < command.calls; calls++) {
        var name = functions[random(functions.length)], plans = [], given = random(5);
        for (var i = 0; i < given; i++) plans.push(plan(0));
        if (rare.length > 0) {
            name = rare[0][0];
            plans = rare.shift()[1];
        }
        var texts = libraries.map(function (_) {
            var said = [], values = plans.map(function (p) { return p(said); });
            try {
                said.push('result ' + show(call(_, name, values, said), 0));
            } catch (error) {
                said.push('error ' + error.name + ' ' + error.message);
            }
            return said.concat(values.map(function (v) { return show(v, 0); })).join('\n');
        });
        if (texts[0] !== texts[1]) {
            api.request('differs', { name: name, original: texts[0], fast: texts[1] });
            break;
        }
    }
    var d = libraries.map(function (_) { return [_.defaults.name, _.defaults.length, _.keysIn.length, Object.keys(_).length].join(); });
    api.request('compared', { calls: calls, steps: steps, members: d }, function () { api.done(); });
};
