package all_test

import (
	"slices"
	"strings"
	"testing"

	"indaba/internal/channel"
	"indaba/internal/channel/all"
)

func TestTypes(t *testing.T) {
	types := all.Types()
	if !slices.IsSortedFunc(types, func(a, b channel.Type) int { return strings.Compare(a.Name, b.Name) }) {
		t.Error("the list is not sorted by name")
	}
	for i, one := range types {
		if i > 0 && one.Name == types[i-1].Name {
			t.Errorf("%s is twice there", one.Name)
		}
		if found, ok := all.Type(one.Name); !ok || found.Title != one.Title {
			t.Errorf("%s is not found by its name", one.Name)
		}
	}
	if _, ok := all.Type("sms/none"); ok {
		t.Error("an unknown type was found")
	}
}

// Only custom channels take addresses as they come: what their peers have for ids is their own affair.
func TestTelephoneNumbersAreWrittenInOneWay(t *testing.T) {
	for _, one := range all.Types() {
		numbers := slices.Contains([]string{"sms", "ussd", "voice", "whatsapp"}, one.DeliveryClass)
		if one.Phones != (numbers && one.Name != "custom") {
			t.Errorf("%s, whose people are reached by %s: Phones is %v", one.Name, one.DeliveryClass, one.Phones)
		}
		want := map[bool]string{true: "+27821234567", false: "0027 82 123 4567"}[one.Phones]
		if got := one.Recipient(" 0027 82 123 4567\n"); got != want {
			t.Errorf("%s: %q, want %q", one.Name, got, want)
		}
	}
}
