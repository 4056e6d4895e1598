package vumi_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// push is what the application got.
type push struct {
	request, credentials, contentType string
	body                              []byte
}

// told returns the next event that the application got.
func (s *server) told(t *testing.T) (event map[string]any) {
	t.Helper()
	select {
	case p := <-s.pushed:
		if p.request != "POST /events" || p.credentials != "me:pass" || p.contentType != "application/json; charset=utf-8" {
			t.Errorf("got %+v", p)
		}
		if err := json.Unmarshal(p.body, &event); err != nil {
			t.Fatal(err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("nothing was pushed")
	}
	return event
}

// The application is told, by a push, that a message had no way out.
func TestConversationPushesEvents(t *testing.T) {
	s := target(t)
	if s.given["pushing"] == "" {
		t.Skip("no conversation that pushes is given")
	}
	r, err := http.NewRequestWithContext(t.Context(), "PUT", s.url+"/http_api_nostream/"+s.given["pushing"]+"/messages.json",
		strings.NewReader(`{"to_addr": "+27831234567", "content": "x"}`))
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth(s.accountKey(t), s.given["secret"])
	status, _, body := s.exchange(t, r)
	var sent any
	if err := json.Unmarshal(body, &sent); err != nil || status != 200 {
		t.Fatalf("%d %s", status, body)
	}
	got := s.told(t)
	if wrong := mismatch("the event", map[string]any{"message_type": "event", "message_version": "20110921", "event_id": "$key",
		"event_type": "nack", "user_message_id": pick(t, sent, "message_id"), "nack_reason": "~no route.*", "timestamp": "$time",
		"routing_metadata": map[string]any{"endpoint_name": "default"}, "helper_metadata": map[string]any{"go": map[string]any{
			"user_account": s.accountKey(t), "conversation_type": "http_api_nostream", "conversation_key": s.given["pushing"]}},
	}, any(got)); wrong != "" {
		t.Error(wrong)
	}
}

// reader is an open stream.
type reader struct {
	t     *testing.T
	lines chan map[string]any
	close func()
}

// open opens a stream of the streaming conversation. It is open when open returns.
func (s *server) open(t *testing.T, resource string) *reader {
	t.Helper()
	return s.openOf(t, s.accountKey(t), s.given["stream"], resource)
}

// openOf opens a stream of any conversation.
func (s *server) openOf(t *testing.T, account, conversation, resource string) *reader {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, "GET", s.url+"/http_api/"+conversation+"/"+resource, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth(account, s.given["streamsecret"])
	//lint:ignore bodyclose the goroutine that reads the stream closes it
	answer, err := s.http.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if answer.StatusCode != 200 || answer.Header.Get("Content-Type") != "application/json; charset=utf-8" ||
		answer.Header.Get("X-Accel-Buffering") != "no" {
		t.Fatalf("%s: %s, %v", resource, answer.Status, answer.Header)
	}
	read := &reader{t, make(chan map[string]any, 100), cancel}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer func() { _ = answer.Body.Close() }() // the stream has no end of its own
		for scanner := bufio.NewScanner(answer.Body); scanner.Scan(); {
			var line map[string]any
			if json.Unmarshal(scanner.Bytes(), &line) != nil {
				line = map[string]any{"no JSON": scanner.Text()}
			}
			read.lines <- line
		}
	}()
	t.Cleanup(func() { cancel(); <-ended })
	return read
}

func (s *server) request(t *testing.T, ctx context.Context, method, resource string, body io.Reader) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, method, s.url+"/http_api/"+s.given["stream"]+"/"+resource, body)
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth(s.accountKey(t), s.given["streamsecret"])
	return r
}

// next returns the next line.
func (r *reader) next() map[string]any {
	r.t.Helper()
	select {
	case line := <-r.lines:
		return line
	case <-time.After(20 * time.Second):
		r.t.Fatal("the stream gave nothing")
		return nil
	}
}

// say sends a message as a person on the simulated line.
func (s *server) say(t *testing.T, from, content string) {
	t.Helper()
	text, err := json.Marshal(map[string]string{"from": from, "content": content, "id": unique()})
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), "POST",
		s.root()+"/channels/"+s.given["line"], strings.NewReader(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+s.given["linesecret"])
	if status, _, body := s.exchange(t, r); status != 200 {
		t.Fatalf("the line does not take a message: %d %s", status, body)
	}
}

// put sends a message of the streaming conversation.
func (s *server) put(t *testing.T, message map[string]any) (int, map[string]any) {
	t.Helper()
	text, err := json.Marshal(message)
	if err != nil {
		t.Fatal(err)
	}
	status, _, body := s.exchange(t, s.request(t, t.Context(), "PUT", "messages.json", strings.NewReader(string(text))))
	var answer map[string]any
	if err := json.Unmarshal(body, &answer); err != nil {
		t.Fatalf("%d %s", status, body)
	}
	return status, answer
}

