package vumi_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"indaba/internal/app"
)

// Clients that are hostile, clumsy or unlucky, against a whole server of our own.

// hurried returns a server that gives a request little time, with a page's worth of contacts.
func hurried(t *testing.T, patience time.Duration) *server {
	t.Helper()
	s := newServer(t)
	s.boot(t, settings(t), app.Options{Server: func(h *http.Server) {
		h.ReadHeaderTimeout, h.ReadTimeout, h.WriteTimeout = patience, patience, patience
	}})
	s.furnish(t)
	s.converse(t)
	return s
}

// well checks that the server answers, reads and writes.
func (s *server) well(t *testing.T) {
	t.Helper()
	s.want(t, step{Do: "POST /contacts/", JSON: raw(`{"msisdn": "well", "groups": ["well"]}`), Status: 200})
	s.want(t, step{Do: "GET /groups/well/contacts?max_results=1", Status: 200})
	s.want(t, step{Do: "GET ^/health/", Token: "none", Status: 200, Text: new("OK")})
}

// await waits until something is so; between two looks the server does a little work.
func (s *server) await(t *testing.T, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !so(); {
		if time.Now().After(deadline) {
			t.Fatalf("in vain for 20 s: %s", what)
		}
		s.send(t, step{Do: "GET ^/health/", Token: "none"}, nil)
	}
}

// settled returns how many goroutines there are when only the server's own are left.
func (s *server) settled(t *testing.T) int {
	t.Helper()
	s.well(t)
	s.http.CloseIdleConnections()
	n := runtime.NumGoroutine()
	for range 200 {
		runtime.Gosched()
		n = min(n, runtime.NumGoroutine())
	}
	return n
}

// basic begins a request for the conversation with streams.
func (s *server) basic(method, resource string) string {
	r := &http.Request{Header: http.Header{}}
	r.SetBasicAuth(s.given["account"], s.given["secret"])
	return fmt.Sprintf("%s /api/v1/go/http_api/%s/%s HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\n", method, s.given["stream"], resource, r.Header.Get("Authorization"))
}

// A body that stops half-way changes nothing, and its connection is not kept.
func TestHalfWrittenBodies(t *testing.T) {
	s := own(t)
	key, group := newContact(t, s), newGroup(t, s)
	before, goroutines := s.seenByOwner(t), s.settled(t)
	for _, request := range []struct{ head, body string }{
		{s.head("POST", "/contacts/"), `{"msisdn": "half"}`}, {s.head("PUT", "/contacts/"+key), `{"name": "half"}`}, {s.head("POST", "/groups/"), `{"name": "half"}`},
		{s.head("PUT", "/groups/"+group), `{"name": "half"}`}, {s.head("POST", "/metrics/"), `{"half.sum": 1}`},
		{s.head("POST", "/api/"), `{"method": "update_routing_table", "params": ["` + s.given["account"] + `", {"channels": [], "routers": [], "conversations": [], "routing_entries": []}]}`},
		{s.basic("PUT", "messages.json"), `{"to_addr": "+1", "content": "half"}`}, {s.basic("PUT", "metrics.json"), `[["half", 1, "sum"]]`},
	} {
		for _, framing := range []string{"Content-Length: 1000\r\n\r\n" + request.body, fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n", len(request.body), request.body),
			"Transfer-Encoding: chunked\r\n\r\nffff\r\n" + request.body, "Transfer-Encoding: chunked\r\n\r\nno chunk\r\n" + request.body} {
			for _, polite := range []bool{true, false} {
				c, from := s.dial(t, request.head+framing)
				if !polite {
					_ = c.Close()
					continue
				}
				if err := c.(*net.TCPConn).CloseWrite(); err != nil {
					t.Fatal(err)
				}
				if answer, err := io.ReadAll(from); err != nil || bytes.Contains(answer, []byte(" 200 ")) {
					t.Errorf("%.40s: %v %s", request.head, err, answer)
				}
				_ = c.Close()
			}
		}
	}
	s.await(t, "connections are gone", func() bool { return s.settled(t) <= goroutines+5 })
	after := strings.Split(s.seenByOwner(t), "\n")
	for _, line := range after {
		if strings.Contains(line, "half") {
			t.Errorf("half a body was taken: %s", line)
		}
	}
	for line := range strings.SplitSeq(before, "\n") {
		if !slices.Contains(after, line) {
			t.Errorf("gone or changed: %s", line)
		}
	}
	s.want(t, step{Do: "GET /metrics/?m=half.sum&m=stores.shop.half.sum", Status: 200, Body: raw(`{}`)})
	if len(s.network(t)["routing_entries"].([]any)) == 0 {
		t.Error("half a routing table was taken")
	}
}

