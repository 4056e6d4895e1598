// The server runs the script once for each message; a test may load it without an api.
if (typeof api !== 'undefined') {
    go.im = new (require('vumigo_v02').InteractionMachine)(api, new go.app.RegistrationApp());
}
