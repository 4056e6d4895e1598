package vumi_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"indaba/internal/account"
	"indaba/internal/api/vumi"
	"indaba/internal/bot"
	"indaba/internal/contact"
	"indaba/internal/db"
	"indaba/internal/db/dbtest"
	"indaba/internal/gateway"
	"indaba/internal/metric"
	"indaba/internal/optout"
	"indaba/internal/routing"
	"indaba/internal/user"
)

// face is a served face over a fresh database with one account.
type face struct {
	t        *testing.T
	url      string
	token    string
	account  string
	contacts *contact.Service
	accounts *account.Service
	users    *user.Service
	db       *db.DB
	log      *log
}

// log keeps what is logged.
type log struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func serve(t *testing.T, o vumi.Options) *face {
	t.Helper()
	d := dbtest.SQLite(t)
	f := &face{t: t, db: d, log: &log{}, accounts: account.New(d, time.Now), contacts: contact.New(d, time.Now, contact.Options{})}
	bots, err := bot.NewStore(d, f.accounts, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	f.users = user.New(d, f.accounts, time.Now, user.Options{})
	handler := vumi.New(vumi.Deps{
		Accounts: f.accounts, Users: f.users, Contacts: f.contacts, Optouts: optout.New(d, time.Now),
		Metrics: metric.New(d, time.Now, metric.Options{}), Bots: bots,
		Channels: gateway.NewStore(d, nil, f.accounts, nil, time.Now),
		Routes:   routing.New(d, nil, f.accounts, time.Now), Now: time.Now, Options: o,
		Log: slog.New(slog.NewTextHandler(f.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	f.url = server.URL
	made, err := f.accounts.Create(t.Context(), "a", "")
	if err != nil {
		t.Fatal(err)
	}
	f.account = made.Key
	f.token = f.newToken(account.ScopeAdmin)
	return f
}

func (f *face) newToken(scopes ...string) string {
	f.t.Helper()
	secret, _, err := f.accounts.CreateToken(f.t.Context(), account.TokenSpec{Account: f.account, Name: "t", Scopes: scopes})
	if err != nil {
		f.t.Fatal(err)
	}
	return secret
}

// do sends a request and returns status and body.
func (f *face) do(method, path, body string) (int, string) {
	f.t.Helper()
	r, err := http.NewRequestWithContext(f.t.Context(), method, f.url+"/api/v1/go"+path, strings.NewReader(body))
	if err != nil {
		f.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+f.token)
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

// fill makes contacts of about a kilobyte.
func (f *face) fill(n int) {
	f.t.Helper()
	many := make([]contact.Contact, n)
	for i := range many {
		many[i] = contact.Contact{Msisdn: fmt.Sprint(i), Extra: map[string]string{"long": strings.Repeat("x", 1000)}}
	}
	if _, err := f.contacts.CreateMany(f.t.Context(), f.account, many); err != nil {
		f.t.Fatal(err)
	}
}

// raw opens a connection and writes to it.
func (f *face) raw(text string) net.Conn {
	f.t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(f.url, "http://"))
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = c.Close() }) // closed twice in most tests
	if _, err := io.WriteString(c, text); err != nil {
		f.t.Fatal(err)
	}
	return c
}

func (f *face) head(method, path string) string {
	return method + " /api/v1/go" + path + " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + f.token + "\r\n"
}

// A client that stops in the middle of its body changes nothing, and hurts nobody.
func TestHalfWrittenBody(t *testing.T) {
	f := serve(t, vumi.Options{})
	c := f.raw(f.head("POST", "/contacts/") + "Content-Length: 1000\r\n\r\n{\"msisdn\": \"+1\"}")
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if err := c.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(answer), " 200 ") {
		t.Errorf("answer %s", answer)
	}
	if n, err := f.contacts.Count(t.Context(), f.account); err != nil || n != 0 {
		t.Errorf("%d contacts %v, want none", n, err)
	}
	if status, body := f.do("GET", "/contacts/", ""); status != 200 {
		t.Errorf("%d %s", status, body)
	}
}

func TestLargeBody(t *testing.T) {
	f := serve(t, vumi.Options{MaxBody: 1000})
	for _, path := range []string{"/contacts/", "/groups/", "/metrics/", "/api/"} {
		if status, body := f.do("POST", path, `{"name": "`+strings.Repeat("x", 1000)+`"}`); status != http.StatusRequestEntityTooLarge {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
}

// Many clients that hang up in the middle of a stream leave nothing behind: their places are free again.
func TestStreamHangup(t *testing.T) {
	f := serve(t, vumi.Options{MaxStreams: 2})
	f.fill(3000)
	for i := range 20 {
		r, err := http.NewRequestWithContext(t.Context(), "GET", f.url+"/api/v1/go/contacts/?stream=true", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+f.token)
		var answer *http.Response
		// The server hears of a hang-up a moment later: until then its places are taken.
		for deadline := time.Now().Add(10 * time.Second); ; {
			if answer, err = http.DefaultClient.Do(r); err != nil {
				t.Fatal(err)
			}
			if answer.StatusCode == 200 || time.Now().After(deadline) {
				break
			}
			if answer.StatusCode != http.StatusTooManyRequests || answer.Header.Get("Retry-After") == "" {
				t.Fatalf("status %d", answer.StatusCode)
			}
			_ = answer.Body.Close()
		}
		if answer.StatusCode != 200 {
			t.Fatalf("stream %d: status %d: places are not given back", i, answer.StatusCode)
		}
		if _, err := bufio.NewReader(answer.Body).ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close() // in the middle
	}
	if status, body := f.do("GET", "/contacts/?stream=true", ""); status == 200 && strings.Count(body, "\n") != 3000 {
		t.Errorf("a whole stream has %d lines", strings.Count(body, "\n"))
	}
}

// A slow reader of a stream keeps nobody from writing.
func TestSlowReader(t *testing.T) {
	f := serve(t, vumi.Options{})
	f.fill(5000)
	c := f.raw(f.head("GET", "/contacts/?stream=true") + "\r\n")
	reader := bufio.NewReaderSize(c, 16)
	if line, err := reader.ReadString('\n'); err != nil || !strings.Contains(line, "200") {
		t.Fatal(line, err)
	}
	for i := range 50 { // while five megabytes wait for somebody who reads nothing
		if status, body := f.do("POST", "/contacts/", fmt.Sprintf(`{"msisdn": "late %d"}`, i)); status != 200 {
			t.Fatalf("%d %s", status, body)
		}
	}
}

// HTTP/1.0 knows no chunks: the stream ends with the connection.
func TestStreamHTTP10(t *testing.T) {
	f := serve(t, vumi.Options{})
	f.fill(600)
	c := f.raw(strings.Replace(f.head("GET", "/contacts/?stream=true"), "HTTP/1.1", "HTTP/1.0", 1) + "\r\n")
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }() // the connection is closed anyway
	decoder, n := json.NewDecoder(answer.Body), 0
	for {
		var record struct{ Key string }
		if err := decoder.Decode(&record); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n != 600 || answer.TransferEncoding != nil {
		t.Errorf("%d records, transfer encoding %v", n, answer.TransferEncoding)
	}
}

// Unexpected failures have the reasons of docs/spec/vumi-http.md 2 and 6.3, and no detail.
func TestFailures(t *testing.T) {
	f := serve(t, vumi.Options{})
	key := strings.Repeat("a", 32)
	for table, requests := range map[string][][3]string{
		"contact": {
			{"GET", "/contacts/", "Failed to retrieve objects."},
			{"GET", "/contacts/?stream=true", "Failed to retrieve objects."},
			{"POST", "/contacts/", "Failed to create object."},
			{"GET", "/contacts/" + key, "Failed to retrieve '" + key + "'"},
			{"PUT", "/contacts/" + key, "Failed to update '" + key + "'"},
			{"DELETE", "/contacts/" + key, "Failed to delete '" + key + "'"},
		},
		"contact_group": {
			{"GET", "/groups/" + key + "/contacts", "Failed to retrieve contacts for group '" + key + "'."},
		},
		"metric_series": {
			{"GET", "/metrics/?m=a.sum", "Got error response interacting with metrics backend"},
		},
		"optout": {{"GET", "/optouts/msisdn/1", "Internal server error."}},
		"bot":    {{"POST", "/api/", "error"}},
	} {
		if _, err := f.db.Exec(t.Context(), "ALTER TABLE "+table+" RENAME TO away"); err != nil {
			t.Fatal(err)
		}
		for _, r := range requests {
			body := `{"msisdn": "1"}`
			if r[1] == "/api/" {
				body = `{"id": 1, "method": "conversations", "params": ["` + f.account + `"]}`
			}
			status, answer := f.do(r[0], r[1], body)
			want := `"` + r[2] + `"`
			if status != 500 && r[1] != "/api/" || !strings.Contains(answer, want) || strings.Contains(answer, "no such table") {
				t.Errorf("%s %s: %d %s, want %s", r[0], r[1], status, answer, want)
			}
		}
		if _, err := f.db.Exec(t.Context(), "ALTER TABLE away RENAME TO "+table); err != nil {
			t.Fatal(err)
		}
	}
	if !strings.Contains(f.log.String(), "no such table") {
		t.Error("the operator is not told what happened")
	}
	if _, err := f.db.Exec(t.Context(), "ALTER TABLE token RENAME TO away"); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"/contacts/": `{"status_code":500,"reason":"Internal server error."}`, "/metrics/": `{"status_code":500,"reason":"Internal server error."}`,
		"/optouts/count": `{"status":{"code":500,"reason":"Internal server error."}}`,
	} {
		if status, answer := f.do("GET", path, ""); status != 500 || strings.TrimSpace(answer) != want {
			t.Errorf("%s when no token can be looked up: %d %s", path, status, answer)
		}
	}
}

// What is logged of a request holds neither its token nor whom it is about.
func TestLogTellsNoSecrets(t *testing.T) {
	f := serve(t, vumi.Options{})
	f.do("PUT", "/optouts/msisdn/+27831234567", "")
	f.do("GET", "/contacts/?query=msisdn%3D%2B27831234567", "")
	f.do("POST", "/contacts/", `{"msisdn": "+27831234567", "name": 5}`)
	text := f.log.String()
	if !strings.Contains(text, "optouts/{type}/{address}") || !strings.Contains(text, f.account) {
		t.Errorf("requests are not logged: %s", text)
	}
	for _, secret := range []string{f.token, "27831234567"} {
		if strings.Contains(text, secret) {
			t.Errorf("the log holds %s: %s", secret, text)
		}
	}
}

func TestLimits(t *testing.T) {
	f := serve(t, vumi.Options{TokenRequests: 3, AddressRequests: 1000})
	refused := 0
	for range 20 {
		if status, body := f.do("GET", "/optouts/count", ""); status == http.StatusTooManyRequests {
			refused++
			if !strings.Contains(body, `"code":429`) {
				t.Errorf("body %s", body)
			}
		}
	}
	if refused == 0 {
		t.Error("a token's requests are not limited")
	}
	f.token = f.newToken(account.ScopeOptouts)
	if status, body := f.do("GET", "/optouts/count", ""); status != 200 {
		t.Errorf("another token pays for the first: %d %s", status, body)
	}

	f = serve(t, vumi.Options{AddressRequests: 3})
	f.token = "nobody's"
	refused = 0
	for range 20 {
		if status, _ := f.do("GET", "/contacts/", ""); status == http.StatusTooManyRequests {
			refused++
		}
	}
	if refused == 0 {
		t.Error("an address' requests are not limited")
	}
}

// Each scope opens something, and nothing else.
func TestScopes(t *testing.T) {
	f := serve(t, vumi.Options{})
	calls := map[string]struct {
		method, path, body string
		status             int
	}{
		account.ScopeContacts: {"GET", "/groups/", "", 200},
		account.ScopeOptouts:  {"GET", "/optouts/count", "", 200},
		account.ScopeMetrics:  {"POST", "/metrics/", "{}", 200},
		account.ScopeAccount:  {"POST", "/api/", `{"method": "campaigns", "params": []}`, 200},
		account.ScopeMessages: {"GET", "/message_store/" + strings.Repeat("0", 32) + "/inbound.json", "", 404},
	}
	for _, scope := range account.Scopes() {
		f.token = f.newToken(scope.Name)
		if _, opens := calls[scope.Name]; !opens && scope.Name != account.ScopeAdmin {
			t.Errorf("nothing shows what the scope %s opens", scope.Name)
		}
		for need, call := range calls {
			want := 403
			if scope.Name == need || scope.Name == account.ScopeAdmin {
				want = call.status
			}
			if status, body := f.do(call.method, call.path, call.body); status != want {
				t.Errorf("scope %s, %s %s: %d %s, want %d", scope.Name, call.method, call.path, status, body, want)
			}
		}
	}
}

// A token that was made for one bot reaches nothing else of the account.
func TestTokenOfABot(t *testing.T) {
	f := serve(t, vumi.Options{})
	secret, _, err := f.accounts.CreateToken(t.Context(), account.TokenSpec{Account: f.account, Name: "t",
		Scopes: []string{account.ScopeAdmin}, Bot: strings.Repeat("b", 32)})
	if err != nil {
		t.Fatal(err)
	}
	f.token = secret
	if status, body := f.do("GET", "/contacts/", ""); status != 403 {
		t.Errorf("%d %s", status, body)
	}
}

// A change of the routing table is in the audit log, in the name of the token.
func TestUpdateIsAudited(t *testing.T) {
	f := serve(t, vumi.Options{})
	status, body := f.do("POST", "/api/", `{"id": 1, "method": "update_routing_table", "params": ["`+f.account+
		`", {"channels": [], "routers": [], "conversations": [], "routing_entries": []}]}`)
	if want := `{"jsonrpc":"2.0","id":1,"result":null,"error":null}` + "\n"; status != 200 || body != want {
		t.Errorf("%d %s, want %s", status, body, want)
	}
	entries, err := f.accounts.AuditLog(context.Background(), f.account, 1, 0)
	if err != nil || len(entries) != 1 || entries[0].Action != "route.replace" || !strings.HasPrefix(entries[0].Actor, "token:") {
		t.Errorf("%+v %v", entries, err)
	}
}
