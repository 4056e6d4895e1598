package query

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"
)

const testMaxRunes = 4

// testTarget describes the tables of [testStore]: with whole tokens, or with cut ones, fields that are looked up, and columns
// that are restricted.
func testTarget(cut bool) Target {
	t := Target{
		Document: "c.key",
		Columns:  map[string]string{"msisdn": "c.msisdn", "created_at": "c.created_at", "dob": "c.dob"},
		Tokens: &TokenTable{
			Table: "whole_token", Document: "contact", Field: "field", Token: "token", Scope: "account = $1",
			Has: func(field string) bool { return field != "email_address" },
		},
	}
	if cut {
		t.Scope, t.Tokens.Table, t.Tokens.MaxRunes = "c.account = $1", "cut_token", testMaxRunes
		t.Tokens.FieldID = func(name string) string { return "(SELECT CAST(" + name + " AS TEXT))" }
	}
	return t
}

// testStore holds contacts as a feature would: columns and a token table, with whole and with cut tokens.
type testStore struct {
	*sql.DB
	dialect Dialect
}

const testTables = `
CREATE TABLE contact (account TEXT NOT NULL, key TEXT NOT NULL, msisdn %[1]s, created_at BIGINT, dob BIGINT,
	PRIMARY KEY (account, key));
CREATE INDEX contact_msisdn ON contact (account, msisdn);
CREATE INDEX contact_created_at ON contact (account, created_at);
CREATE INDEX contact_dob ON contact (account, dob);
CREATE TABLE whole_token (account TEXT NOT NULL, field %[1]s NOT NULL, token %[1]s NOT NULL, contact TEXT NOT NULL,
	PRIMARY KEY (account, field, token, contact));
CREATE TABLE cut_token (account TEXT NOT NULL, field %[1]s NOT NULL, token %[1]s NOT NULL, contact TEXT NOT NULL,
	PRIMARY KEY (account, field, token, contact));`

func openSQLite(t *testing.T) testStore {
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1) // each connection would have its own memory
	t.Cleanup(func() { _ = db.Close() })
	s := testStore{db, SQLite}
	s.exec(t, fmt.Sprintf(testTables, "TEXT"))
	return s
}

