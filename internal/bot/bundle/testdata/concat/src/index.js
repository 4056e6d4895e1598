// The name that the parts of the app meet under.
var go = {};
go;
