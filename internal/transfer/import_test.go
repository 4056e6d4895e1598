package transfer_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"indaba/internal/contact"
	"indaba/internal/core"
	"indaba/internal/db"
	"indaba/internal/db/dbtest"
	"indaba/internal/transfer"
)

// house is a service on a fresh database.
type house struct {
	t        *testing.T
	d        *db.DB
	contacts *contact.Service
	*transfer.Service
}

// ledger keeps what was audited.
type ledger struct{}

func (ledger) Audit(context.Context, string, string, string, any) error { return nil }

func newHouse(t *testing.T, d *db.DB) *house {
	t.Helper()
	contacts := contact.New(d, time.Now, contact.Options{})
	return &house{t, d, contacts, transfer.New(d, contacts, ledger{}, time.Now, transfer.Options{Batch: 3, Dir: t.TempDir() + "/imports"})}
}

// begin inspects a file and begins its import into the account.
func (h *house) begin(account, file string, spec transfer.Spec) *transfer.Import {
	h.t.Helper()
	source, err := transfer.Inspect(h.t.Context(), strings.NewReader(file), spec)
	if err != nil {
		h.t.Fatal(err)
	}
	im, err := h.Begin(h.t.Context(), account, source, spec)
	if err != nil {
		h.t.Fatal(err)
	}
	return im
}

// bring imports a file and returns how it went.
func (h *house) bring(account, file string, spec transfer.Spec) *transfer.Import {
	h.t.Helper()
	im, err := h.Work(h.t.Context(), account, h.begin(account, file, spec).Key, strings.NewReader(file), func(*transfer.Import) {})
	if err != nil {
		h.t.Fatal(err)
	}
	return im
}

// all returns the contacts of an account as short texts, sorted.
func (h *house) all(account string) []string {
	h.t.Helper()
	var all []string
	if err := h.contacts.Stream(h.t.Context(), account, func(c contact.Contact) error {
		text := c.Msisdn
		for _, field := range contact.TextFields() {
			if value := c.Text(field); value != nil {
				text += " " + field + "=" + *value
			}
		}
		if c.DateOfBirth != nil {
			text += " dob=" + c.DateOfBirth.Format(time.DateOnly)
		}
		for _, name := range slices.Sorted(maps.Keys(c.Extra)) {
			text += " " + name + "=" + c.Extra[name]
		}
		if len(c.Groups) > 0 {
			text += fmt.Sprintf(" groups=%d", len(c.Groups))
		}
		all = append(all, text)
		return nil
	}); err != nil {
		h.t.Fatal(err)
	}
	slices.Sort(all)
	return all
}

func (h *house) want(account string, want ...string) {
	h.t.Helper()
	slices.Sort(want)
	if got := h.all(account); !slices.Equal(got, want) {
		h.t.Errorf("contacts:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// report returns the rows of the report as short texts.
func (h *house) report(im *transfer.Import, only transfer.Outcome) []string {
	h.t.Helper()
	var lines []string
	if err := h.Report(h.t.Context(), im.Account, im.Key, only, func(r transfer.Row) error {
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("%d:%d %s %s", r.Number, r.Line, r.Outcome, r.Reason)))
		return nil
	}); err != nil {
		h.t.Fatal(err)
	}
	return lines
}

const people = "Phone;First Name;City\n" +
	"083 123 4567;Thandi;Durban\n" +
	"+27 82 111 2222;;\"Cape\nTown\"\n" +
	"\n" +
	"083-123-4567;Zodwa;\n"

func TestModes(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := newHouse(t, d)
		for _, test := range []struct {
			mode   transfer.Mode
			counts transfer.Counts
			want   []string
		}{
			{transfer.AlwaysNew, transfer.Counts{Created: 3}, []string{
				"27831234567 name=Old", "+27831234567 name=Thandi city=Durban", "+27831234567 name=Zodwa", "+27821112222 city=Cape\nTown"}},
			{transfer.ExistingWins, transfer.Counts{Created: 1, Updated: 1, Unchanged: 1}, []string{
				"27831234567 name=Old city=Durban", "+27821112222 city=Cape\nTown"}},
			{transfer.UploadWins, transfer.Counts{Created: 1, Updated: 2}, []string{
				"+27831234567 name=Zodwa city=Durban", "+27821112222 city=Cape\nTown"}},
		} {
			account := string(test.mode)
			if _, err := h.contacts.Create(t.Context(), account, contact.Contact{Msisdn: "27831234567", Name: new("Old")}); err != nil {
				t.Fatal(err)
			}
			im := h.bring(account, people, transfer.Spec{Mode: test.mode, CountryCode: "27"})
			if im.Counts != test.counts || im.State != transfer.Done || im.Position != 3 || im.Total != 3 {
				t.Errorf("%s: %+v %s %d of %d", test.mode, im.Counts, im.State, im.Position, im.Total)
			}
			h.want(account, test.want...)
			h.want("other")
		}
	})
}

