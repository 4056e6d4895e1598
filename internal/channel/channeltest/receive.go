package channeltest

import (
	"bytes"
	"context"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"indaba/internal/channel"
	"indaba/internal/core"
)

const maxBody = 1 << 20 // what the gateway reads of a request

func (s *Suite) testReceive(t *testing.T) {
	for _, c := range s.Receive {
		t.Run(c.Name, func(t *testing.T) {
			lastInput := c.LastInput
			if lastInput == "" {
				lastInput = s.LastInput
			}
			r := s.Request(c)
			body := bytes.Clone(r.Body)
			got, err := s.open(t, nil, lastInput).Receive(context.Background(), r)
			if c.Err != 0 {
				s.refused(t, got, err, c.Err)
				return
			}
			if err != nil {
				t.Fatalf("refused: %v", err)
			}
			if !reflect.DeepEqual(got, c.Want) {
				t.Errorf("got %s\nwant %s", show(got), show(c.Want))
			}
			if !bytes.Equal(body, r.Body) {
				t.Error("the adapter changed the raw body")
			}
			for _, m := range got.Messages {
				if m.From != s.Type.Recipient(m.From) {
					t.Errorf("from %q, but messages go to %q", m.From, s.Type.Recipient(m.From))
				}
			}
		})
	}
	for _, c := range s.Receive {
		if c.Err == 0 && !c.Unsigned && len(s.Request(c).Body) > 0 {
			s.testHostile(t, c)
			return
		}
	}
}

// testHostile spoils a good request in the ways that every adapter must refuse.
func (s *Suite) testHostile(t *testing.T, good ReceiveCase) {
	receive := func(t *testing.T, r *channel.Request) (channel.Received, error) {
		return s.open(t, nil, s.LastInput).Receive(context.Background(), r)
	}
	if s.Sign != nil {
		t.Run("unsigned", func(t *testing.T) {
			unsigned := good
			unsigned.Unsigned = true
			got, err := receive(t, s.Request(unsigned))
			s.refused(t, got, err, core.Unauthenticated)
		})
	}
	if s.Forge != nil {
		t.Run("forged", func(t *testing.T) {
			forged := good
			forged.Unsigned = true
			r := s.Request(forged)
			s.Forge(r)
			got, err := receive(t, r)
			s.refused(t, got, err, core.Unauthenticated)
		})
	}
	t.Run("wrong method", func(t *testing.T) {
		wrong := good
		wrong.Method = http.MethodDelete
		got, err := receive(t, s.Request(wrong))
		s.refused(t, got, err, core.Invalid)
	})
	if s.AnyBody {
		return
	}
	for name, body := range map[string]string{
		"empty body":    "",
		"half a body":   "{\"from\":\"+27",
		"wrong kind":    "[1,2,3]",
		"binary body":   "\x00\xff\xfe%zz",
		"huge body":     strings.Repeat("x", maxBody),
		"deep body":     strings.Repeat("[", maxBody),
		"only escapes ": strings.Repeat("%", 1000),
	} {
		t.Run(name, func(t *testing.T) {
			spoiled := good
			spoiled.Body, spoiled.Form, spoiled.JSON = body, nil, ""
			spoiled.Header = map[string]string{"Content-Type": s.Request(good).Header.Get("Content-Type")}
			got, err := receive(t, s.Request(spoiled))
			s.refused(t, got, err, core.Invalid)
		})
	}
}

func (s *Suite) refused(t *testing.T, got channel.Received, err error, kind core.Kind) {
	t.Helper()
	if err == nil || core.KindOf(err) != kind {
		t.Fatalf("error %v of kind %q, want kind %q; received %s", err, core.KindOf(err), kind, show(got))
	}
	if !reflect.DeepEqual(got, channel.Received{}) {
		t.Errorf("received %s beside the error", show(got))
	}
	s.hidesSecrets(t, err.Error())
}

func (s *Suite) hidesSecrets(t *testing.T, text string) {
	t.Helper()
	for _, setting := range s.Type.Settings {
		if value := s.Settings[setting.Name]; setting.Secret && len(value) > 3 && strings.Contains(text, value) {
			t.Errorf("%q shows the secret %s", text, setting.Name)
		}
	}
}
