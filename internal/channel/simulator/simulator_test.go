package simulator_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"indaba/internal/channel"
	"indaba/internal/channel/channeltest"
	"indaba/internal/channel/simulator"
	"indaba/internal/core"
)

const secret = "open sesame"

func suite(kind string) channeltest.Suite {
	return channeltest.Suite{
		Type:     simulator.Type(),
		Settings: map[string]string{"kind": kind, "secret": secret},
		Address:  "*120*1#",
		Sign:     func(r *channel.Request) { r.Header.Set("Authorization", "Bearer "+secret) },
		Forge:    func(r *channel.Request) { r.Header.Set("Authorization", "Bearer open sesam") },
	}
}

var (
	taken     = &channel.Answer{ContentType: "application/json", Body: []byte(`{"id":"{id}"}`)}
	duplicate = &channel.Answer{Status: 409, ContentType: "application/json", Body: []byte(`{"error":"duplicate id"}`)}
)

func TestSimulator(t *testing.T) {
	s := suite("sms")
	hi := "hi"
	s.Receive = []channeltest.ReceiveCase{
		{Name: "message", JSON: `{"from":"+27 82 123 4567","content":"hi","id":"m1"}`, Want: channel.Received{
			Messages: []channel.Message{{ExternalID: "m1", From: "+27821234567", Content: &hi}},
			Answer:   taken, Duplicate: duplicate,
		}},
		{Name: "without id", Path: "messages", JSON: `{"from":"+27821234567","content":"hi"}`, Want: channel.Received{
			Messages: []channel.Message{{From: "+27821234567", Content: &hi}},
			Answer:   taken, Duplicate: duplicate,
		}},
		{Name: "no content", JSON: `{"from":"+27821234567"}`, Err: core.Invalid},
		{Name: "no sender", JSON: `{"content":"hi"}`, Err: core.Invalid},
		{Name: "typing error", JSON: `{"form":"+27821234567","content":"hi"}`, Err: core.Invalid},
		{Name: "unknown event", JSON: `{"from":"1","content":"hi","session_event":"open"}`, Err: core.Invalid},
		{Name: "unknown path", Path: "status", JSON: `{"from":"1","content":"hi"}`, Err: core.NotFound},
		{Name: "nothing to read", Method: "GET", Path: "messages", Query: "address=x", Want: channel.Received{
			Answer: &channel.Answer{ContentType: "application/json", Body: []byte(`{"messages":[]}`)},
		}},
		{Name: "no address", Method: "GET", Path: "messages", Err: core.Invalid},
		{Name: "negative wait", Method: "GET", Query: "address=x&wait=-1", Err: core.Invalid},
		{Name: "huge number", Method: "GET", Query: "address=x&after=99999999999999999999", Err: core.Invalid},
	}
	channeltest.Run(t, s)
}

// messages reads the box of an address.
func messages(t *testing.T, a channel.Adapter, address string, after int64, wait string) []map[string]any {
	t.Helper()
	query := url.Values{"address": {address}, "wait": {wait}, "after": {fmt.Sprint(after)}}
	got, err := a.Receive(t.Context(), &channel.Request{Method: "GET", Query: query,
		Header: http.Header{"Authorization": {"Bearer " + secret}}})
	if err != nil {
		t.Fatal(err)
	}
	var answer struct{ Messages []map[string]any }
	if err := json.Unmarshal(got.Answer.Body, &answer); err != nil {
		t.Fatal(err)
	}
	return answer.Messages
}

func say(t *testing.T, a channel.Adapter, body string) channel.Message {
	t.Helper()
	got, err := a.Receive(t.Context(), &channel.Request{Method: "POST", Body: []byte(body),
		Header: http.Header{"Authorization": {"Bearer " + secret}}})
	if err != nil {
		t.Fatal(err)
	}
	return got.Messages[0]
}

func send(t *testing.T, a channel.Adapter, m channel.Outbound) {
	t.Helper()
	if _, err := a.Send(t.Context(), &m); err != nil {
		t.Fatal(err)
	}
}

func TestConversation(t *testing.T) {
	a := channeltest.Open(t, suite("ussd"), nil)
	first := say(t, a, `{"from":"+27821234567","id":"a"}`)
	if first.SessionEvent != core.SessionNew || first.SessionID != "sim-a" {
		t.Fatalf("the first message: %+v", first)
	}
	send(t, a, channel.Outbound{ID: "m1", To: "+27821234567", Content: "1. Yes", InReplyTo: "a"})
	second := say(t, a, `{"from":"+27821234567","content":"1"}`)
	if second.SessionEvent != core.SessionResume || second.SessionID != first.SessionID {
		t.Fatalf("the second message: %+v", second)
	}
	send(t, a, channel.Outbound{ID: "m2", To: "+27821234567", Content: "Bye", SessionEvent: core.SessionClose})
	send(t, a, channel.Outbound{ID: "m2", To: "+27821234567", Content: "Bye", SessionEvent: core.SessionClose})
	got := messages(t, a, "27821234567", 0, "")
	if len(got) != 2 || got[0]["content"] != "1. Yes" || got[0]["session_event"] != "resume" ||
		got[0]["in_reply_to"] != "a" || got[1]["content"] != "Bye" || got[1]["session_event"] != "close" {
		t.Errorf("got %v", got)
	}
	if rest := messages(t, a, "+27821234567", int64(got[0]["seq"].(float64)), ""); len(rest) != 1 {
		t.Errorf("after the first: %v", rest)
	}
	if again := say(t, a, `{"from":"+27821234567"}`); again.SessionEvent != core.SessionNew ||
		again.SessionID == first.SessionID {
		t.Errorf("after the end: %+v", again)
	}
	if bye := say(t, a, `{"from":"+27821234567","session_event":"close"}`); bye.SessionEvent != core.SessionClose {
		t.Errorf("hanging up: %+v", bye)
	}
	if again := say(t, a, `{"from":"+27821234567"}`); again.SessionEvent != core.SessionNew {
		t.Errorf("after hanging up: %+v", again)
	}
}

