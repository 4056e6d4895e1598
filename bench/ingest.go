package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// duplicates is the part of webhooks that are redeliveries.
const duplicates = 0.1

// ingest measures how fast webhooks are on disk and answered. The channel leads nowhere, so that no bot takes part; what
// follows from that is done meanwhile.
func ingest(ctx context.Context, o *options) (*table, error) {
	t := &table{}
	for _, n := range []int{64, 256, 512} {
		if err := flood(ctx, o, t, n); err != nil {
			return nil, err
		}
	}
	return t, paced(ctx, o, t, 4000)
}

// sender makes the webhooks of one connection.
type sender struct {
	place  *place
	random *rand.Rand
	i, n   int
}

func newSender(l *place, i int) *sender {
	return &sender{place: l, random: rand.New(rand.NewPCG(1, uint64(i))), i: i}
}

// send sends the next message, or one of the last ones once more.
func (s *sender) send(c *conn) error {
	id := s.n
	if s.n > 0 && s.random.Float64() < duplicates {
		id = max(0, s.n-1-s.random.IntN(10))
	} else {
		s.n++
	}
	status, err := c.do(webhook(s.place.path, fmt.Sprintf("%d-%d", s.i, id), fmt.Sprintf("+2782%07d", s.i), "hello"))
	if err == nil && status != 200 && status != 409 {
		err = fmt.Errorf("webhook: %d", status)
	}
	return err
}

// flood lets n connections send as fast as they are answered.
func flood(ctx context.Context, o *options, t *table, n int) error {
	l, err := open(ctx, o, fmt.Sprint("ingest-", n), nil)
	if err != nil {
		return err
	}
	begun := time.Now()
	end := begun.Add(o.length)
	sample, err := timed(ctx, l.address(), n, func(_ context.Context, i int, c *conn, note func(time.Duration)) error {
		s := newSender(l, i)
		for time.Now().Before(end) {
			at := time.Now()
			if err := s.send(c); err != nil {
				return err
			}
			note(time.Since(at))
		}
		return nil
	})
	figure := perSecond(len(sample), time.Since(begun))
	if err != nil {
		return errors.Join(err, l.close())
	}
	drained := time.Now()
	if err := l.drained(ctx); err != nil {
		return errors.Join(err, l.close())
	}
	t.row(fmt.Sprintf("%d at once", n), rateText(figure), rateText(o.empty)+" empty handler", ratioText(figure, o.empty), "≥ 15,000/s")
	t.row("", percentiles(sample), "", "", "")
	t.row("", fmt.Sprintf("queue empty %v after the last", time.Since(drained).Round(time.Millisecond)), "", "", "")
	err = l.close()
	l.cost(t, len(sample))
	return err
}

// paced sends a steady stream. A webhook that cannot leave in time counts from when it should have left.
func paced(ctx context.Context, o *options, t *table, rate int) error {
	const connections = 64
	l, err := open(ctx, o, "ingest-paced", nil)
	if err != nil {
		return err
	}
	begun := time.Now()
	gap := time.Second * connections / time.Duration(rate)
	sample, err := timed(ctx, l.address(), connections, func(_ context.Context, i int, c *conn, note func(time.Duration)) error {
		s := newSender(l, i)
		for due := begun.Add(gap * time.Duration(i) / connections); due.Before(begun.Add(2 * o.length)); due = due.Add(gap) {
			time.Sleep(time.Until(due))
			if err := s.send(c); err != nil {
				return err
			}
			note(time.Since(due))
		}
		return nil
	})
	figure := perSecond(len(sample), time.Since(begun))
	if err != nil {
		return errors.Join(err, l.close())
	}
	t.row(fmt.Sprintf("%d/s wanted", rate), rateText(figure), "", "", "")
	t.row("", percentiles(sample), "", "", "p99 ≤ 20 ms")
	err = l.close()
	l.cost(t, len(sample))
	return err
}
