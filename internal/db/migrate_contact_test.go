package db

import (
	"database/sql"
	"slices"
	"testing"
)

// beforeNumbers fills a database of version 9 with what two accounts have: contacts in another order than that of their keys,
// entries of the index, and members of a smart group. A third account has a group and no contacts.
var beforeNumbers = []string{
	"INSERT INTO contact_book (account, contacts, version) VALUES ('a', 3, 7), ('b', 1, 0), ('c', 0, 1)",
	"INSERT INTO contact (account, key, created_at, name, dob, msisdn, groups, extra, subscription) VALUES " +
		`('a', 'k2', 20, 'Two', 5, '+2', '["g"]', '{"city":"Durban"}', '{}'), ` +
		`('b', 'k2', 21, NULL, NULL, '+2', '[]', '{}', '{}'), ` +
		`('a', 'k1', 30, 'Zoë "1" \', NULL, '+1', '[]', '{}', '{"news":"daily"}'), ` +
		`('a', 'k3', 10, '', NULL, '+1', '[]', '{}', '{}')`,
	"INSERT INTO contact_token (account, field, token, contact) VALUES ('a', 'name', 'Two', 'k2'), ('a', 'msisdn', '+2', 'k2'), " +
		"('a', 'groups', 'g', 'k2'), ('a', 'extras-city', 'Durban', 'k2'), ('b', 'msisdn', '+2', 'k2'), ('a', 'name', 'One', 'k1'), " +
		"('a', 'msisdn', '+1', 'k1'), ('a', 'subscription-news', 'daily', 'k1'), ('a', 'msisdn', '+1', 'k3')",
	"INSERT INTO contact_group (account, key, name, query, created_at, static_size, smart_size, build, building, built_to) VALUES " +
		"('a', 'g', 'Ones', 'msisdn:*', 1, 1, 3, 7, 0, 'k3'), ('c', 'h', 'None', NULL, 1, 0, 0, 0, 0, '')",
	"INSERT INTO smart_member (account, build, contact) VALUES ('a', 7, 'k3'), ('a', 7, 'k1'), ('a', 7, 'k2')",
	"INSERT INTO smart_leftover (account, build) VALUES ('a', 6)",
}

// What the same database says afterwards, line by line. Ids are told as the account and the number in its book.
var afterNumbers = []struct {
	query string
	want  []string
}{
	{"SELECT account || ' ' || contacts || ' ' || version || ' ' || numbered || ' ' || newest FROM contact_book ORDER BY account",
		[]string{"a 3 7 3 k3", "b 1 0 1 k2", "c 0 1 0 "}},
	{"SELECT b.account || ' ' || (c.id - b.id * 68719476736) || ' ' || c.key || ' ' || c.created_at || ' ' || coalesce(c.dob, 0) || " +
		"' ' || c.record " +
		"FROM contact c JOIN contact_book b ON b.id = c.book ORDER BY c.id",
		[]string{`a 1 k1 30 0 {"msisdn":"+1","name":"Zoë \"1\" \\","groups":[],"extra":{},"subscription":{"news":"daily"}}`,
			`a 2 k2 20 5 {"msisdn":"+2","name":"Two","groups":["g"],"extra":{"city":"Durban"},"subscription":{}}`,
			`a 3 k3 10 0 {"msisdn":"+1","name":"","groups":[],"extra":{},"subscription":{}}`,
			`b 1 k2 21 0 {"msisdn":"+2","groups":[],"extra":{},"subscription":{}}`}},
	{"SELECT b.account || ' ' || f.name || ' ' || t.token || ' ' || c.key FROM contact_token t JOIN contact_field f ON f.id = t.field " +
		"JOIN contact_book b ON b.id = f.book JOIN contact c ON c.id = t.contact AND c.book = f.book ORDER BY 1",
		[]string{"a extras-city Durban k2", "a groups g k2", "a msisdn +1 k1", "a msisdn +1 k3", "a msisdn +2 k2", "a name One k1",
			"a name Two k2", "a subscription-news daily k1", "b msisdn +2 k2"}},
	{"SELECT b.account || ' ' || m.build || ' ' || c.key FROM smart_member m JOIN contact_book b ON b.id = m.book " +
		"JOIN contact c ON c.id = m.contact ORDER BY m.contact", []string{"a 7 k1", "a 7 k2", "a 7 k3"}},
	{"SELECT account || ' ' || build FROM smart_leftover", []string{"a 6"}},
	{"SELECT account || ' ' || key || ' ' || smart_size || ' ' || built_to FROM contact_group ORDER BY 1", []string{"a g 3 k3", "c h 0 "}},
}

// Contacts that an older version stored keep their order, their entries in the index and their groups (docs/decisions/0020),
// also when the first try fails in the middle.
func TestContactsGetNumbers(t *testing.T) {
	engines(t, func(t *testing.T, url func() string) {
		d := openForTest(t, url())
		if _, err := migrateTo(t.Context(), d, 9); err != nil {
			t.Fatal(err)
		}
		exec := func(text string) {
			t.Helper()
			if _, err := d.Exec(t.Context(), text); err != nil {
				t.Fatal(err)
			}
		}
		for _, text := range beforeNumbers {
			exec(text)
		}
		before := schema(t, d)
		exec("CREATE TABLE smart_member_old (nonsense BIGINT)") // one of the last names that the migration uses
		if _, err := migrateTo(t.Context(), d, 10); err == nil {
			t.Fatal("a broken migration went through")
		}
		exec("DROP TABLE smart_member_old")
		if after := schema(t, d); after != before {
			t.Fatalf("a failed migration left behind:\n%s\nin place of:\n%s", after, before)
		}
		if _, err := migrateTo(t.Context(), d, 10); err != nil {
			t.Fatal(err)
		}
		for _, check := range afterNumbers {
			got, err := Collect(t.Context(), d, func(r *sql.Rows) (line string, err error) { return line, r.Scan(&line) }, check.query)
			slices.Sort(got) // engines order text in their own ways
			want := slices.Sorted(slices.Values(check.want))
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("%s:\n%q, %v\nwant\n%q", check.query, got, err, want)
			}
		}
	})
}
