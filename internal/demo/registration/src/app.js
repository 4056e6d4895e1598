go.app = (function() {
    var moment = require('moment');
    var vumigo = require('vumigo_v02');

    var App = vumigo.App;
    var Choice = vumigo.states.Choice;
    var ChoiceState = vumigo.states.ChoiceState;
    var EndState = vumigo.states.EndState;
    var FreeText = vumigo.states.FreeText;
    var LanguageChoice = vumigo.states.LanguageChoice;
    var MenuState = vumigo.states.MenuState;
    var PaginatedChoiceState = vumigo.states.PaginatedChoiceState;

    var MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

    var RegistrationApp = App.extend(function(self) {
        App.call(self, 'states:start');
        var $ = self.$;

        self.init = function() {
            return self.im.contacts.for_user().then(function(contact) {
                self.contact = contact;
            });
        };

        // Languages are offered before one is known. The toolkit does not wait for the translation of the chosen one,
        // which the next text needs.
        function language_state(name, next) {
            return new LanguageChoice(name, {
                question: 'Welcome to MamaLine. Siyakwamukela.',
                choices: [new Choice('en', 'English'), new Choice('zu', 'isiZulu')],
                next: function() {
                    return self.im.user.refresh_i18n().then(next);
                }
            });
        }

        // months lists the month of today and those that follow or came before.
        function months(step) {
            var today = moment();
            return Array.apply(null, {length: 10}).map(function(_, i) {
                var month = today.clone().add(i * step, 'months');
                return new Choice(month.format('YYYY-MM'), $('{{ month }} {{ year }}').context({
                    month: $(MONTHS[month.month()]),
                    year: month.format('YYYY')
                }));
            });
        }

        function month_state(name, question, step) {
            return new PaginatedChoiceState(name, {
                question: question,
                choices: months(step),
                options_per_page: 5,
                more: $('More'),
                back: $('Back'),
                next: 'states:clinic'
            });
        }

        function register(clinic) {
            var answers = self.im.user.answers;
            var contact = self.contact;
            contact.name = answers['states:name'];
            contact.extra.language = self.im.user.lang;
            contact.extra.status = answers['states:status'];
            contact.extra.month = answers['states:due'] || answers['states:born'];
            contact.extra.registered_at = moment().format();
            return self.im.groups
                .get('mothers', {create: true})
                .then(function(group) {
                    if (contact.groups.indexOf(group.key) < 0) { contact.groups.push(group.key); }
                    return save_clinic(clinic);
                })
                .then(function() {
                    return self.im.metrics.fire.inc('registrations');
                })
                .then(function() {
                    return self.im.metrics.fire.sum('registrations.' + contact.extra.status, 1);
                })
                .then(welcome);
        }

        function save_clinic(clinic) {
            self.contact.extra.clinic = clinic.code;
            self.contact.extra.clinic_name = clinic.name;
            return self.im.contacts.save(self.contact);
        }

        // welcome sends an SMS from the USSD session, unless the person wants none.
        function welcome() {
            return go.optouts.status(self.im).then(function(opted_out) {
                if (opted_out) { return; }
                return self.im.outbound.send({
                    to: self.contact,
                    endpoint: 'sms',
                    content: $([
                        'Welcome to MamaLine, {{ name }}. How does your clinic treat you?',
                        'Reply to this SMS. Reply STOP to get no more.'
                    ].join(' ')).context({name: self.contact.name})
                });
            });
        }

        self.states.add('states:start', function() {
            return self.states.create(self.contact.extra.clinic ? 'states:menu' : 'states:language');
        });

        self.states.add('states:language', function(name) {
            return language_state(name, function() { return 'states:consent'; });
        });

        self.states.add('states:consent', function(name) {
            return new ChoiceState(name, {
                question: $('MamaLine sends free messages about pregnancy and babies. May we keep your details?'),
                choices: [new Choice('yes', $('Yes')), new Choice('no', $('No'))],
                next: function(choice) {
                    return choice.value === 'yes' ? 'states:name' : 'states:refused';
                }
            });
        });

        self.states.add('states:refused', function(name) {
            return new EndState(name, {
                text: $('Without your permission we cannot register you. Goodbye.'),
                next: 'states:start'
            });
        });

        self.states.add('states:name', function(name) {
            return new FreeText(name, {
                question: $('What is your name?'),
                check: function(content) {
                    if (!content || content.length > 40) { return $('Please type your name.'); }
                },
                next: 'states:status'
            });
        });

        self.states.add('states:status', function(name) {
            return new ChoiceState(name, {
                question: $('Are you pregnant, or is your baby born?'),
                choices: [new Choice('pregnant', $('I am pregnant')), new Choice('mother', $('My baby is born'))],
                next: function(choice) {
                    return choice.value === 'pregnant' ? 'states:due' : 'states:born';
                }
            });
        });

        self.states.add('states:due', function(name) {
            return month_state(name, $('In which month is your baby due?'), 1);
        });

        self.states.add('states:born', function(name) {
            return month_state(name, $('In which month was your baby born?'), -1);
        });

        // Used for new mothers, and with opts.change for those who move to another clinic.
        self.states.add('states:clinic', function(name, opts) {
            var clinic = null;
            return new FreeText(name, {
                question: $('Type the 6-digit code of your clinic, for example 123456.'),
                check: function(content) {
                    return go.clinics
                        .find(self.im, content)
                        .then(function(found) {
                            clinic = found;
                            if (!found) {
                                return $('There is no clinic with this code. Look at the poster in your clinic and try again.');
                            }
                        })
                        .catch(function(error) {
                            return self.im.log.error('clinic look-up: ' + error.message).then(function() {
                                return $('We cannot look up clinics right now. Please type the code again.');
                            });
                        });
                },
                next: function() {
                    return (opts.change ? save_clinic(clinic) : register(clinic)).thenResolve('states:done');
                }
            });
        });

        self.states.add('states:done', function(name) {
            return new EndState(name, {
                text: $('Thank you, {{ name }}. Your clinic is {{ clinic }}.').context({
                    name: self.contact.name,
                    clinic: self.contact.extra.clinic_name
                }),
                next: 'states:start'
            });
        });

        self.states.add('states:menu', function(name) {
            return go.optouts.status(self.im).then(function(opted_out) {
                return new MenuState(name, {
                    question: $('Hello {{ name }}. What would you like to do?').context({name: self.contact.name}),
                    choices: [
                        new Choice({name: 'states:clinic', creator_opts: {change: true}}, $('Change my clinic')),
                        new Choice('states:change_language', $('Change my language')),
                        opted_out
                            ? new Choice('states:messages_on', $('Get SMS again'))
                            : new Choice('states:messages_off', $('Stop SMS'))
                    ]
                });
            });
        });

        self.states.add('states:change_language', function(name) {
            return language_state(name, function() {
                self.contact.extra.language = self.im.user.lang;
                return self.im.contacts.save(self.contact).thenResolve('states:menu');
            });
        });

        self.states.add('states:messages_off', function(name) {
            return new EndState(name, {
                text: $('You will get no more SMS.'),
                next: 'states:start',
                events: {'state:enter': function() { return go.optouts.optout(self.im); }}
            });
        });

        self.states.add('states:messages_on', function(name) {
            return new EndState(name, {
                text: $('You will get SMS again.'),
                next: 'states:start',
                events: {'state:enter': function() { return go.optouts.cancel(self.im); }}
            });
        });
    });

    return {RegistrationApp: RegistrationApp};
})();
