package vumi_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"indaba/internal/contact"
)

// fill makes contacts of about two kilobytes.
func (s *server) fill(t *testing.T, n int) {
	t.Helper()
	long := strings.Repeat("x", 2000)
	for n > 0 {
		many := make([]contact.Contact, min(n, 1000))
		for i := range many {
			many[i] = contact.Contact{Msisdn: fmt.Sprint(i), Extra: map[string]string{"long": long}}
		}
		if _, err := s.own.Contacts.CreateMany(t.Context(), s.given["account"], many); err != nil {
			t.Fatal(err)
		}
		n -= len(many)
	}
}

// firstLine reads the head of a streamed answer and its first line.
func firstLine(t *testing.T, from *bufio.Reader) {
	t.Helper()
	//lint:ignore bodyclose the connection is closed by the caller
	answer, err := http.ReadResponse(from, nil)
	if err != nil || answer.StatusCode != 200 {
		t.Fatalf("%v %v", answer, err)
	}
	if _, err := bufio.NewReaderSize(answer.Body, 16).ReadByte(); err != nil {
		t.Fatal(err)
	}
}

// Clients that hang up in the middle of a stream leave nothing behind: no goroutine, no place taken, no reader of the
// database.
func TestHangUpInTheMiddle(t *testing.T) {
	s := own(t)
	s.fill(t, 3000)
	before := s.settled(t)
	for _, path := range []string{"/contacts/?stream=true", "/groups/g/contacts?stream=true", "/contacts/?stream=true"} {
		if strings.HasPrefix(path, "/groups/g/") {
			group := pickKey(t, s, step{Do: "POST /groups/", Token: "main", JSON: raw(`{"name": "all", "query": "msisdn:*"}`)})
			path = "/groups/" + group + "/contacts?stream=true"
		}
		var open []net.Conn
		for range 16 { // all that an account may have
			c, from := s.dial(t, s.head("GET", path)+"\r\n")
			firstLine(t, from)
			open = append(open, c)
		}
		s.want(t, step{Do: "GET /contacts/?stream=true", First: -1, Status: 429, Headers: map[string]string{"Retry-After": "1"}})
		for i, c := range open {
			if i%2 == 0 {
				_ = c.(*net.TCPConn).SetLinger(0) // with a reset
			}
			_ = c.Close()
		}
		s.await(t, "places are given back", func() bool {
			status, _, _ := s.send(t, step{Do: "GET /contacts/?stream=true", Token: "main", First: -1}, nil)
			return status == 200
		})
	}
	for i := range 30 {
		s.open(t, []string{"messages.json", "events.json"}[i%2]).close()
		s.await(t, "the stream is gone", func() bool { return s.own.Pushes.Streams() == 0 })
	}
	s.await(t, "goroutines are gone", func() bool { return s.settled(t) <= before+5 })
	s.want(t, step{Do: "GET /contacts/?max_results=1", Status: 200, Body: raw(`{"cursor": "$any", "data": ["$any"]}`)})
}

func pickKey(t *testing.T, s *server, st step) string {
	t.Helper()
	_, made := s.ask(t, st)
	return pick(t, made, "key")
}

// Somebody who reads a byte now and then keeps nobody from writing, and the server does not pile up what is not read.
func TestSlowReaderOfAStream(t *testing.T) {
	s := own(t)
	s.fill(t, 8000) // 16 MB
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := heap()
	c, from := s.dial(t, s.head("GET", "/contacts/?stream=true")+"\r\n")
	firstLine(t, from)
	for i := range 100 {
		s.want(t, step{Do: "POST /contacts/", JSON: raw(fmt.Sprintf(`{"msisdn": "late %d"}`, i)), Status: 200})
		if _, err := from.ReadByte(); err != nil {
			t.Fatal(err)
		}
	}
	if grown := heap() - before; grown > 8<<20 {
		t.Errorf("%d bytes more are held for a client that does not read", grown)
	}
	_ = c.Close()
	s.well(t)
}

