package simulate_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"indaba/internal/app"
	"indaba/internal/bot"
	"indaba/internal/bot/bundle"
	"indaba/internal/config"
	"indaba/internal/core"
	"indaba/internal/gateway"
	"indaba/internal/routing"
	"indaba/internal/simulate"
)

// deployed makes a data directory with the bot of testdata/bare and returns the account's key.
func deployed(t *testing.T) (c *config.Config, account string) {
	t.Helper()
	c = config.Default()
	c.Data, c.Listen = t.TempDir(), "127.0.0.1:0"
	a, err := app.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	owner, err := a.Accounts.Create(t.Context(), "Clinics", "")
	if err != nil {
		t.Fatal(err)
	}
	b, err := a.Bots.Create(t.Context(), owner.Key, "clinic", bot.Sandbox)
	if err != nil {
		t.Fatal(err)
	}
	program, err := bundle.Read("testdata/bare", bundle.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Bots.Deploy(t.Context(), owner.Key, b.Key, program); err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	return c, owner.Key
}

// serve runs a server on the data directory until the test ends.
func serve(t *testing.T, c *config.Config) *app.App {
	t.Helper()
	a, err := app.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := a.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	return a
}

// talk talks to the bot and returns what is shown, without the name of the directory.
func talk(t *testing.T, c *config.Config, o simulate.TalkOptions, lines ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var out bytes.Buffer
	o.Bot = "clinic"
	err := simulate.Talk(ctx, c, o, strings.NewReader(strings.Join(lines, "\n")), &out)
	return strings.ReplaceAll(out.String(), c.Data, "DATA"), err
}

func TestTalkWithoutServer(t *testing.T) {
	c, account := deployed(t)
	out, err := talk(t, c, simulate.TalkOptions{Account: account}, "1", "Thandi", "", "2", "/dial", "6", "/hangup", "/help")
	if err != nil {
		t.Error(err)
	}
	golden(t, "talk.txt", out)
	if _, err := os.Stat(filepath.Join(c.Data, "run.json")); !os.IsNotExist(err) {
		t.Errorf("the server that was stopped left run.json: %v", err)
	}
}

func TestTalkToRunningServer(t *testing.T) {
	c, account := deployed(t)
	a := serve(t, c)
	running, err := app.ReadRunning(c.Data)
	if err != nil || running.URL != a.URL() || running.PID != os.Getpid() {
		t.Errorf("run.json says %+v, %v", running, err)
	}
	if info, err := os.Stat(filepath.Join(c.Data, "run.json")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("run.json: %v, %v", info, err)
	}
	out, err := talk(t, c, simulate.TalkOptions{Account: account, Kind: "sms", Address: "27820000001"},
		"hello", "1", "Sipho", "/as +27820000002", "hello")
	if err != nil {
		t.Error(err)
	}
	golden(t, "talk-sms.txt", out)
	again, err := talk(t, c, simulate.TalkOptions{Account: account, Kind: "sms", Address: "27820000001"}, "hello")
	if err != nil || strings.Contains(again, "no server runs") {
		t.Errorf("%v\n%s", err, again)
	}
}

// A server that was killed leaves its address behind. Whoever listens there now gets no secret.
func TestTalkAfterAKill(t *testing.T) {
	c, account := deployed(t)
	var asked atomic.Int64
	stranger := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer stranger.Close()
	left := fmt.Sprintf(`{"url":%q,"pid":1}`, stranger.URL)
	if err := os.WriteFile(filepath.Join(c.Data, "run.json"), []byte(left), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := talk(t, c, simulate.TalkOptions{Account: account}, "1")
	if err != nil || !strings.Contains(out, "no server runs") || asked.Load() > 0 {
		t.Errorf("the stranger got %d requests, %v\n%s", asked.Load(), err, out)
	}
}

func TestTalkUsesTheSameChannelAgain(t *testing.T) {
	c, account := deployed(t)
	a := serve(t, c)
	for range 2 {
		if _, err := talk(t, c, simulate.TalkOptions{Account: account}, "2"); err != nil {
			t.Fatal(err)
		}
	}
	all, err := a.Channels.List(t.Context(), account)
	if err != nil || len(all) != 2 { // one for the person, one for the endpoint sms
		t.Fatalf("%d channels, %v", len(all), err)
	}
	// What is switched off stays off, and its name does not stand in the way of another.
	for _, one := range all {
		if err := a.Channels.SetEnabled(t.Context(), account, one.Key, false); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := talk(t, c, simulate.TalkOptions{Account: account}, "2"); err != nil {
		t.Error(err)
	}
}

func TestTalkShowsWhatFailed(t *testing.T) {
	c, account := deployed(t)
	out, err := talk(t, c, simulate.TalkOptions{Account: account}, "3", "/dial", "4", "/dial", "5", "/dial", "7")
	if err == nil || !strings.Contains(err.Error(), "2 times") {
		t.Errorf("a bot that failed is no error: %v", err)
	}
	golden(t, "talk-failed.txt", out)
}

func TestTalkInJSON(t *testing.T) {
	c, account := deployed(t)
	out, err := talk(t, c, simulate.TalkOptions{Account: account, JSON: true, Interactive: true}, "2")
	if err != nil {
		t.Fatal(err)
	}
	var events []map[string]any
	for line := range strings.Lines(out) {
		var e map[string]any
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		events = append(events, e)
	}
	last := events[len(events)-1]
	if last["event"] != "bot" || last["text"] != "Goodbye." || last["ends"] != true || last["units"] != 8.0 || last["limit"] != 182.0 {
		t.Errorf("the last event is %v", last)
	}
}

// What is linked already stays as it is: the messages of a bot in use must not suddenly go to a simulator.
func TestTalkLeavesRoutesAlone(t *testing.T) {
	c, account := deployed(t)
	a := serve(t, c)
	b, err := a.Bots.Find(t.Context(), account, "clinic")
	if err != nil {
		t.Fatal(err)
	}
	live := &gateway.Channel{Account: account, Type: "custom", Name: "the real one", Address: "1",
		Settings: map[string]string{"base_url": "http://127.0.0.1:9/", "secret": core.NewSecret()}}
	if err := a.Channels.Create(t.Context(), live); err != nil {
		t.Fatal(err)
	}
	var links []routing.Entry
	for _, endpoint := range []string{"default", "sms"} {
		links = append(links, routing.Entry{Source: routing.Endpoint{Kind: routing.Bot, Key: b.Key, Name: endpoint},
			Target: routing.Endpoint{Kind: routing.Channel, Key: live.Key, Name: "default"}})
	}
	if err := a.Routes.Link(t.Context(), account, links...); err != nil {
		t.Fatal(err)
	}
	out, err := talk(t, c, simulate.TalkOptions{Account: account}, "1", "Thandi")
	if err != nil || !strings.Contains(out, "careful: what the bot sends to endpoint sms really leaves by channel the real one (custom)") ||
		!strings.Contains(out, "[custom to +27821234567] Welcome, Thandi.") {
		t.Errorf("%v\n%s", err, out)
	}
	for _, endpoint := range []string{"default", "sms"} {
		if key, _, err := a.Routes.Outbound(t.Context(), account, b.Key, endpoint); err != nil || key != live.Key {
			t.Errorf("endpoint %s now leads to %s, %v", endpoint, key, err)
		}
	}
}

// A server that was killed leaves its file behind.
func TestTalkAfterKill(t *testing.T) {
	c, account := deployed(t)
	if err := os.WriteFile(filepath.Join(c.Data, "run.json"), []byte(`{"url":"http://127.0.0.1:1","pid":1}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := talk(t, c, simulate.TalkOptions{Account: account}, "2"); err != nil || !strings.Contains(out, "Goodbye.") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestTalkToNobody(t *testing.T) {
	c, account := deployed(t)
	a, err := app.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}()
	if _, err := a.Bots.Create(t.Context(), account, "empty", bot.Sandbox); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]core.Kind{"nobody": core.NotFound, "empty": core.Conflict} {
		err := simulate.Talk(t.Context(), c, simulate.TalkOptions{Account: account, Bot: name}, strings.NewReader(""), &bytes.Buffer{})
		if core.KindOf(err) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A line may be longer than any message is, and one that is too long is named and not cut.
func TestTalkTakesLongLines(t *testing.T) {
	c, account := deployed(t)
	long := strings.Repeat("long ", 20_000)
	out, err := talk(t, c, simulate.TalkOptions{Account: account, Kind: "sms"}, "hello", "1", long)
	if err != nil || !strings.Contains(out, "> "+long) {
		t.Errorf("%d bytes: %v", len(long), err)
	}
	if _, err := talk(t, c, simulate.TalkOptions{Account: account, Kind: "sms"}, strings.Repeat("x", 300<<10)); core.KindOf(err) != core.Invalid {
		t.Errorf("far too long: %v", err)
	}
}