// Whatever a clumsy hand has made of some rows, the others come in, and the report says what is wrong.
func TestBadRows(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := newHouse(t, d)
		file := "msisdn,name,dob,groups\r\n" +
			"+27831000001,A,1980-02-03,\r\n" +
			"12,B,,\r\n" +
			"+27831000003,C,30/02/1980,\r\n" +
			"+27831000004,\"D\"x,,\r\n" +
			"+27831000005," + strings.Repeat("e", 256) + ",,\r\n" +
			",F,,\r\n" +
			"+27831000007,G,,Nobody\r\n" +
			"+27831000008,H,,,,too many\r\n" +
			",,,\r\n" +
			"+27831000010,J\r\n"
		spec := transfer.Spec{Mode: transfer.UploadWins, CountryCode: "27"}
		im := h.bring("a", file, spec)
		if im.Counts != (transfer.Counts{Created: 2, Skipped: 8}) || im.State != transfer.Done {
			t.Errorf("%+v %s %s", im.Counts, im.State, im.Problem)
		}
		h.want("a", "+27831000001 name=A dob=1980-02-03", "+27831000010 name=J")
		got := h.report(im, transfer.Skipped)
		for i, want := range []string{"2:3 skipped msisdn: \"12\" is no telephone number", "3:4 skipped dob: \"30/02/1980\" is no date",
			"4:5 skipped a value in quotes", "5:6 skipped Value", "6:7 skipped the row has no msisdn", "7:8 skipped there is no group \"Nobody\"",
			"8:9 skipped the row has 6 values", "9:10 skipped the row is empty"} {
			if i >= len(got) || !strings.HasPrefix(got[i], want) {
				t.Errorf("report line %d: %q, want %q", i, got[min(i, len(got)-1)], want)
			}
		}
		if all := h.report(im, 0); len(all) != 10 || all[9] != "10:11 created" {
			t.Errorf("the whole report: %q", all)
		}

		spec.Strict = true
		im = h.bring("b", file, spec)
		if im.State != transfer.Failed || im.Position != 1 || !strings.HasPrefix(im.Problem, "line 3: msisdn:") {
			t.Errorf("strict: %s at %d: %s", im.State, im.Position, im.Problem)
		}
		h.want("b", "+27831000001 name=A dob=1980-02-03")
		if _, err := h.Resume(t.Context(), "b", im.Key, true); err != nil {
			t.Fatal(err)
		}
		im, err := h.Work(t.Context(), "b", im.Key, strings.NewReader(file), func(*transfer.Import) {})
		if err != nil || im.Counts != (transfer.Counts{Created: 2, Skipped: 8}) {
			t.Errorf("resumed: %+v %v", im.Counts, err)
		}
		h.want("b", h.all("a")...)
	})
}

