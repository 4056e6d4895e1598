package generic_test

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"indaba/internal/channel"
	"indaba/internal/channel/channeltest"
	"indaba/internal/channel/generic"
	"indaba/internal/core"
)

const secret = "mfihlo"

var nasty = channel.Outbound{ID: "0196", To: "+27821234567", From: "27001", Content: "a&b=\"c\" <d>\n{{.To}} €"}

func suite() channeltest.Suite {
	hi := "hi"
	answer := &channel.Answer{ContentType: "text/plain", Body: []byte("OK {id}")}
	return channeltest.Suite{
		Type:    generic.Type(),
		BaseURL: "base_url",
		Settings: map[string]string{
			"path_secret": secret, "headers": `{"X-Api-Key":"letmein"}`, "body": "to={{.To}}&from={{.From}}&text={{.Text}}&ref={{.ID}}",
			"success_json": "messages.0.status=ok", "id_path": "messages.0.id", "retry_status": "409, 400",
			"inbound_map": `{"id":"msg.id","from":"msg.msisdn","content":"msg.text","session_event":"type",
				"session_id":"session","to":"short","name":"who","provider":"net","group":"room"}`,
			"session_events": `{"Initiation":"new","Release":"close"}`, "inbound_answer": "OK {id}",
			"status_map":    `{"id":"id","message_id":"ref","address":"msisdn","status":"dlr","reason":"why"}`,
			"status_values": `{"DELIVRD":"delivered","UNDELIV":"failed","ENROUTE":"","1":"sent"}`,
		},
		Sign:    func(r *channel.Request) { r.Path = strings.Trim(secret+"/"+r.Path, "/") },
		Forge:   func(r *channel.Request) { r.Path = "guess" },
		Accepts: channeltest.Reply{Body: `{"messages":[{"status":"ok","id":17}]}`},
		Classes: map[int]channel.Class{400: channel.Retry},
		Receive: []channeltest.ReceiveCase{
			{Name: "JSON", JSON: `{"msg":{"id":9007199254740993,"msisdn":"27821234567","text":"hi"},"type":"Initiation",
				"session":"s","short":"27001","who":"Thandi","net":"MTN","room":"r"}`,
				Want: channel.Received{Messages: []channel.Message{{ExternalID: "9007199254740993", From: "+27821234567",
					Content: &hi, SessionEvent: core.SessionNew, SessionID: "s", To: "27001", Name: "Thandi", Provider: "MTN",
					Group: "r"}}, Answer: answer, Duplicate: answer}},
			{Name: "form", Form: url.Values{"msg.id": {"1"}, "msg.msisdn": {"a"}, "msg.text": {"hi"}},
				Want: channel.Received{Messages: []channel.Message{{ExternalID: "1", From: "a", Content: &hi}},
					Answer: answer, Duplicate: answer}},
			{Name: "query", Method: "GET", Query: "msg.msisdn=%2B27821234567&type=Release",
				Want: channel.Received{Messages: []channel.Message{{From: "+27821234567", SessionEvent: core.SessionClose}},
					Answer: answer, Duplicate: answer}},
			{Name: "no sender", JSON: `{"msg":{"text":"hi"}}`, Err: core.Invalid},
			{Name: "sender is no text", JSON: `{"msg":{"msisdn":{},"text":"hi"}}`, Err: core.Invalid},
			{Name: "nothing said", JSON: `{"msg":{"msisdn":"a"}}`, Err: core.Invalid},
			{Name: "unknown event", JSON: `{"msg":{"msisdn":"a","text":"hi"},"type":"Timeout"}`, Err: core.Invalid},
			{Name: "delivered", Path: "status", Method: "GET", Query: "id=17&ref=0196&msisdn=27821234567&dlr=DELIVRD&why=000",
				Want: channel.Received{Answer: answer, Statuses: []channel.StatusUpdate{{ExternalID: "17", MessageID: "0196",
					Address: "+27821234567", Status: core.Delivered}}}},
			{Name: "failed", Path: "status", JSON: `{"id":17,"dlr":"UNDELIV","why":"absent"}`,
				Want: channel.Received{Answer: answer, Statuses: []channel.StatusUpdate{{ExternalID: "17",
					Status: core.Failed, Reason: "absent"}}}},
			{Name: "a number for a status", Path: "status", JSON: `{"id":17,"dlr":1}`,
				Want: channel.Received{Answer: answer, Statuses: []channel.StatusUpdate{{ExternalID: "17", Status: core.Sent}}}},
			{Name: "ignored status", Path: "status", JSON: `{"id":17,"dlr":"ENROUTE"}`, Want: channel.Received{Answer: answer}},
			{Name: "unknown status", Path: "status", JSON: `{"id":17,"dlr":"LOST"}`, Err: core.Invalid},
			{Name: "status of nothing", Path: "status", JSON: `{"dlr":"DELIVRD"}`, Err: core.Invalid},
			{Name: "unknown path", Path: "else", JSON: `{}`, Err: core.NotFound},
		},
		Send: []channeltest.SendCase{
			{Name: "form", Message: nasty, Path: "/",
				Header:  map[string]string{"Content-Type": "application/x-www-form-urlencoded", "X-Api-Key": "letmein"},
				Form:    map[string]string{"to": "+27821234567", "from": "27001", "text": nasty.Content, "ref": "0196"},
				Receipt: channel.Receipt{ExternalID: "17"}},
			{Name: "JSON", Message: nasty, Path: "/", JSON: quoted(nasty.Content),
				Settings: map[string]string{"content_type": "application/json", "body": `{"text":"{{.Text}}"}`},
				Receipt:  channel.Receipt{ExternalID: "17"}},
			{Name: "XML", Message: nasty, Path: "/", Method: "PUT",
				Settings: map[string]string{"content_type": "text/xml", "body": "<t>{{.Text}}</t>", "method": "PUT"},
				Body:     "<t>a&amp;b=&#34;c&#34; &lt;d&gt;&#xA;{{.To}} €</t>", Receipt: channel.Receipt{ExternalID: "17"}},
			{Name: "refused in the body", Message: nasty, Path: "/", Settings: map[string]string{"body": ""},
				Reply: channeltest.Reply{Body: `{"messages":[{"status":"bad number"}]}`},
				Err:   &channel.SendError{Class: channel.Permanent}},
			{Name: "no id", Message: nasty, Path: "/", Settings: map[string]string{"body": ""},
				Reply:   channeltest.Reply{Body: `{"messages":[{"status":"ok"}]}`},
				Receipt: channel.Receipt{Note: "the answer holds no id at messages.0.id"}},
			{Name: "another success", Message: nasty, Path: "/", Settings: map[string]string{"body": "", "success_status": "202"},
				Err: &channel.SendError{Class: channel.Permanent, Code: "200"}},
			{Name: "pattern does not match", Message: nasty, Path: "/",
				Settings: map[string]string{"body": "", "success_json": " ", "success_body": `^OK`},
				Err:      &channel.SendError{Class: channel.Permanent}},
			{Name: "own retry status", Message: nasty, Path: "/", Settings: map[string]string{"body": ""},
				Reply: channeltest.Reply{Status: 409}, Err: &channel.SendError{Class: channel.Retry, Code: "409"}},
		},
	}
}

