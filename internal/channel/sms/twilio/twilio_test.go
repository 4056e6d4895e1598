package twilio_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"

	"indaba/internal/channel"
	"indaba/internal/channel/channeltest"
	"indaba/internal/channel/sms/twilio"
	"indaba/internal/core"
	"indaba/test/fake"
	provider "indaba/test/fake/twilio"
)

const (
	sid   = "AC0123456789abcdef0123456789abcdef"
	token = "12345"
)

func sign(r *channel.Request, token string) {
	form, _ := url.ParseQuery(string(r.Body)) // hostile bodies are signed by what is readable of them
	text := r.URL
	for _, name := range slices.Sorted(maps.Keys(form)) {
		text += name + form.Get(name)
	}
	mac := hmac.New(sha1.New, []byte(token))
	mac.Write([]byte(text))
	r.Header.Set("X-Twilio-Signature", base64.StdEncoding.EncodeToString(mac.Sum(nil)))
}

func message(m channel.Message) channel.Received {
	silence := &channel.Answer{ContentType: "text/xml", Body: []byte("<Response/>")}
	return channel.Received{Messages: []channel.Message{m}, Answer: silence, Duplicate: silence}
}

var outbound = channel.Outbound{ID: "0196", To: "+27821234567", From: "+15005550006", Content: "Ngiyabonga & hamba kahle",
	Attempt: 1}

func request(name string) channeltest.SendCase {
	return channeltest.SendCase{Name: name, Message: outbound, Path: "/2010-04-01/Accounts/" + sid + "/Messages.json",
		Header: map[string]string{"Authorization": "Basic " + base64.StdEncoding.EncodeToString([]byte(sid+":"+token))},
		Form: map[string]string{"To": "+27821234567", "From": "+15005550006", "Body": "Ngiyabonga & hamba kahle",
			"StatusCallback": channeltest.WebhookURL + "/status?message=0196"}}
}

