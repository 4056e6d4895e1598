package simulate

import (
	"context"
	"fmt"

	"indaba/internal/core"
	"indaba/internal/routing"
)

// input does what a step says.
func (p *player) input(ctx context.Context, s step) error {
	switch s.kind {
	case stepDial:
		return p.dial(ctx, s)
	case stepUser:
		return p.user(ctx, s)
	case stepHangUp:
		return p.hangUp(ctx, s)
	case stepPush:
		p.note("the bot is asked to begin a conversation with %s", p.scene.from)
		p.open = true
		return p.stage.app.Runtime.Trigger(ctx, p.scene.account, p.scene.bot, p.scene.from)
	default:
		return p.event(ctx, s)
	}
}

func (p *player) dial(ctx context.Context, s step) error {
	phone := p.scene.phones[routing.Default]
	if phone.kind() != "ussd" {
		p.fail(s.line, "nobody dials on a channel of kind %s: begin with user", phone.kind())
		return nil
	}
	p.lines = append(p.lines, line{who: "dial", text: p.scene.to})
	said := said{From: p.scene.from, SessionEvent: core.SessionNew}
	if s.text != "" {
		said.Content = &s.text
		p.lines[len(p.lines)-1].text = s.text
	}
	p.open = true
	_, err := phone.say(ctx, said)
	return err
}

func (p *player) user(ctx context.Context, s step) error {
	endpoint := s.endpoint
	first(&endpoint, routing.Default)
	phone := p.scene.phones[endpoint]
	if phone == nil {
		p.fail(s.line, "the bot has no endpoint %q: see endpoints in its config", endpoint)
		return nil
	}
	said, tag := said{From: p.scene.from, Content: &s.text}, ""
	if endpoint != routing.Default {
		tag = "on " + endpoint
	}
	p.lines = append(p.lines, line{who: "user", text: s.text, tag: tag})
	if phone.kind() == "ussd" {
		if !p.open && endpoint == routing.Default {
			p.fail(s.line, "no session is open: put dial before, as the person would have to")
			return nil
		}
		said.SessionEvent = core.SessionResume
	}
	_, err := phone.say(ctx, said)
	return err
}

func (p *player) hangUp(ctx context.Context, s step) error {
	phone := p.scene.phones[routing.Default]
	if phone.kind() != "ussd" || !p.open {
		p.fail(s.line, "there is no session to hang up")
		return nil
	}
	p.note("hangs up")
	p.open = false
	_, err := phone.say(ctx, said{From: p.scene.from, SessionEvent: core.SessionClose})
	return err
}

// event tells the bot what became of the newest message to an address.
func (p *player) event(ctx context.Context, s step) error {
	to := s.event.to
	first(&to, p.scene.from)
	p.lines = append(p.lines, line{who: "event", text: s.text})
	m, err := p.newest(ctx, to)
	if err != nil {
		return err
	}
	if m == nil {
		p.fail(s.line, "the bot has sent nothing to %s that an event could be about", to)
		return nil
	}
	e := core.Event{ID: core.NewKey(), MessageID: m.ID, At: p.stage.clock.now()}
	switch s.event.kind {
	case "ack":
		e.Type, e.SentMessageID = core.Ack, m.ID
	case "nack":
		e.Type, e.Reason = core.Nack, s.event.reason
		first(&e.Reason, "refused")
	default:
		e.Type, e.Delivery = core.DeliveryReport, core.Delivery(s.event.status)
		first(&e.Delivery, core.DeliveryDelivered)
	}
	p.scene.mu.Lock()
	p.scene.events[e.ID] = true
	p.scene.mu.Unlock()
	return p.stage.app.Runtime.Notify(ctx, m, e)
}

// newest returns the newest message to an address, or nil.
func (p *player) newest(ctx context.Context, to string) (*core.Message, error) {
	const enough = 100
	all, err := p.stage.app.Messages.Recent(ctx, p.scene.account, to, enough)
	if err != nil {
		return nil, fmt.Errorf("find the message of an event: %w", err)
	}
	for _, m := range all {
		if m.Direction == core.Outbound {
			return m, nil
		}
	}
	return nil, nil
}
