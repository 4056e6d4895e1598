package app_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"indaba/internal/account"
	"indaba/internal/app"
	"indaba/internal/bot"
	"indaba/internal/core"
	"indaba/internal/db/dbtest"
)

// The platform's own metrics of a bot are there soon after the start, and can be read like any others.
func TestMetricsOfConversations(t *testing.T) {
	dbtest.EachURL(t, func(t *testing.T, url string) {
		c := settings(t, url)
		before, err := app.Open(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		owner, err := before.Accounts.Create(t.Context(), "Clinic", "")
		if err != nil {
			t.Fatal(err)
		}
		b, err := before.Bots.Create(t.Context(), owner.Key, "talk", bot.HTTP)
		if err != nil {
			t.Fatal(err)
		}
		secret, _, err := before.Accounts.CreateToken(t.Context(), account.TokenSpec{Account: owner.Key, Name: "t",
			Scopes: []string{account.ScopeMetrics}})
		if err != nil {
			t.Fatal(err)
		}
		text := "x"
		m := &core.Message{ID: core.NewKey(), Account: owner.Key, Direction: core.Outbound, To: "+1", Content: &text, Bot: b.Key,
			CreatedAt: time.Now()}
		if err := before.Messages.SendFailed(t.Context(), m, "no route"); err != nil {
			t.Fatal(err)
		}
		if err := before.Close(); err != nil {
			t.Fatal(err)
		}
		a, _ := start(t, c)
		name := "conversations." + b.Key + ".messages_sent.avg"
		waitFor(t, "the metrics of a conversation", func() bool {
			r, err := http.NewRequestWithContext(t.Context(), "GET", a.URL()+"/api/v1/go/metrics/?nulls=omit&interval=5min&m="+name, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Authorization", "Bearer "+secret)
			answer, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = answer.Body.Close() }() // it was read to its end
			var got map[string][]struct{ Y float64 }
			if err := json.NewDecoder(answer.Body).Decode(&got); err != nil || answer.StatusCode != 200 {
				t.Fatal(err, answer.Status)
			}
			return len(got[name]) == 1 && got[name][0].Y == 1
		})
	})
}
