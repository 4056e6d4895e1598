package sandbox

import (
	"strings"
	"testing"

	"indaba/internal/bot"
	"indaba/internal/bot/bundle"
	"indaba/internal/core"
)

// A small app on the toolkit: asks a name, keeps it in the contact, and says good-bye.
const helloApp = `
var go = {};
go.app = function () {
    var vumigo = require('vumigo_v02');
    var App = vumigo.App, FreeText = vumigo.states.FreeText, EndState = vumigo.states.EndState;
    var GoApp = App.extend(function (self) {
        App.call(self, 'states:start');
        self.init = function () {
            return self.im.contacts.for_user().then(function (user_contact) { self.contact = user_contact; });
        };
        self.states.add('states:start', function (name) {
            return new FreeText(name, {question: 'What is your name?', next: function (content) {
                self.contact.name = content;
                return self.im.contacts.save(self.contact).then(function () { return 'states:end'; });
            }});
        });
        self.states.add('states:end', function (name) {
            return new EndState(name, {text: 'Bye ' + self.contact.name, next: 'states:start'});
        });
    });
    return {GoApp: GoApp};
}();
go.init = function () {
    var vumigo = require('vumigo_v02');
    if (typeof api !== 'undefined') {
        this.im = new vumigo.InteractionMachine(api, new go.app.GoApp());
    }
}.call(this);
`

func TestToolkitApp(t *testing.T) {
	w := newWorld(t)
	r := w.load(helloApp, bundle.Settings{Name: "hello"})

	first := w.run(r, w.turn(""))
	if len(first.Sends) != 1 || *first.Sends[0].Content != "What is your name?" || !first.Sends[0].Reply ||
		first.Sends[0].SessionEvent != core.SessionNone {
		t.Fatalf("the first reply is %+v; log %v", first.Sends, texts(first.Log))
	}
	turn := w.turn("Ayanda")
	turn.Message.SessionEvent = core.SessionResume
	second := w.run(r, turn)
	if len(second.Sends) != 1 || *second.Sends[0].Content != "Bye Ayanda" || second.Sends[0].SessionEvent != core.SessionClose {
		t.Fatalf("the second reply is %+v; log %v", second.Sends, texts(second.Log))
	}
	c, err := w.deps.Contacts.GetByAddress(t.Context(), testAccount, "ussd", "+27831234567")
	if err != nil || c.Name == nil || *c.Name != "Ayanda" {
		t.Errorf("the contact is %+v, %v", c, err)
	}
	value, found, err := w.deps.KV.Get(t.Context(), testAccount, "users.test.+27831234567")
	if err != nil || !found || !strings.Contains(string(value), `"in_session":false`) {
		t.Errorf("the stored user is %s, %v, %v", value, found, err)
	}
	replayed, differences, err := r.Replay(t.Context(), turn, second.Record)
	if err != nil || len(differences) != 0 {
		t.Fatalf("the replay differs: %v, %v", differences, err)
	}
	if asJSON(t, replayed.Sends) != asJSON(t, second.Sends) {
		t.Errorf("the replay sends %s, not %s", asJSON(t, replayed.Sends), asJSON(t, second.Sends))
	}
}

func texts(log []bot.LogLine) []string {
	var all []string
	for _, line := range log {
		all = append(all, line.Level.String()+" "+line.Text)
	}
	return all
}
