package custom_test

import (
	"context"
	"encoding/hex"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"indaba/internal/channel"
	"indaba/internal/channel/channeltest"
	"indaba/internal/channel/custom"
	"indaba/internal/core"
	"indaba/test/fake"
	peer "indaba/test/fake/custom"
)

const secret = "correct horse battery"

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func sign(r *channel.Request, secret string, at time.Time) {
	timestamp := strconv.FormatInt(at.Unix(), 10)
	mac := channel.HMACSHA256(secret, []byte(timestamp+"."), r.Body)
	r.Header.Set("X-Timestamp", timestamp)
	r.Header.Set("X-Signature", "v1="+hex.EncodeToString(mac))
}

func message(m channel.Message) channel.Received {
	return channel.Received{
		Messages:  []channel.Message{m},
		Answer:    &channel.Answer{ContentType: "application/json", Body: []byte(`{"id":"{id}"}`)},
		Duplicate: &channel.Answer{Status: 409, ContentType: "application/json", Body: []byte(`{"error":"duplicate id"}`)},
	}
}

func suite() channeltest.Suite {
	hi, empty := "hi", ""
	return channeltest.Suite{
		Type:           custom.Type(),
		BaseURL:        "base_url",
		Settings:       map[string]string{"secret": secret, "headers": `{"X-Api-Key":"letmein"}`},
		Address:        "27001",
		Now:            now,
		Sign:           func(r *channel.Request) { sign(r, secret, now) },
		Forge:          func(r *channel.Request) { sign(r, "wrong", now) },
		StatusSuffices: true,
		Receive: []channeltest.ReceiveCase{
			{Name: "text", Path: "receive",
				JSON: `{"id":"7","from":"+27821234567","name":"Thandi","text":"hi","timestamp":"2026-03-01T11:59:58+02:00"}`,
				Want: message(channel.Message{ExternalID: "7", From: "+27821234567", Name: "Thandi", Content: &hi,
					At: time.Date(2026, 3, 1, 9, 59, 58, 0, time.UTC)})},
			{Name: "bare URL, seconds", JSON: `{"id":"7","from":"a","text":"","timestamp":1772323200}`,
				Want: message(channel.Message{ExternalID: "7", From: "a", Content: &empty, At: time.Unix(1772323200, 0).UTC()})},
			{Name: "session", JSON: `{"id":"7","from":"a","session_event":"close","session_id":"s"}`,
				Want: message(channel.Message{ExternalID: "7", From: "a", SessionEvent: core.SessionClose, SessionID: "s"})},
			{Name: "no text but more", JSON: `{"id":"7","from":"a","location":{"lat":1,"lng":2},"payload":"P",
				"attachments":[{"type":"image","url":"https://a/b.png"}]}`,
				Want: message(channel.Message{ExternalID: "7", From: "a", Metadata: map[string]any{
					"attachments": []map[string]any{{"type": "image", "url": "https://a/b.png"}},
					"location":    map[string]any{"lat": 1.0, "lng": 2.0}, "payload": "P"}})},
			{Name: "status", Path: "status", JSON: `{"id":"0196","status":"failed","error":"no such number"}`,
				Want: channel.Received{Statuses: []channel.StatusUpdate{
					{MessageID: "0196", Status: core.Failed, Reason: "no such number"}}}},
			{Name: "status by the peer's id", Path: "status", JSON: `{"external_id":"p","status":"read"}`,
				Want: channel.Received{Statuses: []channel.StatusUpdate{{ExternalID: "p", Status: core.Read}}}},
			{Name: "unknown status", Path: "status", JSON: `{"id":"a","status":"queued"}`, Err: core.Invalid},
			{Name: "status without id", Path: "status", JSON: `{"status":"read"}`, Err: core.Invalid},
			{Name: "status is no JSON", Path: "status", Body: `id=1`, Err: core.Invalid},
			{Name: "no id", JSON: `{"from":"a","text":"hi"}`, Err: core.Invalid},
			{Name: "no sender", JSON: `{"id":"7","text":"hi"}`, Err: core.Invalid},
			{Name: "nothing said", JSON: `{"id":"7","from":"a"}`, Err: core.Invalid},
			{Name: "unknown event", JSON: `{"id":"7","from":"a","session_event":"start"}`, Err: core.Invalid},
			{Name: "no time", JSON: `{"id":"7","from":"a","text":"hi","timestamp":"yesterday"}`, Err: core.Invalid},
			{Name: "unknown path", Path: "elsewhere", JSON: `{}`, Err: core.NotFound},
			{Name: "signature without version", JSON: `{}`, Unsigned: true, Err: core.Unauthenticated,
				Header: map[string]string{"X-Timestamp": "1772366400", "X-Signature": "deadbeef"}},
		},
		Send: []channeltest.SendCase{
			{Name: "text",
				Message: channel.Outbound{ID: "0196", To: "+27821234567", From: "27001", Content: "Sawubona", InReplyTo: "7"},
				Path:    "/",
				Header: map[string]string{"Content-Type": "application/json", "Idempotency-Key": "0196",
					"X-Api-Key": "letmein", "X-Timestamp": "1772366400",
					"X-Signature": "v1=" + signatureOfText},
				JSON: `{"id":"0196","channel":"0123456789abcdef0123456789abcdef","type":"text","text":"Sawubona",
					"contact":{"id":"+27821234567","urn":"tel:+27821234567"},"from":"27001","in_reply_to":"7"}`,
				Reply: channeltest.Reply{Status: 202}},
			{Name: "session and metadata", Message: channel.Outbound{ID: "a", To: "u-1", Content: "", SessionID: "s",
				SessionEvent: core.SessionClose, Metadata: []byte(`{"k":1}`)},
				Path: "/",
				JSON: `{"id":"a","channel":"0123456789abcdef0123456789abcdef","type":"text","text":"","conversation":"s",
					"contact":{"id":"u-1","urn":"ext:u-1"},"session_event":"close","metadata":{"k":1}}`,
				Reply: channeltest.Reply{Body: `{"id":"p9","messages":[{"text":"hi"},{"id":"8","from":"b","text":"hi"},{"id":"9"}]}`},
				Receipt: channel.Receipt{ExternalID: "p9", Messages: []channel.Message{
					{ExternalID: "a/0", From: "u-1", Content: &hi}, {ExternalID: "8", From: "b", Content: &hi}},
					Note: "message 3 of the answer was dropped: one of text, attachments, location, payload and " +
						"session_event is required"}},
			{Name: "refused as known before", Message: channel.Outbound{ID: "a", To: "u-1", Attempt: 1}, Path: "/", JSON: bare,
				Reply: channeltest.Reply{Status: 409}, Err: &channel.SendError{Class: channel.Permanent, Code: "409"}},
			{Name: "repeat of what is known", Message: channel.Outbound{ID: "a", To: "u-1", Attempt: 2}, Path: "/", JSON: bare,
				Reply: channeltest.Reply{Status: 409, Body: `{"id":"p9"}`},
				Receipt: channel.Receipt{Status: core.Sent,
					Note: "the peer answered the repeat of a message by 409: it has the message already"}},
			{Name: "repeat that is refused", Message: channel.Outbound{ID: "a", To: "u-1", Attempt: 2}, Path: "/", JSON: bare,
				Reply: channeltest.Reply{Status: 410}, Err: &channel.SendError{Class: channel.Permanent, Code: "410"}},
			{Name: "metadata is no JSON", Message: channel.Outbound{ID: "a", To: "b", Metadata: []byte(`{`)}, None: true,
				Err: &channel.SendError{Class: channel.Permanent}},
		},
	}
}