// A stream that is read slowly, and still read, outlives the time that a request has.
func TestStreamOutlivesARequestsTime(t *testing.T) {
	s := hurried(t, 500*time.Millisecond)
	s.fill(t, 6000)
	_, from := s.dial(t, s.head("GET", "/contacts/?stream=true")+"\r\n")
	answer, err := http.ReadResponse(from, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }() // it was read to its end
	begun, lines := time.Now(), 0
	pace := time.NewTicker(20 * time.Millisecond)
	defer pace.Stop()
	piece := make([]byte, 64<<10)
	for {
		if time.Since(begun) < 2*time.Second {
			<-pace.C
		}
		n, err := io.ReadFull(answer.Body, piece)
		lines += strings.Count(string(piece[:n]), "\n")
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			break
		}
		if err != nil {
			t.Fatalf("after %v and %d lines: %v", time.Since(begun), lines, err)
		}
	}
	if lines != 6000 {
		t.Errorf("%d lines, want 6000, after %v", lines, time.Since(begun))
	}
	quiet := s.open(t, "messages.json") // so does one on which nothing happens
	for time.Since(begun) < 4*time.Second {
		<-pace.C
	}
	s.say(t, number(), "after a long silence")
	if got := quiet.next(); got["content"] != "after a long silence" {
		t.Errorf("got %s", show(got))
	}
}

// What comes while nobody reads waits; what a client that has hung up did not get goes to the next; the newest hundred are
// kept; each goes to one of those who read.
func TestNothingIsLostBetweenStreams(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		if s.own == nil {
			t.Skip("nobody but us may know when a stream is gone")
		}
		who := number()
		s.say(t, who, "0")
		first := s.open(t, "messages.json")
		first.next()
		first.close()
		s.await(t, "the stream is gone", func() bool { return s.own.Pushes.Streams() == 0 })
		for i := 1; i <= 120; i++ {
			s.say(t, who, fmt.Sprint(i))
		}
		s.await(t, "all are through", func() bool { return s.backlog(t) == 100 })
		next := s.open(t, "messages.json")
		for i := 21; i <= 120; i++ {
			if got := next.next(); got["content"] != fmt.Sprint(i) {
				t.Fatalf("got %s, want message %d", show(got["content"]), i)
			}
		}
		others := []*reader{next, s.open(t, "messages.json"), s.open(t, "messages.json")}
		for i := range 60 {
			s.say(t, number(), fmt.Sprint("shared ", i))
		}
		seen := map[string]int{}
		for range 60 {
			select {
			case line := <-others[0].lines:
				seen[line["content"].(string)]++
			case line := <-others[1].lines:
				seen[line["content"].(string)]++
			case line := <-others[2].lines:
				seen[line["content"].(string)]++
			case <-time.After(20 * time.Second):
				t.Fatalf("only %d of 60 came", len(seen))
			}
		}
		if len(seen) != 60 {
			t.Errorf("%d different messages of 60", len(seen))
		}
	})
}

// backlog counts what is held for the messages' streams of the account's conversations.
func (s *server) backlog(t *testing.T) (n int) {
	t.Helper()
	var last int64
	if err := s.own.DB.Row(t.Context(), "SELECT count(*), coalesce(max(id), 0) FROM push WHERE bot = $1 AND state = 2 AND subject IN "+
		"(SELECT id FROM message)", []any{s.given["stream"]}, &n, &last); err != nil {
		t.Fatal(err)
	}
	if last == 0 {
		return 0
	}
	var body string
	if err := s.own.DB.Row(t.Context(), "SELECT body FROM push WHERE id = $1", []any{last}, &body); err != nil {
		return 0 // trimmed meanwhile
	}
	var newest struct{ Content string }
	if json.Unmarshal([]byte(body), &newest) != nil || newest.Content != "120" {
		return 0
	}
	return n
}
