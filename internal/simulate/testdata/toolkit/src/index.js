var go = {};
go.app = function() {
  var vumigo = require('vumigo_v02');
  var App = vumigo.App;
  var Choice = vumigo.states.Choice;
  var ChoiceState = vumigo.states.ChoiceState;
  var FreeText = vumigo.states.FreeText;
  var EndState = vumigo.states.EndState;

  var Feedback = App.extend(function(self) {
    App.call(self, 'states:start');
    var $ = self.$;

    self.init = function() {
      return self.im.contacts.for_user().then(function(user_contact) { self.contact = user_contact; });
    };

    self.states.add('states:start', function(name) {
      return new ChoiceState(name, {
        question: $('How was your visit?'),
        choices: [new Choice('good', $('Good')), new Choice('bad', $('Bad'))],
        next: function(choice) {
          return self.im.metrics.fire.inc('visits.' + choice.value).then(function() { return 'states:words'; });
        }
      });
    });

    self.states.add('states:words', function(name) {
      return new FreeText(name, {
        question: $('Tell us more.'),
        next: function(content) {
          self.contact.extra.words = content;
          return self.im.contacts.save(self.contact).then(function() { return 'states:end'; });
        }
      });
    });

    self.states.add('states:end', function(name) {
      return new EndState(name, {text: $('Thank you.'), next: 'states:start'});
    });
  });
  return {Feedback: Feedback};
}();
