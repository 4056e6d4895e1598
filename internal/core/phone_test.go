package core_test

import (
	"testing"

	"indaba/internal/core"
)

func TestPhone(t *testing.T) {
	for text, want := range map[string]string{
		"+27821234567": "+27821234567", " +27 (82) 123-4567\n": "+27821234567", "0027821234567": "+27821234567",
		"27821234567": "+27821234567", "27.82.123.4567": "+27821234567", "+4512345678": "+4512345678",
		"+27\u00a082\u2009123\u20114567": "+27821234567",
		"\u202a+27 82 123 4567\u202c":    "+27821234567", // as telephones copy them
		"0821234567":                     "0821234567", "082 123 4567 ": "082 123 4567", "12345678": "12345678", "22395": "22395", "BANK": "BANK",
		"": "", "+": "+", "+0821234567": "+0821234567", "+27 82 abc": "+27 82 abc", "whatsapp:+27821234567": "whatsapp:+27821234567",
		"1234567890123456": "1234567890123456", "*120*1#": "*120*1#", "+٢٧٨٢١٢٣٤٥٦٧": "+٢٧٨٢١٢٣٤٥٦٧",
		"+27821234567,+27827654321": "+27821234567,+27827654321", "+2782123\n4567": "+2782123\n4567",
	} {
		if got := core.Phone(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestPhoneDigits(t *testing.T) {
	for text, want := range map[string]string{
		"+27821234567": "27821234567", "27 82 123 4567": "27821234567", "0027821234567": "27821234567", "082 123-4567": "0821234567",
		"22395": "22395", "+": "", "": "", "BANK": "", "+27 82 abc": "", "+27821234567+27827654321": "", "27821234567,": "",
	} {
		if got := core.PhoneDigits(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestOneRecipient(t *testing.T) {
	for address, want := range map[string]bool{
		"+27821234567": true, "27821234567": true, "+27 82 123 4567": true, "0027 82 1234567": true, "082 123 4567": true, "22395": true,
		"BANK": true, "My Bank": true, "u-1": true, "whatsapp:+27821234567": true, "BR.1502576394655843": true, "ann@example.org": true,
		"*120*1#": true, "": false,
		"+27821234567,+27827654321": false, "+27821234567,": false, ",": false, "22395;22396": false, "+27821234567\n": false,
		"+27821234567\r\n+27827654321": false, "+2782\t1234567": false, "a\x00b": false, "a\x7f": false, "a\u0085b": false,
		"a\u2028b": false, "+27821234567 +27827654321": false, "0821234567 0827654321": false, "27-82-123-4567 27-82-765-4321": false,
		"+27821234567+27827654321": false, "27821234567/27827654321": false, "27821234567\u00a027827654321": false,
	} {
		if got := core.OneRecipient(address); got != want {
			t.Errorf("%q: %v, want %v", address, got, want)
		}
	}
}
