package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
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
	return messageView{m.ID, direction, m.Channel, m.From, m.To, m.Content, string(m.SessionEvent), m.InReplyTo, m.Bot,
		m.Endpoint, m.ExternalID, m.Status.String(), m.StatusReason, m.TransportMetadata, m.HelperMetadata, m.CreatedAt}
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
		err := writeFields(w, []field{{"id", m.ID}, {"time", at(m.CreatedAt)}, {"way", view.Direction}, {"from", m.From},
			{"to", m.To}, {"channel", names.of(m.Channel)}, {"bot", names.of(m.Bot)}, {"endpoint", m.Endpoint},
			{"session", view.SessionEvent}, {"answers", m.InReplyTo}, {"provider's id", m.ExternalID},
			{"status", view.Status}, {"reason", m.StatusReason}})
		if err != nil {
			return err
		}
		var rest strings.Builder
		fmt.Fprintf(&rest, "\n%s\n", printable(content(m)))
		for _, change := range view.History {
			fmt.Fprintf(&rest, "\n%s  %s  %s", at(change.At), change.Status, oneLine(change.Reason))
		}
		for _, reply := range replies {
			fmt.Fprintf(&rest, "\nreply %s  %s  %s", reply.ID, reply.Status, oneLine(content(reply)))
		}
		_, err = fmt.Fprintln(w, rest.String())
		return err
	})
}
