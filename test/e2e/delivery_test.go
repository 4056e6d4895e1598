package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"indaba/internal/core"
	"indaba/test/fake"
)

// What became of a message is told to the bot that sent it, if it asked for events, and to no other.
func TestEventsReachTheBot(t *testing.T) {
	const script = echo + `
		api.on_inbound_event = function (command) {
		  var e = command.msg;
		  api.log_info('event ' + [e.event_type, e.delivery_status, e.nack_reason].join(' '), function () { api.done(); });
		};`
	each(t, func(t *testing.T, h *house) {
		curious := h.bot("curious", script, map[string]string{"config": `{"process_events": true}`})
		indifferent := h.bot("indifferent", script, nil)
		_, peer := h.twilio(curious, nil)
		_, other := h.twilio(indifferent, nil)

		for _, p := range []struct {
			say func() error
			to  string
		}{
			{func() error { _, err := peer.Say(t.Context(), "", "+27730000001", "hi"); return err }, "+27730000001"},
			{func() error { _, err := other.Say(t.Context(), "", "+27730000002", "hi"); return err }, "+27730000002"},
		} {
			if err := p.say(); err != nil {
				t.Fatal(err)
			}
			h.status(p.to, core.Sent)
		}
		h.logged(curious, "event ack")
		if _, err := peer.Report(t.Context(), peer.Accepted()[0], "delivered", 0); err != nil {
			t.Fatal(err)
		}
		h.logged(curious, "event delivery_report delivered")
		peer.Next(fake.Refuse)
		if _, err := peer.Say(t.Context(), "", "+27730000003", "hi"); err != nil {
			t.Fatal(err)
		}
		h.status("+27730000003", core.Failed)
		h.logged(curious, "event nack")
		lines, _, err := h.Bots.Log(t.Context(), indifferent, 100, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range lines {
			if strings.HasPrefix(line.Text, "event") {
				t.Errorf("a bot that did not ask was told %q", line.Text)
			}
		}
	})
}

// A message whose fate is unknown is not sent again, and is settled by the first report.
func TestUnknownUntilItIsReported(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		_, peer := h.twilio(h.bot("echo", echo, nil), nil)
		for i, fault := range []fake.Fault{fake.ResetAfter, fake.Hang, fake.Cut, fake.Garbage} {
			t.Run(string(fault), func(t *testing.T) {
				h := &house{App: h.App, t: t, account: h.account}
				to := fmt.Sprint("+2773000000", i)
				peer.Next(fault)
				if _, err := peer.Say(t.Context(), "", to, "hi"); err != nil {
					t.Fatal(err)
				}
				h.status(to, core.Unknown)
				all := peer.Accepted()
				if len(all) != i+1 {
					t.Fatalf("the provider has %d messages, want %d", len(all), i+1)
				}
				if _, err := peer.Report(t.Context(), all[i], "delivered", 0); err != nil {
					t.Fatal(err)
				}
				h.status(to, core.Delivered)
			})
		}
	})
}

// A provider that asks to wait is not called before, and the messages to one person keep their order meanwhile.
func TestRetriesWaitAsLongAsTheProviderAsks(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		_, peer := h.custom(h.bot("echo", echo, nil), nil)
		peer.RetryAfter = time.Second
		peer.Next("429")
		begun := time.Now()
		for i := range 3 {
			say(t, peer, fmt.Sprint(i), "ann", fmt.Sprint(i))
		}
		for i, m := range taken(t, &peer.Desk, 3) {
			if m.Text != fmt.Sprint("you said ", i) {
				t.Errorf("message %d is %q", i, m.Text)
			}
			if waited := m.At.Sub(begun); waited < time.Second {
				t.Errorf("message %d came after %v", i, waited)
			}
		}
	})
}

// A message that cannot be delivered is failed after its attempts, and the next one goes out.
func TestGivingUp(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		_, peer := h.twilio(h.bot("echo", echo, nil), map[string]string{"max_attempts": "2"})
		peer.Next("500", "503")
		if _, err := peer.Say(t.Context(), "", "+27730000001", "one"); err != nil {
			t.Fatal(err)
		}
		if m := h.status("+27730000001", core.Failed); !strings.Contains(m.StatusReason, "2 attempts") {
			t.Errorf("failed because %q", m.StatusReason)
		}
		if _, err := peer.Say(t.Context(), "", "+27730000001", "two"); err != nil {
			t.Fatal(err)
		}
		if all := taken(t, &peer.Desk, 1); all[0].Text != "you said two" {
			t.Errorf("%+v", all)
		}
	})
}

// A provider that refuses our account pauses the channel, says so, and loses nothing.
func TestPausedChannel(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		c, peer := h.twilio(h.bot("echo", echo, nil), nil)
		peer.Next("401")
		for i := range 3 {
			if _, err := peer.Say(t.Context(), "", "+27730000001", fmt.Sprint(i)); err != nil {
				t.Fatal(err)
			}
		}
		eventually(t, "the channel was paused", func() bool {
			now, err := h.Channels.Get(t.Context(), h.account, c.Key)
			if err != nil {
				t.Fatal(err)
			}
			return now.Trouble != ""
		})
		if err := h.Channels.SetTrouble(t.Context(), h.account, c.Key, ""); err != nil {
			t.Fatal(err)
		}
		for i, m := range taken(t, &peer.Desk, 3) {
			if m.Text != fmt.Sprint("you said ", i) {
				t.Errorf("message %d is %q", i, m.Text)
			}
		}
	})
}

// The rate of a channel holds over all its people.
func TestRateOfAChannel(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		_, peer := h.custom(h.bot("echo", echo, nil), map[string]string{"rate": "10"})
		for i := range 20 {
			say(t, peer, fmt.Sprint(i), fmt.Sprint("p", i), "hi")
		}
		all := taken(t, &peer.Desk, 20)
		if took := all[19].At.Sub(all[0].At); took < 900*time.Millisecond { // ten may go at once
			t.Errorf("twenty messages left within %v", took)
		}
	})
}

// A message that leads nowhere says why, and is no trouble.
func TestMessageThatLeadsNowhere(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		_, peer := h.custom("", nil)
		say(t, peer, "1", "ann", "anybody?")
		eventually(t, "the log says that there is no route", func() bool {
			all, err := h.Messages.Recent(t.Context(), h.account, "ann", 1)
			return err == nil && len(all) == 1 && strings.Contains(all[0].StatusReason, "no route")
		})
		h.parked(0)
	})
}
