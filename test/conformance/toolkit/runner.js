// Runs test files written for mocha: describe, it, before, after, beforeEach and afterEach with callbacks or promises.
// It is the app script of the conformance program. A run gets one file to load and sends back one result per test.
(function () {
    'use strict';

    var suite = null; // the suite that describe calls add to

    function newSuite(title, parent) {
        return {title: title, parent: parent, before: [], after: [], beforeEach: [], afterEach: [], children: []};
    }

    function describe(title, body) {
        var child = newSuite(title, suite);
        suite.children.push(child);
        suite = child;
        try {
            body.call(child);
        } finally {
            suite = child.parent;
        }
    }

    function it(title, body) {
        suite.children.push({title: title, test: body, parent: suite});
    }

    function skip(title) {
        suite.children.push({title: title, skipped: true, parent: suite});
    }

    function hook(kind) {
        return function (title, body) {
            suite[kind].push(typeof title === 'function' ? title : body);
        };
    }

    describe.skip = globalThis.xdescribe = function () {};
    it.skip = globalThis.xit = skip;
    globalThis.describe = globalThis.context = describe;
    globalThis.it = globalThis.specify = it;
    ['before', 'after', 'beforeEach', 'afterEach'].forEach(function (kind) {
        globalThis[kind] = hook(kind);
    });

    // call runs one test or hook: with a parameter it is called back, without one it may return a promise.
    function call(body, context) {
        return new Promise(function (resolve, reject) {
            if (body.length > 0) {
                body.call(context, function (error) {
                    if (error) { reject(error); } else { resolve(); }
                });
            } else {
                Promise.resolve(body.call(context)).then(resolve, reject);
            }
        });
    }

    async function callAll(bodies, context) {
        for (var i = 0; i < bodies.length; i++) {
            await call(bodies[i], context);
        }
    }

    // hooksOf lists the hooks of all suites around a test: from the outermost for beforeEach, from the innermost for afterEach.
    function hooksOf(test, kind) {
        var found = [];
        for (var s = test.parent; s; s = s.parent) {
            found = kind === 'beforeEach' ? s[kind].concat(found) : found.concat(s[kind]);
        }
        return found;
    }

    function titleOf(node) {
        return node.parent && node.parent.title ? titleOf(node.parent) + ' ' + node.title : node.title;
    }

    // describeError is bounded: results of a whole file leave in one command.
    function describeError(error) {
        var text = error && error.stack ? error.name + ': ' + error.message + '\n' + error.stack : String(error);
        return text.slice(0, 2000);
    }

    async function runTest(test) {
        var result = {title: titleOf(test), outcome: 'passed'}, context = {};
        if (test.skipped || !test.test) {
            result.outcome = 'skipped';
            return result;
        }
        try {
            await callAll(hooksOf(test, 'beforeEach'), context);
            await call(test.test, context);
        } catch (error) {
            result.outcome = 'failed';
            result.error = describeError(error);
        }
        try {
            await callAll(hooksOf(test, 'afterEach'), context);
        } catch (error) {
            result.outcome = 'failed';
            result.error = (result.error || '') + 'afterEach: ' + describeError(error);
        }
        return result;
    }

    async function runSuite(node, results) {
        await callAll(node.before, {});
        for (var i = 0; i < node.children.length; i++) {
            if (node.children[i].children) {
                await runSuite(node.children[i], results);
            } else {
                results.push(await runTest(node.children[i]));
            }
        }
        await callAll(node.after, {});
    }

    api.on_run_tests = function (command) {
        var results = [], root = newSuite('', null), failure = null;
        suite = root;
        try {
            testFiles[command.file]();
        } catch (error) {
            failure = describeError(error);
        }
        runSuite(root, results).catch(function (error) {
            failure = describeError(error);
        }).then(function () {
            api.request('tests.report', {results: results, failure: failure}, function () {
                api.done();
            });
        });
    };
}());
