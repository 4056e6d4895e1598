package message_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"indaba/internal/core"
	"indaba/internal/db"
	"indaba/internal/db/dbtest"
	"indaba/internal/message"
)

// docs/spec/channels.md 0: what comes before the provider's answer climbs the same ladder as what comes after it.
func TestCallbacksBeforeTheAnswerNeverStepDownTheLadder(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := message.New(d, 256, time.Now)
		parcels := make(chan *message.Parcel, 1)
		work(t, func(ctx context.Context) error {
			return s.Outbox.Run(ctx, func(_ context.Context, p *message.Parcel) time.Duration { parcels <- p; return time.Hour })
		})
		for n, c := range []struct {
			callbacks []core.Status
			want      core.Status
		}{
			{[]core.Status{core.Delivered, core.Failed}, core.Delivered},
			{[]core.Status{core.Failed, core.Delivered}, core.Failed},
			{[]core.Status{core.Delivered, core.Sent}, core.Delivered},
			{[]core.Status{core.Sent, core.Failed}, core.Failed},
			{[]core.Status{core.Read, core.Delivered, core.Failed, core.Sent}, core.Read},
			{[]core.Status{core.Delivered, core.Delivered}, core.Delivered},
		} {
			l := ladder{t, s, parcels, fmt.Sprint(n)}
			l.reached(l.answeredAfter(c.callbacks, "sent "+c.want.String()), c.callbacks, c.want)
			l.reached(l.toldByTheLast(c.callbacks), c.callbacks, c.want)
		}
	})
}

// ladder sends messages whose callbacks come early.
type ladder struct {
	t       *testing.T
	s       *message.Service
	parcels chan *message.Parcel
	name    string
}

func (l *ladder) send(to string) *message.Parcel {
	l.t.Helper()
	if err := l.s.Send(l.t.Context(), outbound(to, "x")); err != nil {
		l.t.Fatal(err)
	}
	return <-l.parcels
}

func (l *ladder) report(messageID, externalID string, callbacks ...core.Status) {
	l.t.Helper()
	for _, status := range callbacks {
		if _, err := l.s.Report(l.t.Context(), message.Callback{Channel: "ch", MessageID: messageID, ExternalID: externalID, Status: status,
			Reason: "says " + status.String()}); err != nil {
			l.t.Fatal(err)
		}
	}
}

// answeredAfter sends a message whose answer comes after the callbacks, and returns its id.
func (l *ladder) answeredAfter(callbacks []core.Status, want string) string {
	l.t.Helper()
	p := l.send("+1" + l.name)
	l.report("", "e1-"+l.name, callbacks...)
	var told []string
	if err := l.s.Settle(l.t.Context(), p, core.Sent, "", "e1-"+l.name, func(_ context.Context, status core.Status, _ string) error {
		told = append(told, status.String())
		return nil
	}); err != nil {
		l.t.Fatal(err)
	}
	if got := strings.Join(told, " "); got != want {
		l.t.Errorf("%v: told %s, want %s", callbacks, got, want)
	}
	return p.Message.ID
}

// toldByTheLast sends a message without an answer: that the callbacks are about it is told by the last one.
func (l *ladder) toldByTheLast(callbacks []core.Status) string {
	l.t.Helper()
	p := l.send("+2" + l.name)
	if err := l.s.Settle(l.t.Context(), p, core.Unknown, "timeout", "", func(context.Context, core.Status, string) error { return nil }); err != nil {
		l.t.Fatal(err)
	}
	last := len(callbacks) - 1
	l.report("", "e2-"+l.name, callbacks[:last]...)
	l.report(p.Message.ID, "e2-"+l.name, callbacks[last])
	return p.Message.ID
}

func (l *ladder) reached(id string, callbacks []core.Status, want core.Status) {
	l.t.Helper()
	m, err := l.s.Get(l.t.Context(), "acc", id)
	if err != nil || m.Status != want || m.StatusReason != "says "+want.String() {
		l.t.Errorf("%v: %v %q, want %v (%v)", callbacks, m.Status, m.StatusReason, want, err)
	}
	history, err := l.s.History(l.t.Context(), id)
	if err != nil || len(history) != 2 || history[1].Status != want {
		l.t.Errorf("%v: history %+v (%v)", callbacks, history, err)
	}
}

// Some providers use their ids again: the message in question is the one that was sent last.
func TestCallbackIsAboutTheNewestMessageOfItsID(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ctx, s := t.Context(), message.New(d, 256, time.Now)
		var sent []*core.Message
		for range 3 {
			m := outbound("+1", "x")
			if err := s.Send(ctx, m); err != nil {
				t.Fatal(err)
			}
			if _, err := s.SetStatus(ctx, m.ID, core.Sent, "", "again"); err != nil {
				t.Fatal(err)
			}
			sent = append(sent, m)
		}
		changed, err := s.Report(ctx, message.Callback{Channel: "ch", ExternalID: "again", Status: core.Delivered})
		if err != nil || changed == nil || changed.ID != sent[2].ID {
			t.Fatalf("%+v %v, want %s", changed, err, sent[2].ID)
		}
	})
}
