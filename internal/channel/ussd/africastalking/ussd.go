// Package africastalking is the USSD channel of Africa's Talking (docs/spec/channels.md 12). Each step of a session is
// one form post, and the reply is the answer to it. A program cannot start a session on this gateway.
package africastalking

import (
	"context"
	"slices"
	"time"

	"indaba/internal/channel"
)

// Type describes the channel.
func Type() channel.Type {
	return channel.Type{
		Name:          "ussd/africastalking",
		Title:         "Africa's Talking USSD",
		Help:          "A USSD service code at Africa's Talking, whose callback URLs point to this channel.",
		Transport:     "ussd",
		DeliveryClass: "ussd",
		Phones:        true,
		Settings: slices.Concat([]channel.Setting{
			{Name: "budget", Title: "Reply time", Kind: channel.Duration, Default: "3s",
				Help: "How long a bot may take. The gateway gives up after about five seconds, the way there and back included."},
			{Name: "apology", Title: "Apology", Kind: channel.Text,
				Default: "We cannot answer right now. Please try again later.",
				Help:    "What people see when no reply came in time; the session ends with it."},
		}, channel.GuardSettings()),
		New: newAdapter,
	}
}

type adapter struct {
	config channel.Config
	guard  *channel.Guard
}

func newAdapter(c channel.Config) (channel.Adapter, error) {
	guard, err := channel.NewGuard(c)
	if err != nil {
		return nil, err
	}
	return &adapter{config: c, guard: guard}, nil
}

// Budget is the setting of that name.
func (a *adapter) Budget() time.Duration { return a.config.Duration("budget") }

// Answer renders a reply as CON, and as END when it closes the session. What does not fit the screen is cut.
func (a *adapter) Answer(_ *channel.Request, reply *channel.Outbound) channel.Answer {
	answer := channel.Answer{ContentType: "text/plain; charset=utf-8"}
	verb, content := "CON ", ""
	switch {
	case reply == nil:
		verb, content = "END ", a.config.Settings["apology"]
	case closes(reply):
		verb, content = "END ", reply.Content
	default:
		content = reply.Content
	}
	text, cut := channel.FitUSSD(content)
	if cut {
		answer.Note = "the reply was cut: it is longer than a USSD screen, which has 182 characters, and 80 when one of them is not in the GSM alphabet"
	}
	answer.Body = []byte(verb + text)
	return answer
}

// Send refuses: replies go out as Answer, and Africa's Talking opens no session at a program's wish.
func (a *adapter) Send(context.Context, *channel.Outbound) (channel.Receipt, error) {
	return channel.Receipt{}, &channel.SendError{Class: channel.Permanent, Code: "no_session",
		Message: "this gateway opens no sessions: people have to dial the service code"}
}
