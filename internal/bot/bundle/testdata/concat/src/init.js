go.init = function() {
    var InteractionMachine = require('vumigo_v02').InteractionMachine;

    return {im: new InteractionMachine(api, new go.app.ClinicApp())};
}();