func quoted(text string) string {
	body, err := json.Marshal(map[string]string{"text": text})
	if err != nil {
		return err.Error()
	}
	return string(body)
}

func TestGeneric(t *testing.T) { channeltest.Run(t, suite()) }

func TestValuesInTheURLAreEscaped(t *testing.T) {
	var seen url.Values
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = r.URL.Query()
		_, _ = w.Write([]byte(`ID: 1`))
	}))
	defer server.Close()
	a, err := generic.Type().Open(channel.Config{Settings: map[string]string{"path_secret": secret, "method": "GET",
		"base_url": server.URL + "/send?to={{.To}}&text={{.Text}}", "success_body": `^ID: \d+$`}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Send(t.Context(), &nasty); err != nil {
		t.Fatal(err)
	}
	if seen.Get("to") != nasty.To || seen.Get("text") != nasty.Content || len(seen) != 2 {
		t.Errorf("seen %v", seen)
	}
}

// A plus is a space in a query and a plus in a path.
func TestValuesInThePathAreEscaped(t *testing.T) {
	var path, query string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		path, query = r.URL.EscapedPath(), r.URL.RawQuery
	}))
	defer server.Close()
	a, err := generic.Type().Open(channel.Config{Settings: map[string]string{"path_secret": secret, "method": "GET",
		"base_url": server.URL + "/send/{{.To}}/{{.Text}}{{if .From}}?from={{.From}}&text={{.Text}}{{end}}"}})
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{"a b": "a%20b", "a+b": "a%2Bb", "a/b?c=d#e&f%20": "a%2Fb%3Fc%3Dd%23e%26f%2520", "..": "..", "é": "%C3%A9"} {
		for _, from := range []string{"", "my bank"} {
			if _, err := a.Send(t.Context(), &channel.Outbound{To: "+27821234567", From: from, Content: text}); err != nil {
				t.Fatal(err)
			}
			if path != "/send/%2B27821234567/"+want {
				t.Errorf("%q is in the path as %s", text, path)
			}
			if values, err := url.ParseQuery(query); err != nil || values.Get("text") != text && from != "" || values.Get("from") != from {
				t.Errorf("%q is in the query as %s", text, query)
			}
		}
	}
}

