package demo_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"indaba/internal/account"
	"indaba/internal/app"
	"indaba/internal/bot"
	"indaba/internal/bot/httpbot"
	"indaba/internal/core"
	"indaba/internal/demo"
	"indaba/internal/gateway"
	"indaba/internal/routing"
)

// older makes what the demonstration was before it had SMS from a provider, voice, routers and conversations.
func older(t *testing.T, a *app.App) *demo.Facts {
	t.Helper()
	owner, err := a.Accounts.Create(t.Context(), "Demonstration", "")
	if err != nil {
		t.Fatal(err)
	}
	f := &demo.Facts{Account: demo.Account{Key: owner.Key}, Clinics: "127.0.0.1:1"}
	if f.Token, _, err = a.Accounts.CreateToken(t.Context(), account.TokenSpec{Account: owner.Key, Name: "demonstration",
		Scopes: []string{account.ScopeAdmin}}); err != nil {
		t.Fatal(err)
	}
	c := &gateway.Channel{Account: owner.Key, Type: "simulator", Name: "sms-simulator", Address: "36262",
		Settings: map[string]string{"kind": "sms", "secret": "s"}}
	if err := a.Channels.Create(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	f.Channels = []demo.Channel{{Key: c.Key, Name: c.Name, Type: c.Type, Address: c.Address, Secret: "s"}}
	b, err := a.Bots.Create(t.Context(), owner.Key, "feedback", bot.Sandbox)
	if err != nil {
		t.Fatal(err)
	}
	f.Bots = []demo.Bot{{Key: b.Key, Name: b.Name, Kind: b.Kind, Token: "t"}}
	if err := a.Routes.Link(t.Context(), owner.Key, routing.Entry{Source: endpoint(routing.Channel, c.Key),
		Target: endpoint(routing.Bot, b.Key)}); err != nil {
		t.Fatal(err)
	}
	if err := demo.WriteFile(filepath.Join(a.Config.Data, demo.FileName), f); err != nil {
		t.Fatal(err)
	}
	return f
}

func endpoint(kind routing.Kind, key string) routing.Endpoint {
	return routing.Endpoint{Kind: kind, Key: key, Name: routing.Default}
}

// target returns where what comes from a channel goes.
func target(t *testing.T, a *app.App, account, channel string) routing.Endpoint {
	t.Helper()
	table, err := a.Routes.Table(t.Context(), account)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range table {
		if entry.Source == endpoint(routing.Channel, channel) {
			return entry.Target
		}
	}
	return routing.Endpoint{}
}

func TestAnOlderDemonstrationGetsWhatIsNew(t *testing.T) {
	a, _ := start(t, t.TempDir())
	before := older(t, a)
	after := prepare(t, a)
	if after.Account != before.Account || after.Token != before.Token || after.Bots[0] != before.Bots[0] {
		t.Errorf("credentials have changed:\n%+v\n%+v", before, after)
	}
	kept := after.Channels[0]
	if kept.Webhook = before.Channels[0].Webhook; kept != before.Channels[0] {
		t.Errorf("the channel was %+v and is %+v", before.Channels[0], kept)
	}
	names := map[string]bool{}
	for _, c := range after.Channels {
		names[c.Name] = true
	}
	for _, b := range after.Bots {
		names[b.Name] = true
	}
	for _, name := range []string{"ussd", "ussd-simulator", "sms", "voice", "helpdesk", "newsroom"} {
		if !names[name] {
			t.Errorf("there is no %s", name)
		}
	}
	if len(after.Routers) != 1 || target(t, a, after.Account.Key, kept.Key) != endpoint(routing.RouterIn, after.Routers[0].Key) {
		t.Errorf("SMS go to %v, the routers are %+v", target(t, a, after.Account.Key, kept.Key), after.Routers)
	}
	if again := prepare(t, a); !reflect.DeepEqual(again, after) {
		t.Errorf("the second time\n%+v\nthe first time\n%+v", again, after)
	}
}

// A route that somebody has made, and settings that somebody has changed, are theirs.
func TestWhatOthersHaveChangedIsLeftAlone(t *testing.T) {
	a, _ := start(t, t.TempDir())
	f := older(t, a)
	mine, err := a.Bots.Create(t.Context(), f.Account.Key, "mine", bot.HTTP)
	if err != nil {
		t.Fatal(err)
	}
	link := routing.Entry{Source: endpoint(routing.Channel, f.Channels[0].Key), Target: endpoint(routing.Bot, mine.Key)}
	if err := a.Routes.Link(t.Context(), f.Account.Key, link); err != nil {
		t.Fatal(err)
	}
	f = prepare(t, a)
	if got := target(t, a, f.Account.Key, f.Channels[0].Key); got != link.Target {
		t.Errorf("SMS now go to %v", got)
	}

	desk := conversation(t, f, "helpdesk")
	pushed := func() string {
		t.Helper()
		b, err := a.Bots.Get(t.Context(), f.Account.Key, desk.Key)
		if err != nil {
			t.Fatal(err)
		}
		s, err := httpbot.ReadSettings(b.Config)
		if err != nil || !s.Admits(desk.Token) {
			t.Fatalf("the token is lost: %v", err)
		}
		return s.PushMessageURL
	}
	move := func(to string) {
		t.Helper()
		if _, _, err := demo.Prepare(t.Context(), a, to); err != nil {
			t.Fatal(err)
		}
	}
	if move("127.0.0.1:2"); pushed() != "http://127.0.0.1:2/helpdesk" {
		t.Errorf("the help desk has moved, and pushes go to %s", pushed())
	}
	settings := httpbot.DefaultSettings()
	_, entry := httpbot.NewToken()
	settings.APITokens, settings.PushMessageURL = []string{entry, desk.Token}, "https://example.org/in"
	values, err := settings.Values()
	if err == nil {
		err = a.Bots.SetConfig(t.Context(), f.Account.Key, desk.Key, values)
	}
	if err != nil {
		t.Fatal(err)
	}
	if move("127.0.0.1:3"); pushed() != "https://example.org/in" {
		t.Errorf("an own URL was replaced by %s", pushed())
	}
}

func conversation(t *testing.T, f *demo.Facts, name string) demo.Bot {
	t.Helper()
	for _, b := range f.Bots {
		if b.Name == name {
			return b
		}
	}
	t.Fatalf("there is no %s in %+v", name, f.Bots)
	return demo.Bot{}
}

// What a cut-short start has noted and not made is made.
func TestFactsWithoutTheirThings(t *testing.T) {
	a, _ := start(t, t.TempDir())
	f := prepare(t, a)
	f.Channels[3].Key, f.Routers[0].Key = core.NewKey(), core.NewKey()
	for i := range f.Bots {
		if f.Bots[i].Name == "newsroom" {
			f.Bots[i].Key = core.NewKey()
		}
	}
	if err := demo.WriteFile(filepath.Join(a.Config.Data, demo.FileName), f); err != nil {
		t.Fatal(err)
	}
	again := prepare(t, a)
	if len(again.Channels) != len(f.Channels) || len(again.Bots) != len(f.Bots) || len(again.Routers) != 1 {
		t.Errorf("got %+v", again)
	}
	if _, err := a.Bots.Get(t.Context(), again.Account.Key, conversation(t, again, "newsroom").Key); err != nil {
		t.Error(err)
	}
}

// An SMS that begins with HELP is pushed to the help desk, whose answer goes back over the provider of SMS.
func TestHelpdesk(t *testing.T) {
	outside, err := demo.OpenOutside(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := outside.Close(); err != nil {
			t.Error(err)
		}
	})
	c := settings(t.TempDir())
	c.Egress.AllowHosts = []string{outside.Addr()}
	a, _ := startWith(t, c)
	f, _, err := demo.Prepare(t.Context(), a, outside.Addr())
	if err != nil {
		t.Fatal(err)
	}
	outside.Meet(f, a.Addr())
	sent := make(chan string, 1)
	provider := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		sent <- r.PostFormValue("to") + " " + r.PostFormValue("message")
	}))
	t.Cleanup(provider.Close)
	for _, c := range f.Channels {
		if c.Name != "sms" {
			continue
		}
		if err := a.Channels.SetSettings(t.Context(), f.Account.Key, c.Key, map[string]string{"base_url": provider.URL}); err != nil {
			t.Fatal(err)
		}
		answer, err := http.PostForm(c.Webhook, url.Values{"id": {"1"}, "from": {"+27821234567"}, "text": {"Help my baby"}})
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close() // its status is what counts
		if answer.StatusCode != http.StatusOK {
			t.Fatalf("the SMS was answered with %s", answer.Status)
		}
	}
	select {
	case got := <-sent:
		if !strings.HasPrefix(got, "+27821234567 This is the help desk") || !strings.HasSuffix(got, "the number 1.") {
			t.Errorf("got %q", got)
		}
	case <-time.After(30 * time.Second):
		t.Error("no answer came")
	}
}

