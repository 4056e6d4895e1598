package africastalking_test

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"indaba/internal/channel"
	"indaba/internal/channel/channeltest"
	"indaba/internal/channel/sms/africastalking"
	"indaba/internal/core"
	"indaba/test/fake"
	provider "indaba/test/fake/africastalking"
)

const (
	secret = "mfihlo"
	key    = "atsk_0123456789"
)

func recipient(code int) channeltest.Reply {
	return channeltest.Reply{Status: 201, Body: fmt.Sprintf(`{"SMSMessageData":{"Message":"Sent to 1/1","Recipients":[
		{"statusCode":%d,"number":"+254711082123","status":"Word","cost":"KES 0.8000","messageId":"ATXid_1"}]}}`, code)}
}

var outbound = channel.Outbound{ID: "0196", To: "+254711082123", From: "22395", Content: "Habari & ça va?"}

func request(name string) channeltest.SendCase {
	return channeltest.SendCase{Name: name, Message: outbound, Path: "/version1/messaging",
		Header: map[string]string{"apiKey": key, "Accept": "application/json",
			"Content-Type": "application/x-www-form-urlencoded"},
		Form: map[string]string{"username": "sandbox", "to": "+254711082123", "from": "22395",
			"message": "Habari & ça va?", "bulkSMSMode": "1"}}
}

func suite() channeltest.Suite {
	hi, empty := "hi", ""
	s := channeltest.Suite{
		Type:     africastalking.Type(),
		BaseURL:  "base_url",
		Settings: map[string]string{"username": "sandbox", "api_key": key, "path_secret": secret},
		Address:  "22395",
		Sign:     func(r *channel.Request) { r.Path = strings.Trim(secret+"/"+r.Path, "/") },
		Forge:    func(r *channel.Request) { r.Path = "x" + secret },
		Accepts:  recipient(101),
		Receive: []channeltest.ReceiveCase{
			{Name: "message", Form: url.Values{"id": {"9"}, "from": {"+254711082123"}, "to": {"22395"}, "text": {"hi"},
				"date": {"2026-03-01 12:00:00"}, "linkId": {"L"}, "networkCode": {"63902"}},
				Want: channel.Received{Messages: []channel.Message{{ExternalID: "9", From: "+254711082123", To: "22395",
					Content: &hi, Provider: "63902", Metadata: map[string]any{"linkId": "L"}}}}},
			{Name: "empty message", Form: url.Values{"id": {"9"}, "from": {"254711082123"}, "text": {""}},
				Want: channel.Received{Messages: []channel.Message{{ExternalID: "9", From: "+254711082123", Content: &empty}}}},
			{Name: "no sender", Form: url.Values{"id": {"9"}, "text": {"hi"}}, Err: core.Invalid},
			{Name: "no id", Form: url.Values{"from": {"+254711082123"}, "text": {"hi"}}, Err: core.Invalid},
			{Name: "report without id", Path: "status", Form: url.Values{"status": {"Success"}}, Err: core.Invalid},
			{Name: "unknown report", Path: "status", Form: url.Values{"id": {"9"}, "status": {"Lost"}}, Err: core.Invalid},
			{Name: "unknown path", Path: "x", Form: url.Values{"id": {"9"}}, Err: core.NotFound},
		},
	}
	for word, status := range map[string]core.Status{"Sent": core.Sent, "Submitted": core.Sent, "Buffered": core.Sent,
		"Success": core.Delivered, "Rejected": core.Failed, "Failed": core.Failed, "AbsentSubscriber": core.Failed,
		"Expired": core.Failed} {
		want := channel.StatusUpdate{ExternalID: "ATXid_1", Address: "+254711082123", Status: status}
		if status == core.Failed {
			want.Reason = word + ": UserInBlackList"
		}
		s.Receive = append(s.Receive, channeltest.ReceiveCase{Name: "report " + word, Path: "status",
			Form: url.Values{"id": {"ATXid_1"}, "status": {word}, "phoneNumber": {"+254711082123"},
				"failureReason": {"UserInBlackList"}},
			Want: channel.Received{Statuses: []channel.StatusUpdate{want}}})
	}
	for _, code := range []int{101, 100, 102} {
		c := request(fmt.Sprint("taken as ", code))
		c.Reply, c.Receipt = recipient(code), channel.Receipt{ExternalID: "ATXid_1"}
		s.Send = append(s.Send, c)
	}
	for code, class := range map[int]channel.Class{401: channel.Permanent, 402: channel.AccountFault,
		403: channel.Recipient, 404: channel.Recipient, 405: channel.AccountFault, 406: channel.Recipient,
		407: channel.Permanent, 409: channel.Recipient, 500: channel.Retry, 501: channel.Retry, 502: channel.Permanent} {
		c := request(fmt.Sprint("refused as ", code))
		c.Reply, c.Err = recipient(code), &channel.SendError{Class: class, Code: fmt.Sprint(code)}
		s.Send = append(s.Send, c)
	}
	for text, class := range map[string]channel.Class{"InvalidSenderId": channel.Permanent, "Sent to 0/1": channel.Permanent,
		"Sent to 0/1 Total Cost: 0": channel.Permanent, "Sent to 1/1": channel.UnknownResult,
		"Sent to 1/1 Total Cost: KES 0.8000": channel.UnknownResult, "Sent": channel.UnknownResult, "": channel.UnknownResult} {
		for _, recipients := range []string{`,"Recipients":[]`, ""} {
			c := request("no recipient, but " + text)
			c.Reply = channeltest.Reply{Status: 201, Body: fmt.Sprintf(`{"SMSMessageData":{"Message":%q%s}}`, text, recipients)}
			c.Err = &channel.SendError{Class: class}
			s.Send = append(s.Send, c)
		}
	}
	return s
}

