go.init = function() {
  var vumigo = require('vumigo_v02');
  if (typeof api !== 'undefined') {
    this.im = new vumigo.InteractionMachine(api, new go.app.Feedback());
  }
}();
