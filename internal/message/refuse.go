package message

import "context"

// refusal is a mail on its way out of the queue, with a message that no bot gets.
type refusal struct {
	mail   Mail
	reply  bool
	reason string
}

// Refuse notes why no bot gets the inbound message of a mail, and takes the mail out of the queue as [Mailbox.Done] does:
// as part of the transaction in ctx, or in a commit that it shares with other callers.
func (s *Service) Refuse(ctx context.Context, mail Mail, reply bool, reason string) error {
	return s.refuse.Do(ctx, Lane(mail.Channel, mail.Address), &refusal{mail, reply, reason})
}

// turnAway refuses what many people sent to nobody, with a statement for each reason.
func (s *Service) turnAway(ctx context.Context, refusals []*refusal) error {
	byReason := map[string][]any{}
	mails := make([]any, len(refusals))
	for i, r := range refusals {
		byReason[r.reason] = append(byReason[r.reason], r.mail.Message.ID)
		mails[i] = r.mail.ID
	}
	for reason, messages := range byReason {
		if err := s.db.ExecIn(ctx, nil, "UPDATE message SET status_reason = $1 WHERE id IN", []any{reason}, messages); err != nil {
			return err
		}
	}
	if err := s.db.ExecIn(ctx, allGone, "DELETE FROM mailbox WHERE "+notParked+" AND id IN", nil, mails); err != nil {
		return err
	}
	s.db.AfterCommit(ctx, func() {
		for _, r := range refusals {
			s.Mailbox.settled(r.mail, r.reply)
		}
	})
	return nil
}

// allGone checks that every mail was still there: the effects of a transaction that misses one have been committed before.
func allGone(mails int, deleted int64) error {
	if deleted < int64(mails) {
		return errNoRow
	}
	return nil
}
