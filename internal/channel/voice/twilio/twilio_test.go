package twilio_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"

	"indaba/internal/channel"
	"indaba/internal/channel/channeltest"
	"indaba/internal/channel/voice/twilio"
	"indaba/internal/core"
)

const (
	sid   = "AC0123456789abcdef0123456789abcdef"
	token = "12345"
	ann   = "+27821234567"
	us    = "+15005550006"
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

// inbound is the form of a call from ann, outbound that of one to her.
func inbound(pairs ...string) url.Values {
	form := url.Values{"CallSid": {"CA1"}, "From": {ann}, "To": {us}, "Direction": {"inbound"}, "CallStatus": {"in-progress"}}
	for i := 0; i < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	return form
}

func outbound(pairs ...string) url.Values {
	form := inbound(pairs...)
	form.Set("Direction", "outbound-api")
	form.Set("From", us)
	form.Set("To", ann)
	return form
}

func suite() channeltest.Suite {
	return channeltest.Suite{
		Type:     twilio.Type(),
		BaseURL:  "base_url",
		Settings: map[string]string{"account_sid": sid, "auth_token": token},
		Address:  us,
		Sign:     func(r *channel.Request) { sign(r, token) },
		Forge:    func(r *channel.Request) { sign(r, "12346") },
		Accepts:  channeltest.Reply{Status: 201, Body: `{"sid":"CA1","status":"queued"}`},
	}
}

func heard(m channel.Message) channel.Received {
	return channel.Received{Messages: []channel.Message{m}}
}

func receiveCases() []channeltest.ReceiveCase {
	empty, one, typed := "", "1", "123"
	keys := func(n string, content *string) channel.Received {
		return heard(channel.Message{ExternalID: "CA1:" + n, From: ann, To: us, SessionID: "CA1",
			SessionEvent: core.SessionResume, Content: content})
	}
	cases := []channeltest.ReceiveCase{
		{Name: "call", Form: inbound("CallStatus", "ringing", "FromCountry", "ZA", "FromCity", "CAPE TOWN"),
			Want: heard(channel.Message{ExternalID: "CA1", From: ann, To: us, SessionID: "CA1", SessionEvent: core.SessionNew,
				Metadata: map[string]any{"country": "ZA", "city": "CAPE TOWN"}})},
		{Name: "key", Path: "keys", Query: "n=1", Form: inbound("Digits", "1", "FinishedOnKey", ""), Want: keys("1", &one)},
		{Name: "keys", Path: "keys", Query: "key=%23&n=7", Form: inbound("Digits", "123", "FinishedOnKey", "#"), Want: keys("7", &typed)},
		{Name: "keys without the one that ends them", Path: "keys", Query: "key=%23&n=7", Form: inbound("Digits", "123"),
			Want: keys("7", &typed)},
		{Name: "only the key that ends them", Path: "keys", Query: "key=%23&n=2", Form: inbound("Digits", "", "FinishedOnKey", "#"),
			Want: keys("2", &empty)},
		{Name: "no key", Path: "keys", Query: "key=%23&n=2", Form: inbound("Digits", "", "FinishedOnKey", "")},
		{Name: "no key at all", Path: "keys", Query: "n=2", Form: inbound("Digits", "")},
		{Name: "what is no key", Path: "keys", Query: "n=2", Form: inbound("Digits", "hangup")},
		{Name: "key in a call that we placed", Path: "keys", Query: "n=1", Form: outbound("Digits", "1"), Want: keys("1", &one)},
		{Name: "no call", Form: url.Values{"From": {ann}}, Err: core.Invalid},
		{Name: "nobody", Form: url.Values{"CallSid": {"CA1"}}, Err: core.Invalid},
		{Name: "unknown status", Path: "status", Form: inbound("CallStatus", "lost"), Err: core.Invalid},
		{Name: "unknown path", Path: "sms", Form: inbound(), Err: core.NotFound},
	}
	return append(cases, statusCases()...)
}

func statusCases() (cases []channeltest.ReceiveCase) {
	add := func(name, query string, form url.Values, want channel.Received) {
		want.Answer = &channel.Answer{}
		cases = append(cases, channeltest.ReceiveCase{Name: name, Path: "status", Query: query, Form: form, Want: want})
	}
	end := func(outcome string) channel.Message {
		return channel.Message{ExternalID: "CA1:end", From: ann, To: us, SessionID: "CA1", SessionEvent: core.SessionClose,
			Metadata: map[string]any{"outcome": outcome, "duration_seconds": 12}}
	}
	for word, status := range map[string]core.Status{"queued": core.Sent, "initiated": core.Sent, "ringing": core.Sent,
		"in-progress": core.Delivered, "answered": core.Delivered, "completed": core.Delivered,
		"busy": core.Failed, "no-answer": core.Failed, "failed": core.Failed, "canceled": core.Failed} {
		update := channel.StatusUpdate{ExternalID: "CA1", MessageID: "0196", Address: ann, Status: status}
		if status == core.Failed {
			update.Reason = word + ": SIP 486"
		}
		want := channel.Received{Statuses: []channel.StatusUpdate{update}}
		if word == "completed" {
			want.Messages = []channel.Message{end(word)}
		}
		add("placed call "+word, "message=0196", outbound("CallStatus", word, "CallDuration", "12", "SipResponseCode", "486"), want)
		want = channel.Received{}
		if word == "completed" || status == core.Failed {
			want.Messages = []channel.Message{end(word)}
		}
		add("call "+word, "", inbound("CallStatus", word, "CallDuration", "12"), want)
	}
	return cases
}

func places(name string, m channel.Outbound, twiml string) channeltest.SendCase {
	m.ID, m.To, m.From, m.Attempt = "0196", ann, us, 1
	return channeltest.SendCase{Name: name, Message: m, Path: "/2010-04-01/Accounts/" + sid + "/Calls.json",
		Header: map[string]string{"Authorization": "Basic " + base64.StdEncoding.EncodeToString([]byte(sid+":"+token))},
		Form: map[string]string{"To": ann, "From": us, "Twiml": twiml,
			"StatusCallback":      channeltest.WebhookURL + "/status?message=0196",
			"StatusCallbackEvent": "initiated & ringing & answered & completed"},
		Receipt: channel.Receipt{ExternalID: "CA1"}}
}

const head = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"

// listening is TwiML that says something and listens for keys, with the rest of the URL that they go to.
func listening(verbs, attributes, query string) string {
	target := channeltest.WebhookURL + "/keys?" + query
	return head + `<Response><Gather input="dtmf" action="` + target + `" method="POST" timeout="10"` + attributes +
		` actionOnEmptyResult="true">` + verbs + `</Gather><Redirect method="POST">` + target + `</Redirect></Response>`
}

func sendCases() []channeltest.SendCase {
	text := channel.Outbound{Content: "Sawubona"}
	cases := []channeltest.SendCase{
		places("new call", channel.Outbound{Content: "Sawubona", SessionEvent: core.SessionNew},
			listening("<Say>Sawubona</Say>", ` numDigits="1" finishOnKey=""`, "n=1")),
		places("text", text, listening("<Say>Sawubona</Say>", ` numDigits="1" finishOnKey=""`, "n=1")),
		places("recording, up to a key", channel.Outbound{Content: "ignored",
			Metadata: []byte(`{"go":{},"voice":{"speech_url":"https://example.org/a.ogg?a=1&b=2","wait_for":"#"}}`)},
			listening("<Play>https://example.org/a.ogg?a=1&amp;b=2</Play>", ` finishOnKey="#"`, "key=%23&amp;n=1")),
		places("last word", channel.Outbound{Content: "Bye", SessionEvent: core.SessionNew,
			Metadata: []byte(`{"voice":null}`)}, listening("<Say>Bye</Say>", ` numDigits="1" finishOnKey=""`, "n=1")),
		places("what XML cannot carry", channel.Outbound{Content: "a\x00\x0b<b>&\"c\" \ufffe\U0001F44B\xff"},
			listening("<Say>a&lt;b&gt;&amp;&#34;c&#34; \U0001F44B</Say>", ` numDigits="1" finishOnKey=""`, "n=1")),
	}
	spoken := places("in a voice", text, listening(`<Say language="zu-ZA" voice="Polly.Ayanda">Sawubona</Say>`,
		` numDigits="1" finishOnKey=""`, "n=1"))
	spoken.Settings = map[string]string{"language": "zu-ZA", "voice": "Polly.Ayanda", "api_key": "SK1", "api_secret": "shhh"}
	spoken.Header = map[string]string{"Authorization": "Basic " + base64.StdEncoding.EncodeToString([]byte("SK1:shhh"))}
	cases = append(cases, spoken)
	for code, m := range map[string]channel.Outbound{
		"no_call":    {Content: "Bye", SessionEvent: core.SessionClose},
		"too_long":   {Content: strings.Repeat("é", 4097)},
		"speech_url": {Metadata: []byte(`{"voice":{"speech_url":"file:///etc/passwd"}}`)},
		"wait_for":   {Content: "hi", Metadata: []byte(`{"voice":{"wait_for":"12"}}`)},
		"voice":      {Content: "hi", Metadata: []byte(`{"voice":{"wait_for":1}}`)},
	} {
		c := places(code, m, "")
		c.None, c.Err = true, &channel.SendError{Class: channel.Permanent, Code: code}
		cases = append(cases, c)
	}
	for name, m := range map[string]channel.Outbound{
		"too long for an opening": {Content: strings.Repeat("a", 3900)},
		"resume without a call":   {Content: "hi", SessionEvent: core.SessionResume},
		"javascript":              {Metadata: []byte(`{"voice":{"speech_url":"javascript:alert(1)"}}`)},
		"letter as key":           {Metadata: []byte(`{"voice":{"wait_for":"x"}}`)},
	} {
		c := places(name, m, "")
		c.None, c.Err = true, &channel.SendError{Class: channel.Permanent, Code: map[string]string{"too long for an opening": "too_long",
			"resume without a call": "no_call", "javascript": "speech_url", "letter as key": "wait_for"}[name]}
		cases = append(cases, c)
	}
	for code, class := range map[int]channel.Class{20003: channel.AccountFault, 10001: channel.AccountFault, 20005: channel.AccountFault,
		20429: channel.Retry, 10004: channel.Retry, 21214: channel.Recipient, 21216: channel.Recipient,
		21210: channel.Permanent, 21212: channel.Permanent, 21215: channel.Permanent, 21217: channel.Permanent, 99999: channel.Permanent} {
		c := places(fmt.Sprint("refused with ", code), text, cases[0].Form["Twiml"])
		c.Reply = channeltest.Reply{Status: 400, Body: fmt.Sprintf(`{"code":%d,"message":"no","status":400}`, code)}
		c.Err = &channel.SendError{Class: class, Code: fmt.Sprint(code)}
		cases = append(cases, c)
	}
	return cases
}

func TestVoice(t *testing.T) {
	s := suite()
	s.Receive, s.Send = receiveCases(), sendCases()
	channeltest.Run(t, s)
}

func TestSettingsThatDoNotFit(t *testing.T) {
	for name, value := range map[string]string{"key_timeout": "100ms", "budget": "11s", "api_key": "SK1", "rate": "1"} {
		_, err := twilio.Type().Open(channel.Config{Settings: map[string]string{"account_sid": sid, "auth_token": token, name: value}})
		if core.KindOf(err) != core.Invalid || !strings.Contains(core.SafeMessage(err), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzReceive(f *testing.F) {
	for _, c := range receiveCases() {
		f.Add(c.Path, c.Query, c.Form.Encode())
	}
	a := channeltest.Open(f, suite(), map[string]string{"budget": "1ns"}).(channel.CallAdapter)
	f.Fuzz(func(t *testing.T, path, query, body string) {
		values, _ := url.ParseQuery(query)
		r := &channel.Request{Method: "POST", Path: path, Query: values, Header: http.Header{}, Body: []byte(body),
			RemoteIP: netip.IPv4Unspecified()}
		sign(r, token)
		got, err := a.Receive(t.Context(), r)
		if err != nil {
			return
		}
		for _, m := range got.Messages {
			if m.From == "" || m.SessionID == "" || m.ExternalID == "" || m.SessionEvent == "" {
				t.Errorf("incomplete: %+v", m)
			}
		}
		if got.Answer == nil && len(a.Respond(t.Context(), r, got).Body) == 0 {
			t.Error("no answer")
		}
	})
}