// many returns a file of n people, every tenth of them bad and every seventh a repetition.
func many(n int) string {
	var file strings.Builder
	file.WriteString("msisdn,name,group\n")
	for i := range n {
		switch {
		case i%10 == 9:
			fmt.Fprintf(&file, ",nobody %d,\n", i)
		case i%7 == 6:
			fmt.Fprintf(&file, "+2783000%04d,again %d,\n", i-1, i)
		default:
			fmt.Fprintf(&file, "+2783000%04d,%d,Team %d\n", i, i, i%3)
		}
	}
	return file.String()
}

// An import that is cut off after any of its commits goes on without losing or doubling a row.
func TestResume(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := newHouse(t, d)
		file := many(40)
		spec := transfer.Spec{Mode: transfer.UploadWins, Name: "people.csv", CreateGroups: true, Groups: []string{"All"}}
		whole := h.bring("whole", file, spec)
		im := h.begin("cut", file, spec)
		if _, err := h.Begin(t.Context(), "cut", im.Source, spec); core.KindOf(err) != core.Conflict {
			t.Errorf("the same file, while it is unfinished: %v", err)
		}
		for goes := 0; ; goes++ {
			ctx, cut := context.WithCancel(t.Context())
			commits := 0
			done, err := h.Work(ctx, "cut", im.Key, strings.NewReader(file), func(*transfer.Import) {
				if commits++; commits == 3 {
					cut()
				}
			})
			cut()
			if err == nil {
				if done.Counts != whole.Counts || goes < 5 {
					t.Errorf("%+v after %d goes, want %+v", done.Counts, goes, whole.Counts)
				}
				break
			}
			if !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			changed := strings.Replace(file, "nobody 9", "nobody X", 1)
			if _, err := h.Work(t.Context(), "cut", im.Key, strings.NewReader(changed), func(*transfer.Import) {}); core.KindOf(err) != core.Conflict {
				t.Fatalf("a changed file: %v", err)
			}
		}
		h.want("cut", h.all("whole")...)
		if a, b := h.report(whole, 0), h.report(im, 0); !slices.Equal(a, b) || len(a) != 40 {
			t.Errorf("the reports differ:\n%q\n%q", a, b)
		}
		if _, err := h.Resume(t.Context(), "cut", im.Key, true); core.KindOf(err) != core.Conflict {
			t.Errorf("resume what is done: %v", err)
		}
		if _, err := h.Get(t.Context(), "whole", im.Key); core.KindOf(err) != core.NotFound {
			t.Errorf("another account's import: %v", err)
		}
	})
}

// Of two workers on one import, one loses its commit and nothing is taken twice, whether the other one has come to the end
// or only some rows further.
func TestTwoWorkers(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := newHouse(t, d)
		file := many(40)
		for account, commits := range map[string]int{"to the end": 100, "one commit": 1} {
			im := h.begin(account, file, transfer.Spec{Mode: transfer.AlwaysNew, CreateGroups: true})
			work := func(ctx context.Context, progress func(*transfer.Import)) error {
				_, err := h.Work(ctx, account, im.Key, strings.NewReader(file), progress)
				return err
			}
			stolen := false
			err := work(t.Context(), func(now *transfer.Import) {
				if now.Position < 9 || stolen {
					return
				}
				stolen = true
				ctx, stop := context.WithCancel(t.Context())
				defer stop()
				left := commits
				if err := work(ctx, func(*transfer.Import) {
					if left--; left < 0 { // it is told before the first commit too
						stop()
					}
				}); err != nil && !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
			})
			if core.KindOf(err) != core.Conflict {
				t.Errorf("%s: the worker whose import was taken over: %v", account, err)
			}
			if commits == 1 {
				if now, err := h.Get(t.Context(), account, im.Key); err != nil || now.Position != 12 || now.State != transfer.Unfinished {
					t.Errorf("%s: it is at %+v, %v", account, now, err)
				}
				if err := work(t.Context(), func(*transfer.Import) {}); err != nil {
					t.Error(err)
				}
			}
			n, err := h.contacts.Count(t.Context(), account)
			if done, gerr := h.Get(t.Context(), account, im.Key); err != nil || gerr != nil || done.Created != n || done.State != transfer.Done || n != 40 {
				t.Errorf("%s: %d contacts, %+v %v %v", account, n, done, err, gerr)
			}
		}
	})
}

