package contact

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
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

func listText(list []string) string { return string(appendList(nil, list)) }

func mapText(texts map[string]string) string { return string(appendMap(nil, texts)) }

// parseList reads what listText wrote.
func parseList(text string) (list []string, err error) {
	list = []string{}
	if text == "[]" {
		return list, nil
	}
	if parts, ok := plainTexts(text, "[]", ','); ok {
		return append(list, parts...), nil
	}
	return list, json.Unmarshal([]byte(text), &list)
}

// parseTexts reads what mapText wrote.
func parseTexts(text string) (texts map[string]string, err error) {
	if text == "{}" {
		return map[string]string{}, nil
	}
	if parts, ok := plainTexts(text, "{}", ':'); ok && len(parts)%2 == 0 {
		texts = make(map[string]string, len(parts)/2)
		for i := 0; i < len(parts); i += 2 {
			texts[parts[i]] = parts[i+1]
		}
		return texts, nil
	}
	texts = map[string]string{}
	return texts, json.Unmarshal([]byte(text), &texts)
}

// plainTexts returns the texts in a JSON list or object, by its brackets, that consists of texts in ASCII without escapes
// and blanks. first stands between the first and the second of them, and so on in turn with commas. ok is false for
// everything else.
func plainTexts(text, brackets string, first byte) (parts []string, ok bool) {
	if len(text) < 4 || text[0] != brackets[0] || !isSimple(text) {
		return nil, false
	}
	parts = make([]string, 0, 8)
	rest, separators := text[1:], [2]byte{first, ','}
	for rest[0] == '"' {
		end := strings.IndexByte(rest[1:], '"')
		if end < 0 || len(rest) < end+3 {
			return nil, false
		}
		parts = append(parts, rest[1:end+1])
		after := rest[end+2]
		if rest = rest[end+3:]; rest == "" {
			return parts, after == brackets[1]
		}
		if after != separators[(len(parts)-1)%2] {
			return nil, false
		}
	}
	return nil, false
}

// isSimple reports whether the texts in some JSON mean what they look like.
func isSimple(text string) bool {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' || c == '\\' {
			return false
		}
	}
	return true
}
