// Puts the platform's resources in the place of the toolkit's dummies, before a test file is loaded. Each command that a
// test sends to a dummy resource goes to the platform instead, with the state of the dummy's store before it, and the
// store is brought to the platform's state after it. What a test puts into a store is thus in the platform's store, and
// what it finds in a store came from there. Handlers that a test replaces stay the test's own.
//
// platform(cmd, msg) reaches the bridge's other half, bridge.go.
var Q = require('q');
var resources = require('vumigo_v02/lib/dummy/resources');
var Original = resources.DummyResources;
var worlds = 0;

resources.DummyResources = Original.extend(function (self) {
    Original.call(self);

    var world = 'world-' + (++worlds), queue = Q(), handlers = {};
    var add = self.add, handle = self.handle;

    self.add = function (resource) {
        add(resource);
        handlers[resource.name] = Object.assign({}, resource.handlers);
    };

    self.handle = function (cmd) {
        var parts = String(cmd.cmd).split('.', 2), resource = self.resources[parts[0]];
        var own = resource && handlers[parts[0]][parts[1]];
        if (!bridges[parts[0]] || !own || resource.handlers[parts[1]] !== own) {
            return handle(cmd);
        }
        // One after the other: each command sees the state that the one before it left.
        queue = queue.delay(0).then(function () {
            return bridges[parts[0]](resource, cmd, self.resources, world);
        }).catch(function (e) {
            return {success: false, reason: 'the bridge failed: ' + (e.stack || e)};
        });
        return queue;
    };
});

// send runs a command on the platform; state is what its store has to hold before.
function send(world, cmd, state) {
    return Q(platform('bridge.run', {world: world, command: cmd, state: state || {}})).then(function (answer) {
        if (!answer.success) { throw new Error(answer.reason); }
        return answer;
    });
}

var bridges = {
    config: function (resource, cmd, all, world) {
        return send(world, cmd, {config: configTexts(resource)}).get('answer');
    },

    kv: function (resource, cmd, all, world) {
        return send(world, cmd, {kv: resource.store, ttl: resource.ttl}).then(function (result) {
            replace(resource.store, result.state.kv);
            replace(resource.ttl, result.state.ttl);
            return result.answer;
        });
    },

    log: function (resource, cmd, all, world) {
        return send(world, cmd).then(function (result) {
            result.log.forEach(function (line) { resource.add(line.level, line.text); });
            return result.answer;
        });
    },

    outbound: function (resource, cmd, all, world) {
        return send(world, cmd, {config: configTexts(resource.config)}).then(function (result) {
            result.sends.forEach(function (sent) { resource.store.push(sent); });
            return result.answer;
        });
    },

    metrics: function (resource, cmd, all, world) {
        return send(world, cmd).then(function (result) {
            result.fired.forEach(function (point) {
                resource.ensure_metric(point).values.push(point.value);
            });
            return result.answer;
        });
    },

    http: function (resource, cmd, all, world) {
        // The fixtures decide what the server on the other side will answer.
        var planned;
        try {
            planned = resource.handle_request(cmd);
        } catch (e) {
            return {success: false, reason: e.message};
        }
        return send(world, cmd, {planned: {code: planned.code, body: planned.body}}).get('answer');
    },

    contacts: people,
    groups: people
};

// people bridges contacts and groups, which belong together.
function people(resource, cmd, all, world) {
    var contacts = all.contacts, groups = all.groups;
    var state = {
        config: configTexts(all.config),
        contacts: contacts.store.map(function (contact) { return contact.do.serialize(); }),
        groups: groups.store.map(function (group) { return group.do.serialize(); }),
        // What a test fixes as the result of a query becomes a query for just those keys.
        found_contacts: contacts.search_results,
        found_groups: groups.search_results
    };
    return send(world, cmd, state).then(function (result) {
        mirror(contacts, result.state.contacts);
        mirror(groups, result.state.groups);
        return result.answer;
    });
}

// mirror brings a store to the platform's state; objects that a test may hold stay the same objects.
function mirror(resource, records) {
    var known = {};
    resource.store.forEach(function (object) { known[object.key] = object; });
    resource.store = records.map(function (record) {
        var object = known[record.key];
        if (!object) { return resource.create(record); }
        object.do.reset(record);
        return object;
    });
}

// replace makes an object have the members of another.
function replace(object, members) {
    Object.keys(object).forEach(function (name) { delete object[name]; });
    Object.assign(object, members);
}

// configTexts returns the configuration as the platform stores it: texts by key.
function configTexts(config) {
    var texts = {};
    Object.keys(config.store).forEach(function (key) {
        var value = config.store[key];
        if (config.json[key] !== false) { value = JSON.stringify(value); }
        if (typeof value === 'string') { texts[key] = value; }
    });
    return texts;
}
