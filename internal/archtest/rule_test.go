package archtest

import "strings"

// The words of the table that stand for several packages.
var words = map[string]string{
	"FEATURES": "account user contact kv metric optout message routing transfer",
	"STORE":    "query db secret core",
	"ADAPTERS": "channel/* channel/sms/* channel/ussd/* channel/voice/*",
	"ANYTHING BELOW APP": "config egress channel channel/all ADAPTERS gateway bot bot/js bot/bundle bot/vumiwire bot/usage bot/source bot/sandbox bot/httpbot " +
		"FEATURES STORE",
}

// The import rule, from the ground up. A package may import the packages in its row and no others of this module. A
// star stands for one path element; an exact row wins over a starred one. A package without a row fails the test.
var rule = []struct{ pkg, may string }{
	{"core", ""},
	{"secret", ""},
	{"config", "secret core"},
	{"egress", "core"},
	{"db", "core"},
	{"db/dbtest", "db core"},
	{"query", "core"},

	// Features know the store and, but for routing and transfer, not one another: what one needs of another it declares as an
	// interface of its own, and app connects them.
	{"account", "STORE"},
	{"user", "STORE"},
	{"contact", "STORE"},
	{"kv", "STORE"},
	{"metric", "STORE"},
	{"optout", "STORE"},
	{"message", "STORE"},
	{"routing", "message contact STORE"},
	{"transfer", "contact STORE"},

	// An adapter knows its contract, not the server around it.
	{"channel", "core"},
	{"channel/channeltest", "channel core"},
	{"channel/all", "channel ADAPTERS"},
	{"channel/*", "channel core"},
	{"channel/sms/*", "channel core"},
	{"channel/ussd/*", "channel core"},
	{"channel/voice/*", "channel core"},
	{"channel/twilio", "channel core"}, // no adapter: what Twilio's two have in common
	{"channel/sms/twilio", "channel channel/twilio core"},
	{"channel/voice/twilio", "channel channel/twilio core"},
	{"gateway", "channel FEATURES STORE"},

	// A dialect never imports a dialect.
	{"bot/js", "core"},
	{"bot/bundle", "bot/js core"},
	{"bot/bundle/buildset", "bot/bundle"},
	{"bot", "bot/js bot/bundle FEATURES STORE"},
	{"bot/vumiwire", "contact message core"},
	{"bot/usage", "bot FEATURES STORE"},
	{"bot/source", "bot bot/bundle egress FEATURES STORE"},
	{"bot/sandbox", "bot bot/js bot/bundle bot/vumiwire egress FEATURES STORE"},
	{"bot/httpbot", "bot bot/js bot/bundle bot/vumiwire egress FEATURES STORE"},

	// A face never imports a face.
	{"api", "FEATURES STORE"},
	{"api/apitest", "api FEATURES STORE"},
	{"api/vumi", "api gateway bot bot/source bot/vumiwire bot/httpbot FEATURES STORE"}, // HTTP API conversations are spoken on this wire only
	{"api/admin", "api FEATURES STORE"},

	{"app", "ANYTHING BELOW APP api api/vumi api/admin"},
	{"simulate", "app ANYTHING BELOW APP"},
	{"demo", "app ANYTHING BELOW APP"},
	{"cli", "demo simulate app ANYTHING BELOW APP"},
	{"archtest", ""},

	{"/cmd/indaba", "cli bot/js"},
	{"/bench", "cli app ANYTHING BELOW APP /test/process /test/fake /test/fake/*"},
	{"/test/conformance/toolkit", "bot/js bot/bundle core"},
	{"/test/conformance/platform", "app ANYTHING BELOW APP /test/conformance/toolkit"},
	{"/test/conformance/vumi", "app ANYTHING BELOW APP api api/vumi"},
	{"/test/e2e", "app ANYTHING BELOW APP /test/process /test/fake /test/fake/*"},
	{"/test/crash", "cli app ANYTHING BELOW APP /test/process /test/fake /test/fake/*"},
	{"/test/process", "core"}, // it knows the product by its command line only
	{"/test/fake", "core"},
	{"/test/fake/*", "/test/fake core"},
	{"/test/fake/cmd", "/test/fake /test/fake/*"},
}

// What the tests of every package may import beside what the package itself may.
const testsMayToo = "bot/bundle db/dbtest channel/all channel/channeltest /test/fake /test/fake/*"

// Heavy or dangerous libraries live behind one door each.
var doors = []struct{ library, only string }{
	{"modernc.org/quickjs", "bot/js"},
	{"modernc.org/sqlite", "db db/dbtest"},
	{"github.com/jackc/pgx", "db db/dbtest"},
	{"github.com/pressly/goose", "db db/dbtest"},
	{"github.com/evanw/esbuild", "bot/bundle"},
	{"github.com/alecthomas/kong", "config cli"},
}

// Package names that say nothing about what is inside.
const emptyNames = "util utils common helper helpers base manager managers misc shared lib"

// expand replaces the words of the table by the packages they stand for.
func expand(list string) []string {
	for strings.ToLower(list) != list {
		for word, packages := range words {
			list = strings.ReplaceAll(list, word, packages)
		}
	}
	return strings.Fields(list)
}

// allowed reports whether a list of the table covers a package.
func allowed(list []string, pkg string) bool {
	for _, pattern := range list {
		if matches(pattern, pkg) {
			return true
		}
	}
	return false
}

func matches(pattern, pkg string) bool {
	prefix, starred := strings.CutSuffix(pattern, "*")
	rest, below := strings.CutPrefix(pkg, prefix)
	if !starred {
		return pattern == pkg
	}
	return below && rest != "" && !strings.Contains(rest, "/")
}

// rowFor returns what a package may import; ok is false when the table does not know it.
func rowFor(pkg string) (may []string, ok bool) {
	for _, row := range rule {
		if row.pkg == pkg {
			return expand(row.may), true
		}
	}
	for _, row := range rule {
		if matches(row.pkg, pkg) {
			return expand(row.may), true
		}
	}
	return nil, false
}
