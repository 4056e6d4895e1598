// What the toolkit's classes and events do, told line by line.
'use strict';

api.on_run = function (command) {
    var utils = require('utils ' + command.variant), events = require('events ' + command.variant), Q = require('q');

    function say(text) { api.request('said', { text: text }); }

    function show(values) {
        return JSON.stringify(values, function (key, value) { return value === undefined ? 'undefined' : value; });
    }

    function attempt(what, f) {
        try { say(what + ': ' + f()); } catch (error) { say(what + ' threw ' + error.name + ' ' + error.message); }
    }

    // Constructors, with each number of arguments, by new, by call and as plain functions.
    var Parent = utils.Extendable.extend(function (self) {
        say('parent ' + (self === this) + ' ' + show([].slice.call(arguments, 1)));
        if (self) self.made = (self.made || 0) + 1;
        if (arguments[1] === 'other') return { other: true };
    });
    Parent.fixed = 'inherited';
    var Child = Parent.extend(function (self, a, b) {
        Parent.call(self, a, b);
        self.mine = [a, b];
    });
    var Plain = Parent.extend();
    [Parent, Child, Plain].forEach(function (Class, i) {
        say(i + ' has ' + Class.length + ' ' + Class.name + ' ' + Object.keys(Class) + ' ' + Object.getOwnPropertyNames(Class.prototype));
        [[], [1], [1, 2], [1, undefined, 3], [undefined], [1, 2, 3, 4], ['other']].forEach(function (given) {
            attempt(i + ' new', function () {
                var made = Reflect.construct(Class, given);
                return show(made) + (made instanceof Class) + (made instanceof Parent);
            });
            attempt(i + ' called', function () { return show(Class.apply({ on: 'me' }, given)); });
            attempt(i + ' bare', function () { return show(Class.apply(undefined, given)); });
        });
    });
    attempt('error', function () {
        var Failure = utils.BaseError.extend(function (self, text) { self.message = text; self.name = 'Failure'; });
        var e = new Failure('text');
        return [e instanceof Error, e instanceof Failure, e.message, e.name];
    });
    attempt('unshift', function () { return show([].slice.call((function () { return arguments; })(1, 2))); });

    // Events: nobody, one or many listen, they return values, promises and errors, and other promises are settled meanwhile.
    var emitter = new events.Eventable();
    Q().then(function () { say('tick 1'); }).then(function () { say('tick 2'); }).then(function () { say('tick 3'); })
        .then(function () { say('tick 4'); }).then(function () { say('tick 5'); }).then(function () { say('tick 6'); });
    function emitted(what) {
        return emitter.emit(new events.Event(what)).then(function (values) { say(what + ' gave ' + show(values)); },
            function (error) { say(what + ' failed ' + error.message); });
    }
    emitter.on('one', function (e) { say('one hears ' + e.name + (this === emitter)); return 1; });
    emitter.on('many', function () { return Q.delay(1).thenResolve('late'); });
    emitter.once('many', function () { say('once'); return 'once'; });
    emitter.on('many', function () { return Q('soon'); });
    emitter.on({ fails: function () { throw new Error('mine'); }, 'one': function () { say('one again'); } });
    var all = ['none', 'one', 'many', 'fails', 'none', 'many'].map(emitted);
    emitter.emit.setup().then(function (values) { say('setup ' + show(values)); });
    emitter.once.resolved('later').then(function (e) { say('resolved ' + e.name); });
    all.push(emitted('later'));
    attempt('listeners replaced', function () {
        var own = new events.Eventable();
        own.rawListeners = function () { return undefined; };
        return own.emit(new events.Event('x'));
    });
    emitter.teardown_listeners();
    Q.all(all).then(function () { return emitter.emit.teardown(); }).then(function (values) {
        say('teardown ' + show(values));
        api.done();
    }).done();
};
