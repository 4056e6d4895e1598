package admin_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"indaba/internal/account"
	"indaba/internal/api/admin"
	"indaba/internal/contact"
	"indaba/internal/db"
	"indaba/internal/db/dbtest"
	"indaba/internal/transfer"
)

// face is a served face over a fresh database with two accounts.
type face struct {
	t             *testing.T
	url           string
	token, others string // secrets
	account       string
	contacts      *contact.Service
	accounts      *account.Service
	transfer      *transfer.Service
	dir           string
}

func serve(t *testing.T, d *db.DB) *face {
	t.Helper()
	f := &face{t: t, accounts: account.New(d, time.Now), contacts: contact.New(d, time.Now, contact.Options{}),
		dir: filepath.Join(t.TempDir(), "imports")}
	f.transfer = transfer.New(d, f.contacts, f.accounts, time.Now, transfer.Options{Dir: f.dir, MaxFileBytes: 1 << 20, Batch: 3,
		Log: slog.New(slog.DiscardHandler)})
	server := httptest.NewServer(admin.New(admin.Deps{Accounts: f.accounts, Transfer: f.transfer, Log: slog.New(slog.DiscardHandler),
		Options: admin.Options{MaxTransfers: 2}}))
	t.Cleanup(server.Close)
	f.url = server.URL
	f.account, f.token = f.newAccount(account.ScopeContacts)
	_, f.others = f.newAccount(account.ScopeAdmin)
	return f
}

func (f *face) newAccount(scope string) (key, secret string) {
	f.t.Helper()
	made, err := f.accounts.Create(f.t.Context(), "a", "")
	if err != nil {
		f.t.Fatal(err)
	}
	secret, _, err = f.accounts.CreateToken(f.t.Context(), account.TokenSpec{Account: made.Key, Name: "t", Scopes: []string{scope}})
	if err != nil {
		f.t.Fatal(err)
	}
	return made.Key, secret
}

// work runs the worker until the test, or the returned function, ends it.
func (f *face) work() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- f.transfer.Run(ctx) }()
	stop = func() {
		cancel()
		if err := <-ended; err != nil {
			f.t.Error(err)
		}
		ended <- nil // for whoever asks again
	}
	f.t.Cleanup(stop)
	return stop
}

func (f *face) doWith(token, method, path, body string, headers ...string) (int, string) {
	f.t.Helper()
	r, err := http.NewRequestWithContext(f.t.Context(), method, f.url+admin.Prefix+path, strings.NewReader(body))
	if err != nil {
		f.t.Fatal(err)
	}
	for pair := range slices.Chunk(headers, 2) {
		r.Header.Set(pair[0], pair[1])
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		f.t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }() // it was read to its end
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

func (f *face) do(method, path, body string) (int, string) {
	f.t.Helper()
	return f.doWith(f.token, method, path, body)
}

// view is an import as the face shows it.
type view struct {
	Key, State, Problem                                         string
	Rows, Position, Created, Updated, Unchanged, Skipped, Bytes int64
	Columns                                                     []struct{ Name, Target string }
}

// upload sends a file that must be taken.
func (f *face) upload(query, file string) view {
	f.t.Helper()
	status, body := f.do("POST", "contacts/imports?"+query, file)
	if status != 202 {
		f.t.Fatalf("%d %s", status, body)
	}
	return f.parse(body)
}

func (f *face) parse(body string) (v view) {
	f.t.Helper()
	if err := json.Unmarshal([]byte(body), &v); err != nil {
		f.t.Fatalf("%v in %s", err, body)
	}
	return v
}

// wait asks until an import is in a state.
func (f *face) wait(key, state string) view {
	f.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		_, body := f.do("GET", "contacts/imports/"+key, "")
		if v := f.parse(body); v.State == state {
			return v
		} else if time.Now().After(deadline) || v.State == "failed" {
			f.t.Fatalf("waited for %s in vain: %s", state, body)
		}
	}
}