// The providers take what is sent, as real ones do.
func TestProviders(t *testing.T) {
	outside, err := demo.OpenOutside(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	a, _ := startWith(t, settings(t.TempDir()))
	f, _, err := demo.Prepare(t.Context(), a, outside.Addr())
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		path, to, text string
		want           int
	}{
		{"/africastalking/version1/messaging", "to=%2B27821234567&message=Molo", "ATXid_", http.StatusCreated},
		{"/africastalking/version1/messaging", "to=%2B27821234567", "required", http.StatusBadRequest},
		{"/twilio/2010-04-01/Accounts/AC1/Calls.json", "To=%2B27821234567", `"sid":"CA`, http.StatusCreated},
		{"/twilio/2010-04-01/Accounts/AC1/Calls.json", "From=x", "21201", http.StatusBadRequest},
		{"/helpdesk", `{"message_id": "x"}`, "not open yet", http.StatusServiceUnavailable},
		{"/helpdesk", `{}`, "no message", http.StatusBadRequest},
		{"/helpdesk", `{"message_id": "x", "session_event": "close"}`, "", http.StatusOK},
	} {
		answer, err := http.Post("http://"+outside.Addr()+test.path, "application/x-www-form-urlencoded", strings.NewReader(test.to))
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(answer.Body)
		_ = answer.Body.Close() // read to its end
		if answer.StatusCode != test.want || !strings.Contains(string(text), test.text) {
			t.Errorf("%s %s: %d %s, %v", test.path, test.to, answer.StatusCode, text, err)
		}
	}
	outside.Meet(f, a.Addr()) // now it is open, and the server knows no such message
	answer, err := http.Post("http://"+outside.Addr()+"/helpdesk", "application/json", strings.NewReader(`{"message_id": "x"}`))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(answer.Body)
	_ = answer.Body.Close() // read to its end
	if answer.StatusCode != http.StatusServiceUnavailable || !strings.Contains(string(text), "refused with 400") {
		t.Errorf("a push of nothing: %d %s, %v", answer.StatusCode, text, err)
	}
	if err := outside.Close(); err != nil {
		t.Error(err)
	}
}

// The newsroom's messages are read as a stream.
func TestNewsroom(t *testing.T) {
	a, _ := start(t, t.TempDir())
	f := prepare(t, a)
	room := conversation(t, f, "newsroom")
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, room.URL+"/messages.json", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.SetBasicAuth(f.Account.Key, room.Token)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	for _, c := range f.Channels {
		if c.Name == "sms" {
			sent, err := http.PostForm(c.Webhook, url.Values{"id": {"1"}, "from": {"+27821234567"}, "text": {"NEWS flood"}})
			if err != nil {
				t.Fatal(err)
			}
			_ = sent.Body.Close() // what it led to is read below
		}
	}
	var m struct{ Content string }
	if err := json.NewDecoder(answer.Body).Decode(&m); err != nil && !errors.Is(err, io.EOF) || m.Content != "NEWS flood" {
		t.Errorf("the stream gives %+v, %v", m, err)
	}
}