// A body that comes a byte now and then ends when the time for a request is over, and frees its place.
func TestTrickledBodies(t *testing.T) {
	s := hurried(t, time.Second)
	var trickling sync.WaitGroup
	begun := time.Now()
	full := make(chan struct{}, 10)
	for range 10 { // as many as an account may have open at its conversations
		c, from := s.dial(t, s.basic("PUT", "messages.json")+"Expect: 100-continue\r\nContent-Length: 100\r\n\r\n")
		trickling.Go(func() {
			line, _ := from.ReadString('\n') // the server has let the request in, and waits for its body
			full <- struct{}{}
			drops := time.NewTicker(20 * time.Millisecond)
			defer drops.Stop()
			for range drops.C {
				if _, err := io.WriteString(c, " "); err != nil {
					break
				}
			}
			rest, _ := io.ReadAll(from)
			if !strings.Contains(line, " 100 ") || strings.Contains(string(rest), " 200 ") {
				t.Errorf("a trickled body: %s%s", line, rest)
			}
		})
	}
	for range 10 {
		<-full
	}
	status, _, body := s.exchange(t, s.request(t, t.Context(), "PUT", "metrics.json", strings.NewReader("[]")))
	if status != 403 && time.Since(begun) < time.Second {
		t.Errorf("while all places are taken: %d %s", status, body)
	}
	trickling.Wait()
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("a body was waited for %v, want about a second", took)
	}
	s.await(t, "the places are free again", func() bool {
		status, _, _ := s.exchange(t, s.request(t, t.Context(), "PUT", "metrics.json", strings.NewReader("[]")))
		return status == 200
	})
}

// A client that asks before it sends a body is told to go on only when the body will be read.
func TestExpectContinue(t *testing.T) {
	s := own(t)
	for _, test := range []struct {
		head string
		want string // the beginning of the answer
	}{
		{s.head("POST", "/contacts/") + "Content-Length: 15\r\n", "HTTP/1.1 100"},
		{s.head("POST", "/contacts/") + "Content-Length: 99999999\r\n", "HTTP/1.1 413"},
		{s.head("POST", "/nothing") + "Content-Length: 15\r\n", "HTTP/1.1 404"},
		{s.head("PATCH", "/contacts/") + "Content-Length: 15\r\n", "HTTP/1.1 405"},
		{"POST /api/v1/go/contacts/ HTTP/1.1\r\nHost: x\r\nContent-Length: 15\r\n", "HTTP/1.1 401"},
		{"PUT /api/v1/go/http_api/x/messages.json HTTP/1.1\r\nHost: x\r\nContent-Length: 15\r\n", "HTTP/1.1 401"},
		{s.head("PUT", "/contacts/none") + "Content-Length: 15\r\n", "HTTP/1.1 100"},
	} {
		c, from := s.dial(t, test.head+"Expect: 100-continue\r\n\r\n")
		line, err := from.ReadString('\n')
		if err != nil || !strings.HasPrefix(line, test.want) {
			t.Errorf("%.60q: %q %v, want %s", test.head, line, err, test.want)
		}
		_ = c.Close()
	}
	s.well(t)
}

