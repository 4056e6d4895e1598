package message

import (
	"context"
	"database/sql"
	"fmt"

	"indaba/internal/core"
)

// arrival is an inbound message on its way to the disk.
type arrival struct {
	message *core.Message
	row     []any
	id      string // of the message that is on disk: this one, or the one of which it is a redelivery
}

// Accept stores an inbound message and puts it into its member's mailbox, in one commit, which it shares with other
// callers. It returns false when the channel has delivered a message with the same ExternalID before, and the id of the
// stored one in any case.
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
	rows, byID := make([][]any, len(arrivals)), make(map[string]*arrival, len(arrivals))
	for i, a := range arrivals {
		a.id = ""
		rows[i], byID[a.message.ID] = a.row, a
	}
	if err := s.db.InsertEach(ctx, "message", columns, rows, "ON CONFLICT DO NOTHING RETURNING id", func(r *sql.Rows) error {
		var id string
		err := r.Scan(&id)
		if err == nil {
			byID[id].id = id
		}
		return err
	}); err != nil {
		return fmt.Errorf("store inbound messages: %w", err)
	}
	mails := make([]*Mail, 0, len(arrivals))
	for _, a := range arrivals {
		if a.id != "" {
			mails = append(mails, &Mail{Account: a.message.Account, Channel: a.message.Channel, Address: a.message.From, Message: a.message})
		} else if err := s.recognise(ctx, a); err != nil {
			return err
		}
	}
	return s.Mailbox.postMessages(ctx, mails)
}

// recognise finds the message of which an arrival is a redelivery.
func (s *Service) recognise(ctx context.Context, a *arrival) error {
	err := s.db.RowLater(ctx, "SELECT id FROM message WHERE channel = $1 AND external_id = $2 AND direction = 1 AND external_id <> ''",
		[]any{a.message.Channel, a.message.ExternalID}, &a.id)
	if err != nil {
		return fmt.Errorf("find the first delivery of a message: %w", err)
	}
	return nil
}
