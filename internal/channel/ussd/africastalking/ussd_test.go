package africastalking_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"indaba/internal/channel"
	"indaba/internal/channel/channeltest"
	"indaba/internal/channel/ussd/africastalking"
	"indaba/internal/core"
	gateway "indaba/test/fake/africastalking"
)

const secret = "mfihlo"

func form(pairs ...string) url.Values {
	values := url.Values{"sessionId": {"S1"}, "phoneNumber": {"+254711082123"}, "serviceCode": {"*384*1#"},
		"networkCode": {"63902"}}
	for i := 0; i < len(pairs); i += 2 {
		values.Set(pairs[i], pairs[i+1])
	}
	return values
}

func suite() channeltest.Suite {
	return channeltest.Suite{
		Type:     africastalking.Type(),
		Settings: map[string]string{"path_secret": secret, "allow": "192.0.2.0/24, 2001:db8::1"},
		Address:  "*384*1#",
		Sign:     func(r *channel.Request) { r.Path = strings.Trim(secret+"/"+r.Path, "/") },
		Forge:    func(r *channel.Request) { r.Path = "mfihlp" },
	}
}

// step is what a request with this text must become. The id is the beginning of sha256sum over the text.
func step(text string, event core.SessionEvent, content *string, id string) channel.Received {
	return channel.Received{Messages: []channel.Message{{ExternalID: "S1:" + id, From: "+254711082123", To: "*384*1#",
		SessionID: "S1", SessionEvent: event, Content: content, Continuation: "+254711082123=" + text, Provider: "63902"}}}
}

func end(metadata map[string]any, continuation string) channel.Received {
	answer := &channel.Answer{ContentType: "text/plain"}
	return channel.Received{Messages: []channel.Message{{ExternalID: "S1:end", From: "+254711082123", To: "*384*1#",
		SessionID: "S1", SessionEvent: core.SessionClose, Continuation: continuation, Provider: "63902",
		Metadata: metadata}}, Answer: answer, Duplicate: answer}
}

func TestUSSD(t *testing.T) {
	const phone = "+254711082123="
	one, two, stars, dialled, empty := "1", "2", "*1*", "7*8", ""
	s := suite()
	s.Receive = []channeltest.ReceiveCase{
		{Name: "new", Form: form("text", ""), Want: step("", core.SessionNew, nil, "e3b0c44298fc1c14")},
		{Name: "new, repeated", Form: form("text", ""), LastInput: phone,
			Want: step("", core.SessionNew, nil, "e3b0c44298fc1c14")},
		{Name: "first input", Form: form("text", "1"), LastInput: phone,
			Want: step("1", core.SessionResume, &one, "6b86b273ff34fce1")},
		{Name: "second input", Form: form("text", "1*2"), LastInput: phone + "1",
			Want: step("1*2", core.SessionResume, &two, "3354d6015fa57fda")},
		{Name: "stars typed", Form: form("text", "1**1*"), LastInput: phone + "1",
			Want: step("1**1*", core.SessionResume, &stars, "b1db1695fa230cb0")},
		{Name: "nothing typed", Form: form("text", "1*"), LastInput: phone + "1",
			Want: step("1*", core.SessionResume, &empty, "9a178910374f0c00")},
		{Name: "repeated step", Form: form("text", "1*2"), LastInput: phone + "1*2",
			Want: step("1*2", core.SessionResume, &two, "3354d6015fa57fda")},
		{Name: "dialled behind the code", Form: form("text", "7*8"),
			Want: step("7*8", core.SessionNew, &dialled, "30d2737aea9b650a")},
		{Name: "abandoned", Path: "events", LastInput: phone + "1",
			Form: form("status", "Incomplete", "hopsCount", "2", "lastAppResponse", "CON Name?"),
			Want: end(map[string]any{"outcome": "abandoned", "status": "Incomplete", "hopsCount": "2"}, phone+"1")},
		{Name: "completed, at the same URL", Form: form("status", "Success", "cost", "KES 0.1"), LastInput: phone + "1",
			Want: end(map[string]any{"outcome": "completed", "status": "Success", "cost": "KES 0.1"}, phone+"1")},
		{Name: "failed, without phone", Form: without(form("status", "Failed", "errorMessage", "late"), "phoneNumber"),
			LastInput: phone, Want: end(map[string]any{"outcome": "failed", "status": "Failed", "errorMessage": "late"}, phone)},
		{Name: "end of an unknown session", Form: without(form("status", "Failed"), "phoneNumber"),
			Want: channel.Received{Answer: &channel.Answer{ContentType: "text/plain"}}},
		{Name: "from an allowed address", Form: form("text", ""), From: "2001:db8::1",
			Want: step("", core.SessionNew, nil, "e3b0c44298fc1c14")},
		{Name: "from elsewhere", Form: form("text", ""), From: "198.51.100.1", Err: core.Unauthenticated},
		{Name: "no session", Form: without(form("text", ""), "sessionId"), Err: core.Invalid},
		{Name: "no phone", Form: without(form("text", ""), "phoneNumber"), Err: core.Invalid},
		{Name: "no text", Form: form(), Err: core.Invalid},
		{Name: "unknown path", Path: "status", Form: form("text", ""), Err: core.NotFound},
	}
	s.Send = []channeltest.SendCase{{Name: "push", Message: channel.Outbound{To: "+254711082123", Content: "hi"},
		Err: &channel.SendError{Class: channel.Permanent, Code: "no_session"}}}
	channeltest.Run(t, s)
}

