package channel

import "strings"

// Phone returns a telephone number in E.164 with a leading + when the text is an international number: one that begins
// with + or 00, or at least eleven digits without a leading zero, with the usual spaces, dots, dashes and brackets.
// Anything else, such as a short code, a name or a national number, comes back as it is, trimmed: it cannot be read
// without knowing the country.
func Phone(text string) string {
	text = strings.TrimSpace(text)
	number := strings.NewReplacer(" ", "", "-", "", ".", "", "(", "", ")", "").Replace(text)
	digits, shortest := number, 11
	if rest, marked := strings.CutPrefix(number, "+"); marked {
		digits, shortest = rest, 7
	} else if rest, marked := strings.CutPrefix(number, "00"); marked {
		digits, shortest = rest, 7
	}
	if len(digits) < shortest || len(digits) > 15 || digits[0] == '0' || strings.Trim(digits, "0123456789") != "" {
		return text
	}
	return "+" + digits
}
