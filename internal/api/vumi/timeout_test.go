package vumi_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"indaba/internal/api/vumi"
	"indaba/internal/db/dbtest"
)

// hurried serves the conversation on a server that gives a request, and an answer, next to no time. over returns when the
// time of a request that begins then, and so that of all before, has passed.
func (s *talks) hurried() (over func()) {
	s.t.Helper()
	passed := make(chan struct{}, 1)
	mux := http.NewServeMux()
	mux.Handle("/", s.handler)
	mux.HandleFunc("/over", func(w http.ResponseWriter, _ *http.Request) {
		for control := http.NewResponseController(w); control.Flush() == nil; {
			if _, err := w.Write([]byte("x")); err != nil {
				break
			}
		}
		passed <- struct{}{}
	})
	server := httptest.NewUnstartedServer(mux)
	server.Config.ReadTimeout, server.Config.WriteTimeout = 50*time.Millisecond, 50*time.Millisecond
	server.Start()
	s.t.Cleanup(server.Close)
	s.url = server.URL + s.path
	return func() {
		r, err := http.NewRequestWithContext(s.t.Context(), "GET", server.URL+"/over", nil)
		if err != nil {
			s.t.Fatal(err)
		}
		if answer, err := http.DefaultClient.Do(r); err == nil {
			defer func() { _ = answer.Body.Close() }() // cut off
		}
		<-passed
	}
}

// A stream outlives what the server gives a request for being read and answered, also twice between two messages.
func TestStreamOutlivesTheServersTimeouts(t *testing.T) {
	s := serveTalks(t, dbtest.SQLite(t), vumi.Options{})
	over := s.hurried()
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	stream := s.do(ctx, "GET", "messages.json", "")
	defer func() { _ = stream.Body.Close() }() // cut off
	lines := bufio.NewReader(stream.Body)
	for _, id := range []string{"m1", "m2", "m3"} {
		over()
		over()
		s.hold(id, `{"id": "`+id+`"}`)
		if line, err := lines.ReadString('\n'); err != nil || line != `{"id": "`+id+`"}`+"\n" {
			t.Fatalf("after the time of a request: %q, %v", line, err)
		}
	}
}

// A client that announces a body with its request for a stream and never sends it is let go with the stream.
func TestStreamWithABodyThatNeverComes(t *testing.T) {
	s := serveTalks(t, dbtest.SQLite(t), vumi.Options{})
	over := s.hurried()
	address, _, _ := strings.Cut(strings.TrimPrefix(s.url, "http://"), "/")
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }() // the server has closed it
	r, err := http.NewRequestWithContext(t.Context(), "GET", s.url+"messages.json", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth(s.user, "secret")
	if _, err := io.WriteString(c, "GET "+r.URL.Path+" HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\nAuthorization: "+
		r.Header.Get("Authorization")+"\r\n\r\n{"); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(c)
	if line, err := lines.ReadString('\n'); err != nil || !strings.Contains(line, "200") {
		t.Fatal(line, err)
	}
	over()
	s.queue.StopStreams()
	if err := c.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(lines); err != nil {
		t.Errorf("the connection stays: %q, %v", rest, err)
	}
}