// Bodies are bounded, however their length is told.
func TestChunkedBodies(t *testing.T) {
	s := own(t)
	limit := int(s.own.Config.MaxBody)
	large := `{"msisdn": "` + strings.Repeat("x", limit) + `"}`
	for _, path := range []string{"/contacts/", "/groups/", "/metrics/", "/api/"} {
		for _, chunk := range []int{1 << 20, 5000} {
			r, err := http.NewRequestWithContext(t.Context(), "POST", s.url+path, struct{ io.Reader }{strings.NewReader(large)})
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Authorization", "Bearer "+s.tokens["main"])
			r.Body = io.NopCloser(bufio.NewReaderSize(r.Body, chunk))
			if status, _, body := s.exchange(t, r); status != 413 {
				t.Errorf("%s: %d %s", path, status, body)
			}
		}
	}
	body := `{"msisdn": "chunked"}`
	for _, test := range []struct {
		framing string
		status  int
	}{
		{fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(body), body), 200},
		{fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x;a=b\r\n%s\r\n0\r\nTrailer: x\r\n\r\n", len(body), body), 200},
		{fmt.Sprintf("Content-Length: %d\r\nContent-Length: %d\r\n\r\n%s", len(body), len(body), body), 200},
		{fmt.Sprintf("Content-Length: %d\r\nContent-Length: 5\r\n\r\n%s", len(body), body), 400},
		{"Transfer-Encoding: gzip\r\n\r\n" + body, 501}, {"Content-Length: -1\r\n\r\n" + body, 400}, {"Content-Length: x\r\n\r\n" + body, 400},
		{"\r\n" + body, 400}, // without a length there is no body; what follows is no request
	} {
		_, from := s.dial(t, s.head("POST", "/contacts/")+test.framing)
		if status, text := answered(t, from, "POST"); status != test.status {
			t.Errorf("%q: %d %s, want %d", test.framing, status, text, test.status)
		}
	}
	s.well(t)
}