const bare = `{"id":"a","channel":"0123456789abcdef0123456789abcdef","type":"text","text":"","contact":{"id":"u-1","urn":"ext:u-1"}}`

// Made with: printf '%s' "1772366400.BODY" | openssl dgst -sha256 -hmac "correct horse battery"
const signatureOfText = "5b6affd652ed512f796475e75f4814764c6171d86391dea42483feb6b4e858f9"

func TestCustom(t *testing.T) { channeltest.Run(t, suite()) }

// What a person says in an answer that breaks off comes with the repeat, which the peer answers as the first time. When that
// breaks off too, its status is the peer's word.
func TestAnswersThatBreakOff(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = w.Write([]byte(`{"id":"p9"`)) // and no more
	}))
	defer server.Close()
	a := channeltest.Open(t, suite(), map[string]string{"base_url": server.URL})
	_, err := a.Send(t.Context(), &channel.Outbound{ID: "a", To: "u-1", Attempt: 1})
	if failure, ok := errors.AsType[*channel.SendError](err); !ok || failure.Class != channel.UnknownResult {
		t.Errorf("the first attempt: %v", err)
	}
	receipt, err := a.Send(t.Context(), &channel.Outbound{ID: "a", To: "u-1", Attempt: 2})
	if err != nil || receipt.Note == "" || receipt.ExternalID != "" {
		t.Errorf("the second attempt: %+v %v", receipt, err)
	}
}

// The transport repeats a request with an idempotency key by itself when the connection breaks: then the first attempt is a
// repeat, too.
func TestPeerThatKnowsWhatTheTransportRepeated(t *testing.T) {
	seen := map[string]int{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key := r.Header.Get("Idempotency-Key")
		if seen[key]++; key == "first" {
			return // its connection is kept
		}
		if seen[key] > 1 {
			w.WriteHeader(http.StatusConflict)
			return
		}
		panic(http.ErrAbortHandler) // it has read the message, and breaks the connection
	}))
	defer server.Close()
	a := channeltest.Open(t, suite(), map[string]string{"base_url": server.URL})
	for _, id := range []string{"first", "second"} {
		receipt, err := a.Send(t.Context(), &channel.Outbound{ID: id, To: "u-1", Attempt: 1})
		if err != nil || (receipt.Note != "") != (id == "second") {
			t.Errorf("%s: %+v %v", id, receipt, err)
		}
	}
	if seen["second"] != 2 {
		t.Errorf("the peer saw %v", seen)
	}
}

