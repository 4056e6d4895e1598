package channeltest

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"indaba/internal/channel"
)

func (s *Suite) testSend(t *testing.T) {
	for _, c := range s.Send {
		t.Run(c.Name, func(t *testing.T) {
			p := startProvider(t)
			reply := c.Reply
			if reflect.DeepEqual(reply, Reply{}) {
				reply = s.Accepts
			}
			p.behave(answering(reply))
			receipt, err := s.send(t, p, c.Settings, &c.Message)
			s.checkResult(t, c, receipt, err)
			switch seen := p.requests(); {
			case c.None || s.BaseURL == "":
				if len(seen) != 0 {
					t.Errorf("a request was made: %s %s", seen[0].method, seen[0].uri)
				}
			case len(seen) != 1:
				t.Errorf("%d requests were made, want 1", len(seen))
			default:
				c.checkRequest(t, seen[0])
			}
		})
	}
}

func (s *Suite) send(t *testing.T, p *provider, more map[string]string, m *channel.Outbound) (channel.Receipt, error) {
	t.Helper()
	settings := map[string]string{}
	if s.BaseURL != "" {
		settings[s.BaseURL] = p.url
	}
	for name, value := range more {
		settings[name] = value
	}
	receipt, err := s.open(t, settings, s.LastInput).Send(context.Background(), m)
	if err != nil {
		s.hidesSecrets(t, err.Error())
	}
	return receipt, err
}

func (s *Suite) checkResult(t *testing.T, c SendCase, receipt channel.Receipt, err error) {
	t.Helper()
	if c.Err == nil {
		if err != nil {
			t.Fatalf("send: %v", err)
		}
		if !reflect.DeepEqual(receipt, c.Receipt) {
			t.Errorf("receipt %s\nwant %s", show(receipt), show(c.Receipt))
		}
		return
	}
	failure, ok := errors.AsType[*channel.SendError](err)
	if !ok {
		t.Fatalf("send: %v, want a SendError", err)
	}
	if failure.Class != c.Err.Class || failure.After != c.Err.After || failure.Code != c.Err.Code {
		t.Errorf("failure %s\nwant %s", show(failure), show(c.Err))
	}
	if failure.Message == "" {
		t.Error("the failure does not tell the operator anything")
	}
}

func (c *SendCase) checkRequest(t *testing.T, seen request) {
	t.Helper()
	method := c.Method
	if method == "" {
		method = http.MethodPost
	}
	if seen.method != method || seen.uri != c.Path {
		t.Errorf("request %s %s, want %s %s", seen.method, seen.uri, method, c.Path)
	}
	for name, want := range c.Header {
		if got := seen.header.Get(name); got != want {
			t.Errorf("header %s: %q, want %q", name, got, want)
		}
	}
	switch {
	case c.Form != nil:
		c.checkForm(t, seen.body)
	case c.JSON != "":
		var got, want any
		if err := json.Unmarshal([]byte(c.JSON), &want); err != nil {
			t.Fatalf("the case: %v", err)
		}
		if err := json.Unmarshal([]byte(seen.body), &got); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("body %s\nwant %s", seen.body, show(want))
		}
	default:
		if seen.body != c.Body {
			t.Errorf("body %q, want %q", seen.body, c.Body)
		}
	}
}

func (c *SendCase) checkForm(t *testing.T, body string) {
	t.Helper()
	form, err := url.ParseQuery(body)
	if err != nil {
		t.Fatalf("body %q: %v", body, err)
	}
	got := map[string]string{}
	for name, values := range form {
		got[name] = strings.Join(values, " & ")
	}
	if !reflect.DeepEqual(got, c.Form) {
		t.Errorf("form %s\nwant %s", show(got), show(c.Form))
	}
}