func TestSMS(t *testing.T) { channeltest.Run(t, suite()) }

func TestSomethingMustGuardTheCallback(t *testing.T) {
	_, err := africastalking.Type().Open(channel.Config{Settings: map[string]string{"username": "a", "api_key": key}})
	if core.KindOf(err) != core.Invalid {
		t.Errorf("got %v", err)
	}
}

func TestAgainstTheProvider(t *testing.T) {
	p := provider.NewSMS("sandbox", key, "", "")
	server := httptest.NewServer(p.Handler())
	defer server.Close()
	a := channeltest.Open(t, suite(), map[string]string{"base_url": server.URL, "timeout": "200ms"})
	for fault, class := range map[fake.Fault]channel.Class{"500": channel.Retry, "401": channel.AccountFault,
		fake.Refuse: channel.Recipient, fake.ResetBefore: channel.UnknownResult, fake.ResetAfter: channel.UnknownResult,
		fake.Hang: channel.UnknownResult, fake.Cut: channel.UnknownResult, fake.Garbage: channel.UnknownResult} {
		before := len(p.Accepted())
		p.Next(fault)
		_, err := a.Send(t.Context(), &outbound)
		failure, ok := errors.AsType[*channel.SendError](err)
		if !ok || failure.Class != class {
			t.Errorf("%s: %v, want class %s", fault, err, class)
		}
		if took := len(p.Accepted()) > before; took != fault.Takes() {
			t.Errorf("%s: taken %v", fault, took)
		}
	}
	receipt, err := a.Send(t.Context(), &outbound)
	taken := p.Accepted()
	if last := taken[len(taken)-1]; err != nil || receipt.ExternalID != last.ProviderID || last.Text != outbound.Content {
		t.Errorf("receipt %+v, %v; taken %+v", receipt, err, last)
	}
}

func FuzzReceive(f *testing.F) {
	s := suite()
	for _, c := range s.Receive {
		f.Add(c.Path, c.Form.Encode())
	}
	a := channeltest.Open(f, s, nil)
	f.Fuzz(func(t *testing.T, path, body string) {
		got, err := a.Receive(t.Context(), &channel.Request{Method: "POST", Path: secret + "/" + path,
			Body: []byte(body), RemoteIP: netip.IPv4Unspecified()})
		if err == nil && len(got.Messages)+len(got.Statuses) != 1 {
			t.Errorf("got %+v", got)
		}
	})
}
