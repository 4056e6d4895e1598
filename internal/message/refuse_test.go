package message_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"indaba/internal/db"
	"indaba/internal/db/dbtest"
	"indaba/internal/message"
)

func TestRefusedMessagesLeaveTheQueueWithTheirReasons(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		const messages = 300
		s := message.New(d, 256, time.Now)
		var settled atomic.Int64
		s.Mailbox.OnSettled(func(_ message.Mail, reply bool) {
			if reply {
				settled.Add(1)
			}
		})
		reason := func(n string) string { return "reason " + n[len(n)-1:] }
		var all sync.WaitGroup
		all.Add(messages)
		work(t, func(ctx context.Context) error {
			return s.Mailbox.Run(ctx, func(ctx context.Context, mail message.Mail) error {
				defer all.Done()
				why := reason(*mail.Message.Content)
				if err := s.Refuse(ctx, mail, true, why); err != nil {
					return err
				}
				if err := s.Refuse(ctx, mail, true, "twice"); err == nil {
					t.Error("a mail was refused twice")
				}
				return nil
			})
		})
		for n := range messages {
			accept(t, s, inbound(fmt.Sprint("+", n), fmt.Sprint(n), fmt.Sprint(n)))
		}
		all.Wait()
		if mails, _, err := s.Waiting(t.Context(), "acc"); mails != 0 || err != nil {
			t.Errorf("%d mails still wait (%v)", mails, err)
		}
		if n := settled.Load(); n != messages {
			t.Errorf("%d mails were settled", n)
		}
		log, err := s.Recent(t.Context(), "acc", "", messages+1)
		if err != nil || len(log) != messages {
			t.Fatalf("%d messages in the log (%v)", len(log), err)
		}
		for _, m := range log {
			if want := reason(*m.Content); m.StatusReason != want {
				t.Errorf("message %s: reason %q, want %q", *m.Content, m.StatusReason, want)
			}
		}
	})
}
