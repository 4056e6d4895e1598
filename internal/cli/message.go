package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"indaba/internal/app"
	"indaba/internal/bot/vumiwire"
	"indaba/internal/contact"
	"indaba/internal/core"
	"indaba/internal/message"
)

type messageCommands struct {
	List   messageList   `cmd:"" aliases:"search" help:"List the newest messages, or the newest of some."`
	Show   messageShow   `cmd:"" help:"Show a message, what became of it, and its replies."`
	Export messageExport `cmd:"" help:"Write messages or events to standard output as JSON lines or CSV, oldest first."`
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

// messageFilter says which messages a command is about.
type messageFilter struct {
	Bot     given `placeholder:"KEY|NAME" help:"Only messages that this bot got or sent."`
	Channel given `placeholder:"KEY|NAME" help:"Only messages of this channel."`
	Address given `placeholder:"+27…" help:"Only messages with this person, as the channel writes the address."`
	Since   given `placeholder:"TIME" help:"Only from this time on: 2026-03-01, or 2026-03-01T08:00:00Z, in UTC unless it says otherwise."`
	Until   given `placeholder:"TIME" help:"Only up to this time."`
}

// selection returns what the filter means.
func (f *messageFilter) selection(ctx context.Context, a *app.App, account string) (sel message.Selection, err error) {
	sel = message.Selection{Account: account, Address: string(f.Address)}
	if f.Bot != "" {
		b, err := a.Bots.Find(ctx, account, string(f.Bot))
		if err != nil {
			return sel, err
		}
		sel.Bot = b.Key
	}
	if f.Channel != "" {
		c, err := a.Channels.Find(ctx, account, string(f.Channel))
		if err != nil {
			return sel, err
		}
		sel.Channel = c.Key
	}
	if sel.From, err = readMoment("--since", string(f.Since)); err != nil {
		return sel, err
	}
	sel.Until, err = readMoment("--until", string(f.Until))
	return sel, err
}

// readMoment reads a time that somebody has typed; the empty text is none.
func readMoment(flag, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	at, err := contact.ParseMoment(text)
	if err != nil {
		return at, misused("%s: %q is no time: write it like 2026-03-01 or 2026-03-01T08:00:00Z", flag, text)
	}
	return at, nil
}

type messageList struct {
	messageFilter
	Way     string `enum:"in,out,both" default:"both" help:"Which way they went: in, out or both."`
	Content given  `placeholder:"REGEX" help:"Only messages whose text matches this regular expression (RE2 syntax; (?i) at its beginning ignores case)."`
	Limit   amount `short:"n" default:"20" help:"How many messages."`
}

func (c *messageList) Run(i *invocation) error {
	pattern, err := regexp.Compile(string(c.Content))
	if err != nil {
		return misused("--content: %v", err)
	}
	return i.inAccount(func(ctx context.Context, a *app.App, account string) error {
		sel, err := c.selection(ctx, a, account)
		if err != nil {
			return err
		}
		sel.NewestFirst, sel.Direction = true, map[string]core.Direction{"in": core.Inbound, "out": core.Outbound}[c.Way]
		messages, err := newest(ctx, a, sel, int(c.Limit), func(m *core.Message) bool { return pattern.MatchString(content(m)) })
		if err != nil {
			return err
		}
		return i.listMessages(ctx, a, account, messages)
	})
}

// newest reads back through a selection until it has enough.
func newest(ctx context.Context, a *app.App, sel message.Selection, limit int, wanted func(*core.Message) bool) (found []*core.Message, err error) {
	for page, err := range a.Messages.Pages(ctx, sel) {
		if err != nil {
			return nil, err
		}
		for _, m := range page {
			if len(found) >= limit {
				return found, nil
			}
			if wanted(m) {
				found = append(found, m)
			}
		}
	}
	return found, nil
}

func (i *invocation) listMessages(ctx context.Context, a *app.App, account string, messages []*core.Message) error {
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
}

type messageExport struct {
	messageFilter
	What   string `arg:"" enum:"inbound,outbound,events" help:"inbound or outbound messages, or events: what became of outbound ones."`
	Format string `enum:"json,csv" default:"json" help:"json (one object to a line) or csv."`
	Exact  bool   `help:"With --format csv: write every text as it is. Otherwise one that a spreadsheet would run as a formula gets an apostrophe before it."`
}

func (c *messageExport) Run(i *invocation) error {
	format := vumiwire.JSON
	switch {
	case c.Format == "csv" && i.json:
		return errNotJSON
	case c.Format == "csv" && c.Exact:
		format = vumiwire.CSV
	case c.Format == "csv":
		format = vumiwire.Sheet
	case c.Exact:
		return misused("--exact goes with --format csv: JSON holds every text as it is")
	}
	return i.inAccount(func(ctx context.Context, a *app.App, account string) error {
		sel, err := c.selection(ctx, a, account)
		if err != nil {
			return err
		}
		to := lineWriter{bufio.NewWriter(i.w)}
		if c.What == "events" {
			return a.Exports.ExportEvents(ctx, sel, format, to)
		}
		sel.Direction = map[string]core.Direction{"inbound": core.Inbound, "outbound": core.Outbound}[c.What]
		return a.Exports.ExportMessages(ctx, sel, format, to)
	})
}

// errNotJSON refuses to call CSV what a program would read as JSON.
var errNotJSON = misused("--json and CSV on standard output do not go together: leave --json away, or choose another --format")

// lineWriter writes an export to where a command prints.
type lineWriter struct{ *bufio.Writer }

// Line writes one line.
func (w lineWriter) Line(text []byte) error {
	_, err := w.Write(text)
	return err
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
		wait, err := i.viewWait(ctx, a, account, m)
		if err != nil {
			return err
		}
		names, err := readNames(ctx, a, account)
		if err != nil {
			return err
		}
		return i.showMessage(m, wait, history, replies, names)
	})
}

func (i *invocation) showMessage(m *core.Message, wait *waitView, history []message.Change, replies []*core.Message, names names) error {
	view := struct {
		messageView
		Waiting *waitView     `json:"waiting,omitempty"`
		History []changeView  `json:"history"`
		Replies []messageView `json:"replies"`
	}{viewMessage(m), wait, []changeView{}, []messageView{}}
	for _, change := range history {
		view.History = append(view.History, changeView{change.Status.String(), change.Reason, time.UnixMicro(change.At).UTC()})
	}
	for _, reply := range replies {
		view.Replies = append(view.Replies, viewMessage(reply))
	}
	return i.print(view, func(w io.Writer) error {
		known := []field{{"id", m.ID}, {"time", at(m.CreatedAt)}, {"way", view.Direction}, {"from", m.From},
			{"to", m.To}, {"channel", names.of(m.Channel)}, {"bot", names.of(m.Bot)}, {"endpoint", m.Endpoint},
			{"session", view.SessionEvent}, {"answers", m.InReplyTo}, {"provider's id", m.ExternalID},
			{"status", view.Status}, {"reason", m.StatusReason}}
		if wait != nil {
			known = append(known, wait.fields()...)
		}
		if err := writeFields(w, known); err != nil {
			return err
		}
		var rest strings.Builder
		fmt.Fprintf(&rest, "\n%s\n", core.Printable(content(m)))
		for _, change := range view.History {
			fmt.Fprintf(&rest, "\n%s  %s  %s", at(change.At), change.Status, oneLine(change.Reason))
		}
		for _, reply := range replies {
			fmt.Fprintf(&rest, "\nreply %s  %s  %s", reply.ID, reply.Status, oneLine(content(reply)))
		}
		_, err := fmt.Fprintln(w, rest.String())
		return err
	})
}
