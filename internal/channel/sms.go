package channel

import (
	"strings"
	"unicode/utf16"
)

// Encoding is how a text travels over the air.
type Encoding string

// The encodings (3GPP TS 23.038).
const (
	GSM7 Encoding = "GSM-7" // seven bits a character; those of the extension table count twice
	UCS2 Encoding = "UCS-2" // sixteen bits a unit; characters beyond the basic plane take two
)

// USSDRoom returns how many units a USSD network shows at once (docs/spec/channels.md 12). A USSD string has at most 160
// octets, whatever the alphabet: 182 septets of GSM-7, or 80 units of UCS-2.
func (e Encoding) USSDRoom() int {
	if e == UCS2 {
		return 80
	}
	return 182
}

// The GSM 7-bit default alphabet and its extension table, without the escape character itself (3GPP TS 23.038 6.2.1).
const (
	gsmBasic = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?" +
		"¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
	gsmExtension = "\f^{}\\[~]|€"
)

// Segments tells how a text travels as SMS: its encoding, how many septets (GSM-7) or 16-bit units (UCS-2) it takes,
// and in how many messages of 160 or 70 units, or 153 or 67 when there are several. A character of two units never
// straddles two messages. An empty text takes one message.
func Segments(text string) (encoding Encoding, units, segments int) {
	encoding, single, part := GSM7, 160, 153
	if !isGSM(text) {
		encoding, single, part = UCS2, 70, 67
	}
	filled := 0
	segments = 1
	for _, r := range text {
		width := encoding.width(r)
		units += width
		if filled += width; filled > part {
			segments++
			filled = width
		}
	}
	if units <= single {
		segments = 1
	}
	return encoding, units, segments
}

// FitUSSD returns a text that fits one USSD screen, and whether it had to be cut; a cut text ends in three dots. What is
// kept is as long as can be: a text that is cut before its first character outside GSM-7 has the room of GSM-7.
func FitUSSD(text string) (fitted string, cut bool) {
	encoding, units, _ := Segments(text)
	if units <= encoding.USSDRoom() {
		return text, false
	}
	const dots = "..."
	kept, septets, wide, plain := 0, len(dots), len(dots), true
	for i, r := range text {
		if septets > GSM7.USSDRoom() || !plain && wide > UCS2.USSDRoom() {
			break
		}
		kept = i
		plain = plain && isGSM(string(r))
		septets += GSM7.width(r)
		wide += UCS2.width(r)
	}
	return strings.TrimRight(text[:kept], " \n") + dots, true
}

func isGSM(text string) bool {
	for _, r := range text {
		if !strings.ContainsRune(gsmBasic, r) && !strings.ContainsRune(gsmExtension, r) {
			return false
		}
	}
	return true
}

// width returns how many units a character takes.
func (e Encoding) width(r rune) int {
	if e == UCS2 {
		return max(utf16.RuneLen(r), 1) // what is no character is replaced by one
	}
	if strings.ContainsRune(gsmExtension, r) {
		return 2
	}
	return 1
}