func TestLimitsAreThoseOfTheKind(t *testing.T) {
	long := channel.Outbound{ID: "m", To: "+27821234567", Content: strings.Repeat("a", 183)}
	for kind, segments := range map[string]float64{"sms": 2, "chat": 1} {
		a := channeltest.Open(t, suite(kind), nil)
		send(t, a, long)
		if got := messages(t, a, "+27821234567", 0, "")[0]["segments"]; got != segments {
			t.Errorf("%s: %v segments, want %v", kind, got, segments)
		}
	}
	_, err := channeltest.Open(t, suite("ussd"), nil).Send(t.Context(), &long)
	if failure, ok := err.(*channel.SendError); !ok || failure.Class != channel.Permanent {
		t.Errorf("ussd: %v", err)
	}
}

func TestTransportFollowsKind(t *testing.T) {
	for kind, want := range map[string]string{"ussd": "ussd ussd", "sms": "sms sms", "chat": "http_api sms"} {
		transport, class := channeltest.Open(t, suite(kind), nil).(channel.Transporter).Transport()
		if transport+" "+class != want {
			t.Errorf("%s: %s %s, want %s", kind, transport, class, want)
		}
	}
}

func TestLongPollWakes(t *testing.T) {
	a := channeltest.Open(t, suite("sms"), nil)
	got := make(chan []map[string]any)
	go func() { got <- messages(t, a, "x", 0, "30") }()
	send(t, a, channel.Outbound{ID: "other", To: "y", Content: "not for you"})
	send(t, a, channel.Outbound{ID: "m", To: "x", Content: "now"})
	select {
	case found := <-got:
		if len(found) != 1 || found[0]["content"] != "now" {
			t.Errorf("got %v", found)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the long-poll did not wake")
	}
}

// Through a real server: a program that goes away must not leave its long-poll behind.
func TestLongPollEndsWithItsCaller(t *testing.T) {
	a := channeltest.Open(t, suite("sms"), nil)
	waiting, ended := make(chan bool), make(chan error)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(waiting)
		_, err := a.Receive(r.Context(), &channel.Request{Method: r.Method, Query: r.URL.Query(), Header: r.Header})
		ended <- err
	}))
	defer server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, "GET", server.URL+"?address=x&wait=30", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+secret)
	go func() {
		<-waiting
		cancel()
	}()
	if answer, err := http.DefaultClient.Do(r); err == nil {
		_ = answer.Body.Close()
		t.Error("the request was answered")
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the long-poll outlived its caller")
	}
}

func TestBoxesAreBounded(t *testing.T) {
	a := channeltest.Open(t, suite("sms"), nil)
	for i := range 10_050 {
		send(t, a, channel.Outbound{ID: fmt.Sprint("n", i), To: fmt.Sprint("person ", i), Content: "hi"})
	}
	if got := messages(t, a, "person 0", 0, ""); len(got) != 0 {
		t.Errorf("the first address is still there: %v", got)
	}
	for i := range 150 {
		send(t, a, channel.Outbound{ID: fmt.Sprint(i), To: "person 9000", Content: fmt.Sprint(i)})
	}
	got := messages(t, a, "person 9000", 0, "")
	if len(got) != 100 || got[0]["content"] != "50" || got[99]["content"] != "149" {
		t.Errorf("%d messages, from %v to %v", len(got), got[0], got[len(got)-1])
	}
}

func FuzzReceive(f *testing.F) {
	f.Add("POST", "", `{"from":"+27821234567","content":"hi","session_event":"new","id":"1"}`, "")
	f.Add("GET", "messages", "", "address=%2B27821234567&after=1&wait=0")
	s := suite("ussd")
	a := channeltest.Open(f, s, nil)
	f.Fuzz(func(t *testing.T, method, path, body, query string) {
		values, _ := url.ParseQuery(query)
		values.Del("wait")
		got, err := a.Receive(t.Context(), &channel.Request{Method: method, Path: path, Body: []byte(body),
			Query: values, Header: http.Header{"Authorization": {"Bearer " + secret}}})
		if err == nil && got.Answer == nil {
			t.Error("neither answer nor error")
		}
		for _, m := range got.Messages {
			if m.From == "" || m.SessionID == "" {
				t.Errorf("message without sender or session: %+v", m)
			}
		}
	})
}
