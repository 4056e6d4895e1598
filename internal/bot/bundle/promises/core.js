// The heart of a promise library with the interface of q: what happens to a promise from its making to the call of its
// handlers. It takes the place of the same parts of q's own file (promises.go lists them) and lives among the rest of that
// file: Q, Promise, coerce, when, nearer, isPromise, isPromiseAlike, trackRejection, untrackRejection, makeStackTraceLong,
// hasStacks, longStackCounter and the functions with an underscore are q's.
//
// Handlers are called in the very order in which q calls them, because every step that can be told from outside takes as
// many tasks as in q. It is faster because a promise is one object and one array, where q makes some twenty closures, and
// because a task is three entries of an array. Tasks that q queues and that can do nothing are left out. What a turn does
// a hundred times is written out where it happens: a call costs the engine more than what is in it.

// ---------------------------------------------------------------------------------------------- tasks

// The queue holds three entries for each task, a function and its two arguments, from next to end. It stays the same array,
// which then has room already, unless there were MANY entries.
var queue = [], next = 0, end = 0;
var MANY = 3 * 1000;
var late = []; // functions for when the queue is empty: the last one first
var flushing = false;

function schedule(run, target, message) {
    if (Q.nextTick !== nextTick && ownTicksArePublic) {
        Q.nextTick(function () { run(target, message); });
        return;
    }
    put(run, target, message);
}

function put(run, target, message) {
    queue[end] = run;
    queue[end + 1] = target;
    queue[end + 2] = message;
    end += 3;
    if (!flushing) requestFlush();
}

function requestFlush() {
    flushing = true;
    process.nextTick(flush);
}

// An exception that leaves a task ends the run that it belongs to. What is queued then is of that run too, since a run
// never waits for anything with tasks left: it is dropped, so that other runs find a queue that works.
function flush() {
    try {
        while (next < end) {
            var run = queue[next], target = queue[next + 1], message = queue[next + 2];
            queue[next + 1] = queue[next + 2] = void 0; // what is done is not to be held in memory
            next += 3;
            if (next === end && end <= MANY) next = end = 0;
            else if (next > MANY && next > end / 2) forgetDone();
            run(target, message);
        }
        while (late.length !== 0) late.pop()();
    } catch (error) {
        queue = [];
        next = end = 0;
        late = [];
        throw error;
    } finally {
        flushing = false;
    }
}

function forgetDone() {
    queue = queue.slice(next, end);
    end -= next;
    next = 0;
}

function callTask(task) { task(); }

function nextTick(task) {
    put(callTask, task, void 0);
}

function runAfter(task) {
    late.push(task);
    if (!flushing) requestFlush();
}

// ---------------------------------------------------------------------------------------------- promises

// All that is to know of a promise stands in its cell, an array: the engine makes those fastest. The cell of a promise
// that then returned holds the handlers as well. PROMISE is the promise itself, but only while Q.longStackSupport is on.
var CELL = Symbol("cell");
var STATE = 0, VALUE = 1, MESSAGES = 2, PROMISE = 3, SOURCE = 4, FULFILLED = 5, REJECTED = 6, PROGRESSED = 7;

// The states. A promise that was pending FOLLOWS the promise that it was resolved with, or HOLDS any other value; one that
// was made settled IS fulfilled or has FAILED. A message to the former two takes a task more, as it does in q.
var PENDING = 0, FOLLOWS = 1, HOLDS = 2, IS = 3, FAILED = 4;

var prototype = Promise.prototype;
var isArray = Array.isArray;

function makePending(cell) {
    var promise = { __proto__: prototype, [CELL]: cell };
    if (Q.longStackSupport && hasStacks) rememberStack(promise, cell);
    return promise;
}

function rememberStack(promise, cell) {
    var stack = new Error().stack;
    promise.stack = stack.substring(stack.indexOf("\n") + 1);
    promise.stackCounter = longStackCounter++;
    cell[PROMISE] = promise;
}

function fulfill(value) {
    return { __proto__: prototype, [CELL]: [IS, value] };
}

function reject(reason) {
    var rejection = { __proto__: prototype, [CELL]: [FAILED, reason], exception: reason };
    trackRejection(rejection, reason);
    return rejection;
}

// cellOf returns the cell of a promise of this library; those that makePromise made, or whose dispatch somebody has
// replaced, have none: they are only spoken to.
function cellOf(promise) {
    return promise.promiseDispatch === promiseDispatch ? promise[CELL] : void 0;
}