const people = "Phone,Name,Town\n+27831000001,A,Durban\n+27831000002,B,\n12345678901234567,C,\n+27831000004,D,\n"

func TestImport(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := serve(t, d)
		waiting := f.upload("mode=upload-wins&name=people.csv&group=New&create_groups=true&map="+url.QueryEscape("Town=extra.city:lower"), people)
		if waiting.State != "unfinished" || waiting.Rows != 4 || waiting.Position != 0 || waiting.Bytes != int64(len(people)) ||
			waiting.Columns[2].Target != "extra.city:lower" {
			t.Errorf("%+v", waiting)
		}
		if status, body := f.do("POST", "contacts/imports?mode=upload-wins", people); status != 409 || !strings.Contains(body, waiting.Key) {
			t.Errorf("the same file again: %d %s", status, body)
		}
		stop := f.work()
		done := f.wait(waiting.Key, "done")
		stop() // it has tidied up then
		if done.Created != 3 || done.Skipped != 1 || done.Position != 4 {
			t.Errorf("%+v", done)
		}
		if files, err := os.ReadDir(f.dir); err != nil || len(files) > 0 {
			t.Errorf("files were left: %v %v", files, err)
		}
		if _, body := f.do("GET", "contacts/imports/"+done.Key+"/report?outcome=skipped", ""); !strings.HasPrefix(body, `{"row":3,"line":4,"outcome":"skipped","reason":"Phone:`) {
			t.Errorf("the report: %s", body)
		}
		if _, body := f.do("GET", "contacts/imports/"+done.Key+"/report", ""); strings.Count(body, "\n") != 4 {
			t.Errorf("the whole report: %s", body)
		}
		if _, body := f.do("GET", "contacts/imports?limit=1", ""); !strings.Contains(body, done.Key) {
			t.Errorf("the list: %s", body)
		}
		if _, body := f.do("GET", "contacts/export?columns=msisdn,extra.city,groups&query=name:A", ""); body != "msisdn,extra.city,groups\n+27831000001,durban,New\n" {
			t.Errorf("export: %s", body)
		}
		if _, body := f.do("GET", "contacts/export?format=jsonl&group=New", ""); strings.Count(body, "\n") != 3 || !strings.Contains(body, `"$VERSION":2`) {
			t.Errorf("export as JSON lines: %s", body)
		}
		if status, body := f.doWith(f.others, "GET", "contacts/export?format=jsonl", ""); status != 200 || body != "" {
			t.Errorf("nobody's contacts: %d %s", status, body)
		}
		if status, body := f.do("POST", "contacts/imports/"+done.Key+"/resume", ""); status != 409 {
			t.Errorf("resume what is done: %d %s", status, body)
		}
		for _, r := range [][2]string{{"GET", ""}, {"GET", "/report"}, {"POST", "/resume"}, {"DELETE", ""}} {
			if status, body := f.doWith(f.others, r[0], "contacts/imports/"+done.Key+r[1], ""); status != 404 || !strings.Contains(body, `"kind":"not_found"`) {
				t.Errorf("another account, %v: %d %s", r, status, body)
			}
		}
		if status, _ := f.do("DELETE", "contacts/imports/"+done.Key, ""); status != 204 {
			t.Errorf("discard: %d", status)
		}
		if status, _ := f.do("GET", "contacts/imports/"+done.Key, ""); status != 404 {
			t.Errorf("a discarded import: %d", status)
		}
	})
}

// A strict import stops at a bad row, and goes on without it when it is resumed; so does one whose server went away.
func TestStopsAndResumes(t *testing.T) {
	f := serve(t, dbtest.SQLite(t))
	stop := f.work()
	v := f.upload("mode=new&strict=true", people)
	for v.State != "failed" {
		_, body := f.do("GET", "contacts/imports/"+v.Key, "")
		v = f.parse(body)
	}
	if v.Created != 2 || !strings.HasPrefix(v.Problem, "line 4: ") {
		t.Errorf("%+v", v)
	}
	stop()
	if status, body := f.do("POST", "contacts/imports/"+v.Key+"/resume", ""); status != 202 {
		t.Errorf("%d %s", status, body)
	}
	f.work()
	if v = f.wait(v.Key, "done"); v.Created != 3 || v.Skipped != 1 {
		t.Errorf("%+v", v)
	}
}

