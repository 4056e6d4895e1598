package demo_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"indaba/internal/app"
	"indaba/internal/bot"
	"indaba/internal/config"
	"indaba/internal/core"
	"indaba/internal/demo"
)

// start runs a server on a data directory until the test ends or stop is called.
func start(t *testing.T, data string) (a *app.App, stop func()) {
	t.Helper()
	return startWith(t, settings(data))
}

func settings(data string) *config.Config {
	c := config.Default()
	c.Data, c.Listen = data, "127.0.0.1:0"
	return c
}

func startWith(t *testing.T, c *config.Config) (a *app.App, stop func()) {
	t.Helper()
	a, err := app.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(errors.Join(err, a.Close()))
	}
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := a.Stop(ctx); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(stop)
	return a, stop
}

func prepare(t *testing.T, a *app.App) *demo.Facts {
	t.Helper()
	f, _, err := demo.Prepare(t.Context(), a, "127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestPrepareIsDoneOnce(t *testing.T) {
	a, _ := start(t, t.TempDir())
	first := prepare(t, a)
	second := prepare(t, a)
	if !reflect.DeepEqual(first, second) {
		t.Errorf("the second time\n%+v\nthe first time\n%+v", second, first)
	}
	kept, err := demo.Read(filepath.Join(a.Config.Data, demo.FileName))
	if err != nil || !reflect.DeepEqual(kept, first) {
		t.Errorf("kept is %+v, %v", kept, err)
	}
	if token, err := a.Accounts.Authenticate(t.Context(), first.Token); err != nil || token.Account != first.Account.Key {
		t.Errorf("the token is for %+v, %v", token, err)
	}
	if u, err := a.Users.Authenticate(t.Context(), first.Admin.Email, first.Admin.Password, "127.0.0.1:1"); err != nil || u.Account != first.Account.Key {
		t.Errorf("the admin is %+v, %v", u, err)
	}
	for _, b := range first.Bots {
		if b.Kind == bot.HTTP {
			continue
		}
		if token, err := a.Accounts.Authenticate(t.Context(), b.Token); err != nil || token.Bot != b.Key {
			t.Errorf("the token of bot %s is for %+v, %v", b.Name, token, err)
		}
	}
}

// A first start that is cut short anywhere leaves nothing that the next one stumbles over.
func TestPrepareAfterACrash(t *testing.T) {
	data := t.TempDir()
	a, stop := start(t, data)
	lost := prepare(t, a)
	stop()
	for _, name := range []string{"indaba.db", "indaba.db-wal", "indaba.db-shm"} { // as if the commit had not been
		if err := os.Remove(filepath.Join(data, name)); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
	a, stop = start(t, data)
	again := prepare(t, a)
	if again.Account.Key == lost.Account.Key || len(again.Channels) != len(lost.Channels) || len(again.Bots) != len(lost.Bots) {
		t.Errorf("got %+v after %+v", again, lost)
	}
	stop()

	if err := os.Remove(filepath.Join(data, demo.FileName)); err != nil {
		t.Fatal(err)
	}
	a, _ = start(t, data)
	if _, _, err := demo.Prepare(t.Context(), a, "127.0.0.1:1"); core.KindOf(err) != core.Conflict {
		t.Errorf("data without their facts: %v", err)
	}
}

// What somebody has changed in the folder of a bot is theirs.
func TestBotFoldersAreLeftAlone(t *testing.T) {
	a, _ := start(t, t.TempDir())
	prepare(t, a)
	file := filepath.Join(a.Config.Data, demo.BotFolder, "registration", "src", "app.js")
	if err := os.WriteFile(file, []byte("// mine\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	prepare(t, a)
	if text, err := os.ReadFile(file); err != nil || string(text) != "// mine\n" {
		t.Errorf("got %q, %v", text, err)
	}
}

func TestOutside(t *testing.T) {
	first, err := demo.OpenOutside(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	second, err := demo.OpenOutside(t.Context(), first.Addr()) // taken
	if err != nil {
		t.Fatal(err)
	}
	if first.Addr() == second.Addr() || !strings.HasPrefix(second.Addr(), "127.0.0.1:") {
		t.Errorf("the directories are at %s and %s", first.Addr(), second.Addr())
	}
	for path, want := range map[string]int{"/clinics/123456": 200, "/clinics/1": 404, "/clinics/": 404, "/": 404} {
		answer, err := http.Get("http://" + second.Addr() + path)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(answer.Body)
		_ = answer.Body.Close() // read to its end
		if answer.StatusCode != want || want == 200 && !strings.Contains(string(text), "Zola Clinic") {
			t.Errorf("%s: %d %s, %v", path, answer.StatusCode, text, err)
		}
	}
	address := first.Addr()
	if err := errors.Join(first.Close(), second.Close()); err != nil {
		t.Error(err)
	}
	third, err := demo.OpenOutside(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	if third.Addr() != address {
		t.Errorf("a free address was not taken: %s instead of %s", third.Addr(), address)
	}
	if err := third.Close(); err != nil {
		t.Error(err)
	}
}

func TestGuideWithoutBots(t *testing.T) {
	var text strings.Builder
	f := &demo.Facts{URL: "http://127.0.0.1:1"}
	if err := f.Guide(&text, "indaba", "data", errors.New(`run "make toolkit"`)); err != nil {
		t.Fatal(err)
	}
	if got := text.String(); !strings.Contains(got, "make toolkit") || strings.Contains(got, "simulate") {
		t.Errorf("got\n%s", got)
	}
}

func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "ready.json")
	if err := os.WriteFile(path, []byte("something longer that was there before, and open to all"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := demo.WriteFile(path, &demo.Facts{Token: "t"}); err != nil {
		t.Fatal(err)
	}
	f, err := demo.Read(path)
	if err != nil || f.Token != "t" {
		t.Errorf("got %+v, %v", f, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if err := demo.WriteFile(filepath.Join(dir, "missing", "ready.json"), f); err == nil {
		t.Error("writes into a directory that does not exist")
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 1 {
		t.Errorf("left behind: %v, %v", files, err)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	if err := demo.WriteFile(link, &demo.Facts{Token: "by link"}); err != nil {
		t.Fatal(err)
	}
	if f, err := demo.Read(path); err != nil || f.Token != "by link" {
		t.Errorf("through a link: %+v, %v", f, err)
	}
	listener, err := net.Listen("unix", filepath.Join(dir, "s")) // neither a file nor to be opened
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	if err := demo.WriteFile(filepath.Join(dir, "s"), f); err == nil {
		t.Error("replaces what is no file")
	}
}