// Where the settings ask for nothing in it, an answer that cannot be read is an answer all the same.
func TestAnswersThatCannotBeRead(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(make([]byte, 1<<20+1))
	}))
	defer server.Close()
	for name, class := range map[string]channel.Class{"": "", "id_path": "", "success_json": channel.UnknownResult, "success_body": channel.UnknownResult,
		"success_status": channel.Permanent} {
		settings := map[string]string{"path_secret": secret, "base_url": server.URL}
		if name != "" {
			settings[name] = map[string]string{"id_path": "id", "success_json": "a=b", "success_body": "OK", "success_status": "202"}[name]
		}
		a, err := generic.Type().Open(channel.Config{Settings: settings})
		if err != nil {
			t.Fatal(err)
		}
		receipt, err := a.Send(t.Context(), &nasty)
		failure, _ := errors.AsType[*channel.SendError](err)
		if class == "" && (err != nil || receipt.Note == "") || class != "" && (failure == nil || failure.Class != class) {
			t.Errorf("with %s: %+v %v", name, receipt, err)
		}
	}
}

func TestSettingsThatDoNotFit(t *testing.T) {
	for name, values := range map[string][]string{
		"base_url": {"https://a/{{.To", "https://a/{{.Secret}}"}, "body": {"{{", "{{.Config}}", "{{template \"x\"}}"},
		"headers":      {`{"A":1}`, `{"A":"b\nc"}`},
		"success_body": {"("}, "success_json": {"status"}, "success_status": {"ok", "1000"}, "retry_status": {"-1"},
		"inbound_map":    {`{"id":"a"}`, `{"from":"a","sender":"b"}`, `{"from":1}`},
		"session_events": {`{"a":"open"}`}, "status_map": {`{"state":"a"}`}, "status_values": {`{"a":"queued"}`},
	} {
		for _, value := range values {
			settings := map[string]string{"base_url": "https://a.example", "path_secret": secret}
			maps.Copy(settings, map[string]string{name: value})
			_, err := generic.Type().Open(channel.Config{Settings: settings})
			if core.KindOf(err) != core.Invalid || !strings.Contains(core.SafeMessage(err), name) {
				t.Errorf("%s = %s: %v", name, value, err)
			}
		}
	}
}

func FuzzReceive(f *testing.F) {
	s := suite()
	for _, c := range s.Receive {
		r := s.Request(c)
		f.Add(c.Path, r.Header.Get("Content-Type"), string(r.Body))
	}
	a := channeltest.Open(f, s, nil)
	f.Fuzz(func(t *testing.T, path, contentType, body string) {
		got, err := a.Receive(t.Context(), &channel.Request{Method: "POST", Path: secret + "/" + path,
			Header: http.Header{"Content-Type": {contentType}}, Body: []byte(body), RemoteIP: netip.IPv4Unspecified()})
		if err == nil && got.Answer == nil {
			t.Errorf("got %+v", got)
		}
	})
}
