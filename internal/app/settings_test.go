package app_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"indaba/internal/account"
	"indaba/internal/app"
	"indaba/internal/contact"
)

// What the configuration says of the HTTP APIs is what clients meet.
func TestSettingsOfTheAPIs(t *testing.T) {
	for name, trust := range map[string]bool{"behind a proxy": true, "alone": false} {
		t.Run(name, func(t *testing.T) {
			c := settings(t, "")
			c.TrustProxy, c.API.PageSize, c.API.AddressRate = trust, 1, 1
			a, _ := start(t, c)
			token := furnish(t, a)
			call := func(from string) (status int, cursor *string) {
				t.Helper()
				request, err := http.NewRequest(http.MethodGet, a.URL()+"/api/v1/go/contacts/", nil)
				if err != nil {
					t.Fatal(err)
				}
				request.Header.Set("Authorization", "Bearer "+token)
				request.Header.Set("X-Forwarded-For", "192.0.2.1, "+from)
				answer, err := http.DefaultClient.Do(request)
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = answer.Body.Close() }() // read as far as it matters
				var page struct{ Cursor *string }
				if err := json.NewDecoder(answer.Body).Decode(&page); err != nil {
					t.Fatal(err)
				}
				return answer.StatusCode, page.Cursor
			}
			if status, cursor := call("198.51.100.1"); status != http.StatusOK || cursor == nil {
				t.Errorf("the first page of one: %d, %v", status, cursor)
			}
			refused := 0
			for n := range 50 { // each from another address, if that is believed
				if status, _ := call(fmt.Sprint("198.51.100.", 2+n)); status == http.StatusTooManyRequests {
					refused++
				}
			}
			if (refused == 0) != trust {
				t.Errorf("%d of 50 were refused", refused)
			}
		})
	}
}

// furnish makes an account with two contacts and returns a token of it.
func furnish(t *testing.T, a *app.App) (token string) {
	t.Helper()
	owner, err := a.Accounts.Create(t.Context(), "Clinic", "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Contacts.CreateMany(t.Context(), owner.Key, []contact.Contact{{Msisdn: "+271"}, {Msisdn: "+272"}}); err != nil {
		t.Fatal(err)
	}
	token, _, err = a.Accounts.CreateToken(t.Context(), account.TokenSpec{Account: owner.Key, Name: "t", Scopes: []string{account.ScopeContacts}})
	if err != nil {
		t.Fatal(err)
	}
	return token
}