func openPostgreSQL(t *testing.T) testStore {
	url := os.Getenv("INDABA_TEST_POSTGRES")
	if url == "" {
		url = "postgres://postgres@127.0.0.1:5432/test?connect_timeout=2"
	}
	db, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	db.SetMaxOpenConns(1) // the search path is the connection's
	if err := db.Ping(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	s := testStore{db, PostgreSQL}
	schema := "query_test_" + strconv.FormatInt(time.Now().UnixNano(), 36)
	s.exec(t, "CREATE SCHEMA "+schema)
	t.Cleanup(func() { s.exec(t, "DROP SCHEMA "+schema+" CASCADE") })
	s.exec(t, "SET search_path TO "+schema)
	s.exec(t, fmt.Sprintf(testTables, `TEXT COLLATE "C"`))
	return s
}

func (s testStore) exec(t *testing.T, statement string, args ...any) {
	t.Helper()
	if _, err := s.ExecContext(context.Background(), statement, args...); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// add stores a contact in account "a".
func (s testStore) add(t *testing.T, key string, c contact) {
	t.Helper()
	column := func(field string) any {
		values := c[field]
		if len(values) == 0 {
			return nil
		}
		if kind, _ := contactSchema.Kind(field); kind == Time {
			at, ok := parseTime(values[0])
			if !ok {
				t.Fatalf("%q is no time", values[0])
			}
			return at.start
		}
		return values[0]
	}
	s.exec(t, "INSERT INTO contact VALUES ($1, $2, $3, $4, $5)", "a", key, column("msisdn"), column("created_at"),
		column("dob"))
	for _, cut := range []bool{false, true} {
		table := testTarget(cut).Tokens
		for field, values := range c {
			kind, _ := contactSchema.Kind(field)
			if kind == Time || !table.Has(field) {
				continue
			}
			for _, value := range values {
				for _, token := range kind.Tokens(value) {
					s.exec(t, "INSERT INTO "+table.Table+" VALUES ('a', $1, $2, $3) ON CONFLICT DO NOTHING", field,
						table.Cut(token), key)
				}
			}
		}
	}
}

// find returns the keys of the contacts for which a condition holds, in order.
func (s testStore) find(t *testing.T, c Condition) []string {
	t.Helper()
	rows, err := s.QueryContext(context.Background(),
		"SELECT c.key FROM contact c WHERE c.account = $1 AND "+c.SQL+" ORDER BY c.key", append([]any{"a"}, c.Args...)...)
	if err != nil {
		t.Fatalf("%.500s with %.500q: %v", c.SQL, fmt.Sprint(c.Args), err)
	}
	defer func() { _ = rows.Close() }()
	var keys []string
	for rows.Next() {
		var key string
		if err := rows.Scan(&key); err != nil {
			t.Fatal(err)
		}
		keys = append(keys, key)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return keys
}

// bothStores runs a test on both engines.
func bothStores(t *testing.T, test func(t *testing.T, s testStore)) {
	t.Run("SQLite", func(t *testing.T) { test(t, openSQLite(t)) })
	t.Run("PostgreSQL", func(t *testing.T) { test(t, openPostgreSQL(t)) })
}

// randomQuery writes queries and values from a small alphabet, so that they meet often.
type randomQuery struct{ *rand.Rand }

func (r randomQuery) pick(choices ...string) string { return choices[r.IntN(len(choices))] }

func (r randomQuery) token() string {
	if r.IntN(3) == 0 { // around the length at which tokens are cut
		return r.pick("aaa", "aaab", "aaaa", "aaaaa", "aaaab", "aaaaab", "aaaabb", "aaaaaaaaa", "aaaaaaaaaa", "ébéb",
			"ébéba")
	}
	var b strings.Builder
	for range 1 + r.IntN(6) {
		b.WriteString(r.pick("a", "a", "b", "B", "é", "%", "_", "[", "]", "*", "?", `\`, "'", "+", "-", "&", "/", "1",
			"\U0010FFFF", "\ud7ff", "😀"))
	}
	return b.String()
}

func (r randomQuery) text() string {
	tokens := make([]string, r.IntN(4))
	for i := range tokens {
		tokens[i] = r.token()
	}
	return strings.Join(tokens, r.pick(" ", "  ", "\t"))
}

// longer puts a text, once in a while, near where the beginning of a field ends.
func (r randomQuery) longer(text string) string {
	if r.IntN(6) > 0 {
		return text
	}
	return strings.Repeat("aaa ", BeginningBytes/4-r.IntN(5)) + text
}

func (r randomQuery) time() string {
	at := time.Date(1960+r.IntN(60), time.Month(1+r.IntN(12)), 1+r.IntN(28), r.IntN(24), r.IntN(60), r.IntN(60),
		r.IntN(1_000_000)*1000, time.UTC)
	text := at.Format("2006-01-02 15:04:05.000000")
	return text[:[]int{4, 7, 10, 13, 16, 19, 26}[r.IntN(7)]]
}

func (r randomQuery) field() string {
	return r.pick("name", "surname", "email_address", "msisdn", "groups", "created_at", "dob", "extras-a", "gone")
}

func (r randomQuery) contact() contact {
	c := contact{}
	for _, field := range []string{"name", "surname", "email_address", "extras-a"} {
		if r.IntN(3) > 0 {
			c[field] = []string{r.longer(r.text())}
		}
	}
	if r.IntN(4) > 0 {
		c["msisdn"] = []string{r.pick(r.token(), r.text())}
	}
	for range r.IntN(3) {
		c["groups"] = append(c["groups"], r.pick(r.token(), r.text()))
	}
	for _, field := range []string{"created_at", "dob"} {
		if r.IntN(3) > 0 {
			c[field] = []string{r.time()}
		}
	}
	return c
}

func (r randomQuery) bound(value string) Bound {
	return Bound{Value: value, Inclusive: r.IntN(2) == 0}
}

func (r randomQuery) leaf() Node {
	field := r.field()
	if r.IntN(6) == 0 {
		field = ""
	}
	value := r.token()
	if r.IntN(4) == 0 {
		value = r.time()
	}
	switch r.IntN(9) {
	case 0, 1:
		return Term{field, value}
	case 2:
		return Phrase{field, r.text(), r.IntN(3)}
	case 3:
		return Prefix{field, value}
	case 4:
		w := r.pick("*", "?", "") + escapePattern(value) + r.pick("*", "?", "?*", "*a", "?b*")
		return Wildcard{field, w}
	case 5:
		low, high := r.bound(r.pick(value, r.time())), r.bound(r.pick(r.token(), r.time()))
		switch r.IntN(4) {
		case 0:
			low = Bound{Open: true}
		case 1:
			high = Bound{Open: true}
		}
		return Range{field, low, high}
	case 6:
		return Regex{field, r.pick("a.*", "a|ab", "(a|é)+b?.*", "[ab].?", "ab", "^a.*$", "(?i)b.*", "", ".*é", `\+1.*`,
			"b.+|ba", "^aaaa$", "aaaa|aaaab", `\Aaaa|b`)}
	case 7:
		return Fuzzy{field, value, 1 + r.IntN(2)}
	}
	if field == "" {
		return MatchAll{}
	}
	return Exists{field}
}

func escapePattern(s string) string {
	return strings.NewReplacer("*", `\*`, "?", `\?`, `\`, `\\`).Replace(s)
}

func (r randomQuery) tree(depth int) Node {
	kind := r.IntN(8)
	if depth == 0 || kind < 3 {
		return r.leaf()
	}
	switch kind {
	case 3:
		return Not{r.tree(depth - 1)}
	case 4:
		return Boost{r.tree(depth - 1), 2}
	}
	nodes := make([]Node, 2+r.IntN(3))
	for i := range nodes {
		nodes[i] = r.tree(depth - 1)
	}
	if kind == 5 {
		return And{nodes}
	}
	return Or{nodes}
}

// TestCompileNeverMisses compares what SQL finds with what the matcher accepts.
func TestCompileNeverMisses(t *testing.T) {
	schema := contactSchema
	schema.AllowUnknown = true
	bothStores(t, func(t *testing.T, s testStore) {
		random := randomQuery{newRandom(t)}
		contacts := map[string]contact{}
		for i := range 150 {
			key := fmt.Sprintf("%04d", i)
			contacts[key] = random.contact()
			s.add(t, key, contacts[key])
		}
		exact, narrow, hits := 0, 0, 0
		for range 1500 {
			q, err := parse(printTree(random.tree(3)), schema)
			if err != nil {
				t.Fatal(err)
			}
			var want []string
			for key, c := range contacts {
				if q.Match(c) {
					want = append(want, key)
				}
			}
			slices.Sort(want)
			hits += len(want)
			for _, cut := range []bool{false, true} {
				condition := Compile(q, testTarget(cut), s.dialect, 2)
				found := s.find(t, condition)
				if condition.Exact {
					exact++
				}
				if !condition.Unindexed() {
					narrow++
				}
				checkFound(t, q, condition, found, want)
			}
		}
		t.Logf("of 3000 conditions %d exact, %d narrow; %d matches", exact, narrow, hits)
		if exact < 300 || narrow < 300 || hits < 1000 {
			t.Error("this run proves little: the queries rarely compile or match")
		}
	})
}

// checkFound compares sorted keys.
func checkFound(t *testing.T, q *Query, condition Condition, found, want []string) {
	t.Helper()
	if condition.Exact && !slices.Equal(found, want) {
		t.Fatalf("%s\n%s %q\nis said to be exact and finds %v, want %v", q, condition.SQL, condition.Args, found, want)
	}
	for _, key := range want {
		if _, ok := slices.BinarySearch(found, key); !ok {
			t.Fatalf("%s\n%s %q\nmisses %s", q, condition.SQL, condition.Args, key)
		}
	}
}

func TestCompile(t *testing.T) {
	token := func(where string) string {
		return "c.key IN (SELECT contact FROM whole_token WHERE account = $1 AND " + where + ")"
	}
	cases := []struct {
		text    string
		want    string
		args    []any
		exact   bool
		scanned bool
	}{
		{"", "FALSE", nil, true, false},
		{"*:*", "TRUE", nil, true, true},
		{"NOT *:*", "(TRUE) IS NOT TRUE", nil, true, true},
		{"name:a", token("(field = $2 AND token = $3)"), []any{"name", "a"}, true, false},
		{`name:a\ b`, "(" + token("(field = $2 AND token = $3)") + " AND " + token("(field = $4 AND token = $5)") + ")",
			[]any{"name", "a", "name", "b"}, false, false},
		{`name:""`, "FALSE", nil, true, false},
		{"gone:a", "FALSE", nil, true, false},
		{"name:a OR name:b OR name:a", token("(field = $2 AND token IN (SELECT value FROM json_each($3)))"),
			[]any{"name", `["a","b"]`}, true, false},
		{"name:a OR surname:b*", token("((field = $2 AND token >= $3 AND token < $4) OR (field = $5 AND token = $6))"),
			[]any{"surname", "b", "c", "name", "a"}, true, false},
		{"dob:1970 OR created_at:*", "((c.dob >= $2 AND c.dob < $3) OR c.created_at IS NOT NULL)",
			[]any{int64(0), int64(365 * 24 * time.Hour / time.Microsecond)}, true, false},
		{"name:*a OR dob:*", "(c.dob IS NOT NULL OR " + token("(field = $2 AND token GLOB $3)") + ")",
			[]any{"name", "*a"}, false, true},
		{`name:"a bc" OR name:d`, "(" + token("(field = $2 AND token IN (SELECT value FROM json_each($3)))") + " AND ((" +
			token("(field = $4 AND token = $5)") + " AND " + token("(field = $6 AND token = $7)") + ") OR " +
			token("(field = $8 AND token = $9)") + "))",
			[]any{"name", `["bc","d"]`, "name", "a", "name", "bc", "name", "d"}, false, false},
		{`msisdn:\+12*`, "c.msisdn >= $2 AND c.msisdn < $3", []any{"+12", "+13"}, true, false},
		{"msisdn:1 AND name:a", "(c.msisdn = $2 AND " + token("(field = $3 AND token = $4)") + ")",
			[]any{"1", "name", "a"}, true, false},
		{"msisdn:1 OR name:a", token("((field = $2 AND token = $3) OR (field = $4 AND token = $5))"),
			[]any{"msisdn", "1", "name", "a"}, true, false},
		{"name:a AND email_address:b", token("(field = $2 AND token = $3)"), []any{"name", "a"}, false, false},
		{"name:a OR email_address:b", "TRUE", nil, false, true},
		{"NOT email_address:b", "TRUE", nil, false, true},
		{"NOT name:a", "(" + token("(field = $2 AND token = $3)") + ") IS NOT TRUE", []any{"name", "a"}, true, true},
		{`NOT name:"a b"`, "TRUE", nil, false, true},
		{"dob:1970", "(c.dob >= $2 AND c.dob < $3)", []any{int64(0), int64(365 * 24 * time.Hour / time.Microsecond)}, true, false},
		{"dob:*", "c.dob IS NOT NULL", nil, true, false},
		{"dob:197*", "TRUE", nil, false, true},
		{"name:*", token("(field = $2)"), []any{"name"}, true, false},
		{"name:*a", token("(field = $2 AND token GLOB $3)"), []any{"name", "*a"}, false, true},
		{"name:{a TO b]", token("(field = $2 AND token > $3 AND token <= $4)"), []any{"name", "a", "b"}, true, false},
		{"name:/ab.*/", token("(field = $2 AND token >= $3 AND token < $4)"), []any{"name", "ab", "ac"}, false, false},
		{"name:/ab/", token("(field = $2 AND token = $3)"), []any{"name", "ab"}, false, false},
		{"name:/.*a/", token("(field = $2)"), []any{"name"}, false, true},
		{"name:abcd~1", token("(field = $2 AND length(token) >= $3 AND length(token) <= $4)"), []any{"name", 3, 5}, false, true},
		{"name:a^2", token("(field = $2 AND token = $3)"), []any{"name", "a"}, true, false},
	}
	schema := contactSchema
	schema.AllowUnknown = true
	for _, tc := range cases {
		q, err := Parse(tc.text, schema)
		if err != nil {
			t.Fatal(err)
		}
		got := Compile(q, testTarget(false), SQLite, 2)
		if got.SQL != tc.want || !slices.Equal(got.Args, tc.args) || got.Exact != tc.exact || got.Unindexed() != tc.scanned {
			t.Errorf("%q compiles to\n%s %#v exact %v unindexed %v, want\n%s %#v exact %v unindexed %v", tc.text, got.SQL,
				got.Args, got.Exact, got.Unindexed(), tc.want, tc.args, tc.exact, tc.scanned)
		}
	}
	lead := token("((field = $2 AND token = $3) OR (field = $4 AND token = $5))")
	q := mustParse(t, "(name:(a b) AND surname:c) OR (groups:d AND NOT name:e)")
	if got := Compile(q, testTarget(false), SQLite, 2); !strings.HasPrefix(got.SQL, "("+lead+" AND ") || !got.Exact ||
		!slices.Equal(got.Args[:4], []any{"groups", "d", "surname", "c"}) {
		t.Errorf("%s is led by %s %q, want the fewest tokens of each branch", q, got.SQL, got.Args)
	}
	if got := Compile(mustParse(t, "name:a"), Target{}, PostgreSQL, 1); got.SQL != "TRUE" || got.Exact || !got.Unindexed() {
		t.Errorf("without indexes: %+v", got)
	}
}

// TestCompileLargeQueries runs what is at the limits of a query: engines limit arguments, depth and planning time.
func TestCompileLargeQueries(t *testing.T) {
	nested := "name:x"
	for i := range MaxDepth {
		nested = fmt.Sprintf("(%s %s name:y%d)", nested, []string{"AND", "OR"}[i%2], i)
	}
	queries := map[string]string{
		"terms":    strings.Repeat("name:x ", MaxClauses-1) + "name:y",
		"numbers":  numbered(MaxClauses, "msisdn:\\+2782%07d"),
		"prefixes": numbered(MaxClauses, "name:x%d*"),
		"pairs":    numbered(MaxClauses/2, "(name:x AND surname:z%d)"),
		"ands":     numbered(MaxClauses, "+name:x%d"),
		"nots":     numbered(MaxClauses, "-name:y%d"),
		"phrase":   `name:"` + strings.Repeat("x ", MaxPhraseTokens) + `"`,
		"nested":   nested,
	}
	bothStores(t, func(t *testing.T, s testStore) {
		x := contact{"name": {"x"}, "msisdn": {"+27820000001"}}
		s.add(t, "x", x)
		for name, text := range queries {
			q := mustParse(t, text)
			var want []string
			if q.Match(x) {
				want = []string{"x"}
			}
			condition := Compile(q, testTarget(false), s.dialect, 2)
			if n := strings.Count(condition.SQL, "SELECT contact"); n > maxSubqueries || len(condition.Args) > maxArgs {
				t.Errorf("%s: %d subqueries, %d arguments", name, n, len(condition.Args))
			}
			checkFound(t, q, condition, s.find(t, condition), want)
			if name == "numbers" && (!condition.Exact || condition.Unindexed()) {
				t.Errorf("%s: exact %v, unindexed %v", name, condition.Exact, condition.Unindexed())
			}
		}
	})
}

// TestNarrowConditionsUseIndexes asks SQLite how it would answer: a condition that is not unindexed must not make it read
// all contacts, and no condition may make it read all tokens.
func TestNarrowConditionsUseIndexes(t *testing.T) {
	s := openSQLite(t)
	for _, text := range []string{
		"name:a", "name:a b", "name:a*", "name:a?b", "name:{a TO b]", `name:"a b"`, "name:/ab.*/", "name:*", "Arthur",
		"name:a OR msisdn:1 OR groups:b", "name:a AND NOT surname:b", "name:a AND email_address:b", "name:a AND *:*",
		"msisdn:1", `msisdn:\+12*`, "msisdn:[1 TO 2]", "dob:1980", "created_at:[2014 TO *]", "msisdn:1 AND name:a",
		"(name:a AND surname:b) OR (name:c AND dob:1980)", numbered(2000, "name:a%d"),
		"name:*a", "name:a~1", "name:/.*a/", "NOT name:a", "email_address:a", "name:*a OR name:b",
	} {
		for _, cut := range []bool{false, true} {
			target := testTarget(cut)
			condition := Compile(mustParse(t, text), target, s.dialect, 2)
			plan := explain(t, s, "SELECT c.key FROM contact c WHERE c.account = $1 AND "+condition.SQL, append([]any{"a"}, condition.Args...))
			whole := slices.ContainsFunc(plan, func(step string) bool {
				return step == "SCAN c" || strings.HasPrefix(step, "SCAN c ") ||
					strings.HasPrefix(step, "SEARCH c ") && strings.HasSuffix(step, "(account=?)")
			})
			tokens := slices.ContainsFunc(plan, func(step string) bool {
				return strings.HasPrefix(step, "SCAN "+target.Tokens.Table)
			})
			if whole && !condition.Unindexed() || tokens {
				t.Errorf("%.80s\n%.300s\n%s", text, condition.SQL, strings.Join(plan, "\n"))
			}
		}
	}
}

func numbered(n int, format string) string {
	parts := make([]string, n)
	for i := range parts {
		parts[i] = fmt.Sprintf(format, i)
	}
	return strings.Join(parts, " ")
}

func TestCut(t *testing.T) {
	table := TokenTable{MaxRunes: 3}
	for token, want := range map[string]string{"": "", "abc": "abc", "abcd": "abc", "äöüß": "äöü", "ä": "ä", "😀😀😀😀": "😀😀😀"} {
		if got := table.Cut(token); got != want {
			t.Errorf("Cut(%q) = %q, want %q", token, got, want)
		}
	}
	if got := (&TokenTable{}).Cut("abcd"); got != "abcd" {
		t.Errorf("without a limit Cut gives %q", got)
	}
}

// explain returns the steps in which SQLite runs a query.
func explain(t *testing.T, s testStore, text string, args []any) (plan []string) {
	t.Helper()
	rows, err := s.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+text, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }() // Err tells what matters
	for rows.Next() {
		var id, parent, unused int
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			t.Fatal(err)
		}
		plan = append(plan, detail)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return plan
}
