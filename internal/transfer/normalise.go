package transfer

import (
	"regexp"
	"strings"
	"time"

	"indaba/internal/contact"
	"indaba/internal/core"
)

// trunks are the digits that stand before a national number at home and nowhere else, where they are not one 0. The
// numbers of Italy and its neighbours keep their 0.
var trunks = map[string]string{"1": "1", "7": "8", "36": "06", "39": "", "378": "", "379": "", "375": "8"}

// rounded is how spreadsheets write numbers that are long. Dots are gone by then.
var rounded = regexp.MustCompile(`^\d+(,\d+)?[eE]\+?\d+$`)

func checkCountryCode(code string) error {
	if len(code) > 3 || strings.Trim(code, "0123456789") != "" || strings.HasPrefix(code, "0") {
		return core.Errorf(core.Invalid, "%q is no calling code: write up to three digits, such as 27", code)
	}
	return nil
}

// phone returns a telephone number as + and digits. International numbers begin with + or 00, or have eleven digits and
// more without a leading zero. Other numbers are national: with a calling code they get it, without one they stay as they
// are, as does what is no number at all. A number that cannot be one is core.Invalid.
func phone(text, countryCode string) (string, error) {
	text = strings.TrimLeft(strings.TrimSpace(text), "'")
	number := strings.Map(func(r rune) rune {
		if strings.ContainsRune(" -.()/\u00a0\u202a\u202c\u2011", r) { // among them what is pasted from address books
			return -1
		}
		return r
	}, text)
	trunk, known := trunks[countryCode]
	if !known {
		trunk = "0"
	}
	digits, marked := strings.CutPrefix(number, "+")
	if !marked {
		digits, marked = strings.CutPrefix(number, "00")
	}
	switch {
	case rounded.MatchString(number):
		return "", core.Errorf(core.Invalid, "%q is a number that a spreadsheet has rounded: write the column as text there, and save the file again",
			shortened(text, maxSample))
	case digits == "" || strings.Trim(digits, "0123456789") != "":
		if countryCode != "" && text != contact.UnknownMsisdn {
			return "", core.Errorf(core.Invalid, "%q is no telephone number", shortened(text, maxSample))
		}
		return text, nil
	case marked || len(digits) >= 11 && digits[0] != '0' && !isNational(digits, countryCode, trunk):
		if len(digits) < 7 || len(digits) > 15 || digits[0] == '0' {
			return "", core.Errorf(core.Invalid, "%q is no international telephone number", shortened(text, maxSample))
		}
		return "+" + digits, nil
	case countryCode == "":
		return text, nil
	}
	national := digits
	if len(digits)+len(countryCode) > 10 { // short numbers have no trunk prefix
		national = strings.TrimPrefix(digits, trunk)
	}
	if len(national) < 4 || len(countryCode)+len(national) > 15 {
		return "", core.Errorf(core.Invalid, "%q is no telephone number", shortened(text, maxSample))
	}
	return "+" + countryCode + national, nil
}

// isNational reports whether a long number begins with a trunk prefix that is no 0, as Russian ones do.
func isNational(digits, countryCode, trunk string) bool {
	return countryCode != "" && trunk != "" && strings.HasPrefix(digits, trunk) && !strings.HasPrefix(digits, countryCode)
}

// moment reads a date or time.
func moment(text, how string) (time.Time, error) {
	text = strings.TrimSpace(text)
	layouts := map[string][]string{
		asDMY: {"2/1/2006", "2.1.2006", "2-1-2006"},
		asMDY: {"1/2/2006", "1.2.2006", "1-2-2006"},
	}[how]
	for _, layout := range layouts {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	if how == asDate {
		if t, err := contact.ParseTime(text); err == nil {
			return t, nil
		}
	}
	hint := "YYYY-MM-DD"
	if len(layouts) > 0 {
		hint = map[string]string{asDMY: "DD/MM/YYYY", asMDY: "MM/DD/YYYY"}[how]
	}
	return time.Time{}, core.Errorf(core.Invalid, "%q is no date: write it as %s, or say with :dmy or :mdy behind the column's target how it is written",
		shortened(text, maxSample), hint)
}
