package cli_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"indaba/internal/db/dbtest"
)

const fewPeople = "Name;Cell;Town;Team\n" +
	"Thandi;083 123 4567;Durban;Nurses\n" +
	"Sipho;12;Durban;\n" +
	"Zodwa;+27821112222;=1+1;Nurses\n"

func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// counts are what commands say of an import with --json.
type counts struct {
	Key, State, Problem                                  string
	Rows, Position, Created, Updated, Unchanged, Skipped int64
}

func TestContactImport(t *testing.T) {
	p := withAccount(t)
	file := writeFile(t, "people.csv", fewPeople)
	args := []string{"contact", "import", file, "--mode", "upload-wins", "--country-code", "27", "--map", "Team=groups", "--create-groups"}
	golden(t, "contact-import-dry", p.must(append(args, "--dry-run")...))
	if list := p.must("contact", "list"); list != "There are none.\n" {
		t.Errorf("a dry run left\n%s", list)
	}
	r := p.run(args...)
	if r.status != 0 {
		t.Fatal(r.stderr)
	}
	golden(t, "contact-import", r.stdout)
	if r.stderr != "100 %  3 of 3 rows, 1 skipped\n" {
		t.Errorf("progress: %q", r.stderr)
	}
	var again counts
	p.object(&again, args...)
	if again.State != "done" || again.Unchanged != 2 || again.Skipped != 1 {
		t.Errorf("again: %+v", again)
	}
	if got := p.must("contact", "imports", "report", again.Key, "--only", "skipped"); !strings.Contains(got, `{"row":2,"line":3,"outcome":"skipped",`) ||
		strings.Count(got, "\n") != 1 {
		t.Errorf("the report: %s", got)
	}
	golden(t, "contact-imports", p.must("contact", "imports", "list"))
	golden(t, "contact-list", p.must("contact", "list"))
	if got := p.must("contact", "search", "extras-town:Durban"); !strings.Contains(got, "+27831234567") || strings.Contains(got, "+27821112222") {
		t.Errorf("search: %s", got)
	}
	for _, who := range []string{"+27831234567", "27831234567"} {
		if got := p.must("contact", "show", who); !strings.Contains(got, "extra.town  Durban") || !strings.Contains(got, " Nurses") {
			t.Errorf("show %s: %s", who, got)
		}
	}
	if got := p.must("contact", "export", "--columns", "msisdn,name,extra.town,groups"); got !=
		"msisdn,name,extra.town,groups\n+27831234567,Thandi,Durban,Nurses\n+27821112222,Zodwa,'=1+1,Nurses\n" {
		t.Errorf("export: %s", got)
	}
	out := filepath.Join(t.TempDir(), "all.jsonl")
	p.must("contact", "export", "-o", out, "--group", "Nurses")
	// A link leads to the file, and what is no file is not replaced by one.
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(out, link); err != nil {
		t.Fatal(err)
	}
	p.must("contact", "export", "-o", link, "--format", "jsonl")
	if info, err := os.Lstat(link); err != nil || info.Mode().Type() != os.ModeSymlink {
		t.Errorf("the link became %v, %v", info, err)
	}
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	end, err := os.OpenFile(pipe, os.O_RDWR, 0) // so that neither side waits for the other to open it
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = end.Close() }()
	p.must("contact", "export", "-o", pipe)
	if info, err := os.Lstat(pipe); err != nil || info.Mode().Type() != os.ModeNamedPipe {
		t.Fatalf("the pipe became %v, %v", info, err)
	}
	head := make([]byte, 4)
	if n, err := end.Read(head); err != nil || string(head[:n]) != "key," {
		t.Errorf("in the pipe: %q, %v", head, err)
	}
	p.must("account", "create", "Other")
	other := []string{"--account", "Other", "contact", "import", out, "--mode", "new"}
	p.must(other...)
	if got := p.must("--account", "Other", "contact", "list"); !strings.Contains(got, "Thandi") || !strings.Contains(got, "Zodwa") {
		t.Errorf("the other account: %s", got)
	}
	if entries, err := os.ReadDir(filepath.Dir(out)); err != nil || len(entries) != 1 {
		t.Errorf("left beside the file: %v %v", entries, err)
	}
	for _, test := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{"contact", "import", file}, 2, "--mode existing-wins"},
		{[]string{"contact", "import", file, "--mode", "new", "--map", "Cell"}, 2, "COLUMN=TARGET"},
		{[]string{"contact", "import", file, "--mode", "new", "--map", "Cel=msisdn"}, 1, `no column "Cel"`},
		{[]string{"contact", "import", file, "--resume"}, 1, "no import of people.csv is unfinished"},
		{[]string{"contact", "import", file, "--mode", "new", "--group", "Ghosts"}, 1, `no group "Ghosts"`},
		{[]string{"contact", "import", "/nowhere.csv", "--mode", "new"}, 2, "/nowhere.csv"},
		{[]string{"contact", "imports", "show", again.Key}, 1, "there is no import"}, // of the first account
		{[]string{"contact", "imports", "report", "x"}, 1, "there is no import"},
		{[]string{"contact", "show", "nobody"}, 1, "there is no contact nobody"},
		{[]string{"contact", "search", "name:("}, 1, "character 7"},
		{[]string{"contact", "export", "--query", "nmae:x"}, 1, "nmae"},
		{[]string{"contact", "export", "--format", "jsonl", "--columns", "name"}, 2, "--columns"},
	} {
		r := p.run(append([]string{"--account", "Other"}, test.args...)...)
		if r.status != test.status || !strings.Contains(r.stderr, test.want) {
			t.Errorf("%v: status %d, want %d; %q must contain %q", test.args, r.status, test.status, r.stderr, test.want)
		}
	}
}