func without(values url.Values, name string) url.Values {
	values.Del(name)
	return values
}

func TestAnswer(t *testing.T) {
	s := suite()
	a := channeltest.Open(t, s, nil).(channel.SyncAdapter)
	long, wide := strings.Repeat("long ", 40), strings.Repeat("ж", 80)
	for name, c := range map[string]struct {
		reply *channel.Outbound
		want  string
		note  bool
	}{
		"resume":   {&channel.Outbound{Content: "Name?"}, "CON Name?", false},
		"explicit": {&channel.Outbound{Content: "Name?", SessionEvent: core.SessionResume}, "CON Name?", false},
		"close":    {&channel.Outbound{Content: "Bye", SessionEvent: core.SessionClose}, "END Bye", false},
		"empty":    {&channel.Outbound{}, "CON ", false},
		"late":     {nil, "END We cannot answer right now. Please try again later.", false},
		"fits":     {&channel.Outbound{Content: long[:182]}, "CON " + long[:182], false},
		"wide":     {&channel.Outbound{Content: wide}, "CON " + wide, false},
		"too wide": {&channel.Outbound{Content: wide + "ж"}, "CON " + wide[:2*77] + "...", true},
		"too long": {&channel.Outbound{Content: long}, "CON " + strings.TrimSpace(long[:179]) + "...", true},
	} {
		got := a.Answer(nil, c.reply)
		if string(got.Body) != c.want || (got.Note != "") != c.note || got.Status != 0 {
			t.Errorf("%s: %d %q (%s), want %q", name, got.Status, got.Body, got.Note, c.want)
		}
	}
	if a.Budget() != 3*time.Second {
		t.Errorf("budget %v", a.Budget())
	}
}

func TestSomethingMustGuardTheCallback(t *testing.T) {
	for _, settings := range []map[string]string{{}, {"path_secret": "a/b"}, {"allow": "everybody"}, {"allow": "10.0.0.0/33"}} {
		_, err := africastalking.Type().Open(channel.Config{Settings: settings})
		if core.KindOf(err) != core.Invalid {
			t.Errorf("%v: %v", settings, err)
		}
	}
}

