package message_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"indaba/internal/core"
	"indaba/internal/db"
	"indaba/internal/db/dbtest"
	"indaba/internal/message"
)

func inbound(from, externalID, text string) *core.Message {
	now := time.Now()
	return &core.Message{ID: core.NewMessageID(now), Account: "acc", Channel: "ch", Direction: core.Inbound, ExternalID: externalID,
		From: from, To: "*120#", Content: &text, SessionEvent: core.SessionNew, SessionID: "s", Continuation: "c", Group: "g",
		Provider: "p", TransportType: "ussd", TransportMetadata: []byte(`{"a":1}`), Status: core.Received, CreatedAt: now.UTC().Truncate(time.Microsecond)}
}

func outbound(to, text string) *core.Message {
	now := time.Now()
	return &core.Message{ID: core.NewMessageID(now), Account: "acc", Channel: "ch", Direction: core.Outbound, From: "*120#", To: to,
		Content: &text, Bot: "bot", Endpoint: "default", CreatedAt: now.UTC().Truncate(time.Microsecond)}
}

func accept(t *testing.T, s *message.Service, m *core.Message) bool {
	t.Helper()
	fresh, id, err := s.Accept(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	stored, err := s.Get(t.Context(), m.Account, id)
	if err != nil || stored.ExternalID != m.ExternalID || fresh != (id == m.ID) {
		t.Fatalf("fresh %v, id %q: %+v %v", fresh, id, stored, err)
	}
	return fresh
}

// work runs a queue until stop is called.
func work(t *testing.T, run func(context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(stop)
	return stop
}

func TestMessageComesBackAsItWasStored(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := message.New(d, 256, time.Now)
		m := inbound("+27731", "x1", "héllo")
		if !accept(t, s, m) {
			t.Fatal("a new message was taken for a redelivery")
		}
		got, err := s.Get(t.Context(), "acc", m.ID)
		if err != nil {
			t.Fatal(err)
		}
		if fmt.Sprintf("%+v", *got) != fmt.Sprintf("%+v", withPointer(*m, got)) || *got.Content != *m.Content {
			t.Fatalf("got  %+v\nwant %+v", *got, *m)
		}
		if _, err := s.Get(t.Context(), "other", m.ID); core.KindOf(err) != core.NotFound {
			t.Fatalf("another account reads it: %v", err)
		}
	})
}

// withPointer makes two messages comparable by text, whose contents are compared apart.
func withPointer(m core.Message, other *core.Message) core.Message {
	m.Content = other.Content
	return m
}

func TestRedeliveriesAreDropped(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := message.New(d, 256, time.Now)
		var wg sync.WaitGroup
		var mu sync.Mutex
		fresh := 0
		for i := range 40 {
			wg.Go(func() {
				ok, _, err := s.Accept(t.Context(), inbound("+27731", fmt.Sprint("x", i%10), "hello"))
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					t.Error(err)
				}
				if ok {
					fresh++
				}
			})
		}
		wg.Wait()
		if fresh != 10 {
			t.Fatalf("%d of 10 messages were new", fresh)
		}
		// Without a provider id there is nothing to tell them apart by, and both are taken.
		for range 2 {
			if !accept(t, s, inbound("+27731", "", "a")) {
				t.Fatal("a message without id was dropped")
			}
		}
	})
}

