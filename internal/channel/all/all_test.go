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
