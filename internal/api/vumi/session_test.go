package vumi_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"indaba/internal/account"
	"indaba/internal/api/vumi"
	"indaba/internal/user"
)

// session makes a user with a role and logs him in.
func (f *face) session(role user.Role) (id string, u *user.User) {
	f.t.Helper()
	const password = "correct horse battery"
	u, err := f.users.Create(f.t.Context(), user.Spec{Account: f.account, Email: string(role) + "@example.org", Name: "N", Role: role, Password: password})
	if err != nil {
		f.t.Fatal(err)
	}
	login, err := f.users.Authenticate(f.t.Context(), u.Email, password, "127.0.0.1:1")
	if err != nil {
		f.t.Fatal(err)
	}
	id, _, err = f.users.StartSession(f.t.Context(), login)
	if err != nil {
		f.t.Fatal(err)
	}
	return id, u
}

// as sends a request with credentials of its own.
func (f *face) as(set func(*http.Request), method, path, body string) (status int, header http.Header, text string) {
	f.t.Helper()
	r, err := http.NewRequestWithContext(f.t.Context(), method, f.url+"/api/v1/go"+path, strings.NewReader(body))
	if err != nil {
		f.t.Fatal(err)
	}
	set(r)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		f.t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }() // it was read to its end
	read, err := io.ReadAll(answer.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	return answer.StatusCode, answer.Header, string(read)
}

func basic(name, password string) func(*http.Request) {
	return func(r *http.Request) { r.SetBasicAuth(name, password) }
}

func rpc(method string, params ...any) string {
	text, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": 7, "method": method, "params": append([]any{}, params...)})
	if err != nil {
		panic(err) // texts and objects
	}
	return string(text)
}

// A session opens the account API for its user's account, with the faults of a token, and nothing else.
func TestSessionsOpenTheAccountAPI(t *testing.T) {
	f := serve(t, vumi.Options{})
	id, u := f.session(user.Owner)
	by := basic("session_id", id)
	for _, test := range []struct{ body, want string }{
		{rpc("campaigns"), fmt.Sprintf(`{"jsonrpc":"2.0","id":7,"result":[{"key":%q,"name":"Your Campaign"}],"error":null}`, f.account)},
		{rpc("channels", f.account), `{"jsonrpc":"2.0","id":7,"result":[],"error":null}`},
		{rpc("channels", strings.Repeat("0", 32)), `"error":{"fault":"GoApiError","faultCode":404,"faultString":"Unknown campaign key."}`},
		{rpc("channels", 5), `"faultCode":8002`},
		{rpc("nope"), `"faultString":"function nope not found"`},
		{`{`, `"faultCode":-32700`},
	} {
		status, _, body := f.as(by, "POST", "/api/", test.body)
		if status != 200 || !strings.Contains(body, test.want) {
			t.Errorf("%s: %d %s, want %s", test.body, status, body, test.want)
		}
	}
	empty := map[string]any{"channels": []int{}, "routers": []int{}, "conversations": []int{}, "routing_entries": []int{}}
	if _, _, body := f.as(by, "POST", "/api/", rpc("update_routing_table", f.account, empty)); !strings.Contains(body, `"result":null,"error":null`) {
		t.Errorf("a table: %s", body)
	}
	if entries, err := f.accounts.AuditLog(t.Context(), f.account, 1, 0); err != nil || entries[0].Actor != fmt.Sprint("user:", u.ID) {
		t.Errorf("audited %+v, %v", entries[0], err)
	}
	if status, _, _ := f.as(by, "GET", "/api/", ""); status != 405 {
		t.Errorf("GET: %d", status)
	}
	for _, path := range []string{"/contacts/", "/groups/", "/metrics/", "/optouts/count", "/message_store/" + f.account + "/inbound.json"} {
		if status, _, body := f.as(by, "GET", path, ""); status != 401 {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
}

// Agents and viewers look, and change nothing.
func TestRolesInTheAccountAPI(t *testing.T) {
	f := serve(t, vumi.Options{})
	table := map[string]any{"channels": []int{}, "routers": []int{}, "conversations": []int{}, "routing_entries": []int{}}
	for _, role := range user.Roles() {
		id, _ := f.session(role)
		by := basic("session_id", id)
		if _, _, body := f.as(by, "POST", "/api/", rpc("routing_table", f.account)); !strings.Contains(body, `"error":null`) {
			t.Errorf("%s looks: %s", role, body)
		}
		_, _, body := f.as(by, "POST", "/api/", rpc("update_routing_table", f.account, table))
		if may := strings.Contains(body, `"error":null`); may != (role != user.Agent && role != user.Viewer) {
			t.Errorf("%s changes: %s", role, body)
		} else if !may && !strings.Contains(body, `"faultCode":8002,"faultString":"error: the role `+string(role)) {
			t.Errorf("%s: %s", role, body)
		}
	}
}

func TestWhatIsNoSession(t *testing.T) {
	f := serve(t, vumi.Options{})
	id, u := f.session(user.Owner)
	token := f.newToken(account.ScopeAccount)
	ended, _ := f.session(user.Admin)
	if err := f.users.EndSession(t.Context(), ended); err != nil {
		t.Fatal(err)
	}
	for name, by := range map[string]func(*http.Request){
		"another name":  basic("session", id),
		"no id":         basic("session_id", ""),
		"a made-up id":  basic("session_id", "ins_"+strings.Repeat("0", 64)),
		"an ended one":  basic("session_id", ended),
		"a token":       basic("session_id", token),
		"the password":  basic(u.Email, "correct horse battery"),
		"as a token":    func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+id) },
		"no colon":      func(r *http.Request) { r.Header.Set("Authorization", "Basic c2Vzc2lvbl9pZA==") },
		"no base64":     func(r *http.Request) { r.Header.Set("Authorization", "Basic session_id:"+id) },
		"only a cookie": func(r *http.Request) { r.AddCookie(&http.Cookie{Name: "indaba_session", Value: id}) },
	} {
		status, header, body := f.as(by, "POST", "/api/", rpc("campaigns"))
		if status != 401 || body != "Unauthorized" || len(header["Www-Authenticate"]) != 2 {
			t.Errorf("%s: %d %s %v", name, status, body, header)
		}
	}
	if status, _, _ := f.as(basic("session_id", id), "POST", "/api/", rpc("campaigns")); status != 200 {
		t.Errorf("the session itself: %d", status)
	}
	if text := f.log.String(); strings.Contains(text, id) || strings.Contains(text, id[4:]) {
		t.Error("the id of a session is in the log")
	}
}
