package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"time"

	"indaba/internal/app"
	"indaba/internal/core"
	"indaba/internal/message"
)

type messageCommands struct {
	List messageList `cmd:"" help:"List the newest messages."`
	Show messageShow `cmd:"" help:"Show a message, what became of it, and its replies."`
}

// messageView is a message as JSON.
type messageView struct {
	ID           string          `json:"id"`
	Direction    string          `json:"direction"`
	Channel      string          `json:"channel"`
	From         string          `json:"from"`
	To           string          `json:"to"`
	Content      *string         `json:"content"`
	SessionEvent string          `json:"session_event,omitempty"`
	InReplyTo    string          `json:"in_reply_to,omitempty"`
	Bot          string          `json:"bot,omitempty"`
	Endpoint     string          `json:"endpoint,omitempty"`
	ExternalID   string          `json:"external_id,omitempty"`
	Status       string          `json:"status"`
	Reason       string          `json:"status_reason,omitempty"`
	Transport    json.RawMessage `json:"transport_metadata,omitempty"`
	Helper       json.RawMessage `json:"helper_metadata,omitempty"`
	CreatedAt    time.Time       `json:"created_at"`
}

func viewMessage(m *core.Message) messageView {
	direction := "in"
	if m.Direction == core.Outbound {
		direction = "out"
	}
	return messageView{m.ID, direction, m.Channel, m.From, m.To, m.Content, string(m.SessionEvent), m.InReplyTo, m.Bot, m.Endpoint,
		m.ExternalID, m.Status.String(), m.StatusReason, m.TransportMetadata, m.HelperMetadata, m.CreatedAt}
}

func content(m *core.Message) string {
	if m.Content == nil {
		return ""
	}
	return *m.Content
}

type messageList struct {
	Address string `placeholder:"+27…" help:"Only messages with this person, as the channel writes the address."`
	Limit   int    `short:"n" default:"20" help:"How many messages."`
}

func (c *messageList) Run(i *invocation) error {
	return i.inAccount(func(ctx context.Context, a *app.App, account string) error {
		messages, err := a.Messages.Recent(ctx, account, c.Address, c.Limit)
		if err != nil {
			return err
		}
		names, err := readNames(ctx, a, account)
		if err != nil {
			return err
		}
		views, rows := make([]messageView, len(messages)), make([][]string, len(messages))
		for n, m := range messages {
			views[n] = viewMessage(m)
			rows[n] = []string{m.ID, at(m.CreatedAt), views[n].Direction, m.Address(), names.of(m.Channel), m.Status.String(),
				shortened(content(m), 60)}
		}
		return i.table(views, []string{"ID", "TIME", "WAY", "PERSON", "CHANNEL", "STATUS", "CONTENT"}, rows)
	})
}

type messageShow struct {
	ID string `arg:"" help:"Its id, as indaba message list shows it."`
}

// changeView is a step in the life of a message as JSON.
type changeView struct {
	Status string    `json:"status"`
	Reason string    `json:"reason,omitempty"`
	At     time.Time `json:"at"`
}

func (c *messageShow) Run(i *invocation) error {
	return i.inAccount(func(ctx context.Context, a *app.App, account string) error {
		m, err := a.Messages.Get(ctx, account, c.ID)
		if err != nil {
			return err
		}
		history, err := a.Messages.History(ctx, m.ID)
		if err != nil {
			return err
		}
		replies, err := a.Messages.Replies(ctx, m.ID)
		if err != nil {
			return err
		}
		names, err := readNames(ctx, a, account)
		if err != nil {
			return err
		}
		return i.showMessage(m, history, replies, names)
	})
}

func (i *invocation) showMessage(m *core.Message, history []message.Change, replies []*core.Message, names names) error {
	view := struct {
		messageView
		History []changeView  `json:"history"`
		Replies []messageView `json:"replies"`
	}{viewMessage(m), []changeView{}, []messageView{}}
	for _, change := range history {
		view.History = append(view.History, changeView{change.Status.String(), change.Reason, time.UnixMicro(change.At).UTC()})
	}
	for _, reply := range replies {
		view.Replies = append(view.Replies, viewMessage(reply))
	}
	return i.print(view, func(w io.Writer) error {
		err := writeFields(w, []field{{"id", m.ID}, {"time", at(m.CreatedAt)}, {"way", view.Direction}, {"from", m.From}, {"to", m.To},
			{"channel", names.of(m.Channel)}, {"bot", names.of(m.Bot)}, {"endpoint", m.Endpoint}, {"session", view.SessionEvent},
			{"answers", m.InReplyTo}, {"provider's id", m.ExternalID}, {"status", view.Status}, {"reason", m.StatusReason}})
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(w, "\n%s\n", printable(content(m))); err != nil {
			return err
		}
		for _, change := range view.History {
			if _, err := fmt.Fprintf(w, "\n%s  %s  %s", at(change.At), change.Status, oneLine(change.Reason)); err != nil {
				return err
			}
		}
		for _, reply := range view.Replies {
			if _, err := fmt.Fprintf(w, "\nreply %s  %s  %s", reply.ID, reply.Status, oneLine(content(&core.Message{Content: reply.Content}))); err != nil {
				return err
			}
		}
		_, err = fmt.Fprintln(w)
		return err
	})
}

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
	Limit int `short:"n" default:"100" help:"How many."`
}

func (c *parkedList) Run(i *invocation) error {
	return i.inAccount(func(ctx context.Context, a *app.App, account string) error {
		parked, err := a.Messages.Mailbox.Parked(ctx, account, c.Limit)
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
type parkedNumbers struct {
	Number []int64 `arg:"" help:"Numbers, as indaba parked list shows them."`
}

func (c *parkedNumbers) each(i *invocation, outcome string, do func(context.Context, *app.App, string, int64) error) error {
	return i.inAccount(func(ctx context.Context, a *app.App, account string) error {
		for _, number := range c.Number {
			if err := do(ctx, a, account, number); err != nil {
				return err
			}
		}
		return i.say(map[string]any{outcome: c.Number}, "%d %s.", len(c.Number), outcome)
	})
}

type parkedRetry struct{ parkedNumbers }

func (c *parkedRetry) Run(i *invocation) error {
	return c.each(i, "retried", func(ctx context.Context, a *app.App, account string, number int64) error {
		return a.Messages.Mailbox.Retry(ctx, account, number)
	})
}

type parkedDrop struct{ parkedNumbers }

func (c *parkedDrop) Run(i *invocation) error {
	return c.each(i, "dropped", func(ctx context.Context, a *app.App, account string, number int64) error {
		return a.Messages.Mailbox.Drop(ctx, account, number)
	})
}
