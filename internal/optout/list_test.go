package optout_test

import (
	"testing"

	"indaba/internal/optout"
)

func TestList(t *testing.T) {
	each(t, func(t *testing.T, s *optout.Service) {
		for _, o := range [][3]string{{account, "msisdn", "+272"}, {account, "gtalk", "z"}, {account, "msisdn", "+271"},
			{"other", "msisdn", "+270"}, {account, "msisdn", "ж"}} {
			if _, err := s.Create(t.Context(), o[0], o[1], o[2], "m"); err != nil {
				t.Fatal(err)
			}
		}
		var got []string
		for after := (optout.OptOut{}); ; {
			page, err := s.List(t.Context(), account, after, 3)
			if err != nil {
				t.Fatal(err)
			}
			for _, o := range page {
				got = append(got, o.Type+" "+o.Address)
				if kept, found, err := s.Get(t.Context(), account, o.Type, o.Address); err != nil || !found || kept != o {
					t.Errorf("listed as %+v, stored as %+v, %v", o, kept, err)
				}
			}
			if len(page) < 3 {
				break
			}
			after = page[len(page)-1]
		}
		want := []string{"gtalk z", "msisdn +271", "msisdn +272", "msisdn ж"}
		if len(got) != len(want) {
			t.Fatalf("got %q", got)
		}
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("got %q, want %q", got, want)
			}
		}
	})
}