func TestMailIsHandledInOrderPerMemberAndSideBySide(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := message.New(d, 256, time.Now)
		const members, each = 20, 15
		// Half of it waits from before the start, as after a crash.
		post := func(from, to int) {
			var wg sync.WaitGroup
			for i := range members {
				wg.Go(func() {
					for n := from; n < to; n++ {
						accept(t, s, inbound(fmt.Sprint("+", i), fmt.Sprint(i, "-", n), fmt.Sprint(n)))
					}
				})
			}
			wg.Wait()
		}
		post(0, each/2)
		var mu sync.Mutex
		var all sync.WaitGroup
		all.Add(members * each)
		next := map[string]int{}
		busy := map[string]bool{}
		work(t, func(ctx context.Context) error {
			return s.Mailbox.Run(ctx, func(ctx context.Context, mail message.Mail) error {
				mu.Lock()
				if busy[mail.Address] {
					t.Errorf("two turns of %s at once", mail.Address)
				}
				busy[mail.Address] = true
				if got := *mail.Message.Content; got != fmt.Sprint(next[mail.Address]) {
					t.Errorf("%s: got %s, want %d", mail.Address, got, next[mail.Address])
				}
				next[mail.Address]++
				mu.Unlock()
				err := s.Mailbox.Done(ctx, mail, false)
				mu.Lock()
				busy[mail.Address] = false
				mu.Unlock()
				all.Done()
				return err
			})
		})
		post(each/2, each)
		all.Wait()
	})
}

func TestFailedTurnIsTriedAgainThenParkedAndTheNextGoesOn(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := message.New(d, 256, time.Now)
		tries := map[string]int{}
		healed := false
		done := make(chan string, 10)
		s.Mailbox.OnSettled(func(mail message.Mail, _ bool) { done <- *mail.Message.Content })
		work(t, func(ctx context.Context) error {
			return s.Mailbox.Run(ctx, func(ctx context.Context, mail message.Mail) error {
				text := *mail.Message.Content
				tries[text]++
				switch {
				case text == "flaky" && tries[text] < 3:
					return errors.New("the database is away")
				case text == "poison" && !healed:
					return &message.Poison{Reason: "the bot loops"}
				case text == "panic" && tries[text] == 1:
					panic("a bug")
				}
				return s.Mailbox.Done(ctx, mail, true)
			})
		})
		for _, text := range []string{"flaky", "poison", "after"} {
			accept(t, s, inbound("+1", text, text))
		}
		for _, want := range []string{"flaky", "poison", "after"} {
			if got := <-done; got != want {
				t.Fatalf("settled %s, want %s", got, want)
			}
		}
		parked, err := s.Mailbox.Parked(t.Context(), "acc", 10)
		if err != nil || len(parked) != 1 || parked[0].Reason != "the bot loops" || *parked[0].Message.Content != "poison" {
			t.Fatalf("parked: %+v %v", parked, err)
		}
		if err := s.Mailbox.Retry(t.Context(), "other", parked[0].ID); core.KindOf(err) != core.NotFound {
			t.Fatalf("another account retried it: %v", err)
		}
		healed = true
		if err := s.Mailbox.Retry(t.Context(), "acc", parked[0].ID); err != nil {
			t.Fatal(err)
		}
		if got := <-done; got != "poison" {
			t.Fatal(got)
		}
		if tries["flaky"] != 3 {
			t.Fatalf("%d tries", tries["flaky"])
		}
	})
}

func TestMailThatBreaksTheHandlerIsParked(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := message.New(d, 256, time.Now)
		done := make(chan string, 10)
		s.Mailbox.OnSettled(func(mail message.Mail, _ bool) { done <- *mail.Message.Content })
		accept(t, s, inbound("+1", "1", "panic"))
		if _, err := d.Exec(t.Context(), "UPDATE mailbox SET attempts = 4"); err != nil { // the fifth is the last
			t.Fatal(err)
		}
		accept(t, s, inbound("+1", "2", "after"))
		work(t, func(ctx context.Context) error {
			return s.Mailbox.Run(ctx, func(ctx context.Context, mail message.Mail) error {
				if *mail.Message.Content == "panic" {
					panic("a bug")
				}
				return s.Mailbox.Done(ctx, mail, true)
			})
		})
		for _, want := range []string{"panic", "after"} {
			if got := <-done; got != want {
				t.Fatalf("settled %s, want %s", got, want)
			}
		}
		parked, err := s.Mailbox.Parked(t.Context(), "acc", 10)
		if err != nil || len(parked) != 1 || parked[0].Reason != "a fault of the server: a bug" {
			t.Fatalf("parked: %+v %v", parked, err)
		}
	})
}

