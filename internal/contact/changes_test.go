package contact_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"indaba/internal/contact"
	"indaba/internal/core"
)

func TestFieldErrors(t *testing.T) {
	const (
		none      = "None is not allowed as a value for non-null fields."
		timestamp = "Timestamp field expects a datetime or an iso8601 formatted string."
	)
	long := strings.Repeat("n", 256)
	for _, c := range []struct{ record, want string }{
		{`{"msisdn": null}`, none},
		{`{"created_at": null}`, none},
		{`{"extra": {"a": null}}`, none},
		{`{"groups": ["a", null]}`, none},
		{`{"name": 5}`, "Value 5 is not a unicode string."},
		{`{"name": 1.50}`, "Value 1.5 is not a unicode string."},
		{`{"surname": true}`, "Value True is not a unicode string."},
		{`{"msisdn": ["a", 1, null]}`, "Value [u'a', 1, None] is not a unicode string."},
		{`{"wechat_id": {"a": {"b": false}}}`, "Value {u'a': {u'b': False}} is not a unicode string."},
		{`{"extra": {"b": 8, "a": 7}}`, "Value 7 is not a unicode string."},
		{`{"extra": "x"}`, "Value u'x' should be a dict of subfield name-value pairs"},
		{`{"subscription": null}`, "Value None should be a dict of subfield name-value pairs"},
		{`{"subscription": []}`, "Value [] should be a dict of subfield name-value pairs"},
		{`{"groups": "x"}`, "Value u'x' should be a list of group keys"},
		{`{"groups": [1]}`, "Value 1 is not a unicode string."},
		{`{"dob": 5}`, timestamp},
		{`{"dob": "soon"}`, timestamp},
		{`{"created_at": ""}`, timestamp},
		{`{"name": "` + long + `"}`, "Value u'" + long + "' too long (maximum length is 255)."},
		{`{"bbm_pin": "` + long[:101] + `"}`, "Value u'" + long[:101] + "' too long (maximum length is 100)."},
		{`{"gtalk_id": "a\u0000"}`, "a text holds a NUL character, which cannot be stored"},
	} {
		_, err := contact.ParseChanges(record(t, c.record))
		wantError(t, c.record, err, core.Invalid, c.want)
	}
	if _, err := changes(t, `{"name": "A"}`).New(); err == nil || err.Error() != none {
		t.Error(err)
	}
	if c := changes(t, `{"name": "A"}`).NewWithMsisdn(contact.UnknownMsisdn); c.Msisdn != "unknown" || *c.Name != "A" {
		t.Error(c)
	}
	if c := changes(t, `{"msisdn": ""}`).NewWithMsisdn("x"); c.Msisdn != "" {
		t.Error(c)
	}
	unknown := contact.UnknownFields(record(t,
		`{"unknown_field": 1, "not_the_field": 2, "name": 3, "user_account": 4, "$VERSION": 2, "key": 5}`))
	if !slices.Equal(unknown, []string{"$VERSION", "key", "not_the_field", "unknown_field"}) {
		t.Error(unknown)
	}
}

func TestChangesDoNotShareTheirMaps(t *testing.T) {
	c := changes(t, `{"msisdn": "1", "extra": {"a": "b"}, "groups": ["g"]}`)
	first, err := c.New()
	if err != nil {
		t.Fatal(err)
	}
	first.Extra["a"], first.Groups[0] = "changed", "changed"
	var second contact.Contact
	c.Apply(&second)
	if second.Extra["a"] != "b" || second.Groups[0] != "g" {
		t.Error(second)
	}
}

func TestPythonRepr(t *testing.T) {
	for value, want := range map[string]string{
		`null`: "None", `true`: "True", `[]`: "[]", `{}`: "{}", `"x"`: "u'x'", `""`: "u''",
		`"it's"`: `u"it's"`, `"it's \"so\""`: `u'it\'s "so"'`, `"a\\b\n\t\r"`: `u'a\\b\n\t\r'`,
		`"\u00e9\u0416\ud83d\udc4d\u0001\u007f"`: `u'\xe9\u0416\U0001f44d\x01\x7f'`,
		`5`:                                      "5", `-0`: "0", `-0.0`: "-0.0", `1.5`: "1.5", `1.0`: "1.0", `1e3`: "1000.0",
		`1e16`: "1e+16", `1e-5`: "1e-05", `1e999`: "inf",
		`-1e999`: "-inf", `123456789012345678901234567890`: "123456789012345678901234567890L",
		`9223372036854775807`: "9223372036854775807", `9223372036854775808`: "9223372036854775808L",
		`-9223372036854775808`: "-9223372036854775808", `-9223372036854775809`: "-9223372036854775809L",
		`[1, [2, {"a": null}]]`: "[1, [2, {u'a': None}]]",
	} {
		if got := contact.PythonRepr(json.RawMessage(value)); got != want {
			t.Errorf("%s: %s, want %s", value, got, want)
		}
	}
	for _, huge := range []string{strings.Repeat("[", 1<<20), `"` + strings.Repeat("ж", 1<<20) + `"`,
		"[" + strings.Repeat("1,", 1<<20) + "1]", strings.Repeat("9", 1<<20)} {
		if got := contact.PythonRepr(json.RawMessage(huge)); len(got) > 5000 || !strings.HasSuffix(got, "...") {
			t.Errorf("%.10s…: %d bytes", huge, len(got))
		}
	}
}

