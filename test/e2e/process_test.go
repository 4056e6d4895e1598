package e2e

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"indaba/internal/app"
	"indaba/internal/db/dbtest"
	"indaba/test/fake/africastalking"
	"indaba/test/process"
)

var program string // the built binary

func TestMain(m *testing.M) {
	flag.Parse()
	if !testing.Verbose() {
		slog.SetDefault(slog.New(slog.NewTextHandler(io.Discard, nil)))
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "indaba-e2e-")
	if err == nil {
		defer func() { _ = os.RemoveAll(dir) }() // a leftover does no harm
		program, err = process.Build(context.Background(), dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// slowly is a bot that takes half a second.
const slowly = `
api.on_inbound_message = function (command) {
  var m = command.msg;
  if (m.session_event === 'close') { return api.done(); }
  setTimeout(function () {
    api.request('outbound.reply_to', {content: 'at last', in_reply_to: m.message_id}, function () { api.done(); });
  }, 500);
};`

// program runs the binary on what prepare set up.
func begin(t *testing.T, database string, prepare func(h *house)) *process.Server {
	t.Helper()
	c := settings(database)
	if c.Database != "" {
		c.Data = t.TempDir()
	}
	s := &process.Server{Program: program, Data: c.Data, Database: c.Database, Env: []string{"INDABA_SECRET_KEY=" + c.SecretKey}}
	a, err := app.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	h := &house{App: a, t: t}
	owner, err := a.Accounts.Create(t.Context(), "house", "")
	if err != nil {
		t.Fatal(err)
	}
	h.account = owner.Key
	prepare(h)
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	again(t, s)
	t.Cleanup(func() {
		if err := s.Kill(); err != nil {
			t.Errorf("clean up: %v", err)
		}
	})
	return s
}

func again(t *testing.T, s *process.Server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, err := s.Start(ctx); err != nil {
		t.Fatal(err)
	}
}

// A server that is asked to stop answers those who wait, ends with success, and goes on where it was.
func TestStopInOrder(t *testing.T) {
	dbtest.EachURL(t, func(t *testing.T, database string) {
		var channel string
		s := begin(t, database, func(h *house) {
			channel = h.channel("ussd/africastalking", "*384*1#", h.bot("slow", slowly, nil), map[string]string{"path_secret": "walled"}).Key
		})
		url := s.URL() + "/channels/" + channel + "/walled"
		gateway := &africastalking.Gateway{Callback: url, ServiceCode: "*384*1#"}
		type result struct {
			session *africastalking.Session
			err     error
		}
		const callers = 8
		results := make(chan result, callers)
		for i := range callers {
			go func() {
				session, err := gateway.Dial(context.Background(), fmt.Sprint("+2782000000", i))
				results <- result{session, err}
			}()
		}
		time.Sleep(200 * time.Millisecond) // so that all have dialled; who has not is refused, and fails the test
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		if err := s.Stop(ctx); err != nil {
			t.Fatal(err)
		}
		for range callers {
			if r := <-results; r.err != nil || r.session.Screen != "at last" {
				t.Errorf("a caller saw %+v %v", r.session, r.err)
			}
		}
		again(t, s)
		if session, err := gateway.Dial(t.Context(), "+27820000099"); err != nil || session.Screen != "at last" {
			t.Errorf("after the restart a caller saw %+v %v", session, err)
		}
	})
}

// Two servers on one database would send everything twice: the second one refuses to start, the first one goes on.
func TestSecondServerIsRefused(t *testing.T) {
	dbtest.EachURL(t, func(t *testing.T, database string) {
		first := begin(t, database, func(*house) {})
		second := &process.Server{Program: program, Data: first.Data, Database: first.Database, Env: first.Env}
		if err := second.Begin(); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		status, err := second.Wait(ctx)
		if err != nil || status != 1 || !strings.Contains(second.Log(), "another server is running") {
			t.Errorf("the second server ended with %d %v\n%s", status, err, second.Log())
		}
		if err := first.Ready(ctx); err != nil {
			t.Error(err)
		}
		if err := first.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		if status, err := first.Wait(ctx); err != nil || status != 0 {
			t.Errorf("the first server ended with %d %v", status, err)
		}
	})
}

// What a stopped server left undone is done by the next one on the same data.
func TestRestartOnTheSameData(t *testing.T) {
	dbtest.EachURL(t, func(t *testing.T, database string) {
		c := settings(database)
		if c.Database != "" {
			c.Data = t.TempDir()
		}
		h := open(t, c)
		_, peer := h.custom(h.bot("echo", echo, nil), nil)
		peer.RetryAfter = time.Second
		peer.Next("503")
		for i := range 3 {
			say(t, peer, fmt.Sprint(i), "ann", fmt.Sprint(i))
		}
		eventually(t, "three replies waited", func() bool {
			all, err := h.Messages.Recent(t.Context(), h.account, "ann", 10)
			return err == nil && len(all) == 6
		})
		h.stop()
		if n := len(peer.Accepted()); n != 0 {
			t.Fatalf("%d messages went out although the provider was down", n)
		}
		start(t, c)
		for i, m := range taken(t, &peer.Desk, 3) {
			if m.Text != fmt.Sprint("you said ", i) || m.Repeats != 0 {
				t.Errorf("message %d is %+v", i, m)
			}
		}
	})
}