// The slow bots of one account hold up no other.
func TestMailOfAnotherAccountDoesNotWait(t *testing.T) {
	d := dbtest.SQLite(t)
	const turns = 4
	s := message.New(d, turns, time.Now)
	begun, release := make(chan string, 100), make(chan struct{})
	work(t, func(ctx context.Context) error {
		return s.Mailbox.Run(ctx, func(ctx context.Context, mail message.Mail) error {
			begun <- mail.Account
			if mail.Account == "acc" {
				<-release
			}
			return s.Mailbox.Done(ctx, mail, true)
		})
	})
	defer close(release)
	for i := range 2 * turns {
		accept(t, s, inbound(fmt.Sprint("+", i), fmt.Sprint(i), "slow"))
	}
	for range turns {
		<-begun
	}
	other := inbound("+1", "x", "hi")
	other.Account, other.Channel = "other", "their channel"
	accept(t, s, other)
	if account := <-begun; account != "other" {
		t.Fatalf("a turn more than %d at once began for %s", turns, account)
	}
}

func TestStatusGoesUpTheLadderOnly(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := message.New(d, 256, time.Now)
		ladder := []core.Status{core.Sending, core.Unknown, core.Sent, core.Delivered, core.Read, core.Failed}
		for _, from := range ladder {
			for _, to := range ladder {
				m := outbound("+1", "x")
				if err := s.Send(t.Context(), m); err != nil {
					t.Fatal(err)
				}
				if _, err := s.SetStatus(t.Context(), m.ID, from, "", ""); err != nil {
					t.Fatal(err)
				}
				changed, err := s.SetStatus(t.Context(), m.ID, to, "why", "ext")
				if err != nil || changed != to.CanFollow(from) {
					t.Errorf("%v to %v: changed %v, want %v (%v)", from, to, changed, to.CanFollow(from), err)
				}
				got, err := s.Get(t.Context(), "acc", m.ID)
				if want := map[bool]core.Status{true: to, false: from}[to.CanFollow(from)]; err != nil || got.Status != want {
					t.Errorf("%v to %v: is %v (%v)", from, to, got.Status, err)
				}
			}
		}
	})
}