func TestRefusals(t *testing.T) {
	f := serve(t, dbtest.SQLite(t))
	for _, test := range []struct {
		token, method, path, body string
		status                    int
		want                      string
	}{
		{"", "GET", "contacts/imports", "", 401, `{"error":{"kind":"unauthenticated",`},
		{"ind_no", "GET", "contacts/imports", "", 401, "unauthenticated"},
		{f.token, "GET", "contacts/imports/", "", 404, "not_found"},
		{f.token, "PUT", "contacts/imports", "", 405, "no_method"},
		{f.token, "GET", "contacts/imports?limit=0", "", 400, "limit"},
		{f.token, "GET", "contacts/imports?cursor=x", "", 400, "no key"},
		{f.token, "GET", "contacts/imports/x", "", 404, "no import"},
		{f.token, "GET", "contacts/imports/%00", "", 404, "no import"},
		{f.token, "POST", "contacts/imports", people, 400, "the mode is missing"},
		{f.token, "POST", "contacts/imports?mode=new&stric=true", people, 400, `no parameter \"stric\"`},
		{f.token, "POST", "contacts/imports?mode=new&strict=perhaps", people, 400, "write true or false"},
		{f.token, "POST", "contacts/imports?mode=new&map=x", people, 400, "COLUMN=TARGET"},
		{f.token, "POST", "contacts/imports?mode=new&map=x%3Dmsisdn", people, 400, "no column"},
		{f.token, "POST", "contacts/imports?mode=new&group=Ghosts", people, 400, "no group"},
		{f.token, "POST", "contacts/imports?mode=new&create_groups=true&group=", people, 400, "a group has no name"},
		{f.token, "POST", "contacts/imports?mode=new", "", 400, "the file is empty"},
		{f.token, "POST", "contacts/imports?mode=new", "msisdn\n", 400, "no rows"},
		{f.token, "POST", "contacts/imports?mode=new", "msisdn\n\xfc\n", 400, "line 2: the text is not UTF-8"},
		{f.token, "POST", "contacts/imports?mode=new", "msisdn\n" + strings.Repeat("1\n", 1<<20), 413, "too_large"},
		{f.token, "POST", "contacts/imports?mode=new", "msisdn\n" + strings.Repeat("1", 800<<10), 413, "row 1 after the heading"},
		{f.token, "GET", "contacts/imports/x/report?outcome=", "", 400, "outcome is empty"},
		{f.token, "GET", "contacts/export?group=", "", 400, "group is empty"},
		{f.token, "GET", "contacts/export?query=", "", 400, "query is empty"},
		{f.token, "GET", "contacts/export?query=%20", "", 400, "query is empty"},
		{f.token, "GET", "contacts/export?columns=", "", 400, "columns is empty"},
		{f.token, "GET", "contacts/export?format=xls", "", 400, "no format"},
		{f.token, "GET", "contacts/export?query=name:(", "", 400, "character"},
		{f.token, "GET", "contacts/export?group=Ghosts", "", 404, "not found"},
		{f.token, "GET", "contacts/export?columns=nmae", "", 400, "no column"},
		{f.token, "GET", "contacts/export?columns=name&format=jsonl", "", 400, "columns"},
	} {
		status, body := f.doWith(test.token, test.method, test.path, test.body)
		if status != test.status || !strings.Contains(body, test.want) || !strings.HasPrefix(body, `{"error":{"kind":"`) {
			t.Errorf("%s %s: %d %s, want %d %q", test.method, test.path, status, body, test.status, test.want)
		}
	}
	if files, err := os.ReadDir(f.dir); err != nil && !errors.Is(err, os.ErrNotExist) || len(files) > 0 {
		t.Errorf("files were left: %v %v", files, err)
	}
	if n, err := f.contacts.Count(t.Context(), f.account); n != 0 || err != nil {
		t.Errorf("%d contacts came in: %v", n, err)
	}
}