func TestDryRun(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := newHouse(t, d)
		spec := transfer.Spec{Mode: transfer.ExistingWins, CreateGroups: true, Groups: []string{"New"}}
		file := many(40)
		spec.DryRun = true
		dry := h.bring("a", file, spec)
		spec.DryRun = false
		h.want("a")
		if groups, err := h.contacts.GroupsByName(t.Context(), "a"); err != nil || len(groups) > 0 {
			t.Errorf("a dry run made groups: %v %v", groups, err)
		}
		wet := h.bring("a", file, spec)
		if dry.Created != wet.Created || dry.Skipped != wet.Skipped {
			t.Errorf("a dry run said %+v, it became %+v", dry.Counts, wet.Counts)
		}
	})
}

func TestMatchBy(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := newHouse(t, d)
		made, err := h.contacts.Create(t.Context(), "a", contact.Contact{Msisdn: "unknown", EmailAddress: new("a@example.org"),
			Extra: map[string]string{"id": "P7"}})
		if err != nil {
			t.Fatal(err)
		}
		foreign, err := h.contacts.Create(t.Context(), "b", contact.Contact{Msisdn: "unknown"})
		if err != nil {
			t.Fatal(err)
		}
		for _, test := range []struct {
			match, file string
			counts      transfer.Counts
		}{
			{"email_address", "mail,name\na@example.org,Ann\nA@example.org,Ann\nnot one,Ann\n", transfer.Counts{Updated: 1, Created: 1, Skipped: 1}},
			{"extra.id", "ID,city,map\nP7,Durban,x\n", transfer.Counts{Updated: 1}},
			{"key", "key,name\n" + made.Key + ",Bea\n" + foreign.Key + ",Bea\n", transfer.Counts{Updated: 1, Skipped: 1}},
			{"msisdn", "msisdn,name\nunknown,Cee\n", transfer.Counts{Skipped: 1}},
		} {
			if im := h.bring("a", test.file, transfer.Spec{Mode: transfer.UploadWins, Match: test.match}); im.Counts != test.counts {
				t.Errorf("%s: %+v, want %+v; %q", test.match, im.Counts, test.counts, h.report(im, 0))
			}
		}
		h.want("a", "unknown name=Bea email_address=a@example.org city=Durban id=P7 map=x", "unknown name=Ann email_address=A@example.org")
		h.want("b", "unknown")
	})
}

