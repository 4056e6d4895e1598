go.app = (function() {
    var vumigo = require('vumigo_v02');

    var App = vumigo.App;
    var EndState = vumigo.states.EndState;

    // What people type to get no more messages, and to get them again.
    var STOP = ['stop', 'end', 'cancel', 'unsubscribe', 'quit', 'misa'];
    var START = ['start', 'unstop', 'qala'];

    var FeedbackApp = App.extend(function(self) {
        App.call(self, 'states:start', {
            events: {'im inbound_event': function(e) { return count_event(e.event); }}
        });
        var $ = self.$;

        self.init = function() {
            return self.im.contacts.for_user().then(function(contact) {
                self.contact = contact;
                if (contact.extra.language) { return self.im.user.set_lang(contact.extra.language); }
            });
        };

        // count_event counts what became of our messages. The interaction machine is not set up for events, so that the
        // store of the metric has to be named.
        function count_event(event) {
            var name = 'sms.' + (event.delivery_status || event.event_type);
            return self.im.api_request('metrics.fire', {store: 'feedback', metric: name, value: 1, agg: 'sum'});
        }

        function optout_command() {
            return {address_type: 'msisdn', address_value: self.im.user.addr, message_id: self.im.msg.message_id};
        }

        function keep(text) {
            var extra = self.contact.extra;
            extra.feedback = text.slice(0, 1000);
            extra.feedback_count = String(Number(extra.feedback_count || 0) + 1);
            return self.im.contacts.save(self.contact).then(function() {
                return self.im.metrics.fire.inc('feedback');
            });
        }

        // Each SMS is dealt with here; the state that it leads to says the answer, and leads back here.
        self.states.add('states:start', function() {
            var text = (self.im.msg.content || '').trim();
            var word = text.toLowerCase().replace(/[^a-z]+$/, '');
            if (STOP.indexOf(word) >= 0) {
                return self.im.api_request('optout.optout', optout_command()).then(function() {
                    return self.im.metrics.fire.inc('optouts');
                }).then(function() {
                    return self.states.create('states:stopped');
                });
            }
            if (START.indexOf(word) >= 0) {
                return self.im.api_request('optout.cancel_optout', optout_command()).then(function() {
                    return self.states.create('states:started');
                });
            }
            if (!text) { return self.states.create('states:empty'); }
            return keep(text).then(function() {
                return self.states.create('states:thanks');
            });
        });

        function answer(name, text) {
            self.states.add(name, function(name) {
                return new EndState(name, {text: text, next: 'states:start'});
            });
        }

        answer('states:stopped', $('You will get no more SMS from MamaLine. Reply START to get them again.'));
        answer('states:started', $('You will get SMS from MamaLine again. Reply STOP to get no more.'));
        answer('states:empty', $('Your SMS was empty. Tell us how your clinic treats you.'));
        answer('states:thanks', $('Thank you. Your clinic will hear of this, but not your name.'));
    });

    return {FeedbackApp: FeedbackApp};
})();