func suite() channeltest.Suite {
	hi, empty := "hi", ""
	taken := channeltest.Reply{Status: 201, Body: `{"sid":"SM1","status":"queued","num_segments":"1","error_code":null}`}
	first := request("from a number")
	first.Receipt = channel.Receipt{ExternalID: "SM1"}
	service := request("from a service, with a key")
	service.Receipt = first.Receipt
	service.Settings = map[string]string{"messaging_service": "MG1", "api_key": "SK1", "api_secret": "shhh"}
	service.Header = map[string]string{"Authorization": "Basic " + base64.StdEncoding.EncodeToString([]byte("SK1:shhh"))}
	service.Form = maps.Clone(service.Form)
	delete(service.Form, "From")
	service.Form["MessagingServiceSid"] = "MG1"
	s := channeltest.Suite{
		Type:     twilio.Type(),
		BaseURL:  "base_url",
		Settings: map[string]string{"account_sid": sid, "auth_token": token},
		Address:  "+15005550006",
		Sign:     func(r *channel.Request) { sign(r, token) },
		Forge:    func(r *channel.Request) { sign(r, "12346") },
		Accepts:  taken,
		Send:     []channeltest.SendCase{first, service},
		Receive: []channeltest.ReceiveCase{
			{Name: "message", Form: url.Values{"MessageSid": {"SM1"}, "From": {"+27821234567"}, "To": {"+15005550006"},
				"Body": {"hi"}, "NumMedia": {"0"}},
				Want: message(channel.Message{ExternalID: "SM1", From: "+27821234567", To: "+15005550006", Content: &hi})},
			{Name: "with media, and a query", Path: "receive", Query: "a=b%20c",
				Form: url.Values{"MessageSid": {"SM1"}, "From": {"+27821234567"}, "To": {"+15005550006"}, "Body": {""},
					"NumMedia": {"1"}, "MediaUrl0": {"https://api.twilio.com/m"}, "MediaContentType0": {"image/jpeg"}},
				Want: message(channel.Message{ExternalID: "SM1", From: "+27821234567", To: "+15005550006", Content: &empty,
					Metadata: map[string]any{"attachments": []map[string]any{
						{"url": "https://api.twilio.com/m", "type": "image/jpeg"}}}})},
			{Name: "absurd number of media", Form: url.Values{"MessageSid": {"SM1"}, "From": {"22395"},
				"Body": {"hi"}, "NumMedia": {"2000000000"}},
				Want: message(channel.Message{ExternalID: "SM1", From: "22395", Content: &hi})},
			{Name: "no sid", Form: url.Values{"From": {"+27821234567"}, "Body": {"hi"}}, Err: core.Invalid},
			{Name: "no sender", Form: url.Values{"MessageSid": {"SM1"}, "Body": {"hi"}}, Err: core.Invalid},
			{Name: "unknown report", Path: "status", Form: url.Values{"MessageSid": {"SM1"}, "MessageStatus": {"lost"}},
				Err: core.Invalid},
			{Name: "report on nothing", Path: "status", Form: url.Values{"MessageStatus": {"sent"}}, Err: core.Invalid},
			{Name: "unknown path", Path: "voice", Form: url.Values{"MessageSid": {"SM1"}}, Err: core.NotFound},
		},
	}
	for word, status := range map[string]core.Status{"accepted": core.Sent, "scheduled": core.Sent, "queued": core.Sent,
		"sending": core.Sent, "sent": core.Sent, "delivered": core.Delivered, "read": core.Read,
		"undelivered": core.Failed, "failed": core.Failed, "canceled": core.Failed} {
		want := channel.StatusUpdate{ExternalID: "SM1", MessageID: "0196", Address: "+27821234567", Status: status}
		form := url.Values{"MessageSid": {"SM1"}, "MessageStatus": {word}, "To": {"+27821234567"}}
		if status == core.Failed {
			form.Set("ErrorCode", "30003")
			want.Reason = word + ": error 30003"
		}
		s.Receive = append(s.Receive, channeltest.ReceiveCase{Name: "report " + word, Path: "status",
			Query: "message=0196", Form: form, Want: channel.Received{Statuses: []channel.StatusUpdate{want}}})
	}
	for code, class := range map[int]channel.Class{20003: channel.AccountFault, 20429: channel.Retry,
		30001: channel.Retry, 30008: channel.Retry, 21610: channel.Recipient, 30004: channel.Recipient,
		21211: channel.Permanent, 21408: channel.Permanent, 21614: channel.Permanent, 30005: channel.Permanent,
		30006: channel.Permanent, 30007: channel.Permanent, 14107: channel.Permanent, 99999: channel.Permanent} {
		c := request(fmt.Sprint("refused with ", code))
		c.Reply = channeltest.Reply{Status: 400, Body: fmt.Sprintf(`{"code":%d,"message":"no","status":400}`, code)}
		c.Err = &channel.SendError{Class: class, Code: fmt.Sprint(code)}
		s.Send = append(s.Send, c)
	}
	again := request("30008 a second time")
	again.Message.Attempt = 2
	again.Reply = channeltest.Reply{Status: 400, Body: `{"code":30008,"message":"no"}`}
	again.Err = &channel.SendError{Class: channel.Permanent, Code: "30008"}
	s.Send = append(s.Send, again)
	return s
}

func TestSMS(t *testing.T) { channeltest.Run(t, suite()) }

// The example of Twilio's documentation on webhook security.
func TestDocumentedSignature(t *testing.T) {
	s := suite()
	r := &channel.Request{Method: "POST", URL: "https://mycompany.com/myapp.php?foo=1&bar=2",
		Header: http.Header{"X-Twilio-Signature": {"RSOYDt4T1cUTdK1PDd93/VVr8B8="}},
		Body: []byte(url.Values{"CallSid": {"CA1234567890ABCDE"}, "Caller": {"+14158675309"}, "Digits": {"1234"},
			"From": {"+14158675309"}, "To": {"+18005551212"}}.Encode())}
	_, err := channeltest.Open(t, s, nil).Receive(t.Context(), r)
	if core.KindOf(err) != core.Invalid { // the signature is right, and a call is no message
		t.Errorf("got %v", err)
	}
}

