package vumiwire

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"indaba/internal/core"
	"indaba/internal/message"
)

// Directory tells how Vumi calls the bots and channels of an account.
type Directory interface {
	// Conversation returns the type of the conversation that a bot is; found is false when there is no such bot.
	Conversation(ctx context.Context, account, bot string) (conversationType string, found bool, err error)
	// Tag returns pool and tag of a channel; found is false when there is no such channel.
	Tag(ctx context.Context, account, channel string) (pool, tag string, found bool, err error)
}

// Exporter gives out the message log in Vumi's words (docs/spec/vumi-http.md 11).
type Exporter struct {
	Messages *message.Service
	Names    Directory
}

// Sink takes an export, a line at a time. After some hundred lines or fewer Flush is called, and at the end: an export
// holds no more than that in memory.
type Sink interface {
	Line(text []byte) error // text ends with its line feed
	Flush() error
}

// Format is how an export is written.
type Format uint8

// The formats.
const (
	JSON  Format = iota // an object to a line
	CSV                 // under its header, what people wrote unchanged
	Sheet               // CSV for spreadsheets: what one would run as a formula is guarded (see [core.GuardFormula])
)

// ExportMessages writes the messages of a selection in order of time.
func (x *Exporter) ExportMessages(ctx context.Context, sel message.Selection, format Format, to Sink) error {
	return x.export(ctx, sel, format, MessageHeader, to, func(page []*core.Message, known *names) error {
		for _, m := range page {
			wire, err := x.message(ctx, m, known)
			if err != nil {
				return err
			}
			if err := write(to, format, &wire); err != nil {
				return err
			}
		}
		return nil
	})
}

// ExportEvents writes what became of the outbound messages of a selection, in order of the messages and then of time. The
// time of the selection is that of the events.
func (x *Exporter) ExportEvents(ctx context.Context, sel message.Selection, format Format, to Sink) error {
	from, until := sel.From, sel.Until
	sel.From, sel.Direction = time.Time{}, core.Outbound
	return x.export(ctx, sel, format, EventHeader, to, func(page []*core.Message, known *names) error {
		events, err := x.Messages.Events(ctx, page, from, until)
		if err != nil {
			return err
		}
		about := map[string]*core.Message{}
		for _, m := range page {
			about[m.ID] = m
		}
		for i := range events {
			m := about[events[i].MessageID]
			helper := Object{}
			if err := x.own(ctx, m, known, helper); err != nil {
				return err
			}
			wire := NewEvent(&events[i], m.Endpoint, helper)
			if err := write(to, format, &wire); err != nil {
				return err
			}
		}
		return nil
	})
}

// export writes the header of CSV and hands page after page to each.
func (x *Exporter) export(ctx context.Context, sel message.Selection, format Format, header string, to Sink,
	each func([]*core.Message, *names) error) error {
	if format != JSON {
		if err := to.Line([]byte(header)); err != nil {
			return err
		}
	}
	known := &names{}
	for page, err := range x.Messages.Pages(ctx, sel) {
		if err != nil {
			return err
		}
		if err := each(page, known); err != nil {
			return err
		}
		if err := to.Flush(); err != nil {
			return err
		}
	}
	return to.Flush()
}

// Encode returns messages as they stand in the log, with what the platform knows of them.
func (x *Exporter) Encode(ctx context.Context, messages []*core.Message) ([]Message, error) {
	all, known := make([]Message, len(messages)), &names{}
	for i, m := range messages {
		var err error
		if all[i], err = x.message(ctx, m, known); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (x *Exporter) message(ctx context.Context, m *core.Message, known *names) (Message, error) {
	helper, err := Members(m.HelperMetadata)
	if err != nil {
		return Message{}, fmt.Errorf("message %s: %w", m.ID, err)
	}
	if err := x.own(ctx, m, known, helper); err != nil {
		return Message{}, err
	}
	if m.Direction != core.Inbound {
		return NewMessage(m, helper), nil
	}
	if helper["optout"] == nil {
		helper["optout"] = NoOptout()
	}
	pool, tag, found, err := x.Names.Tag(ctx, m.Account, m.Channel)
	if found {
		helper["tag"] = Tag(pool, tag)
	}
	return NewMessage(m, helper), err
}

// own puts what stands under "go" into the helper_metadata of something that a bot got or sent.
func (x *Exporter) own(ctx context.Context, m *core.Message, known *names, helper Object) error {
	if m.Bot == "" {
		return nil
	}
	if m.Bot != known.bot {
		kind, found, err := x.Names.Conversation(ctx, m.Account, m.Bot)
		if err != nil {
			return err
		}
		*known = names{bot: m.Bot}
		if found {
			known.about = Go(m.Account, kind, m.Bot)
		}
	}
	if known.about != nil {
		helper["go"] = known.about
	}
	return nil
}

// names is what is known of the bot of the message before.
type names struct {
	bot   string
	about json.RawMessage
}

func write(to Sink, format Format, value interface{ cells() []*string }) error {
	switch format {
	case CSV:
		return to.Line(line(value.cells()))
	case Sheet:
		return to.Line(line(guarded(value.cells())))
	}
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("encode a line of an export: %w", err)
	}
	return to.Line(append(text, '\n'))
}
