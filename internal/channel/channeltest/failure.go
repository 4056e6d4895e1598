package channeltest

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"indaba/internal/channel"
	"indaba/internal/core"
)

const maxAnswer = 1 << 20 // what is read of a provider's answer

// expected is the one table of docs/spec/channels.md 0.
var expected = map[int]channel.Class{
	301: channel.Permanent, 400: channel.Permanent, 401: channel.AccountFault, 403: channel.AccountFault,
	404: channel.Permanent, 408: channel.Retry, 413: channel.Permanent, 422: channel.Permanent, 425: channel.Retry,
	429: channel.Retry, 500: channel.Retry, 501: channel.Permanent, 502: channel.Retry, 503: channel.Retry,
	504: channel.Retry,
}

// testFailures sends the message of the first case to a provider that fails in every way there is.
func (s *Suite) testFailures(t *testing.T) {
	if len(s.Send) == 0 {
		t.Fatal("the suite has no message to send")
	}
	for status, class := range expected {
		t.Run(strconv.Itoa(status), func(t *testing.T) {
			if own, ok := s.Classes[status]; ok {
				class = own
			}
			s.fails(t, answering(Reply{Status: status, Body: "<p>no " + s.anySecret() + "</p>"}), class, 0)
		})
	}
	wait := Reply{Status: http.StatusTooManyRequests, Header: map[string]string{"Retry-After": "7"}}
	t.Run("429 with seconds", func(t *testing.T) { s.fails(t, answering(wait), channel.Retry, 7*time.Second) })
	until := Reply{Status: http.StatusServiceUnavailable,
		Header: map[string]string{"Retry-After": s.Now.Add(time.Minute).UTC().Format(http.TimeFormat)}}
	t.Run("503 with a date", func(t *testing.T) { s.fails(t, answering(until), channel.Retry, time.Minute) })
	t.Run("timeout", func(t *testing.T) { s.fails(t, stall, channel.UnknownResult, 0) })
	t.Run("half an answer", func(t *testing.T) { s.fails(t, breakOff, channel.UnknownResult, 0) })
	t.Run("huge answer", func(t *testing.T) {
		huge := answering(Reply{Status: s.Accepts.Status, Body: strings.Repeat(" ", maxAnswer+1)})
		if s.StatusSuffices {
			s.takesNote(t, huge)
		} else {
			s.fails(t, huge, channel.UnknownResult, 0)
		}
	})
	t.Run("reset", func(t *testing.T) { s.fails(t, reset, channel.UnknownResult, 0) })
	if !s.StatusSuffices {
		for _, body := range []string{"<html>welcome to our wifi</html>", "", "null", "[]", "{"} {
			t.Run("200 with "+strconv.Quote(body), func(t *testing.T) {
				s.fails(t, answering(Reply{Body: body}), channel.UnknownResult, 0)
			})
		}
	}
	t.Run("connection refused", s.testRefused)
	t.Run("reset of a used connection", s.testUsedConnection)
	t.Run("cancelled before", s.testCancelled)
}

// fails sends once and expects a failure of the class.
func (s *Suite) fails(t *testing.T, behaviour http.HandlerFunc, class channel.Class, after time.Duration) {
	t.Helper()
	p := startProvider(t)
	p.behave(behaviour)
	_, err := s.send(t, p, s.impatient(), s.message())
	isFailure(t, err, class, after)
	if n := len(p.requests()); n != 1 && !(s.Type.Idempotent && n > 1) {
		t.Errorf("the provider saw %d requests for one attempt", n)
	}
}

// takesNote sends once and expects that the message was taken, with a note on the answer.
func (s *Suite) takesNote(t *testing.T, behaviour http.HandlerFunc) {
	t.Helper()
	p := startProvider(t)
	p.behave(behaviour)
	receipt, err := s.send(t, p, s.impatient(), s.message())
	if err != nil || receipt.Note == "" || receipt.ExternalID != "" || receipt.Status != 0 && receipt.Status != core.Sent {
		t.Errorf("receipt %s, error %v", show(receipt), err)
	}
	if n := len(p.requests()); n != 1 {
		t.Errorf("the provider saw %d requests for one attempt", n)
	}
}

func (s *Suite) testRefused(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := &provider{url: "http://" + listener.Addr().String()}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = s.send(t, nobody, s.Send[0].Settings, s.message())
	isFailure(t, err, channel.Retry, 0)
}

// Go's transport repeats some requests by itself when a connection that was used before breaks.
func (s *Suite) testUsedConnection(t *testing.T) {
	p := startProvider(t)
	settings := s.impatient()
	settings[s.BaseURL] = p.url
	a := s.open(t, settings, s.LastInput)
	p.behave(answering(s.Accepts))
	if _, err := a.Send(context.Background(), s.message()); err != nil {
		t.Fatalf("the first message: %v", err)
	}
	p.behave(reset)
	_, err := a.Send(context.Background(), s.message())
	isFailure(t, err, channel.UnknownResult, 0)
	if n := len(p.requests()); n != 2 && !s.Type.Idempotent {
		t.Errorf("the provider saw %d requests for two messages", n)
	}
}

func (s *Suite) testCancelled(t *testing.T) {
	p := startProvider(t)
	p.behave(answering(s.Accepts))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := s.open(t, map[string]string{s.BaseURL: p.url}, s.LastInput).Send(ctx, s.message())
	isFailure(t, err, channel.Retry, 0)
	if n := len(p.requests()); n != 0 {
		t.Errorf("the provider saw %d requests", n)
	}
}

func (s *Suite) message() *channel.Outbound {
	m := s.Send[0].Message
	return &m
}

// impatient are the settings of the first case with a short time limit.
func (s *Suite) impatient() map[string]string {
	settings := map[string]string{"timeout": "150ms"}
	for name, value := range s.Send[0].Settings {
		settings[name] = value
	}
	return settings
}

func (s *Suite) anySecret() string {
	for _, setting := range s.Type.Settings {
		if setting.Secret {
			return s.Settings[setting.Name]
		}
	}
	return ""
}

func isFailure(t *testing.T, err error, class channel.Class, after time.Duration) {
	t.Helper()
	failure, ok := errors.AsType[*channel.SendError](err)
	if !ok {
		t.Fatalf("got %v, want a SendError of class %s", err, class)
	}
	if failure.Class != class || failure.After != after || failure.Message == "" {
		t.Errorf("got %s, want class %s after %s", show(failure), class, after)
	}
}
