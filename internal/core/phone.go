package core

import (
	"strings"
	"unicode"
)

// Phone returns a telephone number in E.164 with a leading + when the text is an international number: one that begins
// with + or 00, or at least eleven digits without a leading zero, with the usual spaces, dots, dashes and brackets.
// Anything else, such as a short code, a name or a national number, comes back as it is, trimmed: it cannot be read
// without knowing the country.
func Phone(text string) string {
	text = strings.TrimSpace(text)
	number := strings.Map(withoutSigns, text)
	digits, shortest := number, 11
	if rest, marked := strings.CutPrefix(number, "+"); marked {
		digits, shortest = rest, shortestNumber
	} else if rest, marked := strings.CutPrefix(number, "00"); marked {
		digits, shortest = rest, shortestNumber
	}
	if len(digits) < shortest || len(digits) > 15 || digits[0] == '0' || strings.Trim(digits, "0123456789") != "" {
		return text
	}
	return "+" + digits
}

// shortestNumber is how many digits an international number has at least.
const shortestNumber = 7

// PhoneDigits returns the digits of a telephone number, as Phone reads it, and those of a short code or national number as
// they stand there. It is empty for what is none of these.
func PhoneDigits(text string) string {
	digits := strings.TrimPrefix(strings.Map(withoutSigns, Phone(text)), "+")
	if strings.Trim(digits, "0123456789") != "" {
		return ""
	}
	return digits
}

// OneRecipient reports whether an address can stand for one person only, where people are telephone numbers. Providers
// take what is divided by a comma, a semicolon, a line break or, when both parts are numbers, by a space or the like for
// several recipients; and what they do with control characters nobody knows.
func OneRecipient(address string) bool {
	if address == "" || strings.ContainsFunc(address, divides) {
		return false
	}
	numbers := 0
	for part := range strings.FieldsFuncSeq(address, mayDivide) {
		if len(PhoneDigits(part)) >= shortestNumber { // the groups of one number are shorter
			numbers++
		}
	}
	return numbers < 2
}

func divides(r rune) bool {
	return r == ',' || r == ';' || unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp)
}

func mayDivide(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune("+/|&", r) }

// withoutSigns drops what people write between the digits of a number, and what programs put around one that is copied.
func withoutSigns(r rune) rune {
	if strings.ContainsRune(".()", r) || unicode.In(r, unicode.Zs, unicode.Pd, unicode.Cf) {
		return -1
	}
	return r
}
