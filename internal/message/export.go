package message

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"indaba/internal/core"
	"indaba/internal/db"
)

// Selection says which messages of an account are meant. Empty fields leave nothing out.
type Selection struct {
	Account   string // always set
	Bot       string // key of the bot that got or sent them
	Channel   string // key of the channel that they came in or went out by
	Router    string // key of a router that they passed, or that what they answer passed
	Address   string // the person's
	Direction core.Direction
	// From and Until are the time in which they were made, both ends included. Without Until it ends now.
	From, Until time.Time
	NewestFirst bool
}

// What is read at a time: rows of the log that are looked at, and messages of a bot.
const (
	logWindow = 1000
	botPage   = 500
)

// Pages returns the messages of a selection in order of time, some hundred at a time; a page may be empty. Between two
// pages nothing is held, neither a connection nor a snapshot, so that whoever reads slowly is in nobody's way. The
// messages of a bot in one direction come from an index; all others by reading the log, whose order is that of time, from
// one end of the time asked for to the other: an index for them would cost every webhook (docs/decisions/0016).
func (s *Service) Pages(ctx context.Context, sel Selection) iter.Seq2[[]*core.Message, error] {
	if sel.Until.IsZero() {
		sel.Until = s.now()
	}
	if sel.Bot != "" && sel.Direction != 0 && sel.Router == "" {
		return s.botPages(ctx, sel)
	}
	return s.logPages(ctx, sel)
}

// clockSlack is how far the time in a message's id may be from the time that the message says.
const clockSlack = time.Minute

// logPages reads the log in windows of ids, which ascend with time.
func (s *Service) logPages(ctx context.Context, sel Selection) iter.Seq2[[]*core.Message, error] {
	return func(yield func([]*core.Message, error) bool) {
		low, high := "", idAt(sel.Until.Add(clockSlack))+"\x7f"
		if !sel.From.IsZero() {
			low = idAt(sel.From.Add(-clockSlack))
		}
		for more := true; more; {
			var first, last string
			var err error
			if first, last, more, err = s.window(ctx, low, high, sel.NewestFirst); err != nil {
				yield(nil, err)
				return
			}
			page, err := s.between(ctx, sel, first, last)
			if !yield(page, err) || err != nil {
				return
			}
			if sel.NewestFirst {
				high = first
			} else {
				low = last
			}
		}
	}
}

// window returns the ends of the next rows of the log between low and high, which themselves are left out; more says
// that there are others after them. The window includes last when reading forward and first when reading backward.
func (s *Service) window(ctx context.Context, low, high string, backward bool) (first, last string, more bool, err error) {
	order, edge := "ASC", ""
	if backward {
		order = "DESC"
	}
	err = s.db.Row(ctx, "SELECT id FROM message WHERE id > $1 AND id < $2 ORDER BY id "+order+" LIMIT 1 OFFSET $3",
		[]any{low, high, logWindow - 1}, &edge)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return low, high, false, nil
	case err != nil:
		return "", "", false, fmt.Errorf("read the message log: %w", err)
	case backward:
		return edge, high, true, nil
	}
	return low, edge, true, nil
}

// between returns what is selected in one window. Its first and last row belong to it only where nobody else gives them:
// see window.
func (s *Service) between(ctx context.Context, sel Selection, first, last string) ([]*core.Message, error) {
	ends, order := "m.id > $1 AND m.id <= $2", "ASC"
	if sel.NewestFirst {
		ends, order = "m.id >= $1 AND m.id < $2", "DESC"
	}
	page, err := s.some(ctx, "WHERE "+ends+" AND m.account = $3 AND m.created_at >= $4 AND m.created_at <= $5 "+
		"AND ($6 = '' OR m.bot = $6) AND ($7 = '' OR m.channel = $7) AND ($8 = '' OR m.address = $8) "+
		"AND ($9 = 0 OR m.direction = $9) AND ($10 = '' OR EXISTS (SELECT 1 FROM router_message r WHERE r.router = $10 "+
		"AND r.message IN (m.id, m.in_reply_to))) ORDER BY m.id "+order,
		first, last, sel.Account, sel.from(), sel.Until.UnixMicro(), sel.Bot, sel.Channel, sel.Address, int(sel.Direction), sel.Router)
	if err != nil {
		return nil, fmt.Errorf("read the message log: %w", err)
	}
	return page, nil
}

