package channel_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"indaba/internal/channel"
)

func TestSegments(t *testing.T) {
	r := strings.Repeat
	for _, c := range []struct {
		text     string
		encoding channel.Encoding
		units    int
		segments int
	}{
		{"", channel.GSM7, 0, 1},
		{"Molo @ £5 Ñandú?", channel.UCS2, 16, 1}, // ú is not in the alphabet
		{"Molo @ £5 Ñandù?\r\n", channel.GSM7, 18, 1},
		{"[€]", channel.GSM7, 6, 1},
		{r("a", 160), channel.GSM7, 160, 1},
		{r("a", 161), channel.GSM7, 161, 2},
		{r("a", 306), channel.GSM7, 306, 2},
		{r("a", 307), channel.GSM7, 307, 3},
		{r("€", 80), channel.GSM7, 160, 1},
		{r("a", 152) + r("€", 77), channel.GSM7, 306, 3}, // the euro sign at 153 moves on as a whole
		{r("ж", 70), channel.UCS2, 70, 1},
		{r("ж", 71), channel.UCS2, 71, 2},
		{r("ж", 134), channel.UCS2, 134, 2},
		{r("😀", 35), channel.UCS2, 70, 1},
		{r("😀", 67), channel.UCS2, 134, 3}, // 33 whole ones in each message
		{"a\x1bb", channel.UCS2, 3, 1},
		{"\xff\xfe", channel.UCS2, 2, 1},
	} {
		encoding, units, segments := channel.Segments(c.text)
		if encoding != c.encoding || units != c.units || segments != c.segments {
			t.Errorf("%.20q (%d): %s %d %d, want %s %d %d", c.text, len(c.text), encoding, units, segments, c.encoding,
				c.units, c.segments)
		}
	}
}

func TestFitUSSD(t *testing.T) {
	r := strings.Repeat
	for _, c := range []struct {
		text, want string
		cut        bool
	}{
		{"", "", false},
		{r("a", 182), r("a", 182), false},
		{r("a", 183), r("a", 179) + "...", true},
		{r("€", 91), r("€", 91), false},
		{r("€", 92), r("€", 89) + "...", true},
		{r("ж", 80), r("ж", 80), false},
		{r("ж", 81), r("ж", 77) + "...", true},
		{r("😀", 40), r("😀", 40), false},
		{r("😀", 41), r("😀", 38) + "...", true},
		{"ж" + r("a", 80), "ж" + r("a", 76) + "...", true},
		{r("a", 80) + "ж", r("a", 80) + "...", true}, // without the one character there is room for the others
		{r("a", 181) + "ж", r("a", 179) + "...", true},
		{r("€", 75) + "ж" + r("a", 9), r("€", 75) + "ж" + "a" + "...", true},
		{r("a", 178) + "\n " + r("b", 10), r("a", 178) + "...", true},
		{r("\xff", 300), r("\xff", 77) + "...", true},
	} {
		got, cut := channel.FitUSSD(c.text)
		if got != c.want || cut != c.cut {
			t.Errorf("%.10q (%d): %q %v", c.text, len(c.text), got, cut)
		}
	}
}

func FuzzFitUSSD(f *testing.F) {
	f.Add(strings.Repeat("aж€😀\n", 60))
	f.Fuzz(func(t *testing.T, text string) {
		got, cut := channel.FitUSSD(text)
		if encoding, units, _ := channel.Segments(got); units > encoding.USSDRoom() {
			t.Errorf("%d units of %s", units, encoding)
		}
		if cut == (got == text) || utf8.ValidString(text) && !utf8.ValidString(got) {
			t.Errorf("cut %v: %q", cut, got)
		}
	})
}