// No contacts are made of what a file comes wrapped up in.
func TestWrappedUploads(t *testing.T) {
	f := serve(t, dbtest.SQLite(t))
	form := "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"people.csv\"\r\nContent-Type: text/csv\r\n\r\n" + people + "\r\n--b--\r\n"
	for _, test := range []struct{ body, header, value, want string }{
		{form, "Content-Type", "multipart/form-data; boundary=b", "send the file alone"},
		{form, "Content-Type", " Multipart/Mixed", "send the file alone"},
		{people, "Content-Encoding", "gzip", `Content-Encoding \"gzip\"`},
	} {
		status, body := f.doWith(f.token, "POST", "contacts/imports?mode=new", test.body, test.header, test.value)
		if status != 400 || !strings.Contains(body, test.want) {
			t.Errorf("%s: %d %s", test.value, status, body)
		}
	}
	for _, kind := range []string{"text/csv", "application/x-www-form-urlencoded", "application/octet-stream"} {
		if status, body := f.doWith(f.token, "POST", "contacts/imports?mode=new&again=true", people, "Content-Type", kind); status != 202 {
			t.Errorf("%s: %d %s", kind, status, body)
		}
	}
}

// An upload that breaks off leaves nothing behind.
func TestInterruptedUpload(t *testing.T) {
	f := serve(t, dbtest.SQLite(t))
	c, err := net.Dial("tcp", strings.TrimPrefix(f.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(c, "POST %scontacts/imports?mode=new HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: 1000\r\n\r\n%s",
		admin.Prefix, f.token, people); err != nil {
		t.Fatal(err)
	}
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(c)
	if err != nil || !bytes.Contains(answer, []byte("400 Bad Request")) || !bytes.Contains(answer, []byte("did not arrive whole")) {
		t.Errorf("%s %v", answer, err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if files, err := os.ReadDir(f.dir); err != nil || len(files) > 0 {
		t.Errorf("files were left: %v %v", files, err)
	}
	if _, body := f.do("GET", "contacts/imports", ""); body != "{\"imports\":[]}\n" {
		t.Errorf("an import was begun: %s", body)
	}
}

// One account cannot fill the disk.
func TestUploadsWaiting(t *testing.T) {
	f := serve(t, dbtest.SQLite(t))
	for n := range 20 {
		f.upload("mode=new", fmt.Sprintf("msisdn\n+2783100%04d\n", n))
	}
	if status, body := f.do("POST", "contacts/imports?mode=new", people); status != 429 || !strings.Contains(body, "discard") {
		t.Errorf("one too many: %d %s", status, body)
	}
	if status, body := f.doWith(f.others, "POST", "contacts/imports?mode=new", people); status != 202 {
		t.Errorf("another account: %d %s", status, body)
	}
	f.work()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if n, err := f.contacts.Count(t.Context(), f.account); err != nil {
			t.Fatal(err)
		} else if n == 20 {
			break
		} else if time.Now().After(deadline) {
			t.Fatalf("%d contacts came in", n)
		}
	}
}

// The file of an import may be gone when the server comes back.
func TestLostFile(t *testing.T) {
	f := serve(t, dbtest.SQLite(t))
	v := f.upload("mode=new", people)
	if err := os.Remove(filepath.Join(f.dir, v.Key)); err != nil {
		t.Fatal(err)
	}
	f.work()
	for v.State == "unfinished" {
		_, body := f.do("GET", "contacts/imports/"+v.Key, "")
		v = f.parse(body)
	}
	if v.State != "failed" || !strings.Contains(v.Problem, "upload it again") {
		t.Errorf("%+v", v)
	}
}
