package message

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"indaba/internal/core"
	"indaba/internal/db"
)

// arrival is an inbound message on its way to the disk.
type arrival struct {
	message *core.Message
	row     []any
	id      string // of the message that is on disk: this one, or the one of which it is a redelivery
}

// idLife is how long the provider's id of an inbound message is remembered (docs/spec/channels.md 0).
const idLife = 7 * 24 * time.Hour

// Accept stores an inbound message and puts it into its member's mailbox, in one commit, which it shares with other
// callers. It returns false when the channel has delivered a message with the same ExternalID in the seven days before,
// and the id of the stored one in any case.
func (s *Service) Accept(ctx context.Context, m *core.Message) (fresh bool, id string, err error) {
	a := &arrival{message: m}
	if a.row, err = values(m); err != nil {
		return false, "", err
	}
	if err := s.accept.Do(ctx, Lane(m.Channel, m.From), a); err != nil {
		return false, "", err
	}
	return a.id == m.ID, a.id, nil
}

// store stores messages that came in at the same time, and puts those that are no redeliveries into the mailbox, in
// their order.
func (s *Service) store(ctx context.Context, arrivals []*arrival) error {
	for left := arrivals; len(left) > 0; {
		known, err := s.keep(ctx, left)
		if err != nil {
			return err
		}
		if left, err = s.recognise(ctx, known); err != nil {
			return err
		}
	}
	mails := make([]*Mail, 0, len(arrivals))
	for _, a := range arrivals {
		if a.id == a.message.ID {
			mails = append(mails, &Mail{Account: a.message.Account, Channel: a.message.Channel, Address: a.message.From, Message: a.message})
		}
	}
	return s.Mailbox.postMessages(ctx, mails)
}

// keep puts messages into the log, and returns those that are not new there.
func (s *Service) keep(ctx context.Context, arrivals []*arrival) (known []*arrival, err error) {
	rows, byID := make([][]any, len(arrivals)), make(map[string]*arrival, len(arrivals))
	for i, a := range arrivals {
		a.id = ""
		rows[i], byID[a.message.ID] = a.row, a
	}
	if err := s.db.InsertEach(ctx, "message", columns, rows, "ON CONFLICT DO NOTHING RETURNING id", func(r db.Row) error {
		var id string
		err := r.Scan(&id)
		if err == nil {
			byID[id].id = id
		}
		return err
	}); err != nil {
		return nil, fmt.Errorf("store inbound messages: %w", err)
	}
	for _, a := range arrivals {
		if a.id == "" {
			known = append(known, a)
		}
	}
	return known, nil
}

// recognise finds the messages of which the arrivals are redeliveries. It returns the arrivals that are none, since so
// much time has passed: what was in their way in the log no longer is.
func (s *Service) recognise(ctx context.Context, known []*arrival) (anew []*arrival, err error) {
	at := make([]int64, len(known))
	for i, a := range known {
		read := s.db.RowLater
		if i == len(known)-1 {
			read = s.db.Row // which takes the others with it, so that all are answered
		}
		err := read(ctx, "SELECT id, created_at FROM message WHERE channel = $1 AND external_id = $2 AND direction = 1 AND external_id <> ''",
			[]any{a.message.Channel, a.message.ExternalID}, &a.id, &at[i])
		if err != nil {
			return nil, fmt.Errorf("find the first delivery of a message: %w", err)
		}
	}
	for i, a := range known {
		if a.message.CreatedAt.Sub(time.UnixMicro(at[i])) < idLife {
			continue
		}
		if err := s.release(ctx, a.id); err != nil {
			return nil, fmt.Errorf("forget the provider's id of message %s: %w", a.id, err)
		}
		anew = append(anew, a)
	}
	return anew, nil
}

// release lets another message have the provider's id of an old one, which is still shown with it.
func (s *Service) release(ctx context.Context, id string) error {
	m, err := s.one(ctx, "WHERE m.id = $1", id)
	if err != nil {
		return err
	}
	old := detailsOf(m)
	old.ExternalID = m.ExternalID
	text, err := json.Marshal(old)
	if err != nil {
		return err
	}
	return s.db.ExecLater(ctx, nil, "UPDATE message SET external_id = '', details = $2 WHERE id = $1", id, string(text))
}
