package contact

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"
)

// record is a contact as encoding/json writes it.
type record struct {
	Version       int               `json:"$VERSION"`
	Key           string            `json:"key"`
	Account       string            `json:"user_account"`
	CreatedAt     string            `json:"created_at"`
	Name          *string           `json:"name"`
	Surname       *string           `json:"surname"`
	EmailAddress  *string           `json:"email_address"`
	DateOfBirth   *string           `json:"dob"`
	Msisdn        string            `json:"msisdn"`
	TwitterHandle *string           `json:"twitter_handle"`
	FacebookID    *string           `json:"facebook_id"`
	BBMPin        *string           `json:"bbm_pin"`
	GTalkID       *string           `json:"gtalk_id"`
	MxitID        *string           `json:"mxit_id"`
	WeChatID      *string           `json:"wechat_id"`
	Groups        []string          `json:"groups"`
	Extra         map[string]string `json:"extra"`
	Subscription  map[string]string `json:"subscription"`
}

// Contacts are written byte for byte as encoding/json would, and read back from the database as they were.
func FuzzEncoding(f *testing.F) {
	for _, text := range []string{"", "plain", `quote " and \\ slash`, "<b>&amp;", "naïve 😀", "tab\t line\n", "\x00\x1f\x7f", "\u2028", "bad \xff",
		`","`, `":"`, "[]", "{}", "\\u0041"} {
		f.Add(text, "other")
		f.Add("other", text)
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		at := time.Date(2026, 1, 2, 3, 4, 5, 678000, time.UTC)
		born := FormatTime(at)
		c := Contact{Key: a, Account: b, CreatedAt: at, Name: &a, Surname: &b, DateOfBirth: &at, Msisdn: b, BBMPin: &a,
			Groups: []string{a, b, "c"}, Extra: map[string]string{a: b, "x": a}, Subscription: map[string]string{}}
		want, err := json.Marshal(record{recordVersion, a, b, born, &a, &b, nil, &born, b, nil, nil, &a, nil, nil, nil, c.Groups, c.Extra,
			c.Subscription})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := c.MarshalJSON(); err != nil || string(got) != string(want) {
			t.Errorf("%v\n%s\nwant\n%s", err, got, want)
		}
		var read Contact
		if err := read.readRecord(c.recordText()); err != nil {
			t.Fatal(err)
		}
		read.Key, read.Account, read.CreatedAt, read.DateOfBirth = c.Key, c.Account, c.CreatedAt, c.DateOfBirth
		var stored, given record
		if err := json.Unmarshal(want, &given); err != nil {
			t.Fatal(err)
		}
		if again, err := read.MarshalJSON(); err != nil || json.Unmarshal(again, &stored) != nil || !reflect.DeepEqual(stored, given) {
			t.Errorf("%v\n%s\nwas read for\n%s", err, again, want)
		}
	})
}

// What the quick way of reading a record takes means the same to encoding/json; what it refuses is read there, or refused.
func FuzzReadRecord(f *testing.F) {
	for _, text := range []string{"", "{", "{}", `{"name":"a"}`, `{"msisdn":"+1","groups":["a","b"],"extra":{"c":"d","e":"f"}}`,
		`{"groups":[],"extra":{},"subscription":{}}`, `{"extra":{"a":"b",}}`, `{"extra":{"a"}}`, `{"groups":["a"}`, `{"name":"a",}`,
		`{"name":"a"}x`, `{ "name" : "a" }`, `{"nick":"a"}`, `{"name":null,"extra":null}`, `{"name":1}`, `{"name":"\u0041"}`, `{"name":"ü"}`,
		"{\"name\":\"\xff\"}", "{\"name\":\"\x00\"}", `{"name":"a","name":"b"}`, `{"extra":{"a":"b"},"extra":{"c":"d"}}`, `{"name":"a":"b"}`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var quick, slow Contact
		if err := slow.readRecord(" " + text); err != nil { // the blank keeps it from the quick way
			if quick.readRecord(text) == nil {
				t.Errorf("%q is read as %+v; encoding/json says %v", text, quick, err)
			}
			return
		}
		if err := quick.readRecord(text); err != nil || !reflect.DeepEqual(quick, slow) {
			t.Errorf("%q is read as %+v, want %+v (%v)", text, quick, slow, err)
		}
	})
}
