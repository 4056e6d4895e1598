package contact

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// maxRepr bounds how much of a value stands in an error, in bytes: enough for a text that is one character too long for
// its field, whatever its characters.
const maxRepr = 4 << 10

// PythonRepr returns a JSON value as Python 2 would print it, because the error texts that clients compare were made
// that way (docs/spec/vumi-http.md 3.2 and 15.6): u'…' for text, True, None, 1.5. Long values are cut.
func PythonRepr(value json.RawMessage) string {
	decoder := json.NewDecoder(bytes.NewReader(value))
	decoder.UseNumber()
	var b strings.Builder
	if err := reprNext(&b, decoder); err != nil {
		return string(value[:min(len(value), maxRepr)])
	}
	return cutRepr(b.String())
}

// PythonText returns a text as Python 2 would print a unicode string. Long texts are cut.
func PythonText(text string) string {
	var b strings.Builder
	reprText(&b, text)
	return cutRepr(b.String())
}

// cutRepr cuts what is nothing but ASCII.
func cutRepr(repr string) string {
	if len(repr) <= maxRepr {
		return repr
	}
	return repr[:maxRepr] + "..."
}

// reprNext prints the next value of the decoder. The depth of the nesting is bounded by the decoder.
func reprNext(b *strings.Builder, decoder *json.Decoder) error {
	token, err := decoder.Token()
	if err != nil {
		return err
	}
	switch token := token.(type) {
	case nil:
		b.WriteString("None")
	case bool:
		b.WriteString(map[bool]string{true: "True", false: "False"}[token])
	case json.Number:
		b.WriteString(reprNumber(token.String()))
	case string:
		reprText(b, token)
	case json.Delim:
		return reprContainer(b, decoder, token)
	}
	return nil
}

func reprContainer(b *strings.Builder, decoder *json.Decoder, open json.Delim) error {
	b.WriteRune(rune(open))
	for first := true; decoder.More() && b.Len() <= maxRepr; first = false {
		if !first {
			b.WriteString(", ")
		}
		if err := reprNext(b, decoder); err != nil {
			return err
		}
		if open == '{' {
			b.WriteString(": ")
			if err := reprNext(b, decoder); err != nil {
				return err
			}
		}
	}
	if b.Len() > maxRepr {
		return nil // the rest is cut anyway
	}
	end, err := decoder.Token()
	if err == nil {
		fmt.Fprint(b, end)
	}
	return err
}

// reprNumber prints integers of up to 64 bits as int, longer ones as long, and other numbers as float.
func reprNumber(text string) string {
	if !strings.ContainsAny(text, ".eE") {
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return strconv.FormatInt(n, 10) // there is no -0
		}
		return text + "L"
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return map[bool]string{true: "-inf", false: "inf"}[strings.HasPrefix(text, "-")]
	}
	repr := strconv.FormatFloat(f, 'g', -1, 64)
	if abs := max(f, -f); abs == 0 || abs >= 1e-4 && abs < 1e16 {
		repr = strconv.FormatFloat(f, 'f', -1, 64)
	}
	if !strings.ContainsAny(repr, ".e") {
		repr += ".0"
	}
	return repr
}

func reprText(b *strings.Builder, text string) {
	quote := '\''
	if strings.ContainsRune(text, '\'') && !strings.ContainsRune(text, '"') {
		quote = '"'
	}
	b.WriteByte('u')
	b.WriteRune(quote)
	for _, r := range text {
		switch {
		case b.Len() > maxRepr:
			return // the rest is cut anyway
		case r == quote || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r >= ' ' && r < 0x7f:
			b.WriteRune(r)
		case r < 0x100:
			fmt.Fprintf(b, `\x%02x`, r)
		case r < 0x10000:
			fmt.Fprintf(b, `\u%04x`, r)
		default:
			fmt.Fprintf(b, `\U%08x`, r)
		}
	}
	b.WriteRune(quote)
}