// botPages reads over the index of a bot's messages.
func (s *Service) botPages(ctx context.Context, sel Selection) iter.Seq2[[]*core.Message, error] {
	text := "WHERE m.bot = $1 AND m.bot <> '' AND m.direction = $2 AND m.account = $3 AND m.created_at >= $4 AND m.created_at <= $5 " +
		"AND (m.created_at, m.id) > ($4, $6) AND ($7 = '' OR m.channel = $7) AND ($8 = '' OR m.address = $8) " +
		"ORDER BY m.created_at, m.id LIMIT $9"
	if sel.NewestFirst {
		text = strings.ReplaceAll(text, "(m.created_at, m.id) > ($4, $6)", "(m.created_at, m.id) < ($5, $6)")
		text = strings.ReplaceAll(text, "m.created_at, m.id LIMIT", "m.created_at DESC, m.id DESC LIMIT")
	}
	return func(yield func([]*core.Message, error) bool) {
		from, until, id := sel.from(), sel.Until.UnixMicro(), ""
		if sel.NewestFirst {
			id = "\x7f"
		}
		for {
			page, err := s.some(ctx, text, sel.Bot, int(sel.Direction), sel.Account, from, until, id, sel.Channel, sel.Address, botPage)
			if err != nil {
				err = fmt.Errorf("read the messages of a bot: %w", err)
			}
			if !yield(page, err) || err != nil || len(page) < botPage {
				return
			}
			last := page[len(page)-1]
			if id = last.ID; sel.NewestFirst {
				until = last.CreatedAt.UnixMicro()
			} else {
				from = last.CreatedAt.UnixMicro()
			}
		}
	}
}

func (sel Selection) from() int64 {
	if sel.From.IsZero() {
		return 0
	}
	return sel.From.UnixMicro()
}

// idAt returns the least id that a message of that moment can have.
func idAt(t time.Time) string { return fmt.Sprintf("%012x", max(0, t.UnixMilli())) }

// Events returns what became of outbound messages as events, in order of the messages and then of time: those of the time
// in question, both ends included; a zero time is an open end.
func (s *Service) Events(ctx context.Context, messages []*core.Message, from, until time.Time) ([]core.Event, error) {
	var all []core.Event
	histories, err := s.histories(ctx, messages)
	if err != nil {
		return nil, err
	}
	for _, m := range messages {
		before := core.Queued
		for _, change := range histories[m.ID] {
			at := time.UnixMicro(change.At).UTC()
			if !at.Before(from) && (until.IsZero() || !at.After(until)) {
				all = append(all, core.EventsOf(m.ID, before, change.Status, change.Reason, m.ExternalID, at)...)
			}
			before = change.Status
		}
	}
	return all, nil
}

// histories returns the histories of messages by id.
func (s *Service) histories(ctx context.Context, messages []*core.Message) (map[string][]Change, error) {
	const chunk = 256
	found := map[string][]Change{}
	text := "SELECT message, status, reason, at FROM status_change WHERE message IN (" + db.Places(1, chunk) + ") ORDER BY id"
	ids := make([]string, len(messages))
	for i, m := range messages {
		ids[i] = m.ID
	}
	for some := range slices.Chunk(ids, chunk) {
		type row struct {
			message string
			Change
		}
		rows, err := db.Collect(ctx, s.db, func(r *sql.Rows) (one row, err error) {
			var status int
			err = r.Scan(&one.message, &status, &one.Reason, &one.At)
			one.Status = core.Status(status)
			return one, err
		}, text, db.Filled(some, chunk)...)
		if err != nil {
			return nil, fmt.Errorf("read what became of messages: %w", err)
		}
		for _, one := range rows {
			found[one.message] = append(found[one.message], one.Change)
		}
	}
	return found, nil
}
