var vumigo = require("vumigo_v01");

if (typeof api === "undefined") {
    // outside a sandbox
    var api = this.api = new vumigo.dummy_api.DummyApi();
}

var EndState = vumigo.states.EndState;
var FreeText = vumigo.states.FreeText;
var InteractionMachine = vumigo.state_machine.InteractionMachine;
var StateCreator = vumigo.state_machine.StateCreator;

function Survey() {
    var self = this;
    StateCreator.call(self, "village");
    self.add_state(new FreeText("village", "thanks", "Which village are you from?"));
    self.add_state(new EndState("thanks", "Thank you.", "village"));
}

var im = new InteractionMachine(api, new Survey());
im.attach();
