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

// Contacts are written byte for byte as encoding/json would, and lists and maps read back as they were.
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
		var list []string
		if err := json.Unmarshal([]byte(listText(c.Groups)), &list); err != nil {
			t.Fatal(err)
		}
		if got, err := parseList(listText(c.Groups)); err != nil || !reflect.DeepEqual(got, list) {
			t.Errorf("list %q, want %q (%v)", got, list, err)
		}
		texts := map[string]string{}
		if err := json.Unmarshal([]byte(mapText(c.Extra)), &texts); err != nil {
			t.Fatal(err)
		}
		if got, err := parseTexts(mapText(c.Extra)); err != nil || !reflect.DeepEqual(got, texts) {
			t.Errorf("map %q, want %q (%v)", got, texts, err)
		}
	})
}

// Whatever stands in the database is read as encoding/json reads it, or refused.
func FuzzParsing(f *testing.F) {
	for _, text := range []string{"[]", "{}", "", "[", `["a"]`, `["a","b"]`, `["a":"b"]`, `{"a":"b"}`, `{"a","b"}`, `{"a":"b","c"}`,
		`[ "a" ]`, `["a"] `, `["a"`, `["a",]`, `[1]`, `{"a":1}`, `["\u0041"]`, `["a"}`, `{"a":"b"]`, `{"a":"b":"c"}`, "null", `"ab"`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		wanted := []string{}
		wrong := json.Unmarshal([]byte(text), &wanted)
		if got, err := parseList(text); (err != nil) != (wrong != nil) || err == nil && !reflect.DeepEqual(got, wanted) {
			t.Errorf("list %q: %q %v, want %q %v", text, got, err, wanted, wrong)
		}
		texts := map[string]string{}
		wrong = json.Unmarshal([]byte(text), &texts)
		if got, err := parseTexts(text); (err != nil) != (wrong != nil) || err == nil && !reflect.DeepEqual(got, texts) {
			t.Errorf("map %q: %q %v, want %q %v", text, got, err, texts, wrong)
		}
	})
}
