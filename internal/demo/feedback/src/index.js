// All parts of the app hang on this one object; the files are joined in the order that indaba.yaml gives.
var go = {};
