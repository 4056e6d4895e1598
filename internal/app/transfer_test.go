package app_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"indaba/internal/account"
	"indaba/internal/app"
	"indaba/internal/db/dbtest"
	"indaba/internal/transfer"
)

// An upload that was answered is imported, whatever becomes of the server: it goes on where it was when it comes back.
func TestImportOutlivesTheServer(t *testing.T) {
	dbtest.EachURL(t, func(t *testing.T, url string) {
		const rows = 4000
		c := settings(t, url)
		a, stop := start(t, c)
		acc, err := a.Accounts.Create(t.Context(), "Clinic", "")
		if err != nil {
			t.Fatal(err)
		}
		token, _, err := a.Accounts.CreateToken(t.Context(), account.TokenSpec{Account: acc.Key, Name: "t", Scopes: []string{account.ScopeContacts}})
		if err != nil {
			t.Fatal(err)
		}
		var file strings.Builder
		file.WriteString("msisdn;name\n")
		for n := range rows {
			fmt.Fprintf(&file, "+27%09d;%d\n", n, n)
		}
		ask := func(a *app.App, method, path, body string) (int, string) {
			r, err := http.NewRequestWithContext(t.Context(), method, "http://"+a.Addr().String()+"/api/admin/v1/"+path, strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Authorization", "Bearer "+token)
			answer, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = answer.Body.Close() }() // it was read to its end
			text, err := io.ReadAll(answer.Body)
			if err != nil {
				t.Fatal(err)
			}
			return answer.StatusCode, string(text)
		}
		status, body := ask(a, "POST", "contacts/imports?mode=new", file.String())
		var begun struct{ Key string }
		if err := json.Unmarshal([]byte(body), &begun); err != nil || status != 202 {
			t.Fatalf("%d %s", status, body)
		}
		stop()
		for goes := 0; ; goes++ {
			a, stop = start(t, c)
			im, err := a.Transfer.Get(t.Context(), acc.Key, begun.Key)
			if err != nil {
				t.Fatal(err)
			}
			if goes < 3 && im.State == transfer.Unfinished {
				before := im.Position
				waitFor(t, "the import to go on", func() bool {
					im, err := a.Transfer.Get(t.Context(), acc.Key, begun.Key)
					return err == nil && im.Position > before
				})
				stop()
				continue
			}
			waitFor(t, "the end of the import", func() bool {
				im, err := a.Transfer.Get(t.Context(), acc.Key, begun.Key)
				return err == nil && im.State == transfer.Done && im.Created == rows
			})
			break
		}
		if n, err := a.Contacts.Count(t.Context(), acc.Key); n != rows || err != nil {
			t.Errorf("%d contacts, %v", n, err)
		}
		if status, body := ask(a, "GET", "contacts/export?columns=msisdn,name", ""); status != 200 || strings.Count(body, "\n") != rows+1 {
			t.Errorf("export: %d, %d lines", status, strings.Count(body, "\n"))
		}
	})
}
