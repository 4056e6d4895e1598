package sandbox

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"indaba/internal/bot/bundle"
)

// contactMethods are all that the toolkit's documentation of contacts and groups describes
// (docs/spec/vumi-sandbox.md 11 and 15).
var contactMethods = []string{
	"Contact", "Contact.serialize", "Contact.do.reset", "Contact.do.validate",
	"ContactStore.create", "ContactStore.for_user", "ContactStore.get", "ContactStore.get_by_key", "ContactStore.request",
	"ContactStore.save", "ContactStore.search", "ContactStore.search_keys",
	"Group", "Group.serialize", "Group.do.reset", "Group.do.validate",
	"GroupStore.get", "GroupStore.get_by_key", "GroupStore.list", "GroupStore.request", "GroupStore.save", "GroupStore.search",
	"GroupStore.setup", "GroupStore.sizeOf",
}

// contactsApp runs a case for each method on the platform and answers with what went wrong, by method.
const contactsApp = `
var vumigo = require('vumigo_v02'), Q = require('q');
var Contact = vumigo.contacts.api.Contact, Group = vumigo.contacts.api.Group;

function check(condition, what) { if (!condition) { throw new Error('expected ' + what); } }
function rejects(promise, what) {
    return promise.then(function () { throw new Error('expected a failure: ' + what); }, function (e) {
        check(e.message.indexOf(what) >= 0, what + ', got: ' + e.message);
    });
}
function throws(fn) { try { fn(); } catch (e) { return e; } throw new Error('expected it to throw'); }

var attrs = {key: 'k', user_account: 'a', msisdn: '+27', extra: {x: 'y'}, 'extras-z': 'w', groups: ['g']};

var cases = {
    'Contact': function () {
        var c = new Contact(attrs);
        check(c.extra.x === 'y' && c.extra.z === 'w' && c['extras-z'] === undefined, 'folded extras');
    },
    'Contact.serialize': function () {
        var c = new Contact(attrs), copy = c.do.serialize();
        copy.extra.x = 'other';
        check(c.extra.x === 'y' && copy.msisdn === '+27', 'a deep copy');
    },
    'Contact.do.reset': function () {
        var c = new Contact(attrs);
        c.do.reset({key: 'k2', user_account: 'a', msisdn: '+28'});
        check(c.key === 'k2' && Object.keys(c.extra).length === 0 && c.groups.length === 0, 'nothing of before');
    },
    'Contact.do.validate': function () {
        var c = new Contact(attrs);
        c.extra.bad = 5;
        check(throws(function () { c.do.validate(); }).name === 'ValidationError', 'a ValidationError');
    },
    'ContactStore.create': function (im) {
        return im.contacts.create({surname: 'Jones', extra: {location: 'CPT'}}).then(function (c) {
            check(c instanceof Contact && c.surname === 'Jones' && c.extra.location === 'CPT' && c.msisdn === 'unknown', 'Jones');
        });
    },
    'ContactStore.for_user': function (im) {
        return im.contacts.for_user().then(function (c) {
            check(c.msisdn === im.user.addr, 'the contact of the user');
            return im.contacts.for_user({create: false, delivery_class: 'sms'}).then(function (d) {
                check(d.key === c.key, 'the same contact');
                return rejects(im.contacts.for_user({create: false, delivery_class: 'twitter'}), 'not found');
            });
        });
    },
    'ContactStore.get': function (im) {
        return rejects(im.contacts.get('+27731234567'), "Contact with address '+27731234567' for delivery class 'ussd' not found.")
            .then(function () { return im.contacts.get('@me', {create: true, delivery_class: 'twitter'}); })
            .then(function (c) {
                check(c.twitter_handle === '@me' && c.msisdn === 'unknown', 'a contact on Twitter');
                return im.contacts.get('@me', {delivery_class: 'twitter'}).then(function (d) { check(d.key === c.key, 'the same'); });
            });
    },
    'ContactStore.get_by_key': function (im) {
        return im.contacts.create({name: 'Key'}).then(function (c) {
            return im.contacts.get_by_key(c.key).then(function (d) { check(d.name === 'Key', 'the contact'); });
        }).then(function () { return rejects(im.contacts.get_by_key('1234'), "Contact with key '1234' not found."); });
    },
    'ContactStore.request': function (im) {
        return im.contacts.request('new', {contact: {name: 'Raw', extra: {a: 'b'}}}).then(function (reply) {
            check(reply.success && reply.contact['extras-a'] === 'b', 'the raw reply');
        });
    },
    'ContactStore.save': function (im) {
        return im.contacts.create({name: 'Before', extra: {a: 'b'}}).then(function (c) {
            c.name = 'After';
            c.extra.c = 'd';
            return im.contacts.save(c).then(function (nothing) {
                check(nothing === undefined, 'no value');
                return im.contacts.get_by_key(c.key);
            });
        }).then(function (c) { check(c.name === 'After' && c.extra.a === 'b' && c.extra.c === 'd', 'the saved contact'); });
    },
    'ContactStore.search': function (im) {
        return im.contacts.create({name: 'Moog'}).then(function () { return im.contacts.search('name:"Moog"'); }).then(function (found) {
            check(found.length === 1 && found[0] instanceof Contact && found[0].name === 'Moog', 'one Moog');
        });
    },
    'ContactStore.search_keys': function (im) {
        return im.contacts.search_keys('name:Nobody').then(function (keys) { check(keys.length === 0, 'no keys'); })
            .then(function () { return im.contacts.create({name: 'Korg'}); })
            .then(function (c) { return im.contacts.search_keys('name:Korg').then(function (keys) { check(keys[0] === c.key, 'its key'); }); });
    },
    'Group': function () {
        check(new Group({key: 'k', user_account: 'a', name: 'n'}).query === null, 'a static group');
    },
    'Group.serialize': function () {
        var g = new Group({key: 'k', user_account: 'a', name: 'n', query: 'q'});
        check(JSON.stringify(g.do.serialize()) === JSON.stringify({query: 'q', key: 'k', user_account: 'a', name: 'n'}), 'the attributes');
    },
    'Group.do.reset': function () {
        var g = new Group({key: 'k', user_account: 'a', name: 'n', query: 'q'});
        g.do.reset({key: 'k', user_account: 'a', name: 'm'});
        check(g.name === 'm' && g.query === null, 'nothing of before');
    },
    'Group.do.validate': function () {
        var g = new Group({key: 'k', user_account: 'a', name: 'n'});
        g.name = 5;
        check(throws(function () { g.do.validate(); }).name === 'ValidationError', 'a ValidationError');
    },
    'GroupStore.get': function (im) {
        return rejects(im.groups.get('spammers'), 'Group not found')
            .then(function () { return im.groups.get('spammers', {create: true}); })
            .then(function (g) { check(g instanceof Group && g.name === 'spammers', 'the group'); });
    },
    'GroupStore.get_by_key': function (im) {
        return im.groups.get('spammers').then(function (g) {
            return im.groups.get_by_key(g.key).then(function (h) { check(h.name === 'spammers', 'the group'); });
        }).then(function () { return rejects(im.groups.get_by_key('1234'), 'Group not found'); });
    },
    'GroupStore.list': function (im) {
        return im.groups.get('a', {create: true}).then(function () { return im.groups.list(); }).then(function (groups) {
            check(groups.length === 2 && groups[0].name === 'a' && groups[1] instanceof Group, 'two groups, by name');
        });
    },
    'GroupStore.request': function (im) {
        return im.groups.request('get_by_name', {name: 'a'}).then(function (reply) { check(reply.group.name === 'a', 'the raw reply'); });
    },
    'GroupStore.save': function (im) {
        return im.groups.get('a').then(function (g) {
            g.name = 'b';
            g.query = 'name:Moog';
            return im.groups.save(g).then(function (reply) {
                check(reply.success, 'the reply');
                return im.groups.get_by_key(g.key);
            });
        }).then(function (g) { check(g.name === 'b' && g.query === 'name:Moog', 'the saved group'); });
    },
    'GroupStore.search': function (im) {
        return im.groups.search('name:"spammers"').then(function (groups) {
            check(groups.length === 1 && groups[0] instanceof Group, 'one group');
        });
    },
    'GroupStore.setup': function (im) {
        return im.groups.setup();
    },
    'GroupStore.sizeOf': function (im) {
        return im.groups.get('spammers').then(function (g) {
            return im.contacts.create({groups: [g.key]}).then(function () { return im.groups.sizeOf(g); });
        }).then(function (size) {
            check(size === 1, 'one member, got ' + size);
            return im.groups.get('b');
        }).then(function (g) { return im.groups.sizeOf(g); }).then(function (size) { check(size === 1, 'one Moog, got ' + size); });
    }
};

var TestApp = vumigo.App.extend(function (self) {
    vumigo.App.call(self, 'states:report');
    var results = {};
    self.init = function () {
        return Object.keys(cases).reduce(function (before, name) {
            return before.then(function () { return cases[name](self.im); })
                .then(function () { results[name] = 'ok'; }, function (e) { results[name] = String(e); });
        }, Q());
    };
    self.states.add('states:report', function (name) {
        return new vumigo.states.EndState(name, {text: JSON.stringify(results)});
    });
});
new vumigo.InteractionMachine(api, new TestApp());
`

func TestDocumentedContactMethods(t *testing.T) {
	w := newWorld(t)
	result := w.run(w.load(contactsApp, bundle.Settings{}), w.turn(""))
	var outcomes map[string]string
	if err := json.Unmarshal([]byte(*result.Sends[0].Content), &outcomes); err != nil {
		t.Fatal(err)
	}
	for name, outcome := range outcomes {
		if outcome != "ok" {
			t.Errorf("%s: %s", name, outcome)
		}
	}
	if got, want := slices.Sorted(maps.Keys(outcomes)), slices.Sorted(slices.Values(contactMethods)); !slices.Equal(got, want) {
		t.Errorf("the cases are for %v, the documented methods are %v", got, want)
	}
}