// Requests that no well-meant client sends. Whatever comes back is no success, no redirect and no failure of the server.
func TestOddTargets(t *testing.T) {
	s := own(t)
	authorization := "Host: x\r\nAuthorization: Bearer " + s.tokens["main"] + "\r\n"
	for _, test := range []struct {
		request string
		want    []int
	}{
		{"GET http://elsewhere.example/api/v1/go/contacts/ HTTP/1.1\r\n" + authorization, []int{200}},
		{"GET /api/v1/go/contacts/ HTTP/1.0\r\n" + authorization, []int{200}},
		{"GET /api/v1/go/contacts/#fragment HTTP/1.1\r\n" + authorization, []int{400, 404}},
		{"GET /api/v1/go/%zz HTTP/1.1\r\n" + authorization, []int{400}},
		{"GET /api/v1/go/contacts/%zz HTTP/1.1\r\n" + authorization, []int{400}},
		{"GET /api/v1/go/contacts/%2 HTTP/1.1\r\n" + authorization, []int{400}},
		{"GET /api/v1/go/contacts/\x00 HTTP/1.1\r\n" + authorization, []int{400}},
		{"GET /api/v1/go/contacts/\xff\xfe HTTP/1.1\r\n" + authorization, []int{400, 404}},
		{"GET /api/v1/go/contacts/a b HTTP/1.1\r\n" + authorization, []int{400}},
		{"GET /api/v1/go/contacts/%00%ff%2f..%2f HTTP/1.1\r\n" + authorization, []int{404}},
		{"GET /api/v1/go/../go/contacts/ HTTP/1.1\r\n" + authorization, []int{404}},
		{"GET /api/v1/go/contacts/../groups/ HTTP/1.1\r\n" + authorization, []int{404}},
		{"GET /api/v1/go/./contacts/ HTTP/1.1\r\n" + authorization, []int{404}},
		{"GET /api/v1/go//contacts/ HTTP/1.1\r\n" + authorization, []int{404}},
		{"GET /api/v1/go HTTP/1.1\r\n" + authorization, []int{404}},
		{"GET /API/V1/GO/contacts/ HTTP/1.1\r\n" + authorization, []int{404}},
		{"GET /api/v1/go/contacts/?cursor=%zz HTTP/1.1\r\n" + authorization, []int{400}},
		{"GET /api/v1/go/contacts/?a;b HTTP/1.1\r\n" + authorization, []int{400}},
		{"GET /api/v1/go/contacts/?&&=&a HTTP/1.1\r\n" + authorization, []int{200}},
		{"GET * HTTP/1.1\r\n" + authorization, []int{400, 404}},
		{"OPTIONS * HTTP/1.1\r\n" + authorization, []int{200, 404, 405}},
		{"OPTIONS /api/v1/go/contacts/ HTTP/1.1\r\n" + authorization, []int{405}},
		{"HEAD /api/v1/go/contacts/ HTTP/1.1\r\n" + authorization, []int{405}},
		{"TRACE /api/v1/go/contacts/ HTTP/1.1\r\n" + authorization, []int{405}},
		{"CONNECT x:80 HTTP/1.1\r\n" + authorization, []int{400, 404, 405}},
		{"get /api/v1/go/contacts/ HTTP/1.1\r\n" + authorization, []int{405}},
		{"NONSENSE /api/v1/go/contacts/ HTTP/1.1\r\n" + authorization, []int{405}},
		{"G\x00T /api/v1/go/contacts/ HTTP/1.1\r\n" + authorization, []int{400}},
		{"GET /api/v1/go/contacts/ HTTP/1.1\r\n", []int{400}}, // no host
		{"GET /api/v1/go/contacts/ HTTP/9.9\r\n" + authorization, []int{400, 505}},
		{"GET /api/v1/go/contacts/\r\n" + authorization, []int{400}},
		{"GET /api/v1/go/contacts/ HTTP/1.1\r\n" + authorization + "Authorization: Bearer other\r\n", []int{200}}, // the first counts
		{"GET /api/v1/go/contacts/ HTTP/1.1\r\n" + authorization + "Bad\x00Header: x\r\n", []int{400}},
		{"GET /api/v1/go/contacts/ HTTP/1.1\r\n" + authorization + "X: " + strings.Repeat("x", 200_000) + "\r\n", []int{431}},
		{"GET /api/v1/go/contacts/ HTTP/1.1\r\n" + authorization + strings.Repeat("X: y\r\n", 50_000), []int{431}},
		{"GET /api/v1/go/contacts/" + strings.Repeat("x", 200_000) + " HTTP/1.1\r\n" + authorization, []int{414, 431}},
		{"GET /api/v1/go/" + strings.Repeat("/", 20_000) + " HTTP/1.1\r\n" + authorization, []int{404}},
		{"GET /api/v1/go/contacts/?" + strings.Repeat("m=x&", 10_000) + " HTTP/1.1\r\n" + authorization, []int{200, 400}},
		{"GET /api/v1/go/metrics/?interval=1y&" + strings.Repeat("m=x.sum&", 5_000) + " HTTP/1.1\r\n" + authorization, []int{200, 400}},
	} {
		method, _, _ := strings.Cut(test.request, " ")
		c, err := net.Dial("tcp", strings.TrimPrefix(s.root(), "http://"))
		if err != nil {
			t.Fatal(err)
		}
		if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
		// A server that has read enough closes before all was written.
		_, wrong := io.WriteString(c, test.request+"\r\n")
		answer, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: method})
		if err != nil {
			if wrong == nil && !errors.Is(err, io.EOF) {
				t.Errorf("%.60q: %v", test.request, err)
			}
			_ = c.Close()
			continue
		}
		if !slices.Contains(test.want, answer.StatusCode) {
			t.Errorf("%.60q: %s, want %v", test.request, answer.Status, test.want)
		}
		_, _ = io.Copy(io.Discard, answer.Body) // that it can be read is not the point
		_ = answer.Body.Close()
		_ = c.Close()
	}
	s.well(t)
}