func TestCallbacksFindTheirMessage(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ctx := t.Context()
		s := message.New(d, 256, time.Now)
		parcels := make(chan *message.Parcel, 10)
		stop := work(t, func(ctx context.Context) error {
			return s.Outbox.Run(ctx, func(_ context.Context, p *message.Parcel) time.Duration { parcels <- p; return time.Hour })
		})
		var told []string
		tell := func(_ context.Context, status core.Status, _ string) error {
			told = append(told, status.String())
			return nil
		}
		send := func(to string) *message.Parcel {
			m := outbound(to, "x")
			if err := s.Send(ctx, m); err != nil {
				t.Fatal(err)
			}
			return <-parcels
		}
		status := func(p *message.Parcel) core.Status {
			m, err := s.Get(ctx, "acc", p.Message.ID)
			if err != nil {
				t.Fatal(err)
			}
			return m.Status
		}

		// The callback is faster than the answer to the request.
		early := send("+1")
		if m, err := s.Report(ctx, message.Callback{Channel: "ch", ExternalID: "e1", Status: core.Delivered}); m != nil || err != nil {
			t.Fatalf("%v %v", m, err)
		}
		if err := s.Settle(ctx, early, core.Sent, "", "e1", tell); err != nil {
			t.Fatal(err)
		}
		if strings.Join(told, " ") != "sent delivered" || status(early) != core.Delivered {
			t.Fatalf("told %v, status %v", told, status(early))
		}
		history, err := s.History(ctx, early.Message.ID)
		if err != nil || len(history) != 2 || history[1].Status != core.Delivered {
			t.Fatalf("history %+v %v", history, err)
		}

		// One unknown message to an address is settled by the address, two are not.
		a := send("+2")
		if err := s.Settle(ctx, a, core.Unknown, "timeout", "", tell); err != nil {
			t.Fatal(err)
		}
		if m, err := s.Report(ctx, message.Callback{Channel: "other", ExternalID: "e2", Address: "+2", Status: core.Sent}); m != nil || err != nil {
			t.Fatalf("another channel settled it: %v %v", m, err)
		}
		if m, err := s.Report(ctx, message.Callback{Channel: "ch", ExternalID: "e2", Address: "+2", Status: core.Sent}); m == nil || err != nil {
			t.Fatalf("%v %v", m, err)
		}
		if m, err := s.Report(ctx, message.Callback{Channel: "ch", ExternalID: "e2", Status: core.Delivered}); m == nil || err != nil || status(a) != core.Delivered {
			t.Fatalf("%v %v", m, err)
		}
		b, c := send("+3"), send("+3b")
		for _, p := range []*message.Parcel{b, c} {
			p.Message.To = "+3"
			if err := s.Settle(ctx, p, core.Unknown, "timeout", "", tell); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := d.Exec(ctx, "UPDATE message SET address = '+3' WHERE id = $1", c.Message.ID); err != nil {
			t.Fatal(err)
		}
		if m, err := s.Report(ctx, message.Callback{Channel: "ch", ExternalID: "e3", Address: "+3", Status: core.Delivered}); m != nil || err != nil {
			t.Fatalf("guessed between two: %v %v", m, err)
		}
		if m, err := s.Report(ctx, message.Callback{Channel: "ch", MessageID: b.Message.ID, ExternalID: "e4", Status: core.Delivered}); m == nil || err != nil || status(b) != core.Delivered {
			t.Fatalf("our own id did not settle it: %v %v", m, err)
		}
		stop()
	})
}

func TestParcelsKeepOrderPerRecipientAndSurviveARestart(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		seed := rand.Uint64()
		t.Logf("seed %d", seed)
		random := rand.New(rand.NewPCG(seed, 0))
		s := message.New(d, 256, time.Now)
		const recipients, each = 10, 12
		for n := range each {
			for r := range recipients {
				if err := s.Send(t.Context(), outbound(fmt.Sprint("+", r), fmt.Sprint(n))); err != nil {
					t.Fatal(err)
				}
			}
		}
		var mu sync.Mutex
		sent := map[string][]string{}
		left := recipients * each
		for left > 0 {
			s = message.New(d, 256, time.Now) // a new process on the same database
			enough := make(chan struct{})
			quota := 1 + random.IntN(50)
			stop := work(t, func(ctx context.Context) error {
				return s.Outbox.Run(ctx, func(ctx context.Context, p *message.Parcel) time.Duration {
					mu.Lock()
					defer mu.Unlock()
					if quota == 0 {
						return time.Hour
					}
					if !p.Started {
						if wanted, err := s.Outbox.Start(ctx, p); err != nil || !wanted {
							t.Error(wanted, err)
						}
						if random.IntN(4) == 0 {
							if err := s.Outbox.Postpone(ctx, p, time.Now(), false, "503"); err != nil {
								t.Error(err)
							}
							return time.Millisecond
						}
					}
					err := s.Settle(ctx, p, core.Sent, "", "", func(context.Context, core.Status, string) error { return nil })
					if err != nil {
						t.Error(err)
					}
					sent[p.Message.To] = append(sent[p.Message.To], *p.Message.Content)
					left--
					if quota--; quota == 0 || left == 0 {
						quota = 0
						close(enough)
					}
					return 0
				})
			})
			<-enough
			stop()
		}
		for to, texts := range sent {
			for n, text := range texts {
				if text != fmt.Sprint(n) {
					t.Fatalf("%s got %v", to, texts)
				}
			}
			if len(texts) != each {
				t.Fatalf("%s got %d messages", to, len(texts))
			}
		}
	})
}
