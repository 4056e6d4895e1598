package core

import "testing"

func FuzzFormula(f *testing.F) {
	for _, seed := range []string{"", "=1", "+27", "'=1", "''", "-", "@x", "\tx", "+2,7", "-1.5", "it's"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		written := GuardFormula(text)
		if UnguardFormula(written) != text {
			t.Errorf("%q is written as %q and read as %q", text, written, UnguardFormula(written))
		}
		if isFormula(written) {
			t.Errorf("%q is written as the formula %q", text, written)
		}
	})
}
