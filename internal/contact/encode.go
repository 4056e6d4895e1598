package contact

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Streams write and read contacts by the million: what is simple is written and read here, and what is not, texts with
// characters that need escapes, is left to encoding/json.

// MarshalJSON writes exactly the 18 fields of docs/spec/vumi-http.md 3.1, lists and objects never null.
func (c Contact) MarshalJSON() ([]byte, error) {
	b := make([]byte, 0, 640)
	b = strconv.AppendInt(append(b, `{"$VERSION":`...), recordVersion, 10)
	b = appendText(append(b, `,"key":`...), c.Key)
	b = appendText(append(b, `,"user_account":`...), c.Account)
	b = appendText(append(b, `,"created_at":`...), FormatTime(c.CreatedAt))
	b = appendNullable(append(b, `,"name":`...), c.Name)
	b = appendNullable(append(b, `,"surname":`...), c.Surname)
	b = appendNullable(append(b, `,"email_address":`...), c.EmailAddress)
	b = appendTime(append(b, `,"dob":`...), c.DateOfBirth)
	b = appendText(append(b, `,"msisdn":`...), c.Msisdn)
	b = appendNullable(append(b, `,"twitter_handle":`...), c.TwitterHandle)
	b = appendNullable(append(b, `,"facebook_id":`...), c.FacebookID)
	b = appendNullable(append(b, `,"bbm_pin":`...), c.BBMPin)
	b = appendNullable(append(b, `,"gtalk_id":`...), c.GTalkID)
	b = appendNullable(append(b, `,"mxit_id":`...), c.MxitID)
	b = appendNullable(append(b, `,"wechat_id":`...), c.WeChatID)
	b = appendList(append(b, `,"groups":`...), c.Groups)
	b = appendMap(append(b, `,"extra":`...), c.Extra)
	b = appendMap(append(b, `,"subscription":`...), c.Subscription)
	return append(b, '}'), nil
}

// isPlain reports whether a text stands in JSON as it is, between quotes.
func isPlain(text string) bool {
	for i := range len(text) {
		switch c := text[i]; {
		case c < ' ', c >= 0x7f, c == '"', c == '\\', c == '<', c == '>', c == '&':
			return false
		}
	}
	return true
}

func appendText(b []byte, text string) []byte {
	if isPlain(text) {
		b = append(b, '"')
		b = append(b, text...)
		return append(b, '"')
	}
	escaped, _ := json.Marshal(text) // texts always can be
	return append(b, escaped...)
}

func appendNullable(b []byte, text *string) []byte {
	if text == nil {
		return append(b, "null"...)
	}
	return appendText(b, *text)
}

func appendTime(b []byte, t *time.Time) []byte {
	if t == nil {
		return append(b, "null"...)
	}
	return appendText(b, FormatTime(*t))
}

func appendList(b []byte, list []string) []byte {
	b = append(b, '[')
	for i, text := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendText(b, text)
	}
	return append(b, ']')
}

// appendMap writes names in ascending order, as encoding/json does.
func appendMap(b []byte, texts map[string]string) []byte {
	b = append(b, '{')
	for i, name := range slices.Sorted(maps.Keys(texts)) {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendText(b, name)
		b = appendText(append(b, ':'), texts[name])
	}
	return append(b, '}')
}

// recordText writes what the row of a contact has no column for, as a JSON object of the fields that the contact has.
func (c *Contact) recordText() string {
	b := make([]byte, 0, 256)
	b = appendText(append(b, `{"msisdn":`...), c.Msisdn)
	for _, f := range textFields {
		if text := *f.at(c); text != nil {
			b = append(append(append(b, `,"`...), f.name...), `":`...)
			b = appendText(b, *text)
		}
	}
	if len(c.Groups) > 0 {
		b = appendList(append(b, `,"groups":`...), c.Groups)
	}
	if len(c.Extra) > 0 {
		b = appendMap(append(b, `,"extra":`...), c.Extra)
	}
	if len(c.Subscription) > 0 {
		b = appendMap(append(b, `,"subscription":`...), c.Subscription)
	}
	return string(append(b, '}'))
}

// readRecord reads what recordText wrote. A field that is not known is an error: it would be lost with the next change.
func (c *Contact) readRecord(text string) error {
	if r := (recordReader{text}); isSimple(text) && r.record(c) {
		return nil
	}
	c.Groups, c.Extra, c.Subscription = nil, nil, nil
	fields := map[string]any{"msisdn": &c.Msisdn, "groups": &c.Groups, "extra": &c.Extra, "subscription": &c.Subscription}
	for _, f := range textFields {
		fields[f.name] = f.at(c)
	}
	var values map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &values); err != nil {
		return err
	}
	for name, value := range values {
		if fields[name] == nil {
			return fmt.Errorf("there is no field %q", name)
		}
		if err := json.Unmarshal(value, fields[name]); err != nil {
			return fmt.Errorf("field %q: %w", name, err)
		}
	}
	c.complete()
	return nil
}

// complete makes lists and maps that are not there empty ones.
func (c *Contact) complete() {
	if c.Groups == nil {
		c.Groups = []string{}
	}
	if c.Extra == nil {
		c.Extra = map[string]string{}
	}
	if c.Subscription == nil {
		c.Subscription = map[string]string{}
	}
}

// isSimple reports whether the texts in some JSON mean what they look like.
func isSimple(text string) bool {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c == '\\' {
			return false
		}
	}
	return utf8.ValidString(text)
}

// recordReader reads JSON that is simple and has no blanks. Its methods report false about everything else; then what they
// have filled in means nothing.
type recordReader struct {
	rest string
}

func (r *recordReader) record(c *Contact) bool {
	if !r.take('{') {
		return false
	}
	for {
		name, ok := r.text()
		if !ok || !r.take(':') {
			return false
		}
		switch name {
		case "msisdn":
			c.Msisdn, ok = r.text()
		case "groups":
			c.Groups, ok = r.list()
		case "extra":
			c.Extra, ok = r.texts()
		case "subscription":
			c.Subscription, ok = r.texts()
		default:
			ok = r.field(name, c)
		}
		if !ok {
			return false
		}
		if !r.take(',') {
			c.complete()
			return r.take('}') && r.rest == ""
		}
	}
}

func (r *recordReader) field(name string, c *Contact) bool {
	f, known := textFieldNamed(name)
	if !known {
		return false
	}
	text, ok := r.text()
	*f.at(c) = &text
	return ok
}

func (r *recordReader) take(c byte) bool {
	if r.rest == "" || r.rest[0] != c {
		return false
	}
	r.rest = r.rest[1:]
	return true
}

func (r *recordReader) text() (text string, ok bool) {
	if !r.take('"') {
		return "", false
	}
	text, r.rest, ok = strings.Cut(r.rest, `"`)
	return text, ok
}

func (r *recordReader) list() (list []string, ok bool) {
	if !r.take('[') {
		return nil, false
	}
	if r.take(']') {
		return nil, true
	}
	for {
		text, ok := r.text()
		if !ok {
			return nil, false
		}
		list = append(list, text)
		if !r.take(',') {
			return list, r.take(']')
		}
	}
}

func (r *recordReader) texts() (texts map[string]string, ok bool) {
	if !r.take('{') {
		return nil, false
	}
	texts = map[string]string{}
	if r.take('}') {
		return texts, true
	}
	for {
		name, ok := r.text()
		if !ok || !r.take(':') {
			return nil, false
		}
		if texts[name], ok = r.text(); !ok {
			return nil, false
		}
		if !r.take(',') {
			return texts, r.take('}')
		}
	}
}