func TestOldAndFutureRequestsAreRefused(t *testing.T) {
	s := suite()
	a := channeltest.Open(t, s, nil)
	for off, fresh := range map[time.Duration]bool{
		-301 * time.Second: false, -300 * time.Second: true, 300 * time.Second: true, 301 * time.Second: false,
	} {
		r := s.Request(channeltest.ReceiveCase{JSON: `{"id":"7","from":"a","text":"hi"}`, Unsigned: true})
		sign(r, secret, now.Add(off))
		_, err := a.Receive(t.Context(), r)
		if (err == nil) != fresh || err != nil && core.KindOf(err) != core.Unauthenticated {
			t.Errorf("%v off: %v", off, err)
		}
	}
}

func TestHeadersMustBeSendable(t *testing.T) {
	for _, headers := range []string{`{"A":1}`, `{"A":"b\r\nEvil: c"}`, `{"A B":"c"}`, `{"":"c"}`} {
		_, err := custom.Type().Open(channel.Config{Settings: map[string]string{"base_url": "https://peer.example",
			"secret": secret, "headers": headers}})
		if core.KindOf(err) != core.Invalid {
			t.Errorf("%s: %v", headers, err)
		}
	}
}

// The fake peer and the adapter were written from the contract alone: they must understand each other.
func TestAgainstThePeer(t *testing.T) {
	received := make(chan channel.Received, 10)
	var a channel.Adapter
	indaba := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got, err := a.Receive(r.Context(), channeltest.FromHTTP(t, r, "/hook"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusUnauthorized)
			return
		}
		received <- got
	}))
	defer indaba.Close()
	p := peer.New(secret, indaba.URL+"/hook")
	p.Reply = func(fake.Message) []peer.Inbound { return []peer.Inbound{{From: "+27821234567", Text: "and you?"}} }
	server := httptest.NewServer(p.Handler())
	defer server.Close()
	client := channel.NewClient(nil)
	defer client.CloseIdleConnections()
	a, err := custom.Type().Open(channel.Config{HTTP: client,
		Settings: map[string]string{"secret": secret, "base_url": server.URL}})
	if err != nil {
		t.Fatal(err)
	}
	p.Next(fake.ResetAfter, fake.None)
	m := channel.Outbound{ID: "0196", To: "+27821234567", Content: "how are you?"}
	if _, err := a.Send(t.Context(), &m); err == nil {
		t.Fatal("a broken connection went unnoticed")
	}
	receipt, err := a.Send(t.Context(), &m)
	if err != nil || receipt.ExternalID != "peer-0196" {
		t.Fatalf("the repeated message: %+v, %v", receipt, err)
	}
	if taken := p.Accepted(); len(taken) != 1 || taken[0].ID != "0196" || taken[0].Repeats < 1 {
		t.Errorf("the peer took %+v", taken)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if reply, err := p.Say(ctx, peer.Inbound{From: "+27821234567", Text: "hi"}); err != nil || reply.Status != 200 {
		t.Fatalf("say: %+v, %v", reply, err)
	}
	if got := <-received; len(got.Messages) != 1 || *got.Messages[0].Content != "hi" {
		t.Errorf("heard %+v", got)
	}
	if err := p.ReportAll(ctx, fake.Reports{Statuses: []string{"delivered"}}); err != nil {
		t.Fatal(err)
	}
	if got := <-received; len(got.Statuses) != 1 || got.Statuses[0].MessageID != "0196" ||
		got.Statuses[0].Status != core.Delivered {
		t.Errorf("reported %+v", got)
	}
}

func FuzzReceive(f *testing.F) {
	s := suite()
	for _, c := range s.Receive {
		f.Add(c.Path, c.JSON)
	}
	a := channeltest.Open(f, s, nil)
	f.Fuzz(func(t *testing.T, path, body string) {
		r := &channel.Request{Method: "POST", Path: path, Header: http.Header{}, Body: []byte(body),
			RemoteIP: netip.IPv4Unspecified()}
		sign(r, secret, now)
		got, err := a.Receive(t.Context(), r)
		if err == nil && len(got.Messages)+len(got.Statuses) != 1 {
			t.Errorf("got %+v", got)
		}
		for _, m := range got.Messages {
			if m.From == "" || m.ExternalID == "" {
				t.Errorf("message without sender or id: %+v", m)
			}
		}
	})
}