// JSON can say that a value is none or an empty text, which CSV cannot.
func TestJSONLines(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := newHouse(t, d)
		for _, test := range []struct {
			mode transfer.Mode
			line string
			want string // the contact, or why it was skipped
		}{
			{transfer.UploadWins, `{"msisdn":"+1","name":null,"extra":{"a":null,"b":"","d":7,"e":true}}`, "+1 surname=S b= c=3 d=7 e=true"},
			{transfer.ExistingWins, `{"msisdn":"+1","name":null,"email_address":"e","extra":{"a":null,"b":"","d":7}}`, "+1 name=N surname=S email_address=e a=1 b=2 c=3 d=7"},
			{transfer.UploadWins, `{"msisdn":"+1","groups":["x","x","y"]}`, "+1 name=N surname=S a=1 b=2 c=3 groups=2"},
			{transfer.UploadWins, `{"msisdn":"+1","key":"k","$VERSION":9,"user_account":"u","Town":"T"}`, "+1 name=N surname=S a=1 b=2 c=3 town=T"},
			{transfer.UploadWins, `{"msisdn":null,"name":"x"}`, "msisdn: msisdn is never null"},
			{transfer.UploadWins, `{"msisdn":["+1"],"name":"x"}`, "msisdn: a list cannot be the value of msisdn"},
			{transfer.UploadWins, `{"msisdn":"+1","extra":{"a":{"b":1}}}`, "extra.a: the value is neither a text nor a list of texts"},
			{transfer.UploadWins, `{"msisdn":"+1","groups":[1]}`, "groups: the value is neither a text nor a list of texts"},
			{transfer.UploadWins, `{"msisdn":"+1","a\u0000b":["x"]}`, "a\ufffdb: a list cannot be the value"},
			{transfer.UploadWins, `{"msisdn":"+1","extra":{"\u0000":"x"}}`, "+1 name=N surname=S a=1 b=2 c=3 extra=x"},
			{transfer.UploadWins, `{"msisdn":"+1",`, "the line is no JSON object"},
			{transfer.UploadWins, `{"msisdn":"+1","name":"\u0000"}`, "a text holds a NUL character"},
		} {
			account := test.line[:min(60, len(test.line))] + string(test.mode)
			if _, err := h.contacts.Create(t.Context(), account, contact.Contact{Msisdn: "+1", Name: new("N"), Surname: new("S"),
				Extra: map[string]string{"a": "1", "b": "2", "c": "3"}}); err != nil {
				t.Fatal(err)
			}
			im := h.bring(account, test.line+"\n"+`{"msisdn":"unknown","name":"nobody"}`, transfer.Spec{Mode: test.mode})
			if im.Skipped == 1 {
				h.want(account, test.want)
			} else if got := h.report(im, transfer.Skipped); len(got) != 2 || !strings.HasPrefix(got[0], "1:1 skipped "+test.want) {
				t.Errorf("%s: %q", test.line, got)
			}
		}
	})
}

func TestSweep(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		now := time.Now()
		contacts := contact.New(d, time.Now, contact.Options{})
		h := &house{t, d, contacts, transfer.New(d, contacts, ledger{}, func() time.Time { return now }, transfer.Options{Keep: time.Hour})}
		old := h.bring("a", people, transfer.Spec{Mode: transfer.AlwaysNew})
		now = now.Add(59 * time.Minute)
		young := h.bring("a", people, transfer.Spec{Mode: transfer.AlwaysNew})
		now = now.Add(2 * time.Minute)
		if err := h.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := h.Get(t.Context(), "a", old.Key); core.KindOf(err) != core.NotFound {
			t.Errorf("the old import: %v", err)
		}
		if rows := h.report(young, 0); len(rows) != 3 {
			t.Errorf("the young import's report: %q", rows)
		}
		var rows int
		if err := d.Row(t.Context(), "SELECT count(*) FROM contact_import_row", nil, &rows); err != nil || rows != 3 {
			t.Errorf("%d rows are left, %v", rows, err)
		}
	})
}