function isSettled(promise) {
    var cell = cellOf(promise);
    return cell !== void 0 && cell[STATE] >= IS;
}

// ---------------------------------------------------------------------------------------------- messages

// Messages wait in the cell of a pending promise: two entries for each, the function that sends it and what it sends. A
// message is a reaction, which is the cell of the promise that then returned, or an operation.

function then(fulfilled, rejected, progressed) {
    var reaction = [PENDING, void 0, void 0, void 0, this, fulfilled, rejected, progressed];
    var promise = { __proto__: prototype, [CELL]: reaction };
    if (Q.longStackSupport && hasStacks) rememberStack(promise, reaction);
    if (Q.nextTick === nextTick || !ownTicksArePublic) {
        queue[end] = sendReaction;
        queue[end + 1] = this;
        queue[end + 2] = reaction;
        end += 3;
        if (!flushing) requestFlush();
    } else schedule(sendReaction, this, reaction);
    var cell = this.promiseDispatch === promiseDispatch ? this[CELL] : void 0;
    if (cell === void 0 || cell[STATE] === FOLLOWS) sendProgress(this, reaction);
    else if (cell[STATE] === PENDING) {
        if (cell[MESSAGES] === void 0) cell[MESSAGES] = [sendProgress, reaction];
        else cell[MESSAGES].push(sendProgress, reaction);
    }
    return promise;
}

function addMessage(cell, send, message) {
    if (cell[MESSAGES] === void 0) cell[MESSAGES] = [send, message];
    else cell[MESSAGES].push(send, message);
}

function sendReaction(promise, reaction) {
    var cell = promise.promiseDispatch === promiseDispatch ? promise[CELL] : void 0;
    if (cell === void 0) {
        askForeign(promise, reaction);
        return;
    }
    switch (cell[STATE]) {
    case PENDING:
        if (cell[MESSAGES] === void 0) cell[MESSAGES] = [sendReaction, reaction];
        else cell[MESSAGES].push(sendReaction, reaction);
        return;
    case IS:
        fulfillReaction(cell, reaction);
        return;
    case FAILED:
        untrackRejection(promise);
        rejectReaction(cell, reaction);
        return;
    }
    if (Q.nextTick === nextTick || !ownTicksArePublic) {
        queue[end] = forwardReaction;
        queue[end + 1] = cell;
        queue[end + 2] = reaction;
        end += 3;
        if (!flushing) requestFlush();
    } else schedule(forwardReaction, cell, reaction);
}

function forwardReaction(cell, reaction) {
    if (cell[STATE] === HOLDS) fulfillReaction(cell, reaction);
    else sendReaction(cell[VALUE], reaction);
}

function fulfillReaction(cell, reaction) {
    var value = cell[VALUE], fulfilled = reaction[FULFILLED];
    reaction[SOURCE] = reaction[FULFILLED] = reaction[REJECTED] = void 0; // or a chain would hold all of its past in memory
    if (typeof fulfilled === "function") {
        try {
            value = fulfilled(value);
        } catch (exception) {
            value = reject(exception);
        }
    }
    if (value !== null && (typeof value === "object" || typeof value === "function")) resolveCell(reaction, value);
    else if (reaction[STATE] === PENDING) hold(reaction, value);
}

function rejectReaction(cell, reaction) {
    try {
        resolveCell(reaction, recover(cell[VALUE], reaction));
    } catch (exception) { // of a getter named then
        reject(exception);
    }
}

function recover(reason, reaction) {
    var rejected = reaction[REJECTED], source = reaction[SOURCE];
    reaction[SOURCE] = reaction[FULFILLED] = reaction[REJECTED] = void 0;
    if (typeof rejected !== "function") return reject(reason);
    makeStackTraceLong(reason, source);
    try {
        return rejected(reason);
    } catch (exception) {
        return reject(exception);
    }
}

// askForeign lets a promise that is none of ours decide, and believes its first answer.
function askForeign(promise, reaction) {
    var done = false;
    promise.promiseDispatch(function (value) {
        if (done) return;
        done = true;
        fulfillReaction([IS, value], reaction);
    }, "when", [function (reason) {
        if (done) return;
        done = true;
        resolveCell(reaction, recover(reason, reaction));
    }]);
}

// ---------------------------------------------------------------------------------------------- progress

// Each then also asks for progress. Promises that are settled, or that hold a value, make none.