// What is no form is signed by its URL alone, which has the hash of the body.
func TestJSONIsSignedByTheHashOfItsBody(t *testing.T) {
	s := suite()
	const body = `{"MessageSid":"SM1","From":"+27821234567","To":"+15005550006","Body":"hi","NumMedia":0,"Media":[],"Other":null}`
	sum := sha256.Sum256([]byte(body))
	hash := hex.EncodeToString(sum[:])
	for _, c := range []struct {
		name, kind, query, signed, body string
		err                             core.Kind
	}{
		{"good", "application/json; charset=utf-8", "a=b&bodySHA256=" + hash, "", body, 0},
		{"upper case", "application/json", "bodySHA256=" + strings.ToUpper(hash), "", body, 0},
		{"another body", "application/json", "bodySHA256=" + hash, "", strings.Replace(body, "hi", "ho", 1), core.Unauthenticated},
		{"another hash than the signed one", "application/json", "bodySHA256=" + hash, "bodySHA256=" + strings.Repeat("0", 64), body, core.Unauthenticated},
		{"no hash", "application/json", "a=b", "", body, core.Unauthenticated},
		{"empty hash", "application/json", "bodySHA256=", "", body, core.Unauthenticated},
		{"no JSON", "application/json", "bodySHA256=e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "", "", core.Invalid},
	} {
		r := s.Request(channeltest.ReceiveCase{Query: c.query, Body: c.body, Unsigned: true, Header: map[string]string{"Content-Type": c.kind}})
		signed := *r
		signed.Body = nil
		if c.signed != "" {
			signed.URL = channeltest.WebhookURL + "?" + c.signed
		}
		sign(&signed, token)
		got, err := channeltest.Open(t, s, nil).Receive(t.Context(), r)
		if core.KindOf(err) != c.err || err == nil && (len(got.Messages) != 1 || *got.Messages[0].Content != "hi" || got.Messages[0].From != "+27821234567") {
			t.Errorf("%s: %+v %v", c.name, got, err)
		}
	}
}

func TestKeyAndSecretBelongTogether(t *testing.T) {
	_, err := twilio.Type().Open(channel.Config{Settings: map[string]string{"account_sid": sid, "auth_token": token,
		"api_key": "SK1"}})
	if core.KindOf(err) != core.Invalid {
		t.Errorf("got %v", err)
	}
}

func TestAgainstTheProvider(t *testing.T) {
	received := make(chan channel.Received, 10)
	var a channel.Adapter
	indaba := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got, err := a.Receive(r.Context(), channeltest.FromHTTP(t, r, "/hook"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusForbidden)
			return
		}
		received <- got
	}))
	defer indaba.Close()
	p := provider.New(sid, token, indaba.URL+"/hook")
	server := httptest.NewServer(p.Handler())
	defer server.Close()
	a, err := twilio.Type().Open(channel.Config{WebhookURL: indaba.URL + "/hook",
		Settings: map[string]string{"account_sid": sid, "auth_token": token, "base_url": server.URL, "timeout": "200ms"}})
	if err != nil {
		t.Fatal(err)
	}
	p.Next(fake.Refuse, "401", "429", fake.Hang)
	for _, class := range []channel.Class{channel.Recipient, channel.AccountFault, channel.Retry, channel.UnknownResult} {
		_, err := a.Send(t.Context(), &outbound)
		failure, ok := errors.AsType[*channel.SendError](err)
		if !ok || failure.Class != class {
			t.Errorf("got %v, want class %s", err, class)
		}
	}
	taken := p.Accepted()
	if len(taken) != 1 || taken[0].ID != outbound.ID || taken[0].Text != outbound.Content {
		t.Fatalf("taken: %+v", taken)
	}
	if reply, err := p.Report(t.Context(), taken[0], "delivered", 0); err != nil || reply.Status != 200 {
		t.Fatalf("report: %+v, %v", reply, err)
	}
	if got := <-received; len(got.Statuses) != 1 || got.Statuses[0].MessageID != outbound.ID {
		t.Errorf("reported %+v", got)
	}
	if reply, err := p.Say(t.Context(), "", "+27821234567", "hi"); err != nil || reply.Status != 200 {
		t.Fatalf("say: %+v, %v", reply, err)
	}
	if got := <-received; len(got.Messages) != 1 || *got.Messages[0].Content != "hi" {
		t.Errorf("heard %+v", got)
	}
}

func FuzzReceive(f *testing.F) {
	s := suite()
	for _, c := range s.Receive {
		f.Add(c.Path, c.Form.Encode())
	}
	a := channeltest.Open(f, s, nil)
	f.Fuzz(func(t *testing.T, path, body string) {
		r := &channel.Request{Method: "POST", Path: path, Header: http.Header{}, Body: []byte(body),
			RemoteIP: netip.IPv4Unspecified()}
		sign(r, token)
		got, err := a.Receive(t.Context(), r)
		if err == nil && len(got.Messages)+len(got.Statuses) != 1 {
			t.Errorf("got %+v", got)
		}
	})
}
