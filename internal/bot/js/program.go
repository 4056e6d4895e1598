package js

// A Module is one CommonJS module of a program, or a JSON document that can be required.
type Module struct {
	ID     string // unique in the program; stands in stack traces, such as "node_modules/q/q.js"
	Source string
	JSON   bool // Source is a JSON document; its value is the exports
	// Requires maps each specifier that the module passes to require to the ID of another module or to "builtin:NAME"
	// (see [Builtins]). Any other specifier throws "Cannot find module 'x'", with code MODULE_NOT_FOUND.
	Requires map[string]string
}

// A Program is all the code of one version of a bot. It must not be changed once a pool has it.
type Program struct {
	Modules []Module
	// Roots maps what the app script's own require(specifier) resolves to, as Requires does for a module.
	Roots      map[string]string
	Script     string // the app script: a sloppy-mode classic script, evaluated again for every run
	ScriptName string // its file name in stack traces; "" = "app.js"
	// AppContext is a JavaScript expression giving an object whose members become further globals of the app script, in
	// the place of ours where the names agree: a require with an allow-list, for one. The operator writes it and it is
	// trusted like the script. It sees require and Buffer. "" = none (docs/spec/vumi-sandbox.md 4).
	AppContext string
	TimeZone   string // IANA name of the zone of the program's local time; "" = UTC
}