func TestStrictImport(t *testing.T) {
	p := withAccount(t)
	file := writeFile(t, "people.csv", fewPeople)
	r := p.run("contact", "import", file, "--mode", "new", "--country-code", "27", "--strict")
	if r.status != 1 || !strings.Contains(r.stderr, "stopped: line 3: Cell:") || !strings.Contains(r.stdout, "1 created") {
		t.Errorf("status %d: %s%s", r.status, r.stdout, r.stderr)
	}
	var done counts
	p.object(&done, "contact", "import", file, "--resume")
	if done.Created != 2 || done.Skipped != 1 || done.State != "done" {
		t.Errorf("%+v", done)
	}
}

// A killed import goes on where it was, and nobody is lost or there twice.
func TestKilledImport(t *testing.T) {
	dbtest.EachURL(t, func(t *testing.T, url string) {
		const rows = 10_000
		p := indaba{t, filepath.Join(t.TempDir(), "data")}
		var base []string
		if strings.HasPrefix(url, "postgres") {
			base = []string{"--database", url}
		}
		with := func(args ...string) []string { return append(base[:len(base):len(base)], args...) }
		p.must(with("account", "create", "Clinic")...)
		var text strings.Builder
		text.WriteString("msisdn,n\n")
		for n := range rows {
			if n%100 == 50 {
				text.WriteString("1234567890123456,nobody\n")
				continue
			}
			fmt.Fprintf(&text, "+27%09d,%d\n", n, n)
		}
		file := writeFile(t, "many.csv", text.String())
		command := with("contact", "import", file, "--mode", "new")
		cut := begin(t, p.data, command...)
		cut.await(" %  ")
		cut.signal(syscall.SIGKILL)
		cut.end()
		var found []counts
		p.object(&found, with("contact", "imports", "list")...)
		if len(found) != 1 || found[0].State != "unfinished" || found[0].Position == 0 || found[0].Position >= rows {
			t.Fatalf("after the kill: %+v", found)
		}
		t.Logf("killed after row %d", found[0].Position)
		if r := p.run(command...); r.status != 1 || !strings.Contains(r.stderr, "unfinished") {
			t.Errorf("begun again: %d %s", r.status, r.stderr)
		}
		if err := os.WriteFile(file, []byte(strings.Replace(text.String(), "nobody", "anybody", 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		if r := p.run(with("contact", "import", file, "--resume")...); r.status != 1 || !strings.Contains(r.stderr, "the file has changed") {
			t.Errorf("with a changed file: %d %s", r.status, r.stderr)
		}
		if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		var done counts
		p.object(&done, with("contact", "import", file, "--resume")...)
		if done.State != "done" || done.Position != rows || done.Created != rows-rows/100 || done.Skipped != rows/100 {
			t.Errorf("%+v", done)
		}
		seen := map[string]int{}
		for _, msisdn := range regexp.MustCompile(`\+27\d{9}`).FindAllString(p.must(with("contact", "export", "--columns", "msisdn")...), -1) {
			seen[msisdn]++
		}
		if len(seen) != rows-rows/100 {
			t.Errorf("%d people", len(seen))
		}
		for msisdn, n := range seen {
			if n != 1 {
				t.Errorf("%s is there %d times", msisdn, n)
			}
		}
		last := int64(0)
		for line := range strings.SplitSeq(strings.TrimSpace(p.must(with("contact", "imports", "report", done.Key)...)), "\n") {
			var row struct{ Row int64 }
			if err := json.Unmarshal([]byte(line), &row); err != nil || row.Row != last+1 {
				t.Fatalf("line %q after row %d: %v", line, last, err)
			}
			last = row.Row
		}
		if last != rows {
			t.Errorf("the report ends with row %d", last)
		}
	})
}
