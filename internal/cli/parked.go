package cli

import (
	"context"
	"strconv"
	"time"

	"indaba/internal/app"
	"indaba/internal/message"
)

type parkedCommands struct {
	List  parkedList  `cmd:"" help:"List what is parked, oldest first, with the reason."`
	Retry parkedRetry `cmd:"" help:"Give parked messages to their bots again."`
	Drop  parkedDrop  `cmd:"" help:"Give up on parked messages. They stay in the message log."`
}

// parkedView is parked mail as JSON.
type parkedView struct {
	Number  int64        `json:"number"`
	Kind    string       `json:"kind"` // message, event or trigger
	Address string       `json:"address"`
	Channel string       `json:"channel"`
	Reason  string       `json:"reason"`
	Since   time.Time    `json:"since"`
	Message *messageView `json:"message,omitempty"`
}

func viewParked(p message.Parked) parkedView {
	view := parkedView{Number: p.ID, Kind: "message", Address: p.Address, Channel: p.Channel, Reason: p.Reason, Since: p.Since}
	switch {
	case p.Trigger != nil:
		view.Kind = "trigger"
	case p.Event != nil:
		view.Kind = "event"
	}
	if p.Message != nil {
		m := viewMessage(p.Message)
		view.Message = &m
	}
	return view
}

type parkedList struct {
	Limit amount `short:"n" default:"100" help:"How many."`
}

func (c *parkedList) Run(i *invocation) error {
	return i.inAccount(func(ctx context.Context, a *app.App, account string) error {
		parked, err := a.Messages.Mailbox.Parked(ctx, account, int(c.Limit))
		if err != nil {
			return err
		}
		views, rows := make([]parkedView, len(parked)), make([][]string, len(parked))
		for n, p := range parked {
			views[n] = viewParked(p)
			rows[n] = []string{strconv.FormatInt(p.ID, 10), at(p.Since), views[n].Kind, p.Address, shortened(p.Reason, 120)}
		}
		return i.table(views, []string{"NUMBER", "SINCE", "KIND", "PERSON", "REASON"}, rows)
	})
}

// parkedNumbers is the argument of commands on parked mail.
type parkedNumbers struct{ numbered }

func (c *parkedNumbers) each(i *invocation, action, outcome string, do func(*message.Mailbox, context.Context, string, int64) error) error {
	return c.numbered.each(i, labour{action: action, outcome: outcome,
		all: func(ctx context.Context, a *app.App, account string) ([]int64, error) {
			return a.Messages.Mailbox.ParkedNumbers(ctx, account)
		},
		do: func(ctx context.Context, a *app.App, account string, number int64) error {
			return do(a.Messages.Mailbox, ctx, account, number)
		}})
}

type parkedRetry struct{ parkedNumbers }

func (c *parkedRetry) Run(i *invocation) error {
	return c.each(i, "parked.retry", "retried", (*message.Mailbox).Retry)
}

type parkedDrop struct{ parkedNumbers }

func (c *parkedDrop) Run(i *invocation) error {
	return c.each(i, "parked.drop", "dropped", (*message.Mailbox).Drop)
}
