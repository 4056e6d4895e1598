package api_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"indaba/internal/api"
)

// serveHurried serves a face on a server that gives a request a quarter of a second.
func serveHurried(t *testing.T, f *api.Face) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(f)
	server.Config.ReadTimeout, server.Config.WriteTimeout = 250*time.Millisecond, 250*time.Millisecond
	server.Start()
	t.Cleanup(server.Close)
	return server
}

// An answer that makes progress outlives the server's time for a request several times over.
func TestStreamOutlivesTheServersTime(t *testing.T) {
	next := make(chan struct{})
	ended := make(chan error, 1)
	f := open(api.Route{Method: "GET", Path: "x", Handle: func(w http.ResponseWriter, r *api.Request) error {
		lines := api.NewLines(w, "x/y")
		for range next {
			if err := errors.Join(lines.Write("line"), lines.Flush(), r.Context().Err()); err != nil {
				ended <- err
				return err
			}
		}
		ended <- nil
		return nil
	}})
	server := serveHurried(t, f)
	c, err := net.Dial("tcp", strings.TrimPrefix(server.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }() // it was read to its end
	if _, err := io.WriteString(c, "GET /p/x HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	pace := time.NewTicker(50 * time.Millisecond)
	defer pace.Stop()
	for range 20 {
		<-pace.C
		select {
		case next <- struct{}{}:
		case err := <-ended:
			t.Fatalf("the stream ended early: %v", err)
		}
	}
	close(next)
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil || string(body) != strings.Repeat("\"line\"\n", 20) {
		t.Errorf("%q %v", body, err)
	}
	if err := answer.Body.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	// The connection is as good as before.
	if _, err := io.WriteString(c, "GET /p/nothing HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	again, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = again.Body.Close()
}

// A client that takes nothing is given up when the face's patience ends, and its handler is free.
func TestStuckReaderIsCutOff(t *testing.T) {
	ended := make(chan error, 1)
	f := open(api.Route{Method: "GET", Path: "x", Handle: func(w http.ResponseWriter, _ *api.Request) error {
		lines := api.NewLines(w, "x/y")
		for {
			if err := lines.Write(strings.Repeat("x", 10_000)); err != nil {
				ended <- err
				return err
			}
		}
	}})
	f.Patience = 200 * time.Millisecond
	server := serveHurried(t, f)
	c, err := net.Dial("tcp", strings.TrimPrefix(server.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }() // it was cut off
	if _, err := io.WriteString(c, "GET /p/x HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if network, ok := errors.AsType[net.Error](err); !ok || !network.Timeout() {
			t.Errorf("the handler ended with %v", err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the handler waits for a client that reads nothing")
	}
	// What comes is not taken for the whole: there is no last chunk.
	if answer, err := http.ReadResponse(bufio.NewReader(c), nil); err == nil {
		if _, err := io.Copy(io.Discard, answer.Body); err == nil {
			t.Error("the answer looks whole")
		}
		_ = answer.Body.Close()
	}
}

// A client that asks before it sends is not told to send what nobody reads.
func TestExpectContinueIsNotDrained(t *testing.T) {
	f := open(api.Route{Method: "PUT", Path: "x", Handle: func(_ http.ResponseWriter, r *api.Request) error {
		_, err := r.Body()
		return err
	}})
	server := httptest.NewServer(f)
	defer server.Close()
	for head, want := range map[string]string{
		"PUT /p/nothing HTTP/1.1\r\nContent-Length: 5\r\n": "HTTP/1.1 500", "PUT /p/x HTTP/1.1\r\nContent-Length: 11\r\n": "HTTP/1.1 500",
		"PUT /p/x HTTP/1.1\r\nContent-Length: 10\r\n": "HTTP/1.1 100",
	} {
		c, err := net.Dial("tcp", strings.TrimPrefix(server.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(c, head+"Host: x\r\nExpect: 100-continue\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		if line, err := bufio.NewReader(c).ReadString('\n'); err != nil || !strings.HasPrefix(line, want) {
			t.Errorf("%q: %q %v, want %s", head, line, err, want)
		}
		_ = c.Close()
	}
}
