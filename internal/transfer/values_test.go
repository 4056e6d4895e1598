package transfer

import (
	"slices"
	"testing"
)

func TestPhone(t *testing.T) {
	for _, test := range []struct{ text, code, want string }{
		{"+27831234567", "", "+27831234567"},
		{" +27 (83) 123-4567 ", "", "+27831234567"},
		{"0027831234567", "44", "+27831234567"},
		{"27831234567", "", "+27831234567"},
		{"'+27831234567", "27", "+27831234567"},
		{"083 123 4567", "27", "+27831234567"},
		{"831234567", "27", "+27831234567"},
		{"083 123 4567", "", "083 123 4567"},
		{"06 20 123 4567", "36", "+36201234567"},
		{"8 912 345 6789", "7", "+79123456789"},
		{"02 1234 567", "39", "+39021234567"},
		{"(212) 555-0123", "1", "+12125550123"},
		{"unknown", "27", "unknown"},
		{"default10001", "", "default10001"},
		{"12345", "", "12345"},
		{"12", "27", "!"},
		{"2.78312E+10", "", "!"},
		{"2,78312E10", "", "!"},
		{"nobody", "27", "!"},
		{"+0831234567", "", "!"},
		{"+12345", "", "!"},
		{"1234567890123456", "", "!"},
	} {
		got, err := phone(test.text, test.code)
		if err != nil {
			got = "!"
		}
		if got != test.want {
			t.Errorf("%q in %s: %q, want %q", test.text, test.code, got, test.want)
		}
	}
}

func TestGroupCells(t *testing.T) {
	for _, names := range [][]string{nil, {"a"}, {"a", "b c"}, {`x;y\`, `\;`}, {`"`, ","}} {
		if got := splitGroups(joinGroups(names)); !slices.Equal(got, names) {
			t.Errorf("%q became %q", names, got)
		}
	}
	if got := splitGroups(" a ;; b;"); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("got %q", got)
	}
}