// What was exported comes in elsewhere as it was.
func TestRoundTrip(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := newHouse(t, d)
		ctx := t.Context()
		team, err := h.contacts.CreateGroup(ctx, "a", `Team; "one" \ two`, nil)
		if err != nil {
			t.Fatal(err)
		}
		born := time.Date(1980, 2, 3, 4, 5, 6, 7000, time.UTC)
		for _, c := range []contact.Contact{
			{Msisdn: "+27831234567", Name: new("Thandi"), DateOfBirth: &born, Groups: []string{team.Key, "0123456789abcdef0123456789abcdef"}},
			{Msisdn: "unknown", Name: new("=HYPERLINK(\"x\")"), Surname: new("'=1+1"), Extra: map[string]string{"note": "-2+3", "a,b": "line\nline", "n": "+5"}},
			{Msisdn: "+1", TwitterHandle: new("@ann"), Extra: map[string]string{"note": "''@x", "q": `"'`}, Subscription: map[string]string{"s": "subscribed"}},
			{Msisdn: "0831234567", EmailAddress: new("ü@example.org"), GTalkID: new("-"), Extra: map[string]string{"näme": "\t=x\ty", "lone": "it's"}},
		} {
			if _, err := h.contacts.Create(ctx, "a", c); err != nil {
				t.Fatal(err)
			}
		}
		e, err := h.Export(ctx, "a", transfer.Selection{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		var asCSV, asJSON bytes.Buffer
		if n, err := e.CSV(ctx, &asCSV); n != 4 || err != nil {
			t.Fatal(n, err)
		}
		if n, err := e.JSONL(ctx, &asJSON); n != 4 || err != nil {
			t.Fatal(n, err)
		}
		if strings.Contains(asCSV.String(), ",=") || strings.Contains(asCSV.String(), "\"=") || !strings.Contains(asCSV.String(), ",+27831234567,") {
			t.Errorf("formulas, or a number that is written otherwise:\n%s", asCSV.String())
		}
		exact := map[string]string{"extra.näme": "extra.näme:exact", "msisdn": "msisdn:text"}
		for account, file := range map[string]string{"csv": asCSV.String(), "json": asJSON.String()} {
			spec := transfer.Spec{Mode: transfer.AlwaysNew, CreateGroups: true}
			if account == "csv" {
				spec.Map = exact
			}
			if im := h.bring(account, file, spec); im.Created != 4 {
				t.Fatalf("%s: %+v %q", account, im.Counts, h.report(im, 0))
			}
			want, got := records(t, h, "a"), records(t, h, account)
			if account == "csv" { // the group has another key there
				there, err := h.contacts.GetGroupByName(ctx, account, team.Name)
				if err != nil {
					t.Fatal(err)
				}
				want = strings.ReplaceAll(want, team.Key, there.Key)
			}
			if got != want {
				t.Errorf("%s: got\n%s\nwant\n%s", account, got, want)
			}
		}
	})
}

// JSON lines bring back extras and subscriptions of any name, however many there are.
func TestRoundTripOfManyAndOddNames(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := newHouse(t, d)
		odd := map[string]string{}
		for _, name := range []string{"", " ", " a ", "a", "b:dmy", "b:exact", "c.d", "e=f", "key", "msisdn", "Town", "town", "=1", "'x", "n\u00e4me", "\n", "extra.a"} {
			odd[name] = "the value of " + name
		}
		contacts := []contact.Contact{{Msisdn: "+1", Extra: odd, Subscription: odd}}
		for i := range 3 {
			many := map[string]string{}
			for n := range transfer.MaxColumns + 100 {
				many[fmt.Sprintf("q%d-%d", i, n)] = "x"
			}
			contacts = append(contacts, contact.Contact{Msisdn: "+2", Extra: many})
		}
		if _, err := h.contacts.CreateMany(t.Context(), "a", contacts); err != nil {
			t.Fatal(err)
		}
		e, err := h.Export(t.Context(), "a", transfer.Selection{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		var file bytes.Buffer
		if _, err := e.JSONL(t.Context(), &file); err != nil {
			t.Fatal(err)
		}
		im := h.bring("b", file.String(), transfer.Spec{Mode: transfer.AlwaysNew})
		if got, want := records(t, h, "b"), records(t, h, "a"); got != want {
			t.Errorf("%+v %q: got\n%s\nwant\n%s", im.Counts, h.report(im, transfer.Skipped), got, want)
		}
		if len(im.Columns) > 2*transfer.MaxColumns {
			t.Errorf("%d columns are listed", len(im.Columns))
		}
	})
}