function sendProgress(promise, reaction) {
    var cell = promise.promiseDispatch === promiseDispatch ? promise[CELL] : void 0;
    if (cell === void 0) {
        promise.promiseDispatch(void 0, "when", [void 0, function (value) { progressReaction(reaction, value); }]);
    } else if (cell[STATE] === PENDING) {
        addMessage(cell, sendProgress, reaction);
    } else if (cell[STATE] === FOLLOWS && !isSettled(cell[VALUE])) {
        schedule(forwardProgress, cell, reaction);
    }
}

function forwardProgress(cell, reaction) { sendProgress(cell[VALUE], reaction); }

function progressReaction(reaction, value) {
    var progressed = reaction[PROGRESSED];
    if (typeof progressed === "function") {
        try {
            value = progressed(value);
        } catch (exception) {
            if (!Q.onerror) throw exception;
            Q.onerror(exception);
            return;
        }
    }
    notifyCell(reaction, value);
}

function notifyCell(cell, value) {
    var messages = cell[MESSAGES];
    if (messages === void 0) return;
    for (var i = 0; i < messages.length; i += 2) {
        var message = messages[i + 1];
        if (messages[i] === sendProgress) schedule(progressReaction, message, value);
        else if (messages[i] === sendOperation && message.op === "when" && message.args[1]) {
            schedule(callListener, message.args[1], value);
        }
    }
}

function callListener(listener, value) { listener(value); }

// ---------------------------------------------------------------------------------------------- resolution

function resolveCell(cell, value) {
    if (cell[STATE] !== PENDING) return;
    if (value === null || typeof value !== "object" && typeof value !== "function") hold(cell, value);
    else if (isPromise(value)) follow(cell, value);
    else if (typeof value.then === "function") follow(cell, coerce(value));
    else hold(cell, value);
}

function follow(cell, promise) {
    var messages = cell[MESSAGES];
    cell[STATE] = FOLLOWS;
    cell[VALUE] = promise;
    cell[MESSAGES] = void 0;
    if (cell[PROMISE] !== void 0) cell[PROMISE].source = promise;
    if (messages === void 0) return;
    var target = promise.promiseDispatch === promiseDispatch ? promise[CELL] : void 0;
    var settled = target !== void 0 && target[STATE] >= IS;
    var direct = Q.nextTick === nextTick || !ownTicksArePublic;
    for (var i = 0; i < messages.length; i += 2) {
        if (settled && messages[i] === sendProgress) continue;
        if (direct) {
            queue[end] = messages[i];
            queue[end + 1] = promise;
            queue[end + 2] = messages[i + 1];
            end += 3;
            if (!flushing) requestFlush();
        } else schedule(messages[i], promise, messages[i + 1]);
    }
}

function hold(cell, value) {
    if (cell[PROMISE] !== void 0) {
        follow(cell, fulfill(value));
        return;
    }
    var messages = cell[MESSAGES];
    cell[STATE] = HOLDS;
    cell[VALUE] = value;
    cell[MESSAGES] = void 0;
    if (messages === void 0) return;
    var direct = Q.nextTick === nextTick || !ownTicksArePublic;
    for (var i = 0; i < messages.length; i += 2) {
        if (messages[i] === sendReaction) {
            if (direct) {
                queue[end] = fulfillReaction;
                queue[end + 1] = cell;
                queue[end + 2] = messages[i + 1];
                end += 3;
                if (!flushing) requestFlush();
            } else schedule(fulfillReaction, cell, messages[i + 1]);
        } else if (messages[i] === sendOperation) schedule(operateOnHeld, value, messages[i + 1]);
    }
}

function defer() {
    var cell = [PENDING, void 0, void 0, void 0];
    var deferred = object_create(defer.prototype);
    deferred.promise = makePending(cell);
    deferred.resolve = function (value) { resolveCell(cell, value); };
    deferred.fulfill = function (value) { if (cell[STATE] === PENDING) hold(cell, value); };
    deferred.reject = function (reason) { if (cell[STATE] === PENDING) follow(cell, reject(reason)); };
    deferred.notify = function (progress) { notifyCell(cell, progress); };
    return deferred;
}

// all is in here because the toolkit calls it for every event that it emits, mostly with an empty array.
function all(promises) { return Q(promises).then(gather); }

function gather(promises) {
    if (isArray(promises) && promises.length === 0 && typeof promises.then !== "function" && !Q.longStackSupport) {
        return { __proto__: prototype, [CELL]: [HOLDS, promises, void 0, void 0] };
    }
    var cell = [PENDING, void 0, void 0, void 0];
    var promise = makePending(cell);
    if (isArray(promises) && promises.length === 0 || waitForAll(promises, cell) === 0) resolveCell(cell, promises);
    return promise;
}