// Requests that are sent before the answers are read get them in their order.
func TestPipelinedRequests(t *testing.T) {
	s := own(t)
	var all strings.Builder
	for i := range 50 {
		body := fmt.Sprintf(`{"msisdn": "%d", "groups": ["piped"]}`, i)
		fmt.Fprintf(&all, "%sContent-Length: %d\r\n\r\n%s", s.head("POST", "/contacts/"), len(body), body)
	}
	_, from := s.dial(t, all.String())
	for i := range 50 {
		if status, body := answered(t, from, "POST"); status != 200 || !strings.Contains(body, fmt.Sprintf(`"msisdn":"%d"`, i)) {
			t.Fatalf("request %d: %d %s", i, status, body)
		}
	}
}

func TestIdleConnections(t *testing.T) {
	s := own(t)
	before := s.settled(t)
	for i := range 1000 {
		text := ""
		if i%2 == 0 {
			text = s.head("GET", "/contacts/") // half a request
		}
		s.dial(t, text)
	}
	s.well(t)
	if n := runtime.NumGoroutine(); n > before+1000*2+50 {
		t.Errorf("%d goroutines for 1000 connections, %d before", n, before)
	}
}

// hostileBodies are sent to everything that takes a body.
var hostileBodies = []string{
	"", " ", "\x00", "\xff\xfe", "\ufeff{}", "null", "true", "0", "-0", `""`, "[]", "{}", "[[[[", "{{{{", "NaN", "'x'", "1e999999999", "{\"a\":}", "[1,]",
	strings.Repeat("[", 100_000), strings.Repeat(`{"a":`, 100_000), strings.Repeat("[", 9_000) + strings.Repeat("]", 9_000),
	strings.Repeat(`{"a":`, 9_000) + "1" + strings.Repeat("}", 9_000), "[" + strings.Repeat("9", 100_000) + "]", `{"msisdn": ` + strings.Repeat("9", 100_000) + `}`,
	`{"msisdn": "\ud800", "name": "\udc00", "extra": {"\ud800\ud800": "\udfff"}, "groups": ["\ud800"]}`, `{"msisdn": "\u0000"}`, "{\"msisdn\": \"\xff\"}",
	`{"msisdn": "1", "msisdn": "2", "extra": {"a": "1", "a": 2}}`, `{"name": "\ud800", "query": "\ud800"}`, `{"name": "x", "query": "\u0000"}`,
	`{"\ud800.sum": 1}`, `{"\u0000.sum": 1}`, `{"a.sum": 1e999}`, `{"a.sum": 123456789012345678901234567890}`, `{"a.sum": "` + strings.Repeat("9", 1000) + `"}`,
	`{"to_addr": "\ud800", "content": "\udfff", "helper_metadata": {"voice": {"speech_url": "\ud800", "wait_for": 1e999}}}`,
	`{"to_addr": "1", "content": "x", "helper_metadata": {"voice": ` + strings.Repeat("[", 5_000) + strings.Repeat("]", 5_000) + `}}`,
	`{"to_addr": "1", "helper_metadata": {"voice": {"a": "\u0000"}, "load_balancer": "\\u0000"}}`, `{"to_addr": "` + strings.Repeat("9", 100_000) + `"}`,
	`{"to_addr": "1", "content": "` + strings.Repeat("é", 300_000) + `"}`, `{"in_reply_to": "\ud800"}`, `{"in_reply_to": "\u0000"}`, `{"to_addr": "1", "to_addr_type": "\u0000"}`,
	`[["\ud800", 1, "sum"]]`, `[["\u0000", 1, "sum"]]`, `[["a", 1e999, "sum"]]`, `[["a", 1, "\ud800"]]`, `[["` + strings.Repeat("a", 100_000) + `", 1, "sum"]]`,
	`{"id": "\ud800", "method": "campaigns", "params": []}`, `{"id": 1e999, "method": "campaigns"}`, `{"id": {"a": [1, "\u0000"]}, "method": "\u0000"}`,
	`{"method": "channels", "params": ["\ud800"]}`, `{"method": "` + strings.Repeat("a.", 50_000) + `"}`, `{"method": "system.methodHelp", "params": ["` + strings.Repeat("conversation.", 10_000) + `"]}`,
	`{"method": "conversation.dialogue.save_poll", "params": ["ACCOUNT", "\u0000", {"poll": {}}]}`,
	`{"method": "update_routing_table", "params": ["ACCOUNT", {"channels": [], "routers": [], "conversations": [], "routing_entries": [{"source": {"uuid": "\u0000"}, "target": {"uuid": "\ud800"}}]}]}`,
	`{"method": "update_routing_table", "params": ["ACCOUNT", {"channels": [], "routers": [], "conversations": [], "routing_entries": [{"source": {"uuid": "x", "a": 1e999}, "target": {"uuid": "x"}}]}]}`,
}