func TestStoreFailureIsNotSwallowed(t *testing.T) {
	broken := errors.New("disk full")
	a, err := africastalking.Type().Open(channel.Config{Settings: map[string]string{"path_secret": secret},
		LastInput: func(context.Context, string) (string, error) { return "", broken }})
	if err != nil {
		t.Fatal(err)
	}
	_, err = a.Receive(t.Context(), &channel.Request{Method: "POST", Path: secret, Body: []byte(form("text", "").Encode())})
	if !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

// echo plays the server around the adapter: it remembers the newest step, drops repeated ones and answers with what was
// typed. Who types 0 is sent home.
type echo struct {
	t       *testing.T
	adapter channel.SyncAdapter

	mu     sync.Mutex
	last   map[string]string
	seen   map[string]string // reply by external id
	closed []map[string]any
}

func (e *echo) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	request := channeltest.FromHTTP(e.t, r, "/ussd")
	got, err := e.adapter.Receive(r.Context(), request)
	if err != nil {
		http.Error(w, err.Error(), http.StatusForbidden)
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	m := got.Messages[0]
	if m.SessionEvent == core.SessionClose {
		e.closed = append(e.closed, m.Metadata)
		return
	}
	typed, known := e.seen[m.ExternalID]
	if !known {
		typed = string(m.SessionEvent)
		if m.Content != nil {
			typed += " " + *m.Content
		}
		e.seen[m.ExternalID] = typed
		e.last[m.SessionID] = m.Continuation
	}
	reply := &channel.Outbound{Content: typed}
	if typed == "resume 0" {
		reply.SessionEvent = core.SessionClose
	}
	if _, err := w.Write(e.adapter.Answer(request, reply).Body); err != nil {
		e.t.Error(err)
	}
}

func TestAgainstTheGateway(t *testing.T) {
	e := &echo{t: t, last: map[string]string{}, seen: map[string]string{}}
	a, err := africastalking.Type().Open(channel.Config{Settings: map[string]string{"path_secret": secret},
		LastInput: func(_ context.Context, session string) (string, error) {
			e.mu.Lock()
			defer e.mu.Unlock()
			return e.last[session], nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	e.adapter = a.(channel.SyncAdapter)
	server := httptest.NewServer(e)
	defer server.Close()
	g := &gateway.Gateway{Callback: server.URL + "/ussd/" + secret, Events: server.URL + "/ussd/" + secret + "/events",
		ServiceCode: "*384*1#"}
	s, err := g.Dial(t.Context(), "+254711082123")
	if err != nil || s.Screen != "new" {
		t.Fatalf("dialled: %q, %v", s.Screen, err)
	}
	for _, typed := range []string{"1", "*", "a*b", "", "**", "", "1"} {
		if err := s.Reply(t.Context(), typed); err != nil || s.Screen != "resume "+typed {
			t.Fatalf("typed %q: %q, %v", typed, s.Screen, err)
		}
		if err := s.Repeat(t.Context()); err != nil || s.Screen != "resume "+typed {
			t.Fatalf("repeated %q: %q, %v", typed, s.Screen, err)
		}
	}
	if err := s.Reply(t.Context(), "0"); err != nil || s.Open {
		t.Fatalf("typed 0: open %v, %v", s.Open, err)
	}
	other, err := g.Dial(t.Context(), "+254711082124", "4", "2")
	if err != nil || other.Screen != "new 4*2" {
		t.Fatalf("dialled behind the code: %q, %v", other.Screen, err)
	}
	if err := other.Hangup(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(e.closed) != 2 || e.closed[0]["outcome"] != "completed" || e.closed[1]["outcome"] != "abandoned" {
		t.Errorf("ends: %v", e.closed)
	}
}

func FuzzReceive(f *testing.F) {
	f.Add("sessionId=S1&phoneNumber=%2B254711082123&text=1*2", "+254711082123=1")
	f.Add("sessionId=S1&status=Failed", "")
	f.Fuzz(func(t *testing.T, body, last string) {
		a, err := africastalking.Type().Open(channel.Config{Settings: map[string]string{"path_secret": secret},
			LastInput: func(context.Context, string) (string, error) { return last, nil }})
		if err != nil {
			t.Fatal(err)
		}
		got, err := a.Receive(t.Context(), &channel.Request{Method: "POST", Path: secret, Body: []byte(body),
			RemoteIP: netip.IPv4Unspecified()})
		if err != nil {
			return
		}
		for _, m := range got.Messages {
			if m.From == "" || m.SessionID == "" || m.ExternalID == "" || m.SessionEvent == "" {
				t.Errorf("incomplete: %+v", m)
			}
		}
	})
}
