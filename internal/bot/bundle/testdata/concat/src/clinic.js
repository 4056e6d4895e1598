go.app = function() {
    var vumigo = require('vumigo_v02');
    var native_parser = require('libxmljs'); // not allowed here: null
    var App = vumigo.App;
    var FreeText = vumigo.states.FreeText;
    var EndState = vumigo.states.EndState;

    var ClinicApp = App.extend(function(self) {
        App.call(self, 'states:name');
        var $ = self.$;

        self.states.add('states:name', function(name) {
            return new FreeText(name, {
                question: $(native_parser === null ? 'What is your name?' : 'not reached'),
                next: 'states:end'
            });
        });

        self.states.add('states:end', function(name) {
            return new EndState(name, {text: $('Thank you'), next: 'states:name'});
        });
    });

    return {ClinicApp: ClinicApp};
}();