// A person writes, the application reads it on its stream, answers, and hears what became of the answer.
func TestConversationOverStreams(t *testing.T) {
	s := target(t)
	if s.given["line"] == "" {
		t.Skip("no simulated line is given")
	}
	from, owner := number(), s.accountKey(t)
	s.say(t, from, "before anybody listens")
	messages, events := s.open(t, "messages.json"), s.open(t, "events.json")
	first := messages.next()
	s.say(t, from, "Molo \u0416 \U0001F44B")
	second := messages.next()
	about := map[string]any{"user_account": owner, "conversation_type": "http_api", "conversation_key": s.given["stream"]}
	pattern := map[string]any{
		"message_type": "user_message", "message_version": "20110921", "message_id": "$key", "timestamp": "$time",
		"in_reply_to": nil, "session_event": "resume", "content": "Molo \u0416 \U0001F44B", "to_addr": s.given["linenumber"], "from_addr": from,
		"to_addr_type": nil, "from_addr_type": nil, "group": nil, "provider": nil, "transport_name": s.given["line"],
		"transport_type": "$text", "transport_metadata": map[string]any{},
		"routing_metadata": map[string]any{"endpoint_name": "default"},
		"helper_metadata": map[string]any{"go": about, "optout": map[string]any{"optout": false},
			"tag": map[string]any{"tag": []any{"simulator", s.given["linenumber"]}}},
	}
	if wrong := mismatch("the message", pattern, second); wrong != "" || first["content"] != "before anybody listens" {
		t.Errorf("%s; before it %s", wrong, show(first))
	}

	// A reply reaches people who have opted out; its to_addr counts for nothing.
	s.send(t, step{Do: "PUT /optouts/msisdn/" + from, Token: "main"}, nil)
	status, sent := s.put(t, map[string]any{"in_reply_to": second["message_id"], "content": "Ewe", "to_addr": "+999", "session_event": "resume"})
	pattern["content"], pattern["to_addr"], pattern["from_addr"] = "Ewe", from, s.given["linenumber"]
	pattern["session_event"] = nil // it goes on
	pattern["in_reply_to"], pattern["helper_metadata"] = second["message_id"], map[string]any{"go": about}
	if wrong := mismatch("the reply", pattern, sent); status != 200 || wrong != "" {
		t.Errorf("%d: %s", status, wrong)
	}
	ack := map[string]any{"message_type": "event", "message_version": "20110921", "event_id": "$key", "event_type": "ack",
		"user_message_id": sent["message_id"], "sent_message_id": "$text", "timestamp": "$time",
		"helper_metadata": map[string]any{"go": about}, "routing_metadata": map[string]any{"endpoint_name": "default"}}
	got := events.next()
	if wrong := mismatch("the event", ack, got); wrong != "" {
		t.Error(wrong)
	}
	status, refused := s.put(t, map[string]any{"to_addr": from, "content": "x"})
	if status != 400 || refused["reason"] != "Recipient with msisdn "+from+" has opted out" {
		t.Errorf("a message to somebody who opted out: %d %s", status, show(refused))
	}
	for name, reply := range map[string]map[string]any{
		"Invalid in_reply_to value":                                {"in_reply_to": sent["message_id"], "content": "to what we sent"},
		"Invalid or missing value for payload key 'session_event'": {"in_reply_to": second["message_id"], "session_event": "x"},
		"Errors:\n* Invalid or missing value for payload key 'content'\n" +
			"* Invalid or missing value for payload key 'session_event'": {"in_reply_to": second["message_id"], "content": 5, "session_event": 5},
	} {
		if status, answer := s.put(t, reply); status != 400 || answer["reason"] != name || answer["success"] != false {
			t.Errorf("%s: %d %s", show(reply), status, show(answer))
		}
	}
}

// A message of the application's own goes by the routing table, with its session event.
func TestConversationSends(t *testing.T) {
	s := target(t)
	if s.given["line"] == "" {
		t.Skip("no simulated line is given")
	}
	to := number()
	events := s.open(t, "events.json")
	status, sent := s.put(t, map[string]any{"to_addr": to, "content": "hello", "session_event": "new"})
	if status != 200 || sent["from_addr"] != nil || sent["transport_name"] != nil || sent["session_event"] != "new" {
		t.Errorf("%d %s", status, show(sent))
	}
	if got := events.next(); got["event_type"] != "ack" || got["user_message_id"] != sent["message_id"] {
		t.Errorf("got %s", show(got))
	}
	r, err := http.NewRequestWithContext(t.Context(), "GET", s.root()+"/channels/"+
		s.given["line"]+"/messages?address=%2B"+to[1:], http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+s.given["linesecret"])
	if status, _, body := s.exchange(t, r); status != 200 || !strings.Contains(string(body), `"hello"`) {
		t.Errorf("the person got %d %s", status, body)
	}
}

// Open streams count as open requests, of which an account may have ten.
func TestTooManyStreams(t *testing.T) {
	s := target(t)
	if s.given["line"] == "" {
		t.Skip("no simulated line is given")
	}
	var streams []*reader
	for range 10 {
		streams = append(streams, s.open(t, "messages.json"))
	}
	status, header, body := s.exchange(t, s.request(t, t.Context(), "GET", "events.json", http.NoBody))
	if status != 403 || !strings.Contains(string(body), "Too many concurrent connections") ||
		!strings.HasPrefix(header.Get("Content-Type"), "text/html") {
		t.Errorf("%d %v %s", status, header, body)
	}
	streams[0].close()
	for { // its place is free in a moment
		status, _, body = s.exchange(t, s.request(t, t.Context(), "PUT", "metrics.json", strings.NewReader("[]")))
		if status != 403 {
			break
		}
	}
	if status != 200 {
		t.Errorf("%d %s", status, body)
	}
}