// No body is a failure of the server, on either engine: what is wrong is told as such, in the right envelope.
func TestHostileBodies(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		if s.own == nil {
			t.Skip("this is done to servers of our own only")
		}
		contact, group := newContact(t, s), newGroup(t, s)
		names := strings.NewReplacer("{key}/groups/{group}", contact+"/groups/g", "{type}", "msisdn", "{conversation}", s.given["stream"], "{batch}", s.given["conversation"], "{direction}", "outbound")
		for _, e := range endpoints(t) {
			if e.method != "POST" && e.method != "PUT" {
				continue
			}
			for _, body := range hostileBodies {
				path := strings.ReplaceAll(names.Replace(e.path), "{address}", unique())
				path = strings.ReplaceAll(strings.ReplaceAll(path, "contacts/{key}", "contacts/"+contact), "groups/{key}", "groups/"+group)
				st := step{Do: e.method + " " + path, Token: "main", Raw: new(strings.ReplaceAll(body, "ACCOUNT", s.given["account"]))}
				if e.scope == "" {
					st.Basic = s.given["account"] + ":" + s.given["secret"]
					st.Do = strings.ReplaceAll(st.Do, "_nostream/"+s.given["stream"], "_nostream/"+s.given["conversation"])
				}
				status, _, text := s.send(t, st, nil)
				plain := strings.HasPrefix(e.path, "/message_store/") || strings.HasPrefix(e.path, "/conversation_api/")
				if !json.Valid(text) && !plain || !slices.Contains([]int{200, 400, 413}, status) || len(text) > 700_000 {
					t.Errorf("%s, %.80q: %d %.300s", e, body, status, text)
				}
			}
		}
		s.well(t)
	})
}

// Nor is any text in a path or a query.
func TestHostileTexts(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		if s.own == nil {
			t.Skip("this is done to servers of our own only")
		}
		for _, e := range endpoints(t) {
			for _, text := range []string{"%00", "%FF", "%ED%A0%80", "%F4%90%80%80", "%0A", "%7F", "%E2%80%AE", "%25", "%2F", "'", "%22", "%3B--", "+", strings.Repeat("x", 5000),
				"%F0%9F%91%8B", "%EF%BF%BE", ".", "..", "%2E%2E", "-1", "null", "NaN", "count"} {
				path := strings.NewReplacer("{key}", text, "{group}", text, "{type}", text, "{address}", text, "{conversation}", text,
					"{batch}", text, "{direction}", text, "{file}", text).Replace(e.path)
				query := "?query=" + text + "&cursor=" + text + "&max_results=" + text + "&m=" + text + ".sum&from=" + text + "&interval=" + text + "&nulls=" + text + "&start=" + text + "&token=" + text
				for _, target := range []string{path, path + query, path + "?cursor=" + text, path + "?query=msisdn%3D" + text, path + "?m=" + text + ".sum", path + "?m=a." + text} {
					status, _, body := s.send(t, step{Do: e.method + " " + target, Token: "main", JSON: raw(`{}`), Basic: map[bool]string{true: "a:b"}[e.scope == ""]}, nil)
					if status >= 500 || status/100 == 3 {
						t.Errorf("%s %.200s: %d %s", e.method, target, status, body)
					}
				}
			}
		}
		s.well(t)
	})
}
