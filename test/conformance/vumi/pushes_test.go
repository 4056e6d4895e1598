package vumi_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"indaba/internal/app"
	"indaba/internal/bot/httpbot"
	"indaba/internal/config"
)

// clock is the time of a server, which the test moves on.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

// application is where a conversation pushes to. It speaks to the socket itself, because no honest server does what some
// applications do.
type application struct {
	address string

	mu     sync.Mutex
	answer func(c net.Conn, request *http.Request)
	bodies []string
	came   chan string
}

// newApplication starts one that answers 200.
func newApplication(t *testing.T) *application {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	a := &application{address: listener.Addr().String(), came: make(chan string, 1000)}
	a.answers(says("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
	var serving sync.WaitGroup
	open := map[net.Conn]bool{}
	serving.Go(func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			a.mu.Lock()
			open[c] = true
			a.mu.Unlock()
			serving.Go(func() { a.serve(c) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		a.mu.Lock()
		for c := range open {
			_ = c.Close()
		}
		a.mu.Unlock()
		serving.Wait()
	})
	return a
}

// serve answers one request and closes.
func (a *application) serve(c net.Conn) {
	defer func() { _ = c.Close() }() // whatever it has got
	request, err := http.ReadRequest(bufio.NewReader(c))
	if err != nil {
		return
	}
	body, _ := io.ReadAll(request.Body) // a part shows in the comparison
	a.mu.Lock()
	a.bodies = append(a.bodies, string(body))
	answer := a.answer
	a.mu.Unlock()
	a.came <- string(body)
	answer(c, request)
}

func (a *application) answers(answer func(net.Conn, *http.Request)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.answer = answer
}

func (a *application) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.bodies)
}

func says(text string) func(net.Conn, *http.Request) {
	return func(c net.Conn, _ *http.Request) { _, _ = io.WriteString(c, text) } // the other side may have left
}

// pusher is a server of which one conversation pushes to an application.
type pusher struct {
	*server
	clock       *clock
	application *application
	config      *config.Config
	stop        func()
}

func newPusher(t *testing.T) *pusher {
	t.Helper()
	p := &pusher{server: newServer(t), clock: &clock{}, application: newApplication(t), config: settings(t)}
	p.config.Egress.AllowHosts = []string{p.application.address}
	p.start(t)
	p.furnish(t)
	p.converse(t)
	p.pushTo(t, "http://"+p.application.address+"/")
	return p
}

func (p *pusher) start(t *testing.T) {
	t.Helper()
	p.stop = p.boot(t, p.config, app.Options{Now: p.clock.now})
}

// pushTo tells where the conversation behind the line pushes to. The change also wakes the server's queues.
func (p *pusher) pushTo(t *testing.T, url string) {
	t.Helper()
	settings := fmt.Sprintf(`{"api_tokens": [%q], "push_message_url": %q}`, p.given["secret"], url)
	if err := p.own.Bots.SetConfig(t.Context(), p.given["account"], p.given["stream"], map[string]*string{"http_api": &settings}); err != nil {
		t.Fatal(err)
	}
}

// later moves the clock.
func (p *pusher) later(t *testing.T, d time.Duration) {
	t.Helper()
	p.clock.ahead.Add(int64(d))
	p.pushTo(t, "http://"+p.application.address+"/?"+unique())
}

// failing returns the pushes that wait for another try, or those that were given up.
func (p *pusher) failing(t *testing.T, dead bool) []httpbot.Push {
	t.Helper()
	found, err := p.own.Pushes.Failing(t.Context(), p.given["account"], dead, 100)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// takes waits until the application has got a push, and returns its content.
func (p *pusher) takes(t *testing.T) string {
	t.Helper()
	select {
	case body := <-p.application.came:
		var m struct{ Content string }
		if err := json.Unmarshal([]byte(body), &m); err != nil {
			t.Fatalf("pushed: %q", body)
		}
		return m.Content
	case <-time.After(20 * time.Second):
		t.Fatalf("nothing was pushed; waiting: %+v, given up: %+v", p.failing(t, false), p.failing(t, true))
		return ""
	}
}

// What an application may do with a push, and what then becomes of it (docs/spec/vumi-http.md 9.7).
func TestApplicationsThatMisbehave(t *testing.T) {
	const (
		taken = "taken"
		again = "tried again"
		dead  = "given up"
	)
	visited := make(chan string, 100)
	inside := newApplication(t) // where redirects lead to
	inside.answers(func(c net.Conn, r *http.Request) { visited <- r.URL.Path; says("HTTP/1.1 200 OK\r\n\r\n")(c, r) })
	endless := func(head, piece string) func(net.Conn, *http.Request) {
		return func(c net.Conn, r *http.Request) {
			for says(head)(c, r); ; {
				if _, err := io.WriteString(c, piece); err != nil {
					return
				}
			}
		}
	}
	redirect := func(to string) func(net.Conn, *http.Request) {
		return says("HTTP/1.1 302 Found\r\nLocation: " + to + "\r\nContent-Length: 0\r\n\r\n")
	}
	for name, test := range map[string]struct {
		answer func(net.Conn, *http.Request)
		want   string
	}{
		"says nothing and closes":       {says(""), again},
		"resets":                        {func(c net.Conn, _ *http.Request) { _ = c.(*net.TCPConn).SetLinger(0) }, again},
		"speaks no HTTP":                {says("SSH-2.0-x\r\n"), again},
		"closes in the status line":     {says("HTTP/1.1 2"), again},
		"endless header":                {endless("HTTP/1.1 200 OK\r\n", "X: y\r\n"), again},
		"endless hints":                 {endless("", "HTTP/1.1 103 Early Hints\r\n\r\n"), again},
		"500":                           {says("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n"), again},
		"503 with Retry-After":          {says("HTTP/1.1 503 Later\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"), again},
		"599":                           {says("HTTP/1.1 599 x\r\nContent-Length: 0\r\n\r\n"), again},
		"500 with an endless body":      {endless("HTTP/1.1 500 Oops\r\n\r\n", strings.Repeat("x", 1000)), again},
		"200 with an endless body":      {endless("HTTP/1.1 200 OK\r\n\r\n", strings.Repeat("x", 1000)), taken},
		"200 with an endless chunk":     {endless("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n", strings.Repeat("x", 1000)), taken},
		"200 and less than it says":     {says("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nx"), taken},
		"200 and no gzip":               {says("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx"), taken},
		"200 and broken chunks":         {says("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), taken},
		"204":                           {says("HTTP/1.1 204 No Content\r\n\r\n"), taken},
		"299":                           {says("HTTP/1.1 299 x\r\nContent-Length: 0\r\n\r\n"), taken},
		"400":                           {says("HTTP/1.1 400 No\r\nContent-Length: 0\r\n\r\n"), dead},
		"404":                           {says("HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"), dead},
		"429":                           {says("HTTP/1.1 429 Slow down\r\nContent-Length: 0\r\n\r\n"), dead},
		"redirects to another port":     {redirect("http://" + inside.address + "/inside"), dead},
		"redirects to itself":           {redirect("/again"), dead},
		"redirects to a metadata host":  {redirect("http://169.254.169.254/latest/meta-data/"), dead},
		"redirects to a file":           {redirect("file:///etc/passwd"), dead},
		"redirects, to keep the method": {says("HTTP/1.1 307 x\r\nLocation: http://" + inside.address + "/inside\r\nContent-Length: 0\r\n\r\n"), dead},
		"redirects without a place":     {says("HTTP/1.1 301 x\r\nContent-Length: 0\r\n\r\n"), dead},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPusher(t)
			p.application.answers(test.answer)
			p.say(t, number(), "hello")
			if got := p.takes(t); got != "hello" {
				t.Errorf("pushed %q", got)
			}
			var waiting, lost []httpbot.Push
			p.await(t, "the try is over", func() bool {
				waiting, lost = p.failing(t, false), p.failing(t, true)
				return len(waiting)+len(lost) > 0 || p.states(t, httpbot.Taken) == 1
			})
			got := taken
			if len(waiting) > 0 {
				got = again
			} else if len(lost) > 0 {
				got = dead
			}
			if got != test.want {
				t.Errorf("%s, want %s: %+v %+v", got, test.want, waiting, lost)
			}
			if test.want == again { // once the application is well again it gets what it missed
				p.application.answers(says("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
				p.later(t, 301*time.Second)
				if got := p.takes(t); got != "hello" {
					t.Errorf("pushed again %q", got)
				}
				p.await(t, "it is taken", func() bool { return p.states(t, httpbot.Taken) == 1 })
			}
			if n := p.application.count(); n != map[string]int{taken: 1, dead: 1, again: 2}[test.want] {
				t.Errorf("%d requests", n)
			}
			p.well(t)
		})
	}
	t.Cleanup(func() {
		if len(visited) > 0 {
			t.Errorf("a redirect was followed to %s", <-visited)
		}
	})
}

// states counts the pushes of messages in a state.
func (p *pusher) states(t *testing.T, state httpbot.State) (n int) {
	t.Helper()
	if err := p.own.DB.Row(t.Context(), "SELECT count(*) FROM push WHERE account = $1 AND kind = 'message' AND state = $2",
		[]any{p.given["account"], int(state)}, &n); err != nil {
		t.Fatal(err)
	}
	return n
}

// An address that may not be called is not called.
func TestPushURLsThatAreRefused(t *testing.T) {
	p := newPusher(t)
	other := newApplication(t)
	for i, url := range []string{"http://169.254.169.254/latest/", "http://[::1]:1/", "http://" + other.address + "/", "http://localhost:" + other.address[len("127.0.0.1:"):] + "/",
		"http://0.0.0.0/", "http://[::ffff:127.0.0.1]:1/", "ftp://example.org/", "example.org", "http://"} {
		p.pushTo(t, url)
		p.say(t, number(), "hello")
		p.await(t, "it is given up: "+url, func() bool { return len(p.failing(t, true)) == i+1 })
	}
	if other.count()+p.application.count() > 0 {
		t.Error("something was called")
	}
}

// A server that stops while an application hangs has lost nothing when it starts again, and nothing is done twice that was
// done.
func TestPushesSurviveARestart(t *testing.T) {
	p := newPusher(t)
	hold, released := make(chan struct{}), sync.Once{}
	release := func() { released.Do(func() { close(hold) }) }
	t.Cleanup(release)
	p.say(t, number(), "taken before")
	p.takes(t)
	p.await(t, "it is taken", func() bool { return p.states(t, httpbot.Taken) == 1 })
	p.application.answers(func(c net.Conn, _ *http.Request) { <-hold; _ = c.Close() })
	const people = 20 // more than there are places
	want := map[string]bool{}
	for i := range people {
		content := fmt.Sprint("message ", i)
		want[content] = true
		p.say(t, number(), content)
	}
	for range 8 { // all places are taken by pushes that hang
		p.takes(t)
	}
	p.stop()
	release()
	p.application.answers(says("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
	p.start(t)
	p.later(t, 301*time.Second)
	for len(want) > 0 {
		content := p.takes(t)
		if content == "taken before" {
			t.Error("what was taken before is pushed again")
		}
		delete(want, content)
	}
	p.await(t, "all are taken", func() bool { return p.states(t, httpbot.Taken) == people+1 })
}

// An application that fails first and is well later gets everything, each after its first try (9.7).
func TestPushesAfterAnOutage(t *testing.T) {
	p := newPusher(t)
	p.application.answers(says("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n"))
	p.say(t, number(), "hello")
	for n, wait := range []time.Duration{300 * time.Second, 1500 * time.Second, 1800 * time.Second} {
		p.takes(t)
		p.await(t, "the try is noted", func() bool { f := p.failing(t, false); return len(f) == 1 && f[0].Attempts == n+1 })
		p.later(t, wait-30*time.Second)
		p.well(t)
		if got := p.application.count(); got != n+1 {
			t.Fatalf("%d tries too early, want %d", got, n+1)
		}
		if n == 2 {
			p.application.answers(says("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
		}
		p.later(t, 31*time.Second)
	}
	p.takes(t)
	p.await(t, "it is taken", func() bool { return p.states(t, httpbot.Taken) == 1 })
}
