package core_test

import (
	"testing"

	"indaba/internal/core"
)

func TestNearest(t *testing.T) {
	known := []string{"data", "database", "listen", "log_level"}
	for word, want := range map[string]string{"databse": "database", "date": "data", "lisen": "listen", "loglevel": "log_level",
		"": "", "x": "", "something": "", "LISTEN": ""} {
		if got := core.Nearest(word, known); got != want {
			t.Errorf("%q: %q, want %q", word, got, want)
		}
	}
}

func TestStorable(t *testing.T) {
	for text, want := range map[string]string{"": "", "plain é": "plain é", "a\x00b": "a\uFFFDb", "a\xffb": "a\uFFFDb"} {
		if got := core.Storable(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestPrintable(t *testing.T) {
	for text, want := range map[string]string{"": "", "plain é\n": "plain é\n", "\x1b[2J\a\x00": `\x1b[2J\x07\x00`, "\u009b1m\x7f\t\r": `\x9b1m\x7f\x09\x0d`} {
		if got := core.Printable(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestStatusesFollow(t *testing.T) {
	allowed := map[[2]core.Status]bool{
		{core.Queued, core.Sent}: true, {core.Queued, core.Failed}: true, {core.Unknown, core.Sent}: true, {core.Unknown, core.Failed}: true,
		{core.Sent, core.Delivered}: true, {core.Sent, core.Failed}: true, {core.Delivered, core.Read}: true, {core.Sent, core.Read}: true,
		{core.Delivered, core.Sent}: false, {core.Delivered, core.Failed}: false, {core.Read, core.Failed}: false,
		{core.Failed, core.Delivered}: false, {core.Sent, core.Unknown}: false, {core.Sent, core.Sent}: false,
	}
	for pair, want := range allowed {
		if got := pair[1].CanFollow(pair[0]); got != want {
			t.Errorf("%v after %v: %v", pair[1], pair[0], got)
		}
	}
	for s := core.Received; s <= core.Failed; s++ {
		if back, ok := core.ParseStatus(s.String()); !ok || back != s {
			t.Errorf("%v does not read back", s)
		}
	}
}
