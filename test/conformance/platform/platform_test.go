// Package platform runs the tests that the npm package vumigo_v02 ships against the resources of the platform, in the
// place of the toolkit's own dummies (docs/spec/vumi-sandbox.md 16). It holds tests only.
package platform

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"

	"indaba/test/conformance/toolkit"
)

// packages is the folder with the npm packages that "make toolkit" installs.
const packages = "../../../toolkit"

// total is the number of the toolkit's tests (docs/spec/vumi-sandbox.md 16).
const total = 785

// different are the tests that cannot pass, because they ask for what only the dummy does: each with what the platform
// does in its place, as it stands in the failure.
var different = []struct {
	why   string
	tests map[string]string
}{
	{"the platform gives the reasons of docs/spec/vumi-sandbox.md 9", map[string]string{
		"contacts.dummy DummyContactsResource .handlers .get should fail if no contact is found":                           "Contact with address '+27123' for delivery class 'sms' not found.",
		"contacts.dummy DummyContactsResource .handlers .get should fail if a bad delivery class is given":                 "Unsupported transport_type u'bad'",
		"contacts.dummy DummyContactsResource .handlers .get_by_key should fail if no contact is found":                    "Contact with key '123' not found.",
		"contacts.dummy DummyContactsResource .handlers .get_or_create should fail if a bad delivery class is given":       "Unsupported transport_type u'bad'",
		"contacts.dummy DummyContactsResource .handlers .save should fail if the contact does not exist":                   "Contact with key '123' not found.",
		"contacts.dummy DummyContactsResource .handlers .save should fail if an invalid attributes are given":              "Value 3 is not a unicode string.",
		"contacts.dummy DummyContactsResource .handlers .update should fail if the contact was not found":                  "Contact with key '123' not found.",
		"contacts.dummy DummyContactsResource .handlers .update should fail if the update failed":                          "Value 3 is not a unicode string.",
		"contacts.dummy DummyContactsResource .handlers .update_extras should fail if the contact was not found":           "All field values need to be unicode",
		"contacts.dummy DummyContactsResource .handlers .update_extras should fail if the update failed":                   "All field values need to be unicode",
		"contacts.dummy DummyContactsResource .handlers .update_subscriptions should fail if the contact was not found":    "Contact with key '123' not found.",
		"contacts.dummy DummyContactsResource .handlers .update_subscriptions should fail if the update failed":            "All field values need to be unicode",
		"contacts.dummy DummyGroupsResource .handlers .update should fail if the update failed":                            "'name' needs to be specified and be a unicode string",
		"kv.dummy DummyKvResource .handlers .incr should fail for non-integer keys":                                        "value is not an integer or out of range",
		"kv.dummy DummyKvResource .handlers .incr should fail for non-integer amounts":                                     "value is not an integer or out of range",
		"outbound.dummy DummyOutboundResource .handlers .reply_to should fail if 'content' isn't given":                    "'content' must be given in replies.",
		"outbound.dummy DummyOutboundResource .handlers .reply_to should fail if 'content' isn't a string or null":         "'content' must be unicode or null.",
		"outbound.dummy DummyOutboundResource .handlers .reply_to should fail if 'in_reply_to' isn't given":                "'in_reply_to' must be given in replies.",
		"outbound.dummy DummyOutboundResource .handlers .reply_to_group should fail if 'content' isn't given":              "'content' must be given in replies.",
		"outbound.dummy DummyOutboundResource .handlers .reply_to_group should fail if 'content' isn't a string or null":   "'content' must be unicode or null.",
		"outbound.dummy DummyOutboundResource .handlers .reply_to_group should fail if 'in_reply_to' isn't given":          "'in_reply_to' must be given in replies.",
		"outbound.dummy DummyOutboundResource .handlers .send_to_endpoint should fail if 'to_addr' isn't a string":         "'to_addr' must be given in sends.",
		"outbound.dummy DummyOutboundResource .handlers .send_to_endpoint should fail if 'content' isn't a string or null": "'content' must be unicode or null.",
		"outbound.dummy DummyOutboundResource .handlers .send_to_endpoint should fail if 'endpoint' isn't a string":        "'endpoint' must be given in sends.",
		"outbound.dummy DummyOutboundResource .handlers .send_to_endpoint should fail if 'endpoint' isn't configured":      "Endpoint u'not_found' not configured",
	}},
	{"the platform still has send_to_tag, for apps of vumigo_v01", map[string]string{
		"outbound.dummy DummyOutboundResource .handlers .send_to_tag should fail with a deprecation error": "Tag, content or to_addr not specified",
	}},
	{"an absent key of the configuration is null, and not the text \"null\"", map[string]string{
		"config.dummy DummyConfigResource .handlers .get should return null if the key does not exist": "null == 'null'",
	}},
	{"a contact has no attribute \"extras\" that could be set and saved", map[string]string{
		"contacts.api ContactStore .save should save the given contact": "cannot set property 'foo' of undefined",
	}},
	{"the body of an answer over HTTP is a text, if need be an empty one", map[string]string{
		"http.api HttpApi .head should perform HEAD requests": "'' !== null",
		"http.api JsonApi should encode request data to JSON": "Could not parse response",
	}},
	{"an answer with status 204 has no body", map[string]string{
		"http.dummy DummyHttpResource .handlers request handlers should respond with the matching fixture's next response": `'' == '{"foo":"bar"}'`,
		"http.dummy DummyHttpResource .handlers .delete should perform dummy delete requests":                              `'' == '{"foo":"bar"}'`,
	}},
	{"SSLv3 is refused", map[string]string{
		"http.api HttpApi request defaults should support a default ssl method": "SSLv3 is not safe and not supported",
	}},
}

func TestPlatform(t *testing.T) {
	prelude, err := os.ReadFile("bridge.js")
	if err != nil {
		t.Fatal(err)
	}
	suite, err := toolkit.Open(packages, string(prelude))
	if errors.Is(err, fs.ErrNotExist) && os.Getenv("CI") != "true" {
		t.Skip("toolkit/node_modules is missing: run \"make toolkit\"")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(suite.Close)
	expected := map[string]string{}
	for _, group := range different {
		for title, text := range group.tests {
			expected[title] = text
		}
	}
	ran, passed, differed, steps := 0, 0, 0, 0
	for _, file := range suite.Files {
		t.Run(file, func(t *testing.T) {
			b := newBridge(t)
			cases, err := suite.Run(t.Context(), file, b)
			if err != nil {
				t.Fatal(err)
			}
			ran++
			steps += b.steps
			for _, c := range cases {
				text, differs := expected[c.Title]
				switch {
				case c.Outcome == "passed" && !differs:
					passed++
				case c.Outcome == "failed" && differs && strings.Contains(c.Error, text):
					differed++
				case differs:
					t.Errorf("%s: %s, and should show %q: %s", c.Title, c.Outcome, text, c.Error)
				default:
					t.Errorf("%s: %s: %s", c.Outcome, c.Title, c.Error)
				}
			}
		})
	}
	if ran < len(suite.Files) {
		return // only some were asked for, or one has failed
	}
	if differed != len(expected) || passed != total-len(expected) {
		t.Errorf("%d tests passed and %d differed, want %d and %d", passed, differed, total-len(expected), len(expected))
	}
	if steps < 3000 {
		t.Errorf("only %d commands came to the platform: the dummies answered the others", steps)
	}
	t.Logf("%d passed, %d differed as listed, %d commands were carried out by the platform", passed, differed, steps)
}
