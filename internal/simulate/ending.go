package simulate

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"indaba/internal/bot"
	"indaba/internal/bot/js"
	"indaba/internal/core"
	"indaba/internal/routing"
)

// An ending is what came of a message beside the replies.
type ending struct {
	sends   []event // messages that are no replies, and errors in the bot's log
	silent  bool    // there was no reply
	trouble string  // why the bot failed; empty when it did not
}

// outcome looks what became of a message. It returns nil while the bot is not done with it, or a reply has not been shown
// yet.
func (x *exchange) outcome(ctx context.Context, id string) (*ending, error) {
	m, err := x.app.Messages.Get(ctx, x.bot.Account, id)
	if err != nil {
		return nil, err
	}
	if m.StatusReason != "" {
		return &ending{trouble: "no bot got the message: " + m.StatusReason}, nil
	}
	if m.Bot == "" {
		return x.parked(ctx, id)
	}
	replies, err := x.app.Messages.Replies(ctx, id)
	if err != nil {
		return nil, err
	}
	end := &ending{silent: len(replies) == 0}
	for _, r := range replies {
		switch {
		case r.Status == core.Failed:
			end.trouble = "the answer could not be shown: " + r.StatusReason
			if r.Content != nil {
				end.trouble += "\n" + *r.Content
			}
		case !x.shown[r.ID]:
			return nil, nil
		}
	}
	turn, err := x.turnOf(ctx, id)
	if err != nil || turn == nil {
		return end, err
	}
	for _, c := range callsOf(*turn) {
		if e, ok := x.sent(c); ok {
			end.sends = append(end.sends, e)
		}
	}
	return end, nil
}

// parked tells why a message was put aside, or nil when it was not.
func (x *exchange) parked(ctx context.Context, id string) (*ending, error) {
	const enough = 1000
	all, err := x.app.Messages.Mailbox.Parked(ctx, x.bot.Account, enough)
	if err != nil {
		return nil, err
	}
	for _, p := range all {
		if p.Message != nil && p.Message.ID == id {
			return &ending{silent: true, trouble: fmt.Sprintf("the message was parked: %s\nsee: indaba bot logs %s, indaba parked list",
				p.Reason, x.bot.Name)}, nil
		}
	}
	return nil, nil
}

// turnOf returns the record of the turn for a message, or nil when it is not among the newest.
func (x *exchange) turnOf(ctx context.Context, id string) (*bot.Record, error) {
	const newest = 100
	turns, err := x.app.Bots.Turns(ctx, x.bot.Key, newest)
	if err != nil {
		return nil, err
	}
	for _, t := range turns {
		if t.Message == id && t.Outcome == string(js.Done) {
			_, record, err := x.app.Bots.Turn(ctx, x.bot.Key, t.ID)
			return &record, err
		}
	}
	return nil, nil
}

// sent makes an event of a command that sends a message which is no reply, or that logs an error.
func (x *exchange) sent(c call) (event, bool) {
	endpoint := routing.Default
	switch {
	case !c.success:
		return event{}, false
	case c.name == "log.error", c.name == "log.critical":
		return event{Event: "log", Text: c.text("msg")}, true
	case c.name == "outbound.send_to_tag":
		endpoint = c.text("tagpool") + ":" + c.text("tag")
	case strings.HasPrefix(c.name, "outbound.send_to"):
		if text := c.text("endpoint"); text != "" {
			endpoint = text
		}
	default:
		return event{}, false
	}
	var content *string
	_ = json.Unmarshal(c.args["content"], &content) // the sandbox has checked it
	e := event{Event: "send", Endpoint: endpoint, To: c.text("to_addr"), Kind: x.phone.kind()}
	if content != nil {
		e.Text = *content
	}
	if lead := x.leads[endpoint]; lead != nil {
		e.Kind = lead.Type
		if lead.Type == simulatorType {
			e.Kind = newPhone("", lead).kind()
		}
	}
	return e, true
}