func TestParseTime(t *testing.T) {
	for text, want := range map[string]string{
		"1980-02-03":                   "1980-02-03 00:00:00.000000",
		"19800203":                     "1980-02-03 00:00:00.000000",
		"1980-02":                      "1980-02-01 00:00:00.000000",
		"1980":                         "1980-01-01 00:00:00.000000",
		"2014-07-25 12:44:11.159151":   "2014-07-25 12:44:11.159151",
		"2014-07-25T12:44:11.1591519Z": "2014-07-25 12:44:11.159151",
		"2014-07-25T12:44:11,5+02:00":  "2014-07-25 12:44:11.500000",
		"20140725 124411,25-02:00":     "2014-07-25 12:44:11.250000",
		"2014-07-25T1244":              "2014-07-25 12:44:00.000000",
		"2014-07-25T12:44-0230":        "2014-07-25 12:44:00.000000",
		"20140725T124411+02":           "2014-07-25 12:44:11.000000",
		"2014-07-25 12":                "2014-07-25 12:00:00.000000",
		"":                             "", "x": "", "2014-07-25T": "", "2014-07-25TZ": "",
		"0001":       "0001-01-01 00:00:00.000000",
		"9999-12-31": "9999-12-31 00:00:00.000000",
		"0000":       "", "0000-01-01": "", "00000101": "", "0000-12-31 23:59:59": "", "10000-01-01": "",
		"2014-W30": "", "2014-W30-5": "", "2014-206": "", "2014206": "", "201407": "", "2014-07-25 24:00": "",
		"2014-02-30": "", "2014-07-25 25:00": "", "12:44": "",
		"2014-07-25 12:44 PM": "", "2014-13": "", "-2014": "", "2014-07-25T12:44+99:00": "",
	} {
		got, err := contact.ParseTime(text)
		if want == "" {
			if core.KindOf(err) != core.Invalid {
				t.Errorf("%q: %v %v", text, got, err)
			}
		} else if err != nil || contact.FormatTime(got) != want || got.Location() != time.UTC {
			t.Errorf("%q: %v %v, want %s", text, got, err, want)
		}
	}
}

func TestDeliveryClasses(t *testing.T) {
	for transport, want := range map[string]string{"sms": "sms", "smpp": "sms", "ussd": "ussd", "xmpp": "gtalk",
		"twitter": "twitter", "mxit": "mxit", "wechat": "wechat", "voice": "voice", "whatsapp": "whatsapp",
		"http_api": "sms", "": "sms"} {
		if got := contact.ClassOf(transport); got != want {
			t.Errorf("%s: %s, want %s", transport, got, want)
		}
	}
	for address, want := range map[string]string{"+27821234567": "+27821234567", "27821234567": "+27821234567",
		"+27 (82) 123-45.67": "+27821234567", "++27": "+27", "unknown": "unknown", "MyBank": "MyBank", "": "", "+": "+",
		"12a": "12a"} {
		if got := contact.NormaliseAddress("msisdn", address); got != want {
			t.Errorf("%q: %q, want %q", address, got, want)
		}
	}
	if got := contact.NormaliseAddress("gtalk_id", "a@b/c/d"); got != "a@b" {
		t.Error(got)
	}
	c := contact.Contact{Msisdn: contact.UnknownMsisdn, GTalkID: new("a@b")}
	for class, want := range map[string]string{"gtalk": "a@b", "sms": "", "wechat": "", "pigeon": ""} {
		if got, ok := c.Address(class); got != want && ok || ok != (want != "") {
			t.Errorf("%s: %q %v", class, got, ok)
		}
	}
}
