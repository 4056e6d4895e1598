package metric_test

import (
	"slices"
	"testing"

	"indaba/internal/metric"
)

func TestNames(t *testing.T) {
	each(t, func(f fixture) {
		if names, err := f.Names(f.Context(), account, "", 10); err != nil || len(names) != 0 {
			f.Errorf("of nothing: %q, %v", names, err)
		}
		for _, name := range []string{"stores.default.b.sum", "stores.default.a.last", "stores.default.a.avg"} {
			f.fire(name, 1, 2)
		}
		if err := f.Fire(f.Context(), "other", []metric.Point{{Name: "stores.default.c.sum", Value: 1}}); err != nil {
			f.Fatal(err)
		}
		all := []string{"stores.default.a.avg", "stores.default.a.last", "stores.default.b.sum"}
		if names, err := f.Names(f.Context(), account, "", 10); err != nil || !slices.Equal(names, all) {
			f.Errorf("got %q, %v", names, err)
		}
		if names, err := f.Names(f.Context(), account, all[0], 1); err != nil || !slices.Equal(names, all[1:2]) {
			f.Errorf("the second alone: %q, %v", names, err)
		}
	})
}