function waitForAll(promises, cell) {
    var missing = 0;
    function fail(reason) { if (cell[STATE] === PENDING) follow(cell, reject(reason)); }
    array_reduce(promises, function (_, promise, index) {
        var snapshot;
        if (isPromise(promise) && (snapshot = promise.inspect()).state === "fulfilled") {
            promises[index] = snapshot.value;
            return;
        }
        missing++;
        when(promise, function (value) {
            promises[index] = value;
            if (--missing === 0) resolveCell(cell, promises);
        }, fail, function (progress) { notifyCell(cell, { index: index, value: progress }); });
    }, void 0);
    return missing;
}

// ---------------------------------------------------------------------------------------------- operations

// Operations are what is asked of a promise beside then: get, post, apply and the like, and what code other than this
// sends to promiseDispatch.

function dispatchOperation(op, args) {
    var cell = [PENDING, void 0, void 0, void 0];
    var promise = makePending(cell);
    schedule(sendOperation, this, { resolve: function (value) { resolveCell(cell, value); }, op: op, args: args });
    return promise;
}

function promiseDispatch(resolve, op, operands) {
    sendOperation(this, { resolve: resolve, op: op, args: operands });
}

function sendOperation(promise, operation) {
    var cell = cellOf(promise);
    if (cell === void 0) {
        promise.promiseDispatch(operation.resolve, operation.op, operation.args);
        return;
    }
    switch (cell[STATE]) {
    case PENDING:
        addMessage(cell, sendOperation, operation);
        return;
    case IS:
        operate(promise, operation, operationsOfFulfilled);
        return;
    case FAILED:
        operate(promise, operation, operationsOfRejected);
        return;
    default:
        schedule(forwardOperation, cell, operation);
    }
}

function forwardOperation(cell, operation) {
    if (cell[STATE] === HOLDS) operateOnHeld(cell[VALUE], operation);
    else sendOperation(cell[VALUE], operation);
}

function operateOnHeld(value, operation) { operate(fulfill(value), operation, operationsOfFulfilled); }

function operate(promise, operation, operations) {
    var result;
    try {
        var perform = operations[operation.op];
        if (perform) result = perform.apply(promise, operation.args);
        else if (operations === operationsOfRejected) result = promise;
        else result = reject(new Error("Promise does not support operation: " + operation.op));
    } catch (exception) {
        result = reject(exception);
    }
    if (operation.resolve) operation.resolve(result);
}

var operationsOfFulfilled = {
    "when": function () { return this[CELL][VALUE]; },
    "get": function (name) { return this[CELL][VALUE][name]; },
    "set": function (name, value) { this[CELL][VALUE][name] = value; },
    "delete": function (name) { delete this[CELL][VALUE][name]; },
    "post": function (name, args) {
        var value = this[CELL][VALUE];
        return name === null || name === void 0 ? value.apply(void 0, args) : value[name].apply(value, args);
    },
    "apply": function (thisp, args) { return this[CELL][VALUE].apply(thisp, args); },
    "keys": function () { return object_keys(this[CELL][VALUE]); }
};

var operationsOfRejected = {
    "when": function (rejected) {
        if (!rejected) return this;
        untrackRejection(this);
        return rejected(this[CELL][VALUE]);
    }
};

// ---------------------------------------------------------------------------------------------- looking at a promise

function inspect() {
    var cell = this[CELL];
    if (cell === void 0) return { state: "unknown" };
    switch (cell[STATE]) {
    case PENDING: return { state: "pending" };
    case FOLLOWS: return cell[VALUE].inspect();
    case FAILED: return { state: "rejected", reason: cell[VALUE] };
    default: return { state: "fulfilled", value: cell[VALUE] };
    }
}

// valueOf is what q calls the nearest form of a promise. A promise at which that is another promise follows it from then on.
function valueOf() {
    var cell = this[CELL];
    if (cell === void 0) return this;
    switch (cell[STATE]) {
    case PENDING: case FAILED: return this;
    case IS: return cell[VALUE];
    }
    var nearest = cell[STATE] === HOLDS ? cell[VALUE] : nearer(cell[VALUE]);
    if (isPromise(nearest)) {
        cell[STATE] = FOLLOWS;
        cell[VALUE] = nearest;
    }
    return nearest;
}

prototype.promiseDispatch = promiseDispatch;
prototype.inspect = inspect;
prototype.valueOf = valueOf;
