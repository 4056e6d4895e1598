package simulate

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// Whatever a bot says, the rewritten script expects exactly that, and the rest of it is as it was.
func FuzzRewrite(f *testing.F) {
	for _, text := range []string{"", "plain", "two\nlines", " a blank before", "a blank behind ", "a blank behind \nthe first line",
		"\nbegins with an empty line", "ends with one\n", "two\n\n\nempty lines", "key: value", "# no comment", "a # comment",
		"'quoted'", `"quoted"`, `back\slash`, "- item", "{a: b}", "[a]", "null", "true", "12", "~", "*alias", "&anchor", "!tag", "%",
		"@", "`", "tab\there", "tab\n\there", "tab\t\nbehind", "\r\n", "Sawubona …", "emoji 🎉\nand more", "\u0085", "\u2028", "\ufeff", "\x01",
		"\x7f", "--- a", "...", strings.Repeat("long ", 100), strings.Repeat("long ", 100) + "\nsecond", "   \n  deeper\n shallower"} {
		f.Add(text, "x")
	}
	f.Fuzz(func(t *testing.T, one, two string) {
		if !utf8.ValidString(one) || !utf8.ValidString(two) || strings.ContainsRune(one+two, 0) {
			t.Skip("the message log holds no such text")
		}
		const before = "# top\nconversations:\n  - name: c # behind\n    steps:\n      - dial\n\n      - bot: |\n          old\n\n          text\n" +
			"        ends: true\n      # between\n      - bot: 'old' # kept\n        sends:\n          - text: >-\n              old\n              text\n" +
			"            to: somebody\n      - user: 1\n"
		old, err := parse("c", before)
		if err != nil {
			t.Fatal(err)
		}
		steps := old.conversations[0].steps
		after, err := rewrite(before, []edit{{steps[1].expect.place, one}, {steps[2].expect.place, two}, {steps[3].sends[0].expect.place, one}})
		if err != nil {
			t.Fatal(err)
		}
		fresh, err := parse("c", after)
		if err != nil {
			t.Fatalf("%v\n%s", err, after)
		}
		steps = fresh.conversations[0].steps
		for at, want := range map[int]string{1: one, 2: two} {
			if !steps[at].expect.fits(want) {
				t.Errorf("step %d expects %q, not %q:\n%s", at, steps[at].expect.text, want, after)
			}
		}
		if send := steps[3].sends[0]; !send.expect.fits(one) || send.to != "somebody" {
			t.Errorf("the send is %+v, not %q:\n%s", send, one, after)
		}
		if steps[1].ends == nil || len(steps) != 5 || !strings.HasPrefix(after, "# top\n") || !strings.Contains(after, "# between\n") {
			t.Errorf("something else changed:\n%s", after)
		}
	})
}

// Files that mean nothing, or far too much, are refused and do no harm.
func FuzzParse(f *testing.F) {
	f.Add("conversations: [{name: c, steps: [dial, {bot: a, ends: true}, {wait: 1d}], after: {kv: {a: 1}}}]")
	f.Add("kv: {a: &a [*a]}\nconversations: [{name: c, steps: [dial]}]")
	f.Add("kv: {a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1], b: &b [*a, *a, *a, *a, *a, *a, *a, *a], c: &c [*b, *b, *b, *b, *b, *b, *b, *b], " +
		"d: &d [*c, *c, *c, *c, *c, *c, *c, *c], e: &e [*d, *d, *d, *d, *d, *d, *d, *d], f: [*e, *e, *e, *e, *e, *e, *e, *e]}")
	f.Add("http: [{post: 'http://a/?b=c', json: {a: 0x10}, reply: {json: [1.5, null, 2026-03-01]}}]")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := parse("c", text)
		if err == nil && (len(s.conversations) == 0 || len(s.conversations[0].steps) == 0) {
			t.Errorf("a script without steps was taken: %q", text)
		}
	})
}

func TestRewriteOfSharedText(t *testing.T) {
	s, err := parse("c", "conversations:\n- name: c\n  steps:\n  - dial\n  - bot: &a old\n  - dial\n  - bot: *a\n")
	if err != nil {
		t.Fatal(err)
	}
	steps := s.conversations[0].steps
	if _, err := rewrite(s.text, []edit{{steps[1].expect.place, "one"}, {steps[3].expect.place, "two"}}); err == nil {
		t.Error("two texts were written into one place")
	}
}