// Of more members than are listed, those that the spec speaks of are, and none goes where another column goes.
func TestMembersBeyondTheList(t *testing.T) {
	h := newHouse(t, dbtest.SQLite(t))
	line := func(id, more string) string {
		var extras strings.Builder
		for n := range transfer.MaxColumns {
			fmt.Fprintf(&extras, `"a%d":"",`, n)
		}
		return fmt.Sprintf(`{"msisdn":"unknown","Town":"Durban","extra":{%s"id":%q%s}}`+"\n", extras.String(), id, more)
	}
	spec := transfer.Spec{Mode: transfer.UploadWins, Match: "extra.id", Map: map[string]string{"extra.shout": "surname:lower"}}
	im := h.bring("a", line("1", `,"shout":"ZULU"`)+line("2", "")+line("1", `,"z":"last"`)+line("2", `,"town":"Cape Town"`), spec)
	if im.Counts != (transfer.Counts{Created: 2, Updated: 1, Skipped: 1}) {
		t.Errorf("%+v", im.Counts)
	}
	want := `4:4 skipped extra.town: the column "Town" goes there too: choose another place for it, or ignore it`
	if got := h.report(im, transfer.Skipped); len(got) != 1 || got[0] != want {
		t.Errorf("reported %q, want %q", got, want)
	}
	if err := h.contacts.Stream(t.Context(), "a", func(c contact.Contact) error {
		surname, z := "", ""
		if c.Extra["id"] == "1" {
			surname, z = "zulu", "last"
		}
		if got := c.Text("surname"); (got == nil) != (surname == "") || got != nil && *got != surname || c.Extra["z"] != z || c.Extra["town"] != "Durban" {
			t.Errorf("surname %v, z %q, town %q", got, c.Extra["z"], c.Extra["town"])
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// However many values rows have, what is in memory for one commit is bounded.
func TestLargeRowsAreCommittedInTurn(t *testing.T) {
	s := newStore(t, dbtest.SQLite(t), transfer.Options{})
	var line strings.Builder
	for n := range 30_000 {
		fmt.Fprintf(&line, `"a%d":"",`, n)
	}
	file := `{"msisdn":"+1"}` + strings.Repeat("\n{\"extra\":{"+strings.TrimSuffix(line.String(), ",")+"}}", 8)
	im := s.begin("a", file, transfer.Spec{Mode: transfer.UploadWins})
	var at []int64
	if _, err := s.Work(t.Context(), "a", im.Key, strings.NewReader(file), func(im *transfer.Import) { at = append(at, im.Position) }); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(at, []int64{0, 5, 9, 9}) {
		t.Errorf("commits at %d", at)
	}
}

// records returns the contacts of an account without what is the account's.
func records(t *testing.T, h *house, account string) string {
	t.Helper()
	var all strings.Builder
	if err := h.contacts.Stream(t.Context(), account, func(c contact.Contact) error {
		c.Key, c.Account = "", ""
		text, err := c.MarshalJSON()
		all.Write(append(text, '\n'))
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return all.String()
}

func TestExportSelections(t *testing.T) {
	h := newHouse(t, dbtest.SQLite(t))
	h.bring("a", "msisdn,name,groups\n+27831000001,A,Team\n+27831000002,B,\n", transfer.Spec{Mode: transfer.AlwaysNew, CreateGroups: true})
	for _, test := range []struct {
		selected transfer.Selection
		columns  []string
		want     string
	}{
		{transfer.Selection{}, []string{"msisdn", "extra.x", "name"}, "msisdn,extra.x,name\n+27831000001,,A\n+27831000002,,B\n"},
		{transfer.Selection{Group: "Team"}, []string{"name", "groups"}, "name,groups\nA,Team\n"},
		{transfer.Selection{Query: "name:B"}, []string{"name"}, "name\nB\n"},
		{transfer.Selection{Query: "name:nobody"}, []string{"name"}, "name\n"},
		{transfer.Selection{Group: "None"}, nil, "not found: Group not found"},
		{transfer.Selection{Query: "nmae:B"}, nil, "invalid: "},
		{transfer.Selection{Query: "name:(B"}, nil, "invalid: "},
		{transfer.Selection{}, []string{"nmae"}, "invalid: there is no column"},
	} {
		var got bytes.Buffer
		e, err := h.Export(t.Context(), "a", test.selected, test.columns)
		if err == nil {
			_, err = e.CSV(t.Context(), &got)
		}
		if err != nil {
			fmt.Fprintf(&got, "%s: %v", core.KindOf(err), err)
		}
		if !strings.HasPrefix(got.String(), test.want) || err == nil && got.String() != test.want {
			t.Errorf("%+v %v: %q, want %q", test.selected, test.columns, got.String(), test.want)
		}
	}
}
